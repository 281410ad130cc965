//! Clusters for the tests of an application: real nodes in one process, on a network in memory, that a test kills, cuts off and
//! freezes.
//!
//! The nodes are those that run in service, each on a thread of its own and by the real clock; what is missing is the system's network,
//! and how a loop waits for it. No port is bound, so tests may run side by side, and no HTTP is served.

mod cluster;
mod machine;
mod network;

pub use cluster::{StartInMemory, TestCluster};
pub use machine::{Machine, Processor};
pub use network::MemorySocket;
