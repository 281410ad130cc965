//! Election, membership and registry in one node: stories of whole endpoints in memory, with time that jumps.

mod cluster;
mod stories;
