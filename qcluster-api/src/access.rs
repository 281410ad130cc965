//! Who may change something: a client that shows the token, or asks from the node's own machine; never a page of another site.

use alloc::borrow::ToOwned as _;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

use super::request::{ClientKind, Request};
use super::response::{ErrorCode, Response};
use qcluster_core::{ApiConfig, ApiToken, Config};

/// What stands between a request and a change.
#[derive(Clone, Debug, Default)]
pub struct Access {
    token: Option<ApiToken>,
    /// Whether clients on the node's own machine need it too.
    is_asked_of_all: bool,
    /// The names of this node beside IP addresses and those that no public name server knows.
    names: Vec<String>,
}

impl Access {
    /// As `config` says. The token is given apart, since it may have come from a file.
    pub fn new(config: &Config, token: Option<ApiToken>) -> Self {
        let own = [Some(&config.listen_host), config.advertise_host.as_ref()].into_iter().flatten();
        // Who controls such a name controls where the nodes find each other.
        let others = config.all_peers().map(|peer| &peer.host);
        let joined = config.join_addresses().map(|(host, _)| host.to_owned());
        let names = own.chain(others).chain(&config.api.hosts).cloned().chain(joined).collect();
        Self { token, is_asked_of_all: config.api.require_token, names }
    }

    /// Lets a request pass that names this node, or nobody.
    ///
    /// A name that an attacker's DNS server points at this machine makes a browser here the attacker's client, which reads what
    /// it likes.
    pub(super) fn check_host(&self, request: &Request<'_>) -> Result<(), Response> {
        match request.host.filter(|host| !self.is_own(host)) {
            None => Ok(()),
            Some(host) => Err(Response::error(
                ErrorCode::ForeignHost,
                &format!("this node does not go by `{host}`: use its address, or list the name in api.hosts"),
            )),
        }
    }

    /// Lets a request that changes something pass, or says why not.
    ///
    /// The host is checked although the token is: loopback may need none.
    pub(super) fn check(&self, request: &Request<'_>) -> Result<(), Response> {
        self.check_host(request)?;
        if request.origin.is_some_and(|origin| !is_same(origin, request.host)) {
            return Err(Response::error(
                ErrorCode::ForeignOrigin,
                "a page of another site has no business here: send no Origin",
            ));
        }
        let is_through_proxy = request.client == ClientKind::Forwarded;
        let (code, message) = match (request.authorization, &self.token) {
            (Some(shown), Some(token)) if shows(shown, token) => return Ok(()),
            (None, _) if request.client == ClientKind::Loopback && !self.is_asked_of_all => return Ok(()),
            (Some(_), Some(_)) => (
                ErrorCode::Unauthorized,
                "this is not the API token of this node: send Authorization: Bearer and the token of its configuration",
            ),
            (Some(_), None) => (
                ErrorCode::Unauthorized,
                "this node has no API token to compare with: set api.token, or ask from its own machine without one",
            ),
            (None, Some(_)) if is_through_proxy => (
                ErrorCode::Unauthorized,
                "what comes through a proxy needs the API token: send Authorization: Bearer and the token",
            ),
            (None, Some(_)) if self.is_asked_of_all => (
                ErrorCode::Unauthorized,
                "api.require_token is set, so every client needs the API token: send Authorization: Bearer and the token",
            ),
            (None, Some(_)) => (
                ErrorCode::Unauthorized,
                "only clients on the node's own machine go without the API token: send Authorization: Bearer and the token",
            ),
            (None, None) if is_through_proxy => (
                ErrorCode::Forbidden,
                "what comes through a proxy needs an API token, and this node has none: set api.token, or ask it directly",
            ),
            (None, None) => (
                ErrorCode::Forbidden,
                "this node has no API token, so only clients on its own machine may change something: set api.token",
            ),
        };
        Err(Response::error(code, message))
    }

    fn is_own(&self, authority: &str) -> bool {
        let Some(host) = host_of(authority) else { return false };
        let host = host.strip_suffix('.').unwrap_or(host);
        // An address cannot be pointed elsewhere by a name server.
        host.parse::<IpAddr>().is_ok()
            || is_private(host)
            || self.names.iter().any(|name| name == ApiConfig::ANY_HOST || name.eq_ignore_ascii_case(host))
    }
}

/// Whether no public name server can have an answer for the name: it has one part, or ends in what is kept for private use
/// (RFC 6761, RFC 6762, RFC 8375, ICANN's `internal`) or used by Kubernetes and by home routers, and delegated to nobody.
fn is_private(name: &str) -> bool {
    const PRIVATE: [&str; 7] = ["home.arpa", "internal", "lan", "local", "localhost", "svc", "test"];
    let name = name.to_ascii_lowercase();
    let is_below = |top: &str| name.strip_suffix(top).is_some_and(|rest| rest.ends_with('.'));
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    is_name && (!name.contains('.') || PRIVATE.iter().any(|top| is_below(top)))
}

/// The host of `host`, `host:port` or `[address]:port`.
fn host_of(authority: &str) -> Option<&str> {
    let (host, rest) = match authority.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once(']')?,
        None => authority.find(':').map_or((authority, ""), |at| authority.split_at(at)),
    };
    let port = rest.strip_prefix(':').unwrap_or(rest);
    port.bytes().all(|byte| byte.is_ascii_digit()).then_some(host)
}

/// Whether the page comes from where the request goes to.
fn is_same(origin: &str, host: Option<&str>) -> bool {
    let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    authority.zip(host).is_some_and(|(authority, host)| authority.eq_ignore_ascii_case(host))
}

/// Compares in a time that does not depend on where the first difference is.
fn shows(authorization: &str, token: &ApiToken) -> bool {
    let Some((scheme, shown)) = authorization.split_once(' ') else { return false };
    let same = constant_time_eq::constant_time_eq(shown.trim().as_bytes(), token.reveal().as_bytes());
    scheme.eq_ignore_ascii_case("bearer") && same
}
