//! A response as the API gives it: a status, a body, and the few headers that depend on what was asked.

use alloc::borrow::ToOwned as _;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::quorum::QuorumStatus;
use qcluster_core::{CommandRefused, Peer, RegistryError, TransferRefused};

/// What to send back. The server adds `Content-Length`, `Date` and `Cache-Control: no-store`: whatever stands in between
/// must not remember who led.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The header `Content-Type`.
    pub content_type: &'static str,
    /// The header `Allow`, where the answer has one.
    pub allow: Option<String>,
    /// Whether to say `WWW-Authenticate: Bearer`.
    pub authenticate: bool,
    /// The whole body; left out by the server for `HEAD`.
    pub body: Vec<u8>,
}

/// The JSON of every error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ErrorBody {
    /// Which one; never changes.
    pub code: String,
    /// What happened and what to do, for people.
    pub message: String,
    /// Where the error is that this node does not lead: who does, as far as it knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leader: Option<Peer>,
    /// Where the error is that what happened since an index is not known: from which one to go on, once all is re-read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u64>,
    /// Where the error is that nobody is known to lead: which voters are heard and which are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quorum: Option<QuorumStatus>,
    /// Of `/health`: what else should not be, and is no reason for the error.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// Why a request did not get what it asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorCode {
    /// Not what the path understands.
    BadRequest,
    /// It needs the API token, or another one.
    Unauthorized,
    /// This node has no API token, and the client is not on its machine.
    Forbidden,
    /// It was sent for a page of another site.
    ForeignOrigin,
    /// It names a host that this node does not go by.
    ForeignHost,
    /// There is nothing at the path.
    NotFound,
    /// The path is there, and cannot be used like that.
    MethodNotAllowed,
    /// The body did not arrive in time.
    BodyTimeout,
    /// The body is too long.
    BodyTooLarge,
    /// The path and query are too long.
    UriTooLong,
    /// There are too many headers, or too long ones.
    HeadersTooLarge,
    /// This node does not hold the lease. 503 as a health check, 409 as an answer to a command.
    NotLeader,
    /// This node follows nobody.
    NotFollower,
    /// Nobody leads, as far as this node knows.
    NoLeader,
    /// The node has not taken up its work yet.
    Starting,
    /// The node hands over, and takes nothing new.
    Draining,
    /// The node cannot save its state (E16).
    StorageFailed,
    /// The node's loop does not run.
    Stalled,
    /// The node has stopped.
    Stopped,
    /// A hand-over has begun and did not end in time.
    NotFinished,
    /// The target of a hand-over is not a voter.
    NotAVoter,
    /// Nobody could take over.
    NoSuccessor,
    /// The cluster has no leader by design. 503 as a health check, 409 as an answer to a command.
    Masterless,
    /// A service is not as it has to be.
    InvalidService,
    /// This node has no service of that identifier.
    UnknownService,
    /// This node has as many services as one may have.
    TooManyServices,
    /// The cluster has as many records as there may be.
    RegistryFull,
    /// The identifier has the hash of another service's.
    IdCollision,
    /// A heartbeat for a service without a time to live that says nothing.
    NoTtl,
    /// This node takes no part in membership and registry.
    NoRegistry,
    /// This node has no secret, and so no keys.
    NoKeys,
    /// This node has no key of that id.
    UnknownKey,
    /// The secrets stand in the configuration itself, which a node does not write.
    KeysFixed,
    /// A key is there already, or still needed.
    KeyInUse,
    /// A file with secrets could not be read or written.
    FileFailed,
    /// This node is leaving the cluster.
    Leaving,
    /// Most members vanished at once, so the fault is probably here (G9).
    Untrusted,
    /// This node has met none of the nodes that it was told of.
    Alone,
    /// What happened since that index is not known.
    UnknownIndex,
    /// Too many connections.
    Busy,
    /// Leadership was handed over here a moment ago.
    TooSoon,
    /// A fault of the server.
    Internal,
}

impl ErrorCode {
    /// Why a node has not done what it was asked: the code that a client of the API is told.
    ///
    /// ```
    /// use qcluster_api::ErrorCode;
    /// use qcluster_core::{CommandRefused, TransferRefused};
    ///
    /// let refused = CommandRefused::Transfer(TransferRefused::NoSuccessor);
    /// assert_eq!(ErrorCode::of_refusal(&refused).name(), "no_successor");
    /// ```
    pub const fn of_refusal(refused: &CommandRefused) -> Self {
        match refused {
            CommandRefused::Transfer(TransferRefused::NotLeader) => Self::NotLeader,
            CommandRefused::Transfer(TransferRefused::NotAVoter) => Self::NotAVoter,
            CommandRefused::Transfer(TransferRefused::NoSuccessor) => Self::NoSuccessor,
            CommandRefused::Registry(RegistryError::Invalid(_)) => Self::InvalidService,
            CommandRefused::Registry(RegistryError::TooManyServices) => Self::TooManyServices,
            CommandRefused::Registry(RegistryError::TableFull) => Self::RegistryFull,
            CommandRefused::Registry(RegistryError::Collision) => Self::IdCollision,
            CommandRefused::Registry(RegistryError::Unknown { .. }) => Self::UnknownService,
            CommandRefused::Registry(RegistryError::NoTtl { .. }) => Self::NoTtl,
            CommandRefused::Registry(RegistryError::Leaving) => Self::Leaving,
            CommandRefused::Registry(RegistryError::NoRegistry) => Self::NoRegistry,
            // From a core that is newer than this crate. The message says what it is.
            _ => Self::Internal,
        }
    }

