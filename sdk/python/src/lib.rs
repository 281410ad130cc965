//! The extension module `qcluster._qcluster`: nodes of QCluster for Python, as thin as it can be. Everything that is pleasant to use is Python on top of it.
//!
//! | module | its part |
//! |---|---|
//! | `node`, `lease` | a node: what is read, and what it is asked to do; the lease that it holds |
//! | `follow`, `work`, `testing` | what happens, work of the leader, clusters in memory |
//! | `operation` | what takes a while: a thread waits for it, or an event loop asks now and then |
//! | `wait` | waiting without the interpreter, with an eye on signals |
//! | `mailbox`, `logs` | what threads of Python read: who is to be woken, and lines of logs |
//! | `config`, `failure` | configurations with all their mistakes, and exceptions |
//! | `kept` | what is not touched in a fork of its process |
//!
//! No thread of a node ever waits for the interpreter, and nobody waits with it: values cross as numbers and as text.

#![forbid(unsafe_code)]

mod config;
mod failure;
mod follow;
mod kept;
mod lease;
mod logs;
mod mailbox;
mod node;
mod operation;
mod testing;
mod wait;
mod work;

use pyo3::prelude::*;

/// Nodes of QCluster.
#[pymodule(gil_used = true)]
mod _qcluster {
    #[pymodule_export]
    use super::follow::Follower;
    #[pymodule_export]
    use super::lease::HeldLease;
    #[pymodule_export]
    use super::logs::LogFeed;
    #[pymodule_export]
    use super::mailbox::Mailbox;
    #[pymodule_export]
    use super::node::{Node, check, start};
    #[pymodule_export]
    use super::operation::Operation;
    #[pymodule_export]
    use super::testing::Cluster;
    #[pymodule_export]
    use super::wait::{end_waits, forget_waits};
    #[pymodule_export]
    use super::work::{LeaderWork, Permit};
}
