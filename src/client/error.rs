//! Why a question to a node has no answer, each with what to do about it.

use std::fmt;
use std::time::Duration;

use qcluster_api::{ErrorBody, authority};
use qcluster_core::Peer;

/// Why a question to a node has no answer.
#[derive(Debug)]
#[non_exhaustive]
pub enum ClientError {
    /// Nobody answers there. Nothing has changed.
    Unreachable {
        /// Where.
        address: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// TLS with the node does not come about, or breaks. What was asked for may have happened where the node had begun to answer.
    Tls {
        /// Where.
        address: String,
        /// What is wrong.
        reason: String,
    },
    /// The answer did not come in time. What was asked for may have happened, or may still.
    TimedOut {
        /// Where.
        address: String,
        /// After how long the client gave up.
        after: Duration,
    },
    /// The connection ended or failed before the end of the answer. What was asked for may have happened.
    ConnectionClosed {
        /// Where.
        address: String,
    },
    /// What answers there is not a node, or one of a release that says it differently.
    Incomprehensible {
        /// Where.
        address: String,
        /// What is wrong with the answer.
        reason: String,
    },
    /// The node has refused. Nothing has changed, unless the code is `not_finished`.
    Refused {
        /// Where.
        address: String,
        /// The HTTP status.
        status: u16,
        /// Code and sentence, and the leader if that is whom to ask.
        error: Box<ErrorBody>,
    },
}

impl ClientError {
    /// The leader, where the node has refused because it is another one.
    pub fn leader(&self) -> Option<&Peer> {
        match self {
            Self::Refused { error, .. } => error.leader.as_ref(),
            Self::Unreachable { .. }
            | Self::Tls { .. }
            | Self::TimedOut { .. }
            | Self::ConnectionClosed { .. }
            | Self::Incomprehensible { .. } => None,
        }
    }

    /// Whether a watch has missed something: the node does not know, or never knew, what happened since its index.
    pub fn has_missed(&self) -> bool {
        match self {
            Self::Refused { error, .. } => error.index.is_some(),
            Self::Unreachable { .. }
            | Self::Tls { .. }
            | Self::TimedOut { .. }
            | Self::ConnectionClosed { .. }
            | Self::Incomprehensible { .. } => false,
        }
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable { address, error } => {
                write!(f, "{address} cannot be reached: {error}. Is a node running there, on that port?")
            }
            Self::Tls { address, reason } => write!(f, "{address} cannot be asked over TLS: {reason}"),
            Self::TimedOut { address, after } => write!(
                f,
                "{address} has not answered within {after:?}. Ask for its status; what was asked for may still happen"
            ),
            Self::ConnectionClosed { address } => {
                write!(f, "{address} has ended the connection before it had answered. Has the node there just stopped?")
            }
            Self::Incomprehensible { address, reason } => {
                write!(
                    f,
                    "{address} does not answer as a node does: {reason}. Is this the port of a node of this release? One that serves TLS has to be asked over TLS"
                )
            }
            Self::Refused { address, status, error } => {
                write!(f, "{address} refused ({status} {}): {}", error.code, error.message)?;
                if let Some(leader) = &error.leader {
                    match leader.host.as_str() {
                        "" => write!(f, ". {} leads", leader.identifier)?,
                        host => write!(f, ". {} at {} leads", leader.identifier, authority(host, leader.port))?,
                    }
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for ClientError {}
