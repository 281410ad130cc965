//! The HTTP API: whether it is served, and who may change something over it.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use super::problem::Findings;
use super::variable::variable_in;

/// The section `api` of a configuration. Reading needs no token; calls that change something do, unless they come from
/// the node's own machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct ApiConfig {
    /// Whether the node serves HTTP, on the port number of the cluster; true unless given. A node that was built without HTTP
    /// serves none either way.
    pub enabled: bool,
    /// What such calls have to show, as `Authorization: Bearer …`: 16 to 256 printable ASCII characters without spaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<ApiToken>,
    /// A file with the token instead: its first line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_file: Option<String>,
    /// Whether clients on the node's own machine need the token as well; false unless given. For machines that others share,
    /// or where somebody may have such a client send what it likes.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub require_token: bool,
    /// Further host names by which clients reach this node. A request that names another host is refused, health checks
    /// apart, since a browser may have been lured into it (DNS rebinding). IP addresses, `localhost`, the hosts of the
    /// configuration, names without a dot and names that no public name server knows (`….internal`, `….svc`) are fine anyway;
    /// `*` lets every name pass.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
}

impl Default for ApiConfig {
    fn default() -> Self {
        Self { enabled: true, token: None, token_file: None, require_token: false, hosts: Vec::new() }
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

    pub(super) fn check(&self, findings: &mut Findings) {
        if let Some(Err(problem)) = self.token.as_ref().map(ApiToken::check) {
            findings.add("api.token", problem);
        }
        findings.require(self.token.is_none() || self.token_file.is_none(), "api.token_file", || {
            "is an alternative to api.token: give one of them".into()
        });
        findings.require(self.token_file.as_deref() != Some(""), "api.token_file", || "cannot be empty".into());
        if let Some(path) = &self.token_file {
            findings.require_expanded("api.token_file", path);
        }
        let has_token = self.token.is_some() || self.token_file.is_some();
        findings.require(has_token || !self.require_token, "api.require_token", || {
            "there is no token to ask for: give api.token or api.token_file".into()
        });
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
