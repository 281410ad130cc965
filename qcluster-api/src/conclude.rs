//! How a command is answered once it was carried out, or was not.

use alloc::borrow::ToOwned as _;
use alloc::format;
use alloc::string::{String, ToString as _};

use serde::{Deserialize, Serialize};

use super::checks;
use super::response::{ErrorCode, Response};
use super::transfer::Transferred;
use super::view::View;
use super::{NotDone, Then};
use qcluster_core::{CommandRefused, FencingToken, TransferRefused};

/// The answer to `DELETE /v1/services/{id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Deregistered {
    /// The identifier of the service that has ended.
    pub id: String,
}

/// The answer to `POST /v1/leave`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Leaving {
    /// The identifier of the node that leaves its cluster, and stops.
    pub node: String,
}

/// The answer to a command. `result` is the leadership that it has ended, if it has ended one; `view` is taken afterwards.
pub fn conclude(then: &Then, result: &Result<Option<FencingToken>, NotDone>, view: &View<'_>) -> Response {
    match (result, then) {
        (Ok(ended), Then::Transferred) => Response::json(200, &Transferred { ended: ended.map(|token| token.0) }),
        (Ok(_), Then::Service { id }) => as_seen(id, view),
        (Ok(_), Then::Deregistered { id }) => Response::json(200, &Deregistered { id: id.clone() }),
        (Ok(_), Then::Leaving) => Response::json(200, &Leaving { node: view.subject.rules.id().as_str().to_owned() }),
        (Err(NotDone::Refused(refused)), _) => refuse(refused, view),
        (Err(NotDone::Stopped), _) => {
            Response::error(ErrorCode::Stopped, view.stopped.unwrap_or("the node has stopped"))
        }
        (Err(NotDone::TooSoon), _) => {
            Response::error(ErrorCode::TooSoon, "leadership was handed over here less than a second ago: ask again")
        }
        (Err(NotDone::TimedOut), _) => Response::error(
            ErrorCode::NotFinished,
            "the node has not done it in time, and may still: look at /v1/leader or /v1/services before you ask again",
        ),
    }
}

fn refuse(refused: &CommandRefused, view: &View<'_>) -> Response {
    match refused {
        CommandRefused::Transfer(TransferRefused::NotLeader) => checks::not_leader(view).with_status(409),
        CommandRefused::Transfer(TransferRefused::NoSuccessor) => checks::no_successor(view),
        _ => Response::error(ErrorCode::of_refusal(refused), &refused.to_string()),
    }
}

/// The service as everybody will see it, where it listens included.
fn as_seen(id: &str, view: &View<'_>) -> Response {
    if let Some(service) = view.directory.own_service(id) {
        return Response::json(200, &service);
    }
    Response::error(ErrorCode::UnknownService, &format!("the service `{id}` has been ended in the meantime"))
}
