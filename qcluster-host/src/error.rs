//! What can go wrong at a start, and what a stopped node says: each with what happened and what to do about it. An error
//! prints all of that itself and has no source, so that who prints a chain of them prints nothing twice.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use qcluster_api::NotDone;
use qcluster_core::seal::KeyringError;
use qcluster_core::{BootError, CommandRefused, ConfigError};

/// Why a node could not start. Nothing runs, nothing is bound, and nothing was written but the lock file of `data_dir`.
///
/// Debug output is the sentence too: that is what a `main` that returns an error prints.
#[non_exhaustive]
pub enum StartError {
    /// The configuration cannot be used.
    Config(ConfigError),
    /// An address could not be bound.
    Bind(BindError),
    /// Tokens or certificates of the API, or secrets of the cluster, cannot be used.
    Credentials(CredentialError),
    /// The data directory cannot be used.
    DataDir(DataDirError),
    /// The saved state is damaged or belongs to somebody else. It is never replaced by a fresh start on its own.
    Record {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: BootError,
    },
    /// The boot values were refused: the wall clock of this machine is far off.
    Boot(BootError),
    /// The system gave no random numbers, no thread, or no timer.
    System(io::Error),
    /// There is no tokio runtime around the call.
    NoRuntime,
}

/// Why tokens or certificates of the API, or secrets of the cluster, cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CredentialError {
    /// A file has no tokens, or cannot be read.
    TokenFile {
        /// The field of the configuration that names it.
        field: String,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The file of secrets has none, or cannot be read, or they cannot be used together.
    SecretFile {
        /// `secret_file`.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The secrets in the configuration cannot be used together.
    Secrets(KeyringError),
    /// A certificate or its key cannot be read, or not be used.
    TlsFile {
        /// The field of the configuration that names it.
        field: String,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The configuration asks for TLS, which this build does not have.
    NoTls,
}

/// Why a configuration or its files were not taken: the node goes on with what it has.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReloadError {
    /// The configuration cannot be used.
    Config(ConfigError),
    /// Tokens, certificates or secrets cannot be used.
    Credentials(CredentialError),
    /// Another change is under way, or files that do not answer are still being read.
    Busy,
    /// The configuration has no secret any more, and a node that has one keeps one until it is started again.
    SecretRemoved,
    /// The system gave no thread, or no random numbers.
    System(io::Error),
    /// The node has stopped.
    Stopped(Stopped),
}

/// Why the node's address could not be bound.
#[derive(Debug)]
#[non_exhaustive]
pub enum BindError {
    /// `listen_host` has no address.
    Unresolved {
        /// The name.
        host: String,
        /// What the resolver said.
        error: io::Error,
    },
    /// Somebody else has the address.
    InUse {
        /// Which one.
        address: SocketAddr,
        /// Of which protocol.
        protocol: Protocol,
    },
    /// The system refused for another reason.
    Refused {
        /// Which address.
        address: SocketAddr,
        /// Of which protocol.
        protocol: Protocol,
        /// What it said.
        error: io::Error,
    },
}

/// What a node has a port for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Datagrams between nodes.
    Udp,
    /// The HTTP API.
    Tcp,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
        })
    }
}

/// Why the data directory cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum DataDirError {
    /// Another process, or another node of this one, uses it.
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// It could not be made, or something in it could not be opened or read.
    Unusable {
        /// What could not be used.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

/// The node has stopped, or was stopped, and does nothing any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stopped {
    /// It was asked to, and has handed over what it led.
    Shutdown,
    /// It was aborted, or its runtime has gone.
    Aborted,
    /// Another live node has its identifier and was there first (E17).
    DuplicateIdentifier,
    /// Another node has its identifier and has taken its place, while it stood still or was cut off (E24).
    Superseded,
    /// This process is a fork of the one that the node runs in (S7).
    Forked,
}

impl Stopped {
    /// A short name that never changes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Shutdown => "shutdown",
            Self::Aborted => "aborted",
            Self::DuplicateIdentifier => "duplicate_identifier",
            Self::Superseded => "superseded",
            Self::Forked => "forked",
        }
    }
}

/// Why a node has not done what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CommandError {
    /// The node has refused it: nothing has changed.
    Refused(CommandRefused),
    /// The node has stopped.
    Stopped(Stopped),
}

/// Why work that can fail has ended without a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WorkError<E> {
    /// The work itself has failed, and the node has given up the leadership that it ran under.
    Failed(E),
    /// The node has stopped.
    Stopped(Stopped),
}

