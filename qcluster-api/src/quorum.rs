//! Which voters are heard while nobody is known to lead, as data.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::difference::DifferenceStatus;

/// Which voters are heard and which are not, while nobody is known to lead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct QuorumStatus {
    /// All voters.
    pub voters: usize,
    /// Those that were heard in the last ten leases, this node included.
    pub heard: usize,
    /// The others.
    pub silent: Vec<SilentVoter>,
}

/// A voter that is not heard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SilentVoter {
    /// Its identifier.
    pub identifier: String,
    /// What is known of it.
    pub reason: SilentReason,
    /// Where datagrams to it go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<SocketAddr>,
    /// Milliseconds since it was last heard, if it ever was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heard_ms_ago: Option<u64>,
    /// What is different, if it has another configuration and has said which.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<DifferenceStatus>,
}

/// What is known of a voter that is not heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SilentReason {
    /// It was heard once.
    NotHeard,
    /// It has an address, and was never heard from there.
    NeverHeard,
    /// It was heard, with other voters, priorities, another lease or drift bound (E14).
    OtherConfiguration,
    /// Its host has no address.
    NoAddress,
    /// Its host has addresses, and no socket of this node reaches them.
    OutOfReach,
    /// Its host is being looked up.
    LookingUp,
}
