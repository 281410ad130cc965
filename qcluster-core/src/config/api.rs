//! The HTTP API: whether it is served, and who may change something over it.

use alloc::borrow::ToOwned as _;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use super::problem::Findings;
use super::variable::variable_in;
use crate::host::{Host, host_and_port};

/// The section `api` of a configuration. Calls that change something need a token, unless they come from the node's own machine; those
/// that read need one where [`protect_reads`](Self::protect_reads) says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct ApiConfig {
    /// Whether the node serves HTTP, on the port number of the cluster; true unless given. A node that was built without HTTP
    /// serves none either way.
    pub enabled: bool,
    /// Where to serve HTTP instead, as `host:port`. Other nodes are not told of it: what they show of this one has the port of the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<String>,
    /// A token for everything, which a client shows as `Authorization: Bearer …`: 16 to 256 printable ASCII characters without spaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<ApiToken>,
    /// A file with tokens for everything instead, one on each line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_file: Option<String>,
    /// Further tokens, each with what it is for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<TokenConfig>,
    /// Whether clients on the node's own machine need a token as well; false unless given. For machines that others share,
    /// or where somebody may have such a client send what it likes.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub require_token: bool,
    /// TLS for all of HTTP on this node; plain unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsConfig>,
    /// Whether reading needs a token from wherever changing something does, health checks apart; false unless given.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub protect_reads: bool,
    /// Further host names by which clients reach this node. A request that names another host is refused, health checks
    /// apart, since a browser may have been lured into it (DNS rebinding). IP addresses, `localhost`, the hosts of the
    /// configuration, names without a dot and names that no public name server knows (`….internal`, `….svc`) are fine anyway;
    /// `*` lets every name pass.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
}

impl Default for ApiConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            listen: None,
            token: None,
            token_file: None,
            tokens: Vec::new(),
            require_token: false,
            tls: None,
            protect_reads: false,
            hosts: Vec::new(),
        }
    }
}

/// TLS for HTTP: files in PEM format.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct TlsConfig {
    /// The certificate of this node, with those that lead from it to an authority that clients know.
    pub cert: String,
    /// Its private key.
    pub key: String,
    /// Authorities: clients have to show a certificate of one of them. Nobody is asked for one unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_ca: Option<String>,
}

impl TlsConfig {
    /// A certificate and its key.
    pub fn new(cert: impl Into<String>, key: impl Into<String>) -> Self {
        Self { cert: cert.into(), key: key.into(), client_ca: None }
    }

    fn check(&self, findings: &mut Findings) {
        let files = [("cert", Some(&self.cert)), ("key", Some(&self.key)), ("client_ca", self.client_ca.as_ref())];
        for (name, path) in files {
            let (field, Some(path)) = (format!("api.tls.{name}"), path) else { continue };
            if findings.require_expanded(&field, path) {
                findings.require(!path.is_empty(), &field, || "name a file in PEM format".into());
            }
        }
    }
}

/// What a client that shows a token may do. Each role includes those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ApiRole {
    /// Read.
    Read,
    /// Register, deregister and keep alive services of the node that is asked.
    Register,
    /// Everything: transfer leadership, have the node leave, change its keys.
    #[default]
    Admin,
}

impl ApiRole {
    /// Its name in a configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Register => "register",
            Self::Admin => "admin",
        }
    }
}

/// Tokens with a role: one, or a file of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct TokenConfig {
    /// The token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<ApiToken>,
    /// A file with tokens instead, one on each line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_file: Option<String>,
    /// What they are for; everything unless given.
    pub role: ApiRole,
}

impl TokenConfig {
    /// One token.
    pub fn new(token: ApiToken, role: ApiRole) -> Self {
        Self { token: Some(token), token_file: None, role }
    }

    /// A file of tokens.
    pub fn in_file(path: impl Into<String>, role: ApiRole) -> Self {
        Self { token: None, token_file: Some(path.into()), role }
    }

    fn is_given(&self) -> bool {
        self.token.is_some() || self.token_file.is_some()
    }

