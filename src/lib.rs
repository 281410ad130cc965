//! Leader election for the replicas of a service, as a library, with nothing else to install.
//!
//! Leadership is a *lease*: exclusive in real time as long as clocks run at nearly the same rate, and lost without being
//! told when the network or the process fails. With it comes a *fencing token* that grows with every leadership, for the
//! resource that the leader guards.
//!
//! ```
//! use qcluster::{Config, QCluster};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // A cluster of one. With `peers` it is a cluster of several, and `Config::from_file` reads all of it from JSON.
//! let cluster = QCluster::start(Config::new("server_a", "localhost", 0)).await?;
//!
//! let token = cluster
//!     .run_as_leader(async |lease| {
//!         // Runs while this node leads: it is dropped before the lease can end, and called again when leadership returns.
//!         // Once it completes, it is not called again.
//!         lease.token
//!     })
//!     .await?;
//! println!("{} leads with token {token}", cluster.me().identifier);
//!
//! cluster.shutdown().await; // hands leadership over where there is somebody to take it
//! assert!(!cluster.is_leader());
//! # Ok(())
//! # }
//! ```
//!
//! # Where things are
//!
//! - [`QCluster`] is a running node on tokio, and the crate `qcluster-tokio` is that adapter. What a node can be asked is what every
//!   [`Handle`] has, whatever the runtime. On smol it is [`smol::QCluster`](crate::smol), and both can be there at once.
//! - [`Config`] is what a node is told, and [`ConfigFile`] reads it from a file.
//! - The crate `qcluster-core` is what decides: a deterministic state machine without clock, socket or thread, for those who
//!   bring their own runtime.
//! - The crate `qcluster-cli` has the command `qcluster`, with an agent for services that cannot embed a library.
//!
//! Names such as E5 in these pages are rules of the protocol: [ARCHITECTURE] has them. [GUARANTEES] says what is promised and what
//! is not.
//!
//! [ARCHITECTURE]: https://github.com/qcluster/qcluster/blob/main/ARCHITECTURE.md
//! [GUARANTEES]: https://github.com/qcluster/qcluster/blob/main/docs/GUARANTEES.md
//!
//! # Logs
//!
//! A node logs with `tracing`, from its loop. A subscriber that blocks stops that loop, and a leader whose loop stands still loses its
//! lease and is replaced: a standard error that nobody reads is enough. So give the subscriber a writer that drops lines rather than
//! wait, such as `tracing_appender::non_blocking`. The node does not do that itself, on purpose: whatever the application
//! logs waits for the same writer, and a node that went on leading while the leader's work stands still would keep others from taking over.
//! The command `qcluster` has such a writer.
//!
//! # Features
//!
//! - `tokio` (default): the tokio adapter.
//! - `smol`: the smol adapter, [`qcluster::smol`](crate::smol), with no tokio runtime in its tree.
//! - `http`: nodes serve the HTTP API and Prometheus metrics, on the port number of the cluster and a thread of their own.
//! - `testing`: clusters in memory for the tests of applications, [`qcluster::testing`](crate::testing).
//! - `client`: a client of the HTTP API, [`qcluster::client`](crate::client).

#![forbid(unsafe_code)]

#[cfg(feature = "client")]
pub mod client;
mod config_file;

pub use config_file::{ConfigFile, ConfigFileError, ConfigFileProblem};
pub use qcluster_core::{
    ApiConfig, ApiRole, ApiToken, BadHost, BadSecret, BootError, CommandRefused, Config, ConfigError, ExactJson,
    FencingToken, Gossip, Health, Host, Incarnation, Instance, LeaseLengthReason, LostReason, MemberChange,
    MemberEvent, MemberView, Metadata, Mode, NodeId, NodeKey, Peer, Preset, Problem, RecordError, RecordTo,
    RegistryError, Role, SealMode, Secret, Service, ServiceChange, ServiceError, ServiceField, SettingDifference, Span,
    Standing, State, Term, Timing, TimingChoice, TimingValues, TlsConfig, TokenConfig, TransferRefused, VoterIn,
};
#[cfg(any(feature = "smol", feature = "tokio"))]
pub use qcluster_host::surface::*;
#[cfg(feature = "tokio")]
pub use qcluster_tokio::QCluster;

/// Nodes on smol. All but what is here is the same as on tokio, and stands beside this module.
#[cfg(feature = "smol")]
pub mod smol {
    pub use qcluster_smol::{NodeLoop, QCluster};
}

/// Clusters in memory, for the tests of an application.
///
/// A [`TestCluster`](testing::TestCluster) has real nodes in one process, on a network in memory: a test kills the leader, cuts it off or
/// freezes it, and sees what its own code does. A fail-over takes about as long as a lease, here 150 ms.
///
/// ```
/// use std::sync::Mutex;
///
/// use qcluster::testing::TestCluster;
/// use qcluster::{FencingToken, QCluster};
///
/// /// What a leader writes to, which refuses the one before (the guarded resource).
/// #[derive(Default)]
/// struct Ledger(Mutex<Vec<(FencingToken, usize)>>);
///
/// impl Ledger {
///     fn write(&self, token: FencingToken, by: usize) -> Result<(), &'static str> {
///         let mut entries = self.0.lock().unwrap();
///         if entries.last().is_some_and(|(newest, _)| *newest > token) {
///             return Err("another node leads by now");
///         }
///         entries.push((token, by));
///         Ok(())
///     }
/// }
///
/// /// The service under test: the leader writes, the others do not.
/// fn serve(cluster: &QCluster, me: usize, ledger: &Ledger) -> Result<(), &'static str> {
///     let lease = cluster.lease().ok_or("this node does not lead")?;
///     ledger.write(lease.token, me)
/// }
///
/// /// A client: it asks again where the lease has just ended. Gives who served it.
/// async fn request(cluster: &TestCluster<QCluster>, ledger: &Ledger) -> usize {
///     loop {
///         let leader = cluster.wait_for_leader().await;
///         if serve(cluster.node(leader), leader, ledger).is_ok() {
///             return leader;
///         }
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), qcluster::StartError> {
/// let mut cluster = TestCluster::<QCluster>::start(3).await?;
/// let ledger = Ledger::default();
/// let first = request(&cluster, &ledger).await;
///
/// let former = cluster.node(first).clone();
/// cluster.kill(first).await;
/// assert_eq!(serve(&former, first, &ledger), Err("this node does not lead"));
///
/// let second = request(&cluster, &ledger).await;
/// assert_ne!(second, first);
/// let writers: Vec<usize> = ledger.0.lock().unwrap().iter().map(|(_, by)| *by).collect();
/// assert_eq!(writers, [first, second]);
/// # Ok(())
/// # }
/// ```
///
/// The feature belongs to the tests alone: name it for `qcluster` under `[dev-dependencies]`, from the same source as above it.
#[cfg(all(feature = "testing", any(feature = "smol", feature = "tokio")))]
pub mod testing {
    pub use qcluster_host::testing::{Machine, MemorySocket, Processor, StartInMemory, TestCluster};
}

/// Compiles the README's example.
#[cfg(all(doctest, feature = "tokio"))]
#[doc = include_str!("../README.md")]
struct Readme;
