//! QCluster on tokio: the sockets, the timers and a place for the loop around the deterministic core.
//!
//! [`QCluster`] is all that most applications need. A loop on a thread of its own drives the node: it receives datagrams,
//! reads the clock, steps the core and carries out what that answers. Everything that applications read is published by it
//! *before* it sends anything, and read without asking it.
//!
//! | file | its part |
//! |---|---|
//! | `cluster` | how a node starts: on a thread, or as a task |
//! | `runtime` | sockets, timers and lookups |
//! | `http` | a thread that serves HTTP (feature `http`) |
//!
//! What is no runtime's is in [`qcluster_host`]: the loop, [`Handle`] with all that a node can be asked, and HTTP.

#![forbid(unsafe_code)]

mod cluster;
#[cfg(feature = "http")]
mod http;
mod runtime;

pub use cluster::QCluster;
pub use qcluster_host::surface::*;
