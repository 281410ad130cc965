//! Tokens and keys, as applications and operators change them while a node runs.

use qcluster_api::{KeyChange, KeyRefused, KeysStatus};
use qcluster_core::Config;

use super::Handle;
use crate::error::ReloadError;
use crate::reload::{Reloaded, change_keys, reload, reload_config};

/// What a client of the API may do, and what a datagram is sealed with.
impl Handle {
    /// Reads the files of tokens, secrets and certificates that the configuration names again, and goes by them from now on. All or
    /// nothing: where one cannot be used, the node goes on with what it has. For the configuration itself there is
    /// [`reload_config`](Self::reload_config).
    ///
    /// # Errors
    /// What is wrong with a file; or the node has stopped.
    pub async fn reload(&self) -> Result<(), ReloadError> {
        reload(&self.view, &self.requests).await
    }

    /// Takes from a configuration what a node can while it runs: tokens, certificates and who may use the API, secrets, `seal` and
    /// `insecure`. So a cluster without a secret gets one without a restart (S4): first `accept` on every node, then `send`, then
    /// `require`. All or nothing: where something cannot be used, the node goes on with what it has. What else is new is named, and
    /// waits for a restart.
    ///
    /// # Errors
    /// What is wrong with the configuration or a file, or that it takes the secret away; or the node has stopped.
    pub async fn reload_config(&self, config: Config) -> Result<Reloaded, ReloadError> {
        reload_config(&self.view, &self.requests, config).await
    }

    /// The ids of this node's keys, and under which of them it hears whom (S4, S5); `None` without a secret.
    pub fn keys(&self) -> Option<KeysStatus> {
        self.view.look(|view, _| KeysStatus::of(view))
    }

    /// Changes the keys of this node, and its file of secrets first: a restart finds what it left. To replace the secret of a cluster,
    /// add the new one on every node, then use it on every node, then remove the old one from every node.
    ///
    /// # Errors
    /// Why not. Nothing has changed then, unless the node has stopped meanwhile.
    pub async fn change_keys(&self, change: KeyChange) -> Result<(), KeyRefused> {
        change_keys(&self.view, &self.requests, change).await
    }
}
