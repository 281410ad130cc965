//! QCluster on smol: the sockets, the timers and a place for the loop around the deterministic core.
//!
//! [`QCluster`] is all that most applications need:
//!
//! ```
//! use qcluster_core::Config;
//! use qcluster_smol::QCluster;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! smol::block_on(async {
//!     // A cluster of one. With `peers` it is a cluster of several.
//!     let cluster = QCluster::start(Config::new("server_a", "localhost", 0)).await?;
//!
//!     let token = cluster
//!         .run_as_leader(async |lease| {
//!             // Runs while this node leads: it is dropped before the lease can end, and called again when leadership
//!             // returns. Once it completes, it is not called again.
//!             lease.token
//!         })
//!         .await?;
//!     println!("{} leads with token {token}", cluster.me().identifier);
//!
//!     cluster.shutdown().await; // hands leadership over where there is somebody to take it
//!     assert!(!cluster.is_leader());
//!     Ok(())
//! })
//! # }
//! ```
//!
//! | file | its part |
//! |---|---|
//! | `cluster` | how a node starts: on a thread, or as a future to be spawned |
//! | `runtime` | sockets, timers and lookups |
//! | `http` | a thread that serves HTTP (feature `http`) |
//!
//! What is no runtime's is in [`qcluster_host`]: the loop, [`Handle`] with all that a node can be asked, and HTTP. No tokio
//! runtime comes with it: of tokio it uses the channels alone.

#![forbid(unsafe_code)]

mod cluster;
#[cfg(feature = "http")]
mod http;
mod runtime;

pub use cluster::QCluster;
pub use qcluster_host::start::NodeLoop;
pub use qcluster_host::surface::*;

/// Compiles the README's example.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
