//! The HTTP API as a pure function: from a request, and what is known of a node, to an answer. No server, no socket, no
//! waiting.
//!
//! An adapter reads a [`Request`] with whatever HTTP server it has, takes a [`View`] of the node without asking the
//! node's loop, and calls [`answer`]. What comes back is a response, the wish for metrics (whose text format is the
//! adapter's), or a [`Command`]; the adapter carries that out and gives the result to [`conclude`].
//!
//! The table of paths is in `api/routes.rs`.

mod access;
mod checks;
mod directory;
mod facts;
mod leader;
mod request;
mod response;
mod routes;
mod status;
mod transfer;
mod view;

pub use access::Access;
pub use directory::{Directory, Happened, MemberInfo, News, ServiceInfo, Since, WatchEvent};
pub use facts::facts;
pub use leader::LeaderInfo;
pub use request::{Client, Method, Request};
pub use response::{ErrorBody, ErrorCode, Response};
pub use routes::answer;
pub use status::{PeerStatus, Status, StorageStatus};
pub use transfer::{TransferRequest, Transferred, conclude};
pub use view::{PeerSnapshot, Snapshot, Subject, TransportCounters, View, Whereabouts};

use crate::id::{FencingToken, NodeId};
use crate::reason::TransferRefused;

/// What to do about a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The pattern of the path, for metrics: one of a fixed table, or `other`.
    pub route: &'static str,
    /// What to do.
    pub outcome: Outcome,
}

/// What an answer takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Send this.
    Respond(Response),
    /// Send all metrics.
    Metrics,
    /// Carry this out, and send what [`conclude`] makes of the result.
    Perform(Command),
}

/// What a request wants of the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Hand leadership over, and wait until it has ended.
    Transfer {
        /// To whom; to whoever is best placed unless given.
        target: Option<NodeId>,
    },
}

/// How a command has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// This node no longer leads.
    Transferred {
        /// Which leadership has ended; `None` if the target was this node.
        ended: Option<FencingToken>,
    },
    /// The node has refused; nothing has changed.
    Refused(TransferRefused),
    /// The node has stopped.
    Stopped,
    /// It was begun, and has not ended within the time that the adapter waits.
    NotFinished,
}

#[cfg(test)]
mod tests;
