//! Who is there, who owns a key, and how a node leaves: `/v1/members`, `/v1/owners/{key}` and `/v1/leave`.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::call::Call;
use super::directory::MemberInfo;
use super::query;
use super::response::Response;
use super::{Outcome, Then, checks};
use qcluster_core::Command;

/// The answer to `GET /v1/members`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MemberList {
    /// The index of the last event that is in it: watch from there on.
    pub index: u64,
    /// Whether it can be relied on (G9).
    pub is_trusted: bool,
    /// By identifier: those that are down or have left for as long as they are remembered.
    pub members: Vec<MemberInfo>,
}

/// The answer to `GET /v1/owners/{key}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OwnerList {
    /// The key that was asked for.
    pub key: String,
    /// Whether it can be relied on (G9).
    pub is_trusted: bool,
    /// Who owns it, the first owner first (G11); fewer than were asked for where there are fewer members.
    pub owners: Vec<MemberInfo>,
}

impl OwnerList {
    /// The most owners that can be asked for.
    pub const REPLICAS_MAX: usize = 64;
}

/// `GET /v1/members`
pub(super) fn members(call: &Call<'_>) -> Outcome {
    query::answered(query::only(call, &[]).and_then(|()| checks::runs(call.view)).map(|()| {
        let directory = call.view.directory;
        let members = directory.members(call.view.now).collect();
        Response::json(200, &MemberList { index: directory.index(), is_trusted: directory.is_trusted(), members })
    }))
}

/// `GET /v1/owners/{key}?replicas=`
pub(super) fn owners(call: &Call<'_>) -> Outcome {
    query::answered(owners_of(call))
}

fn owners_of(call: &Call<'_>) -> Result<Response, Response> {
    query::only(call, &["replicas"])?;
    let key = query::segment(call, 2, "the key")?;
    let replicas = query::number(call, "replicas", 1..=OwnerList::REPLICAS_MAX as u64)?.unwrap_or(1);
    checks::runs(call.view)?;
    let (directory, now) = (call.view.directory, call.view.now);
    let owners = directory.owners(key.as_bytes(), usize::try_from(replicas).unwrap_or(OwnerList::REPLICAS_MAX));
    let owners = owners.iter().filter_map(|owner| directory.member(owner, now)).collect();
    Ok(Response::json(200, &OwnerList { key, is_trusted: directory.is_trusted(), owners }))
}

/// `POST /v1/leave`
pub(super) fn leave(call: &Call<'_>) -> Outcome {
    match query::only(call, &[]).and_then(|()| query::no_body(call)) {
        Ok(()) => Outcome::Perform { command: Command::Shutdown, then: Then::Leaving },
        Err(refusal) => Outcome::Respond(refusal),
    }
}
