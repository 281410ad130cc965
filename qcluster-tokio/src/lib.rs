//! QCluster on tokio: the sockets, the clock, the disk and the HTTP side around the deterministic core.
//!
//! [`QCluster`] is all that most applications need. A loop on a thread of its own drives the node: it receives datagrams,
//! reads the clock, steps the core and carries out what that answers. Everything that applications read is published by it
//! *before* it sends anything, and read without asking it.
//!
//! | file | its part |
//! |---|---|
//! | `start` | a thread for the loop, or a task |
//! | `run` | the loop |
//! | `cluster`, `registry`, `work` | what applications are given: a node, its members and services, `run_as_leader` |
//! | `counters` | counters in the log, where there is no HTTP |
//! | `http` | a thread that serves HTTP (feature `http`) |
//!
//! What is no runtime's is in [`qcluster_host`].

#![forbid(unsafe_code)]

mod cluster;
mod counters;
#[cfg(feature = "http")]
mod http;
mod registry;
mod run;
#[cfg(feature = "http")]
mod runtime;
mod start;
mod work;

pub use cluster::QCluster;
pub use qcluster_api::{
    MemberInfo, PeerStatus, RegistryStatus, ServiceInfo, Status, StorageStatus, WatchEvent, WatchEventKind,
};
pub use qcluster_host::error::{BindError, CommandError, DataDirError, JoinError, Protocol, StartError, Stopped};
pub use qcluster_host::event::{Event, EventKind, Events, Leadership};
pub use qcluster_host::lease::Lease;
pub use registry::{Watch, WatchError};
