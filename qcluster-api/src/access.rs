//! Who may do what: a client that shows a token with the role for it, or asks from the node's own machine; never a page of another site.

use alloc::borrow::ToOwned as _;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

use super::request::{ClientKind, Request};
use super::response::{ErrorCode, Response};
use qcluster_core::{ApiConfig, ApiRole, ApiToken, Config};

/// What stands between a request and its answer.
#[derive(Clone, Debug, Default)]
pub struct Access {
    tokens: Vec<(ApiToken, ApiRole)>,
    /// Whether clients on the node's own machine need one too.
    is_asked_of_all: bool,
    /// Whether reading needs one.
    protects_reads: bool,
    /// The names of this node beside IP addresses and those that no public name server knows.
    names: Vec<String>,
}

impl Access {
    /// As `config` says. The tokens are given apart, since they may have come from files.
    pub fn new(config: &Config, tokens: Vec<(ApiToken, ApiRole)>) -> Self {
        let own = [Some(&config.listen_host), config.advertise_host.as_ref()].into_iter().flatten();
        let api = config.api.listen_address().map(|(host, _)| host.to_owned());
        // Who controls such a name controls where the nodes find each other.
        let others = config.all_peers().map(|peer| &peer.host);
        let joined = config.join_addresses().map(|(host, _)| host.to_owned());
        let names = own.chain(others).chain(&config.api.hosts).cloned().chain(joined).chain(api).collect();
        let ApiConfig { require_token: is_asked_of_all, protect_reads: protects_reads, .. } = config.api;
        Self { tokens, is_asked_of_all, protects_reads, names }
    }

    /// The same with other tokens.
    #[must_use]
    pub fn with_tokens(&self, tokens: Vec<(ApiToken, ApiRole)>) -> Self {
        Self { tokens, ..self.clone() }
    }

    /// Lets a request pass that reads, or says why not.
    pub(super) fn check_read(&self, request: &Request<'_>) -> Result<(), Response> {
        if self.protects_reads { self.check(request, ApiRole::Read) } else { self.check_host(request) }
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

    /// Lets a request pass that needs this role, or says why not.
    ///
    /// The host is checked although the token is: loopback may need none.
    pub(super) fn check(&self, request: &Request<'_>, needed: ApiRole) -> Result<(), Response> {
        self.check_host(request)?;
        if request.origin.is_some_and(|origin| !is_same(origin, request.host)) {
            return Err(Response::error(
                ErrorCode::ForeignOrigin,
                "a page of another site has no business here: send no Origin",
            ));
        }
        let Some(shown) = request.authorization else { return self.check_without_token(request.client) };
        match self.role_of(shown) {
            Some(role) if role >= needed => Ok(()),
            Some(role) => Err(Response::error(
                ErrorCode::Forbidden,
                &format!("this token has the role `{}`, and this needs `{}`", role.name(), needed.name()),
            )),
            None if self.tokens.is_empty() => Err(Response::error(
                ErrorCode::Unauthorized,
                "this node has no API token to compare with: set api.token, or ask from its own machine without one",
            )),
            None => Err(Response::error(
                ErrorCode::Unauthorized,
                "this is no API token of this node: send Authorization: Bearer and one of its configuration",
            )),
        }
    }

    /// Lets a request pass that shows a token, where there is any: for changes of keys, which let others in.
    pub(super) fn check_shown(&self, request: &Request<'_>) -> Result<(), Response> {
        if request.authorization.is_some() || self.tokens.is_empty() {
            return Ok(());
        }
        Err(Response::error(
            ErrorCode::Unauthorized,
            "keys are changed with a token of the role `admin` wherever a node has tokens: send Authorization: Bearer and the token",
        ))
    }

    fn check_without_token(&self, client: ClientKind) -> Result<(), Response> {
        let (code, message) = match (client, self.tokens.is_empty()) {
            (ClientKind::Loopback, _) if !self.is_asked_of_all => return Ok(()),
            (ClientKind::Forwarded, false) => (
                ErrorCode::Unauthorized,
                "what comes through a proxy needs an API token: send Authorization: Bearer and the token",
            ),
            (ClientKind::Loopback | ClientKind::Remote, false) if self.is_asked_of_all => (
                ErrorCode::Unauthorized,
                "api.require_token is set, so every client needs an API token: send Authorization: Bearer and the token",
            ),
            (ClientKind::Loopback | ClientKind::Remote, false) => (
                ErrorCode::Unauthorized,
                "only clients on the node's own machine go without an API token: send Authorization: Bearer and the token",
            ),
            (ClientKind::Forwarded, true) => (
                ErrorCode::Forbidden,
                "what comes through a proxy needs an API token, and this node has none: set api.token, or ask it directly",
            ),
            (ClientKind::Loopback | ClientKind::Remote, true) => (
                ErrorCode::Forbidden,
                "this node has no API token, so only clients on its own machine may change something: set api.token",
            ),
        };
        Err(Response::error(code, message))
    }

    /// What the token is for that a client shows. All are compared, whichever it is.
    fn role_of(&self, authorization: &str) -> Option<ApiRole> {
        let shown = self.tokens.iter().filter(|(token, _)| shows(authorization, token));
        shown.map(|(_, role)| *role).max()
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