    /// `field` is where it stands.
    fn check(&self, field: &str, findings: &mut Findings) {
        if let Some(Err(problem)) = self.token.as_ref().map(ApiToken::check) {
            findings.add(format!("{field}.token"), problem);
        }
        let file = format!("{field}.token_file");
        findings.require(self.token.is_none() || self.token_file.is_none(), &file, || {
            format!("is an alternative to {field}.token: give one of them")
        });
        findings.require(self.token_file.as_deref() != Some(""), &file, || "cannot be empty".into());
        if let Some(path) = &self.token_file {
            findings.require_expanded(&file, path);
        }
    }
}

/// A secret that is not shown: `Debug` hides it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ApiToken(String);

impl ApiToken {
    /// The shortest that is accepted, in characters.
    pub const LEN_MIN: usize = 16;
    /// The longest that is accepted, in characters.
    pub const LEN_MAX: usize = 256;

    /// A token.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence without a full stop.
    pub fn new(text: impl Into<String>) -> Result<Self, String> {
        let token = Self(text.into());
        token.check().map(|()| token)
    }

    /// The secret itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    fn check(&self) -> Result<(), String> {
        // Everybody could guess it. What else stands there may be secret, so it is not repeated.
        if variable_in(&self.0).is_some() {
            return Err("has a variable in it that was not replaced".into());
        }
        let len = self.0.len();
        if !(Self::LEN_MIN..=Self::LEN_MAX).contains(&len) || !self.0.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(format!(
                "must be {} to {} printable ASCII characters without spaces",
                Self::LEN_MIN,
                Self::LEN_MAX
            ));
        }
        Ok(())
    }
}

impl fmt::Debug for ApiToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiToken(..)")
    }
}

impl ApiConfig {
    /// In [`hosts`](Self::hosts), what stands for every name.
    pub const ANY_HOST: &str = "*";

    /// Where tokens come from, and the field that each stands in: what stands in the section itself first, which may be nothing, and is for
    /// everything.
    pub fn token_sources(&self) -> impl Iterator<Item = (String, TokenConfig)> + '_ {
        let own = TokenConfig { token: self.token.clone(), token_file: self.token_file.clone(), role: ApiRole::Admin };
        let others = self.tokens.iter().cloned().enumerate();
        let others = others.map(|(index, source)| (format!("api.tokens[{index}]"), source));
        core::iter::once(("api".to_owned(), own)).chain(others)
    }

    /// Where to serve HTTP, if it is not where the cluster listens, as host and port.
    pub fn listen_address(&self) -> Option<(&str, u16)> {
        self.listen.as_deref().and_then(host_and_port).filter(|(host, _)| Host::parse(host).is_ok())
    }

    pub(super) fn check(&self, findings: &mut Findings) {
        if let Some(listen) = &self.listen
            && findings.require_expanded("api.listen", listen)
        {
            findings.require(self.listen_address().is_some(), "api.listen", || {
                format!("`{listen}` is not a host and a port: write it as HOST:PORT")
            });
        }
        let sources: Vec<(String, TokenConfig)> = self.token_sources().collect();
        for (index, (field, source)) in sources.iter().enumerate() {
            source.check(field, findings);
            findings
                .require(index == 0 || source.is_given(), field, || "has no token: give token or token_file".into());
            let is_repeated = |(_, earlier): &(String, TokenConfig)| earlier.token == source.token;
            let is_new = source.token.is_none() || !sources[..index].iter().any(is_repeated);
            findings.require(is_new, &format!("{field}.token"), || "is there twice".into());
        }
        let has_token = sources.iter().any(|(_, source)| source.is_given());
        for (field, wants_token) in
            [("api.require_token", self.require_token), ("api.protect_reads", self.protect_reads)]
        {
            findings.require(has_token || !wants_token, field, || {
                "there is no token to ask for: give api.token, api.token_file or api.tokens".into()
            });
        }
        if let Some(tls) = &self.tls {
            tls.check(findings);
        }
        for (index, host) in self.hosts.iter().enumerate().filter(|(_, host)| *host != ApiConfig::ANY_HOST) {
            let field = format!("api.hosts[{index}]");
            if !findings.require_expanded(&field, host) {
                continue;
            }
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
            findings.require(!host.is_empty() && host.bytes().all(plain), &field, || {
                format!("`{host}` is not a host name: give it without scheme and port")
            });
        }
    }
}
