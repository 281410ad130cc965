//! What is told of members, services and what happened: as JSON, and to applications.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;

use serde::{Deserialize, Serialize};

use qcluster_core::{Health, Metadata, Peer, Term};

/// A member, in JSON and for applications.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MemberInfo {
    /// Its identifier.
    pub identifier: String,
    /// Where it says that it is, once it knows.
    pub address: Option<SocketAddr>,
    /// `alive`, `suspect`, `down` or `left`.
    pub state: String,
    /// Which incarnation of it (G1), in hexadecimal: larger is later.
    pub incarnation: String,
    /// For how many milliseconds it has been in that state, as far as the asked node has seen it.
    pub state_age_ms: u64,
    /// Whether it is the node that was asked.
    pub is_me: bool,
    /// What it says about itself.
    pub metadata: Metadata,
}

/// An instance of a service, in JSON and for applications.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ServiceInfo {
    /// The node that it runs on.
    pub node: String,
    /// What tells it from other services of its node.
    pub id: String,
    /// What it is asked for by.
    pub name: String,
    /// Where it listens: its own host, or else that of its node; empty where neither is known.
    pub host: String,
    /// Its port, or 0 where a port makes no sense.
    pub port: u16,
    /// Labels to choose by.
    pub tags: Vec<String>,
    /// How it is.
    pub health: Health,
    /// How long it may be silent, in milliseconds.
    pub ttl_ms: Option<u64>,
    /// Anything else.
    pub metadata: Metadata,
}

/// What happened, for those who watch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum WatchEventKind {
    /// Another node leads, or none that is known.
    Leader {
        /// Who leads now.
        leader: Option<Peer>,
        /// In which term.
        term: Term,
    },
    /// A member came, went or changed.
    Member {
        /// `joined`, `changed`, `down` or `left`.
        event: String,
        /// The member as it is now.
        member: MemberInfo,
    },
    /// A service came, went or changed.
    Service {
        /// `added`, `changed` or `removed`.
        event: String,
        /// The service as it is now, or as it was last.
        service: ServiceInfo,
    },
    /// Most members vanished at once, or are back (G9).
    Trust {
        /// Whether the view can be relied on.
        is_given: bool,
    },
}

/// Something that happened, and its place in the order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WatchEvent {
    /// Larger than that of every event before it, by one. Each incarnation of a node begins with a number above those of its
    /// incarnations before it, as far as wall clocks tell.
    pub index: u64,
    /// What happened.
    #[serde(flatten)]
    pub kind: WatchEventKind,
}

impl WatchEvent {
    /// An event of that kind with that index.
    pub const fn new(index: u64, kind: WatchEventKind) -> Self {
        Self { index, kind }
    }
}
