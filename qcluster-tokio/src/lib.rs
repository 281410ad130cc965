//! QCluster on tokio: the sockets, the clock, the disk and the HTTP side around the deterministic core.
//!
//! [`QCluster`] is all that most applications need. One task drives the node: it receives datagrams, reads the clock, steps
//! the core and carries out what that answers. Everything that applications read is published by it *before* it sends
//! anything, and read without asking it.
//!
//! | file | its part |
//! |---|---|
//! | `start` | everything that can fail, in order |
//! | `driver` | the loop |
//! | `edge`, `lease` | the atomic deadline, and the lease as applications hold it |
//! | `work` | `run_as_leader` |
//! | `publisher`, `snapshots`, `view` | what is written and read across threads; `event`, `log`, `leaderless` are its forms |
//! | `measures`, `metrics` | how long things take, and the table of all that is counted |
//! | `requests` | what is asked of the loop |
//! | `sockets`, `names` | UDP, and where peers are |
//! | `disk` | the hard state |
//! | `registry`, `directory` | members and services: how they are read, watched and changed, and made known |
//! | `recorder` | what goes into the node, written down |
//! | `http` | the HTTP API on a server, and its metrics (feature `http`) |

#![forbid(unsafe_code)]

mod clock;
mod cluster;
mod directory;
mod disk;
mod driver;
mod edge;
mod error;
mod event;
#[cfg(feature = "http")]
mod http;
mod leaderless;
mod lease;
mod log;
mod measures;
mod metrics;
mod names;
mod publisher;
mod recorder;
mod registry;
mod requests;
mod snapshots;
mod sockets;
mod start;
mod view;
mod work;
mod works;

#[cfg(test)]
mod testing;

pub use cluster::QCluster;
pub use error::{BindError, CommandError, DataDirError, JoinError, Protocol, StartError, Stopped};
pub use event::{Event, EventKind, Events, Leadership};
pub use lease::Lease;
pub use qcluster_api::{
    MemberInfo, PeerStatus, RegistryStatus, ServiceInfo, Status, StorageStatus, WatchEvent, WatchEventKind,
};
pub use registry::{Watch, WatchError};
