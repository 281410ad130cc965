//! `POST /v1/transfer`: hands leadership over (E10). How it is answered stands in `conclude.rs`.
//!
//! A node that does not lead answers 409 and names the leader. It does not redirect: a client that follows a redirect by
//! itself would either lose its token on the way, or show it to whatever the other address is.

use alloc::format;
use alloc::string::String;

use serde::{Deserialize, Serialize};

use super::call::Call;
use super::response::{ErrorCode, Response};
use super::{Outcome, Then};
use qcluster_core::{Command, NodeId};

/// The body of the request, which may be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct TransferRequest {
    /// The identifier of the voter that is to lead; the voter best placed unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

impl TransferRequest {
    /// A hand-over to the voter with that identifier, or to the voter best placed.
    pub const fn new(target: Option<String>) -> Self {
        Self { target }
    }
}

/// The body of the answer, once the leadership has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Transferred {
    /// The token of the leadership that has ended; `None` if the target leads already.
    pub ended: Option<u64>,
}

pub(super) fn transfer(call: &Call<'_>) -> Outcome {
    let bad = |message: String| Outcome::Respond(Response::error(ErrorCode::BadRequest, &message));
    let body = match call.request.body {
        [] => TransferRequest::default(),
        body => match serde_json::from_slice(body) {
            Ok(body) => body,
            Err(error) => return bad(format!("the body is not {{\"target\": \"IDENTIFIER\"}}: {error}")),
        },
    };
    match body.target.as_deref().map(NodeId::new).transpose() {
        Ok(target) => Outcome::Perform { command: Command::Transfer(target), then: Then::Transferred },
        Err(error) => bad(format!("target: {error}")),
    }
}
