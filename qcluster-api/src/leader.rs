//! What can be read: the status of the node, and who leads.

use serde::{Deserialize, Serialize};

use super::Outcome;
use super::call::Call;
use super::response::Response;
use super::status::Status;
use qcluster_core::{Mode, Peer};

/// `GET /v1/leader`: who leads as far as this node knows. For display and for routing: it grants nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LeaderInfo {
    /// `None` while nobody is known to lead.
    pub leader: Option<Peer>,
    /// Whether this node does not hear that leader itself, and passes on what others say (E19).
    #[serde(default)]
    pub is_reported: bool,
    /// Whether the cluster has a leader at all.
    #[serde(default)]
    pub mode: Mode,
    /// The term in which the leader leads. While nobody is known to, the highest term that the node knows.
    pub term: u64,
    /// Whether it is the node that was asked: then it holds the lease at this instant.
    pub is_me: bool,
    /// The token of the leadership, if it is the node that was asked.
    pub token: Option<u64>,
}

pub(super) fn leader(call: &Call<'_>) -> Outcome {
    let view = call.view;
    let lease = view.held();
    let (shown, is_masterless) = (view.shown_leader(), view.subject.is_masterless());
    let term = shown.as_ref().map_or(view.snapshot.term, |leader| leader.term.0);
    let info = LeaderInfo {
        is_reported: shown.as_ref().is_some_and(|leader| leader.is_reported),
        leader: shown.map(|leader| leader.peer),
        mode: if is_masterless { Mode::Masterless } else { Mode::Leader },
        term,
        is_me: lease.is_some(),
        token: lease.map(|lease| lease.token.0),
    };
    Outcome::Respond(Response::json(200, &info))
}

pub(super) fn status(call: &Call<'_>) -> Outcome {
    Outcome::Respond(Response::json(200, &Status::from(call.view)))
}