/// Why a node cannot be told to join another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JoinError {
    /// It tries as many addresses as it can.
    TooMany,
    /// The node has stopped.
    Stopped(Stopped),
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany => f.write_str("this node tries as many addresses as it can: a few are plenty"),
            Self::Stopped(why) => why.fmt(f),
        }
    }
}

impl std::error::Error for JoinError {}

impl fmt::Display for CredentialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TokenFile { field, path, reason } | Self::TlsFile { field, path, reason } => {
                write!(f, "{field}: {}: {reason}", path.display())
            }
            Self::SecretFile { path, reason } => write!(f, "secret_file: {}: {reason}", path.display()),
            Self::Secrets(error) => write!(f, "secrets: {error}"),
            Self::NoTls => f.write_str("api.tls: this build has no TLS: build it with the feature `tls`"),
        }
    }
}

impl std::error::Error for CredentialError {}

impl fmt::Display for ReloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Credentials(error) => error.fmt(f),
            Self::SecretRemoved => f.write_str(
                "the configuration has no secret any more: a node that has one sends and takes plain datagrams with seal: \"accept\", and does without a secret after a restart",
            ),
            Self::Busy => f.write_str("files are being read, or keys changed, at this moment: try again"),
            Self::System(error) => write!(f, "the system refuses a thread or random numbers: {error}"),
            Self::Stopped(why) => why.fmt(f),
        }
    }
}

impl std::error::Error for ReloadError {}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Bind(error) => error.fmt(f),
            Self::Credentials(error) => error.fmt(f),
            Self::DataDir(error) => error.fmt(f),
            Self::Record { path, error } => {
                write!(f, "{error}: {}. The node did not start. {}", path.display(), error.remedy())
            }
            Self::Boot(error) => write!(f, "{error}. {}", error.remedy()),
            Self::System(error) => write!(f, "the system refused what every node needs: {error}"),
            Self::NoRuntime => {
                f.write_str("a node has to be started inside a tokio runtime with its timers and I/O enabled")
            }
        }
    }
}

impl fmt::Debug for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unresolved { host, error } => write!(f, "listen_host `{host}` has no address: {error}"),
            Self::InUse { address, protocol } => write!(
                f,
                "{protocol} port {} on {} is in use: stop what uses it, or choose another listen_port",
                address.port(),
                address.ip()
            ),
            Self::Refused { address, protocol, error } => write!(f, "cannot listen on {address} ({protocol}): {error}"),
        }
    }
}

impl fmt::Display for DataDirError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked { path } => write!(
                f,
                "{} is locked by another running node: each voter needs a data_dir of its own",
                path.display()
            ),
            Self::Unusable { path, error } => write!(f, "data_dir cannot be used: {}: {error}", path.display()),
        }
    }
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Shutdown => "the node was shut down",
            Self::Aborted => "the node was aborted",
            Self::DuplicateIdentifier => "another live node has this identifier and was there first, so this one has stopped",
            Self::Forked => {
                "the node runs in the process that this one was forked from, and not here: start one after the fork"
            }
            Self::Superseded => {
                "another node has this identifier and has taken this one's place while it stood still or was cut off, so this \
                 one has stopped: do not start it again unless the other one is gone"
            }
        })
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refused) => refused.fmt(f),
            Self::Stopped(stopped) => stopped.fmt(f),
        }
    }
}

impl<E: fmt::Display> fmt::Display for WorkError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => write!(f, "the leader's work has failed: {error}"),
            Self::Stopped(stopped) => stopped.fmt(f),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> std::error::Error for WorkError<E> {}

impl std::error::Error for StartError {}

impl std::error::Error for BindError {}

impl std::error::Error for DataDirError {}

impl std::error::Error for Stopped {}

impl std::error::Error for CommandError {}

/// What the API says of it.
impl From<CommandError> for NotDone {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Refused(refused) => Self::Refused(refused),
            CommandError::Stopped(_) => Self::Stopped,
        }
    }
}

impl From<ConfigError> for StartError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<CredentialError> for ReloadError {
    fn from(error: CredentialError) -> Self {
        Self::Credentials(error)
    }
}

impl From<CredentialError> for StartError {
    fn from(error: CredentialError) -> Self {
        Self::Credentials(error)
    }
}

impl From<BindError> for StartError {
    fn from(error: BindError) -> Self {
        Self::Bind(error)
    }
}

impl From<DataDirError> for StartError {
    fn from(error: DataDirError) -> Self {
        Self::DataDir(error)
    }
}
