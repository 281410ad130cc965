//! The deterministic core of QCluster: all decisions, and no I/O.
//!
//! A [`Node`] is a deterministic state machine. It has no clock, socket, thread, file or source of randomness: an embedder
//! tells it what has happened and when, and carries out the actions that it answers with. [`Endpoint`] is a node with its
//! datagrams, bytes in and bytes out. This is a whole host for one, on the standard library:
//!
//! ```
//! use std::hash::{BuildHasher, RandomState};
//! use std::net::{SocketAddr, UdpSocket};
//! use std::time::{Duration, Instant, SystemTime};
//! use qcluster_core::{Config, DATAGRAM_MAX, Endpoint, EndpointBoot, Input, NodeId, Output, Span, Time};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let config = Config::new("server_a", "127.0.0.1", 0); // a cluster of one; `with_peers` makes it one of several
//! let socket = UdpSocket::bind(("127.0.0.1", config.listen_port))?;
//! let origin = Instant::now();
//! let clock = || Time::from_nanos(u64::try_from(origin.elapsed().as_nanos()).unwrap_or(u64::MAX));
//! // Random bits that nobody can guess, the wall clock, and what the last incarnation saved.
//! let stamp_ms = u64::try_from(SystemTime::UNIX_EPOCH.elapsed()?.as_millis())?;
//! let boot = EndpointBoot { seed: RandomState::new().hash_one(stamp_ms), stamp_ms, saved: None };
//! let mut endpoint = Endpoint::new(config.settings()?.check()?, boot, clock())?;
//! // It looks no name up: a peer is sent nothing until its address is known.
//! for peer in &config.peers {
//!     let (key, address) = (NodeId::new(&peer.identifier)?.key(), SocketAddr::new(peer.host.parse()?, peer.port));
//!     while endpoint.step(clock(), Input::Resolved { peer: key, address }).next().is_some() {}
//! }
//! let mut buffer = [0; DATAGRAM_MAX + 1];
//! while !endpoint.node().is_leader(clock()) {
//!     // Wait for a datagram until the deadline, and no longer than a heartbeat.
//!     let left = endpoint.deadline().since(clock()).min(endpoint.node().rules().timing().heartbeat);
//!     let received = if left == Span::ZERO { None } else {
//!         socket.set_read_timeout(Some(Duration::from(left)))?;
//!         socket.recv_from(&mut buffer).ok()
//!     };
//!     let input = match received {
//!         Some((len, from)) => Input::Datagram { from, bytes: &buffer[..len] },
//!         None => Input::Timeout,
//!     };
//!     // The clock is read after the datagram was received.
//!     let mut outputs = endpoint.step(clock(), input);
//!     while let Some(output) = outputs.next() {
//!         match output {
//!             Output::Transmit { to, bytes } => _ = socket.send_to(bytes, to),
//!             Output::Persist { .. } => unreachable!("a diskless node saves nothing"),
//!             Output::Notify(notification) => println!("{notification}"),
//!         }
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! [Writing an adapter](writing_an_adapter) is the contract behind each of these lines, as a checklist. `examples/embed_std.rs`
//! of the project is such a host with peers, a disk and an orderly stop; `examples/embed_in_memory.rs` has no socket at all.
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
mod host;
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
#[cfg(feature = "seal")]
pub mod seal;
mod secret;
mod time;
mod wire;
pub mod writing_an_adapter;

pub use config::{
    ApiConfig, ApiRole, ApiToken, BadSecret, Config, ConfigError, Digests, Durability, ExactJson, Gossip, GossipPace,
    Metadata, Mode, Peer, Preset, Problem, RecordTo, Rules, SealMode, Seat, Secret, SettingDifference, Settings,
    SharedSettings, Step, Timing, TimingChoice, TimingValues, TlsConfig, TokenConfig, Voter, VoterIn, VoterSettings,
};
pub use election::{
    ChangeStep, HardState, HeldLease, KnownIncarnation, Lapse, LeadershipId, Message as ElectionMessage, PersistId,
    Slow, Vote,
};
pub use endpoint::{Endpoint, EndpointBoot, Input, Output, Outputs, SnapshotError, read_datagram, write_datagram};
pub use hard_state::RecordError;
pub use host::{BadHost, Host};
pub use id::{BadNodeId, FencingToken, Incarnation, IncarnationsDigest, NodeId, NodeKey, Term, VoterIndex};
pub use membership::{
    Accusers, Hint, Introduction, MemberChange, MemberEvent, MemberView, Message as MembershipMessage, Piggyback,
    Standing, State, StateUpdate,
};
pub use metrics::Counters;
pub use node::{
    Action, Actions, Boot, BootError, Command, CommandRefused, Envelope, IncarnationsReport, Message, Node, NodeInput,
    Notification, Role, Session,
};
pub use observer::Message as ObserverMessage;
pub use reason::{
    DropCounts, DropReason, LeaseLengthReason, LostCounts, LostReason, MessageCounts, MessageKind, Refusal,
    RefusalCounts, TransferRefused,
};
pub use reconcile::Message as ReconcileMessage;
pub use registry::{
    Counts as RegistryCounts, Health, Instance, Message as RegistryMessage, Record, RecordBody, RegistryError, Service,
    ServiceChange, ServiceError, ServiceFacts, ServiceField, ServiceKey,
};
pub use rendezvous::owners_among;
pub use time::{Span, Time};
pub use wire::DATAGRAM_MAX;
