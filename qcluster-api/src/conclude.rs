//! How a command is answered once it was carried out, or was not.

use alloc::borrow::ToOwned as _;
use alloc::format;
use alloc::string::{String, ToString as _};

use serde::{Deserialize, Serialize};

use super::Done;
use super::checks;
use super::response::{ErrorCode, Response};
use super::transfer::Transferred;
use super::view::View;
use qcluster_core::{RegistryError, TransferRefused};

/// The answer to `DELETE /v1/services/{id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deregistered {
    /// The identifier of the service that has ended.
    pub id: String,
}

/// The answer to `POST /v1/leave`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaving {
    /// The identifier of the node that leaves its cluster, and stops.
    pub node: String,
}

/// The answer to a command that was carried out. `view` is taken afterwards.
pub fn conclude(done: &Done, view: &View<'_>) -> Response {
    match done {
        Done::Transferred { ended } => Response::json(200, &Transferred { ended: ended.map(|token| token.0) }),
        Done::TransferRefused(refused) => transfer_refused(*refused, view),
        Done::Written { id } => as_seen(id, view),
        Done::Deregistered { id } => Response::json(200, &Deregistered { id: id.clone() }),
        Done::Leaves => Response::json(200, &Leaving { node: view.subject.rules.id().as_str().to_owned() }),
        Done::WriteRefused(error) => write_refused(error),
        Done::Stopped => Response::error(ErrorCode::Stopped, view.stopped.unwrap_or("the node has stopped")),
        Done::NotFinished => Response::error(
            ErrorCode::NotFinished,
            "the node has not done it in time, and may still: look at /v1/leader or /v1/services before you ask again",
        ),
    }
}

fn transfer_refused(refused: TransferRefused, view: &View<'_>) -> Response {
    match refused {
        TransferRefused::NotLeader => checks::not_leader(view).with_status(409),
        TransferRefused::NotAVoter => Response::error(ErrorCode::NotAVoter, &refused.to_string()),
        TransferRefused::NoSuccessor => Response::error(ErrorCode::NoSuccessor, &refused.to_string()),
    }
}

/// The service as everybody will see it, where it listens included.
fn as_seen(id: &str, view: &View<'_>) -> Response {
    if let Some(service) = view.directory.own_service(id) {
        return Response::json(200, &service);
    }
    Response::error(ErrorCode::UnknownService, &format!("the service `{id}` has been ended in the meantime"))
}

fn write_refused(error: &RegistryError) -> Response {
    let code = match error {
        RegistryError::Invalid(_) => ErrorCode::InvalidService,
        RegistryError::TooManyServices => ErrorCode::TooManyServices,
        RegistryError::TableFull => ErrorCode::RegistryFull,
        RegistryError::Collision => ErrorCode::IdCollision,
        RegistryError::Unknown { .. } => ErrorCode::UnknownService,
        RegistryError::NoTtl { .. } => ErrorCode::NoTtl,
        RegistryError::Leaving => ErrorCode::Leaving,
        RegistryError::NoRegistry => ErrorCode::NoRegistry,
    };
    Response::error(code, &error.to_string())
}
