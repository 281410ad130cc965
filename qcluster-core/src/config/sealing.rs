//! How a configuration says that datagrams are sealed, and the mistakes in that.

use alloc::format;
use alloc::vec::Vec;

use super::file::Config;
use super::problem::Findings;
use super::seal::{SealMode, Secret};

impl Config {
    /// How datagrams are sealed; `None` where there is no secret.
    pub fn sealing(&self) -> Option<SealMode> {
        let has_secret = self.secret.is_some() || self.secret_file.is_some() || !self.secrets.is_empty();
        has_secret.then_some(self.seal.unwrap_or_default())
    }

    /// The secrets that stand in the configuration itself: the first one seals, all of them open.
    pub fn own_secrets(&self) -> impl Iterator<Item = &Secret> {
        self.secret.iter().chain(&self.secrets)
    }

    pub(super) fn check_sealing(&self, findings: &mut Findings) {
        let sources = [
            ("secret", self.secret.is_some()),
            ("secret_file", self.secret_file.is_some()),
            ("secrets", !self.secrets.is_empty()),
        ];
        let given: Vec<&str> = sources.into_iter().filter_map(|(name, is_given)| is_given.then_some(name)).collect();
        if let [first, second, ..] = given[..] {
            findings.add(second, format!("cannot be there together with {first}: give one of them"));
        }
        findings.require(self.seal.is_none() || !given.is_empty(), "seal", || {
            "only means something together with secret, secrets or secret_file".into()
        });
        for (index, secret) in self.secrets.iter().enumerate() {
            findings.require(!self.secrets[..index].contains(secret), "secrets", || {
                format!("number {} is there twice", index + 1)
            });
        }
        if let Some(path) = &self.secret_file {
            findings.require(path.parse::<Secret>().is_err(), "secret_file", || {
                "this is a secret, and no path: it belongs into `secret`".into()
            });
            findings.require(!path.is_empty(), "secret_file", || "cannot be empty: name a file".into());
            findings.require_expanded("secret_file", path);
        }
    }
}
