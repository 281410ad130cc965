//! The HTTP API as a pure function: from a request, and what is known of a node, to an answer. No server, no socket, no
//! waiting.
//!
//! An adapter reads a [`Request`] with whatever HTTP server it has, takes a [`View`] of the node without asking the
//! node's loop, and calls [`answer`]. What comes back is a response, the wish for metrics (whose text format is the
//! adapter's), or a [`Command`]; the adapter carries that out and gives the result to [`conclude`].
//!
//! The table of paths is in `routes.rs`.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod access;
mod call;
mod checks;
mod conclude;
mod counters;
mod difference;
mod directory;
mod discovery;
mod facts;
mod keys;
mod leader;
mod members;
mod query;
mod quorum;
mod request;
mod response;
mod routes;
mod services;
mod status;
mod storage;
mod transfer;
mod view;
mod watching;

pub use access::Access;
pub use conclude::{Deregistered, Leaving, conclude};
pub use difference::DifferenceStatus;
pub use directory::{Directory, MemberInfo, News, ServiceInfo, Since, WatchEvent, WatchEventKind};
pub use discovery::authority;
pub use facts::{facts, quorum_status};
pub use keys::{KeyChange, KeyRefused, KeyStatus, KeysStatus, TurnedAwayStatus, check_removal, conclude_keys};
pub use leader::LeaderInfo;
pub use members::{MemberList, OwnerList};
pub use quorum::{QuorumStatus, SilentReason, SilentVoter};
pub use request::{ClientKind, Method, Request};
pub use response::{ErrorBody, ErrorCode, Response};
pub use routes::answer;
pub use services::{HeartbeatRequest, ServiceList};
pub use status::{ChangeStatus, LostStatus, PeerStatus, RegistryStatus, SlowStatus, Status};
pub use storage::StorageStatus;
pub use transfer::{TransferRequest, Transferred};
pub use view::{
    KeysSnapshot, LostLeadership, Mismatch, NodeSnapshot, PeerSnapshot, ShownLeader, Subject, TransportCounters,
    TurnedAway, View, Whereabouts,
};
pub use watching::{EventList, Streamed, nothing_since, poll, stream_next, stream_start};

use alloc::string::String;

use qcluster_core::{Command, CommandRefused, Span};

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
    Perform {
        /// What the client wants of the node.
        command: Command,
        /// What it is told then.
        then: Then,
    },
    /// Change the keys of the node, and send what [`conclude_keys`] makes of the result.
    ChangeKeys(KeyChange),
    /// Look whenever something has happened, and send what [`poll`] has to say; [`nothing_since`] when the time is over.
    Poll {
        /// What the client knows already.
        index: u64,
        /// How long it waits.
        wait: Span,
    },
    /// Send [`Response::EVENTS`] with [`stream_start`], and whenever something has happened what [`stream_next`] says.
    Stream {
        /// What the client knows already.
        index: u64,
    },
}

/// What is answered once a command was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Then {
    /// Which leadership has ended.
    Transferred,
    /// The service of that identifier, as everybody sees it.
    Service {
        /// The identifier.
        id: String,
    },
    /// That the service of that identifier has ended.
    Deregistered {
        /// The identifier.
        id: String,
    },
    /// That the node leaves, which it only begins to.
    Leaving,
}

/// Why a command was not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotDone {
    /// The node has refused it; nothing has changed.
    Refused(CommandRefused),
    /// The node has stopped.
    Stopped,
    /// It was begun, and has not ended within the time that the adapter waits.
    TimedOut,
    /// It hands leadership over, which was done a moment ago: nothing has changed.
    TooSoon,
}

#[cfg(test)]
mod tests;
