//! What can be read: the status of the node, and who leads.

use serde::{Deserialize, Serialize};

use super::Outcome;
use super::response::Response;
use super::routes::Call;
use super::status::Status;
use crate::config::Peer;

/// `GET /v1/leader`: who leads as far as this node knows. For display and for routing: it grants nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LeaderInfo {
    /// `None` while nobody that this node can hear leads.
    pub leader: Option<Peer>,
    /// The highest term that the node knows, as of its loop's last look.
    pub term: u64,
    /// Whether it is the node that was asked: then it holds the lease at this instant.
    pub is_me: bool,
    /// The token of the leadership, if it is the node that was asked.
    pub token: Option<u64>,
}

pub(super) fn leader(call: &Call<'_>) -> Outcome {
    let view = call.view;
    let lease = view.held();
    let info = LeaderInfo {
        leader: view.leader().cloned(),
        term: view.snapshot.term,
        is_me: lease.is_some(),
        token: lease.map(|lease| lease.token.0),
    };
    Outcome::Respond(Response::json(200, &info))
}

pub(super) fn status(call: &Call<'_>) -> Outcome {
    Outcome::Respond(Response::json(200, &Status::from(call.view)))
}
