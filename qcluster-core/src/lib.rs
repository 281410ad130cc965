//! The heart of QCluster: everything that decides, and nothing that touches the world.
//!
//! A [`Node`] is a deterministic state machine. It has no clock, socket, thread, file or source of chance: an embedder
//! tells it what has happened and when, and carries out the actions that it answers with.
//!
//! ```
//! use qcluster_core::{Action, Boot, Node, NodeId, NodeInput, Settings, Time, VoterSettings};
//!
//! let id = NodeId::new("server_a")?;
//! let rules = Settings::voter(id.clone(), vec![VoterSettings::new(id)]).check()?;
//! let mut now = Time::ZERO; // an embedder reads its monotonic clock
//! let mut node = Node::new(rules, Boot { seed: 7, stamp_ms: 1_764_000_000_000, saved: None }, now)?;
//!
//! while !node.is_leader(now) {
//!     now = node.deadline(); // an embedder sleeps until then, or until a message arrives
//!     for action in node.step(now, NodeInput::Timeout) {
//!         match action {
//!             Action::Send(envelope) => println!("to {:?}: {:?}", envelope.to, envelope.message),
//!             Action::Persist { .. } => unreachable!("a diskless node saves nothing"),
//!             Action::Notify(notification) => println!("{now}: {notification}"),
//!         }
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Endpoint`] wraps a node for embedders that have datagrams: bytes in, bytes out.
//!
//! The project's [ARCHITECTURE] has the rules (E1 to E24, G1 to G11) and the argument that two leases never overlap,
//! [GUARANTEES] what is promised and what is not.
//!
//! [ARCHITECTURE]: https://github.com/qcluster/qcluster/blob/main/ARCHITECTURE.md
//! [GUARANTEES]: https://github.com/qcluster/qcluster/blob/main/docs/GUARANTEES.md

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod config;
mod election;
mod endpoint;
pub mod hard_state;
mod id;
mod membership;
mod metrics;
mod node;
mod observer;
mod quorum;
mod reason;
mod reconcile;
pub mod recording;
mod registry;
mod rendezvous;
mod rng;
mod rumors;
mod time;
mod wire;

pub use config::{
    ApiConfig, ApiToken, Config, ConfigError, Digests, Durability, Gossip, GossipPace, Metadata, Mode, Peer, Preset,
    Problem, RecordTo, Rules, Seat, Settings, Step, Timing, TimingChoice, TimingValues, Voter, VoterIn, VoterSettings,
};
pub use election::{
    ChangeStep, HardState, HeldLease, KnownIncarnation, LeadershipId, Message as ElectionMessage, PersistId, Slow, Vote,
};
pub use endpoint::{Endpoint, EndpointBoot, Input, Output, Outputs, SnapshotError, read_datagram, write_datagram};
pub use hard_state::RecordError;
pub use id::{BadNodeId, FencingToken, Incarnation, IncarnationsDigest, NodeId, NodeKey, Term, VoterIndex};
pub use membership::{
    Accusers, Hint, Introduction, MemberChange, MemberEvent, MemberView, Message as MembershipMessage, Piggyback,
    Standing, State, Verdict,
};
pub use metrics::Counters;
pub use node::{
    Action, Actions, Boot, BootError, Command, CommandRefused, Envelope, Incarnations, IncarnationsReport, Message,
    Node, NodeInput, Notification, Role, Session,
};
pub use observer::Message as ObserverMessage;
pub use reason::{
    DropCounts, DropReason, LostCounts, LostReason, MessageCounts, MessageKind, Refusal, RefusalCounts, TransferRefused,
};
pub use reconcile::Message as ReconcileMessage;
pub use registry::{
    Counts as RegistryCounts, Health, Instance, Message as RegistryMessage, Record, RecordBody, RegistryError, Service,
    ServiceChange, ServiceError, ServiceFacts, ServiceField, ServiceKey,
};
pub use rendezvous::owners_among;
pub use time::{Span, Time};
pub use wire::DATAGRAM_MAX;
