//! Members and services over HTTP: what is there, and how a service registers itself with a node.

use std::fmt::Write as _;

use hyper::Method;
use qcluster_api::{Deregistered, HeartbeatRequest, Leaving, MemberList, OwnerList, ServiceInfo, ServiceList};
use qcluster_core::{Health, Service};

use super::exchange::exchange;
use super::{Client, ClientError};

/// Which instances of services are asked for: all of them by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServiceFilter {
    /// Of this service alone.
    pub name: Option<String>,
    /// Those that have all of these tags.
    pub tags: Vec<String>,
    /// `true`: those that are passing or warning, which is what traffic may be sent to. `false`: those that are critical.
    pub healthy: Option<bool>,
}

impl ServiceFilter {
    /// All instances of that service.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..Self::default() }
    }

    /// Only those that have all of these tags.
    #[must_use]
    pub fn with_tags(self, tags: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { tags: tags.into_iter().map(Into::into).collect(), ..self }
    }

    /// Only those that are passing or warning (`true`), or critical (`false`).
    #[must_use]
    pub fn with_healthy(self, healthy: bool) -> Self {
        Self { healthy: Some(healthy), ..self }
    }
}

/// A service belongs to the node that it was registered with: it is changed and ended there, and goes when that node does.
impl Client {
    /// All members.
    ///
    /// # Errors
    /// The node cannot be reached, does not answer in time, or is none.
    pub async fn members(&self) -> Result<MemberList, ClientError> {
        exchange(&self.read("/v1/members")).await
    }

    /// Those instances of services.
    ///
    /// # Errors
    /// As for [`members`](Self::members).
    pub async fn services(&self, which: &ServiceFilter) -> Result<ServiceList, ClientError> {
        exchange(&self.read(path_of(which))).await
    }

    /// The first `replicas` members that own `key`, 1 to [`OwnerList::REPLICAS_MAX`].
    ///
    /// # Errors
    /// As for [`members`](Self::members); or there cannot be that many.
    pub async fn owners(&self, key: &str, replicas: usize) -> Result<OwnerList, ClientError> {
        exchange(&self.read(format!("/v1/owners/{}?replicas={replicas}", encoded(key)))).await
    }

    /// Registers a service with the node, in place of the one with its identifier. It counts as a heartbeat. Gives the
    /// service as everybody sees it.
    ///
    /// # Errors
    /// As for [`members`](Self::members); or the node refuses.
    pub async fn register(&self, service: &Service) -> Result<ServiceInfo, ClientError> {
        let path = format!("/v1/services/{}", encoded(&service.id));
        exchange(&self.ask(Method::PUT, path).with_body(service)).await
    }

    /// Ends a service of the node.
    ///
    /// # Errors
    /// As for [`register`](Self::register).
    pub async fn deregister(&self, id: &str) -> Result<Deregistered, ClientError> {
        exchange(&self.ask(Method::DELETE, format!("/v1/services/{}", encoded(id)))).await
    }

    /// Tells the node that a service lives, and how it is, if that is to be said.
    ///
    /// # Errors
    /// As for [`register`](Self::register).
    pub async fn heartbeat(&self, id: &str, health: Option<Health>) -> Result<ServiceInfo, ClientError> {
        let path = format!("/v1/services/{}/heartbeat", encoded(id));
        exchange(&self.ask(Method::PUT, path).with_body(&HeartbeatRequest::new(health))).await
    }

    /// Has the node leave its cluster in an orderly way, and stop. It has begun when this returns.
    ///
    /// # Errors
    /// As for [`register`](Self::register).
    pub async fn leave(&self) -> Result<Leaving, ClientError> {
        exchange(&self.ask(Method::POST, "/v1/leave")).await
    }
}

fn path_of(which: &ServiceFilter) -> String {
    let ServiceFilter { name, tags, healthy } = which;
    let mut path = String::from("/v1/services");
    if let Some(name) = name {
        // Writing to a string cannot fail.
        let _ = write!(path, "/{}", encoded(name));
    }
    let tags = tags.iter().map(|tag| format!("tag={}", encoded(tag)));
    let parameters: Vec<String> = tags.chain(healthy.map(|healthy| format!("healthy={healthy}"))).collect();
    if parameters.is_empty() { path } else { format!("{path}?{}", parameters.join("&")) }
}

/// Text as it may stand between two slashes, or in a query.
fn encoded(text: &str) -> impl std::fmt::Display {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
}

#[cfg(test)]
mod tests;
