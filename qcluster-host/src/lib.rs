//! What every adapter of QCluster to a runtime shares: `std`, and no runtime.
//!
//! An adapter drives the [core](qcluster_core) with sockets and timers of its runtime. What surrounds those is the same
//! everywhere, and stands here once: the loop and what it decides, the clock, the lease as applications see it, the hard state
//! on disk, recordings, what is published of a node, its events, logs, metrics and HTTP. Channels are those of `tokio::sync`,
//! which need no runtime.
//!
//! Applications use an adapter, such as `qcluster-tokio`, which exports what they need of this; authors of an adapter use
//! this crate.
//!
//! | module | its part |
//! |---|---|
//! | [`start`], [`boot`] | what an adapter calls, and everything that can fail when a node starts, in order |
//! | `own_thread` | a thread of its own for the loop, without a runtime (Unix) |
//! | [`driver`] | what a loop decides |
//! | [`handle`], [`watch`] | what applications are given |
//! | [`binding`], [`sockets`], [`names`] | addresses and ports, which socket serves which destination, and where peers are |
//! | [`clock`] | a clock that counts the time in which the machine sleeps |
//! | [`edge`], [`lease`], [`permit`] | the atomic deadline, the lease as applications hold it, and leave to work under it |
//! | [`publisher`], [`view`] | what a loop writes before it sends anything, and what is read from anywhere |
//! | [`snapshots`], [`directory`], [`event`], [`leaderless`], [`log`] | the forms of it |
//! | [`requests`], [`works`] | what is asked of the loop, and what a hand-over waits for |
//! | [`runtime`] | what an adapter gives beside sockets |
//! | `http` | the server and its answers (feature `http`) |
//! | [`measures`], [`metrics`] | how long things take, and the table of all that is counted |
//! | [`disk`] | the hard state, saved by a thread of its own |
//! | [`recorder`] | what goes into the node, written down |
//! | `testing` | clusters in memory, for the tests of applications (feature `testing`) |
//! | [`surface`] | all of it that applications see, as adapters export it |
//! | [`error`] | why a node did not start, or did not do what it was asked |

#![forbid(unsafe_code)]

pub mod binding;
pub mod boot;
pub mod clock;
mod counters;
mod credentials;
pub mod directory;
pub mod disk;
pub mod driver;
pub mod edge;
pub mod error;
pub mod event;
pub mod handle;
#[cfg(feature = "http")]
pub mod http;
pub mod leaderless;
pub mod lease;
pub mod log;
pub mod measures;
pub mod metrics;
pub mod names;
#[cfg(unix)]
pub mod own_thread;
pub mod permit;
mod process;
pub mod publisher;
pub mod recorder;
mod reload;
pub mod requests;
mod run;
pub mod runtime;
pub mod snapshots;
pub mod sockets;
pub mod start;
#[cfg(any(test, feature = "test-support"))]
pub mod test_support;
#[cfg(feature = "testing")]
pub mod testing;
pub mod view;
pub mod watch;
mod work;
pub mod works;

/// What applications see of this crate and of the API: adapters and the facade export all of it.
pub mod surface {
    pub use qcluster_api::{
        ChangeStatus, DifferenceStatus, KeyChange, KeyRefused, KeyStatus, KeysStatus, LostStatus, MemberInfo,
        PeerStatus, QuorumStatus, RegistryStatus, ServiceInfo, SilentReason, SilentVoter, Status, StorageStatus,
        TurnedAwayStatus, WatchEvent, WatchEventKind,
    };

    pub use qcluster_core::seal::KeyringError;

    pub use crate::error::{
        BindError, CommandError, CredentialError, DataDirError, JoinError, Protocol, ReloadError, StartError, Stopped,
        WorkError,
    };
    pub use crate::event::{Event, EventKind, Events, Leadership};
    pub use crate::handle::Handle;
    pub use crate::lease::Lease;
    pub use crate::measures::Histogram;
    pub use crate::metrics::{Labels, Metric, MetricUnit, MetricValue, Sample};
    pub use crate::permit::WorkPermit;
    pub use crate::reload::Reloaded;
    pub use crate::watch::{Watch, WatchError};
}
