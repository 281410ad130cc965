//! What the tests and benches over real processes share: clusters of real nodes, and how to wait for what they do.

#![allow(dead_code, reason = "each of the targets that share this uses a part of it")]

pub(crate) mod arguments;
pub(crate) mod capture;
pub(crate) mod cluster;
pub(crate) mod datagram;
pub(crate) mod descriptors;
pub(crate) mod disk;
pub(crate) mod events;
pub(crate) mod http;
pub(crate) mod members;
pub(crate) mod namespace;
pub(crate) mod netns;
pub(crate) mod node;
pub(crate) mod ports;
pub(crate) mod wait;
