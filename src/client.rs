//! A client of a node's HTTP API: for tools, and for services that do not embed the library.
//!
//! ```no_run
//! use qcluster::client::Client;
//!
//! # async fn ask() -> Result<(), Box<dyn std::error::Error>> {
//! let node = Client::new("localhost:7001");
//! match node.leader().await?.leader {
//!     Some(leader) => println!("{} leads", leader.identifier),
//!     None => println!("nobody leads"),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! What a client is told was true when the node answered. It grants nothing: see [`QCluster::is_leader`](crate::QCluster)
//! for what does.

mod error;
mod exchange;
mod registry;
#[cfg(feature = "tls")]
mod tls;
mod watch;

use std::time::Duration;

use hyper::Method;

pub use error::ClientError;
pub use qcluster_api::{
    ChangeStatus, Deregistered, ErrorBody, EventList, HeartbeatRequest, KeyChange, KeyStatus, KeysStatus, LeaderInfo,
    Leaving, LostStatus, MemberInfo, MemberList, OwnerList, PeerStatus, RegistryStatus, ServiceInfo, ServiceList,
    Status, StorageStatus, TransferRequest, Transferred, TurnedAwayStatus, WatchEvent, WatchEventKind,
};
pub use qcluster_core::config::ApiToken;
pub use registry::ServiceFilter;
#[cfg(feature = "tls")]
pub use tls::{ClientTls, ClientTlsError};
pub use watch::ClientWatch;

use exchange::{Ask, exchange};

/// A node, and how to ask it. Each question is a connection of its own.
#[derive(Clone, Debug)]
pub struct Client {
    address: String,
    token: Option<ApiToken>,
    time_max: Duration,
    #[cfg(feature = "tls")]
    tls: Option<ClientTls>,
}

impl Client {
    /// How long a question may take unless set otherwise.
    pub const TIME_MAX_DEFAULT: Duration = Duration::from_secs(5);

    /// How much longer a hand-over may take: the leader's work is waited for.
    pub const DRAIN_TIME_MAX: Duration = Duration::from_secs(120);

    /// Asks the node at `address`, a `HOST:PORT`. Nothing is connected yet.
    pub fn new(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            token: None,
            time_max: Self::TIME_MAX_DEFAULT,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// Speaks TLS, as nodes with `api.tls` do.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn with_tls(self, tls: ClientTls) -> Self {
        Self { tls: Some(tls), ..self }
    }

    /// Shows this token. Over plain HTTP anyone on the path can read it.
    #[must_use]
    pub fn with_token(self, token: ApiToken) -> Self {
        Self { token: Some(token), ..self }
    }

    /// Gives up on a question after this long.
    #[must_use]
    pub fn with_time_max(self, time_max: Duration) -> Self {
        Self { time_max, ..self }
    }

    /// Where it asks.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The same client for another node.
    #[must_use]
    pub fn at(&self, address: impl Into<String>) -> Self {
        Self { address: address.into(), ..self.clone() }
    }

    /// How the node is.
    ///
    /// # Errors
    /// The node cannot be reached, does not answer in time, or is none.
    pub async fn status(&self) -> Result<Status, ClientError> {
        exchange(&self.read("/v1/status")).await
    }

    /// Who leads, as far as the node knows.
    ///
    /// # Errors
    /// The node cannot be reached, does not answer in time, or is none.
    pub async fn leader(&self) -> Result<LeaderInfo, ClientError> {
        exchange(&self.read("/v1/leader")).await
    }

    /// Has the node hand its leadership to `target`, or to the voter best placed, and waits until it no longer leads.
    ///
    /// # Errors
    /// As for [`status`](Self::status); or the node refuses, above all because it does not lead: then
    /// [`ClientError::leader`] tells who does.
    pub async fn transfer(&self, target: Option<&str>) -> Result<Transferred, ClientError> {
        let body = TransferRequest::new(target.map(str::to_owned));
        let time_max = self.time_max.saturating_add(Self::DRAIN_TIME_MAX);
        exchange(&self.ask(Method::POST, "/v1/transfer").with_time_max(time_max).with_body(&body)).await
    }

    /// The ids of the node's keys, and under which of them it hears whom.
    ///
    /// # Errors
    /// As for [`status`](Self::status); or the node has no secret.
    pub async fn keys(&self) -> Result<KeysStatus, ClientError> {
        exchange(&self.read("/v1/keys")).await
    }

    /// Changes the keys of the node, and its file of secrets. A secret is taken from the node's own machine, or over TLS.
    ///
    /// # Errors
    /// As for [`status`](Self::status); or the node refuses.
    pub async fn change_keys(&self, change: &KeyChange) -> Result<KeysStatus, ClientError> {
        exchange(&self.ask(Method::POST, "/v1/keys").with_body(change)).await
    }

    fn read(&self, path: impl Into<String>) -> Ask<'_> {
        self.ask(Method::GET, path)
    }

    fn ask(&self, method: Method, path: impl Into<String>) -> Ask<'_> {
        let ask = Ask::new(&self.address, method, path, self.time_max).with_token(self.token.as_ref());
        #[cfg(feature = "tls")]
        let ask = ask.with_tls(self.tls.as_ref());
        ask
    }
}

#[cfg(test)]
mod tests;