    /// The name in JSON, which never changes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::ForeignOrigin => "foreign_origin",
            Self::ForeignHost => "foreign_host",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::BodyTimeout => "body_timeout",
            Self::BodyTooLarge => "body_too_large",
            Self::UriTooLong => "uri_too_long",
            Self::HeadersTooLarge => "headers_too_large",
            Self::NotLeader => "not_leader",
            Self::NotFollower => "not_follower",
            Self::NoLeader => "no_leader",
            Self::Starting => "starting",
            Self::Draining => "draining",
            Self::StorageFailed => "storage_failed",
            Self::Stalled => "stalled",
            Self::Stopped => "stopped",
            Self::NotFinished => "not_finished",
            Self::NotAVoter => "not_a_voter",
            Self::NoSuccessor => "no_successor",
            Self::Masterless => "masterless",
            Self::InvalidService => "invalid_service",
            Self::UnknownService => "unknown_service",
            Self::TooManyServices => "too_many_services",
            Self::RegistryFull => "registry_full",
            Self::IdCollision => "id_collision",
            Self::NoTtl => "no_ttl",
            Self::NoRegistry => "no_registry",
            Self::NoKeys => "no_keys",
            Self::UnknownKey => "unknown_key",
            Self::KeysFixed => "keys_fixed",
            Self::KeyInUse => "key_in_use",
            Self::FileFailed => "file_failed",
            Self::Leaving => "leaving",
            Self::Untrusted => "untrusted",
            Self::Alone => "alone",
            Self::UnknownIndex => "unknown_index",
            Self::Busy => "busy",
            Self::TooSoon => "too_soon",
            Self::Internal => "internal",
        }
    }

    /// The HTTP status, unless the path says otherwise.
    pub const fn status(self) -> u16 {
        match self {
            Self::BadRequest | Self::InvalidService => 400,
            Self::Unauthorized => 401,
            Self::Forbidden | Self::ForeignOrigin | Self::ForeignHost => 403,
            Self::NotFound | Self::UnknownService | Self::UnknownKey => 404,
            Self::MethodNotAllowed => 405,
            Self::BodyTimeout => 408,
            Self::NotAVoter
            | Self::NoSuccessor
            | Self::TooManyServices
            | Self::RegistryFull
            | Self::IdCollision
            | Self::NoTtl
            | Self::NoRegistry
            | Self::NoKeys
            | Self::KeysFixed
            | Self::KeyInUse => 409,
            Self::UnknownIndex => 410,
            Self::BodyTooLarge => 413,
            Self::UriTooLong => 414,
            Self::TooSoon => 429,
            Self::HeadersTooLarge => 431,
            Self::Internal => 500,
            Self::NotLeader
            | Self::NotFollower
            | Self::NoLeader
            | Self::Starting
            | Self::Draining
            | Self::StorageFailed
            | Self::Stalled
            | Self::Stopped
            | Self::NotFinished
            | Self::Masterless
            | Self::FileFailed
            | Self::Leaving
            | Self::Untrusted
            | Self::Alone
            | Self::Busy => 503,
        }
    }
}

impl Response {
    /// The type of every JSON body.
    pub const JSON: &'static str = "application/json";
    /// The type of server-sent events.
    pub const EVENTS: &'static str = "text/event-stream";
    /// The type of every other.
    pub const TEXT: &'static str = "text/plain; charset=utf-8";

    /// Text.
    pub fn text(status: u16, body: &str) -> Self {
        Self { status, content_type: Self::TEXT, allow: None, authenticate: false, body: body.as_bytes().to_vec() }
    }

    /// JSON.
    pub fn json(status: u16, body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(body) => Self { content_type: Self::JSON, body, ..Self::text(status, "") },
            // Not reached: everything that is answered has string keys.
            Err(_) => Self::text(500, "the answer could not be written"),
        }
    }

    /// The head of server-sent events, which follow as they happen.
    pub fn events() -> Self {
        Self { content_type: Self::EVENTS, ..Self::text(200, "") }
    }

    /// An error, with its usual status.
    pub fn error(code: ErrorCode, message: &str) -> Self {
        Self::error_with(code, message, |body| body)
    }

    /// An error that names the leader.
    pub(super) fn error_naming(code: ErrorCode, message: &str, leader: Peer) -> Self {
        Self::error_with(code, message, |body| ErrorBody { leader: Some(leader), ..body })
    }

    /// An error that tells from which index to go on.
    pub(super) fn error_at(code: ErrorCode, message: &str, index: u64) -> Self {
        Self::error_with(code, message, |body| ErrorBody { index: Some(index), ..body })
    }

    /// An error that tells which voters are heard.
    pub(super) fn error_without_leader(code: ErrorCode, message: &str, quorum: QuorumStatus) -> Self {
        Self::error_with(code, message, |body| ErrorBody { quorum: Some(quorum), ..body })
    }

    fn error_with(code: ErrorCode, message: &str, more: impl FnOnce(ErrorBody) -> ErrorBody) -> Self {
        let body = ErrorBody {
            code: code.name().to_owned(),
            message: message.to_owned(),
            leader: None,
            index: None,
            quorum: None,
            warnings: Vec::new(),
        };
        Self { authenticate: code == ErrorCode::Unauthorized, ..Self::json(code.status(), &more(body)) }
    }

    /// An error that says what else should not be.
    pub(super) fn with_warnings(self, warnings: Vec<String>) -> Self {
        let body = serde_json::from_slice(&self.body).map(|body: ErrorBody| ErrorBody { warnings, ..body });
        match body.and_then(|body| serde_json::to_vec(&body)) {
            Ok(body) => Self { body, ..self },
            Err(_) => self,
        }
    }

    pub(super) fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }
}
