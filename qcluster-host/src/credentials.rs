//! What lets clients and datagrams in: the tokens of the API, its certificate, and the secrets of the cluster. What stands in files can
//! be read again.

mod file;
mod keys;
#[cfg(feature = "tls")]
mod tls;

use std::path::{Path, PathBuf};
#[cfg(feature = "tls")]
use std::sync::Arc;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

#[cfg(feature = "tls")]
use arc_swap::ArcSwapOption;
use qcluster_core::config::{ApiRole, ApiToken, TlsConfig, TokenConfig};
use qcluster_core::seal::Keyring;
use qcluster_core::{Config, Secret};

use crate::error::CredentialError;

/// Tokens with what they are for.
pub(crate) type Tokens = Vec<(ApiToken, ApiRole)>;

/// Where the credentials of a node come from.
#[derive(Debug)]
pub(crate) struct Credentials {
    cluster: String,
    /// Each with the field that it stands in.
    tokens: Vec<(String, TokenConfig)>,
    secrets: SecretSource,
    tls: Option<TlsConfig>,
    /// What connections are accepted with.
    #[cfg(feature = "tls")]
    accepts_with: ArcSwapOption<rustls::ServerConfig>,
    /// Two changes at a time would each undo the other's. Locked by threads that have nothing else to do.
    turn: Mutex<()>,
}

#[derive(Debug)]
enum SecretSource {
    None,
    /// They stand in the configuration itself, and stay as they are.
    Fixed,
    File(PathBuf),
}

impl Credentials {
    pub(crate) fn of(config: &Config) -> Self {
        let secrets = match (&config.secret_file, config.sealing()) {
            (Some(path), _) => SecretSource::File(path.into()),
            (None, Some(_)) => SecretSource::Fixed,
            (None, None) => SecretSource::None,
        };
        let tokens = config.api.token_sources().collect();
        Self {
            cluster: config.cluster.clone(),
            tokens,
            secrets,
            tls: config.api.tls.clone().filter(|_| config.api.enabled),
            #[cfg(feature = "tls")]
            accepts_with: ArcSwapOption::empty(),
            turn: Mutex::default(),
        }
    }

    /// What connections are accepted with from now on; `None` where they are plain.
    #[cfg(feature = "tls")]
    pub(crate) fn tls(&self) -> Option<Arc<rustls::ServerConfig>> {
        self.accepts_with.load_full()
    }

    /// Reads certificates and key, and gives what puts them to use. Blocks.
    ///
    /// # Errors
    /// They cannot be read, or not be used together.
    #[cfg(feature = "tls")]
    pub(crate) fn read_tls(&self) -> Result<impl FnOnce(&Self) + use<>, CredentialError> {
        let read = self.tls.as_ref().map(tls::server).transpose()?;
        Ok(move |credentials: &Self| credentials.accepts_with.store(read))
    }

    /// This build has no TLS.
    ///
    /// # Errors
    /// The configuration asks for it.
    #[cfg(not(feature = "tls"))]
    pub(crate) fn read_tls(&self) -> Result<impl FnOnce(&Self) + use<>, CredentialError> {
        if self.tls.is_some() { Err(CredentialError::NoTls) } else { Ok(|_: &Self| ()) }
    }

    /// The right to change what is in use, or to read it again. Blocks while somebody else has it.
    pub(crate) fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same, unless somebody has it.
    pub(crate) fn turn_if_free(&self) -> Option<MutexGuard<'_, ()>> {
        match self.turn.try_lock() {
            Ok(turn) => Some(turn),
            Err(TryLockError::Poisoned(turn)) => Some(turn.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// All tokens, as they stand in the configuration and in files now. Blocks.
    ///
    /// # Errors
    /// A file has none, or cannot be read.
    pub(crate) fn tokens(&self) -> Result<Tokens, CredentialError> {
        let mut tokens = Tokens::new();
        for (field, TokenConfig { token, token_file, role, .. }) in &self.tokens {
            tokens.extend(token.iter().map(|token| (token.clone(), *role)));
            if let Some(path) = token_file {
                tokens.extend(
                    file::tokens(&format!("{field}.token_file"), path)?.into_iter().map(|token| (token, *role)),
                );
            }
        }
        Ok(tokens)
    }

    /// The keys that the file of secrets stands for now; `None` where there is no such file. Blocks.
    ///
    /// # Errors
    /// It cannot be read, or its secrets cannot be used.
    pub(crate) fn keyring_in_file(&self) -> Result<Option<Keyring>, CredentialError> {
        let SecretSource::File(path) = &self.secrets else { return Ok(None) };
        let secrets = file::secrets(path)?;
        self.keyring(path, &secrets).map(Some)
    }

    fn keyring(&self, path: &Path, secrets: &[Secret]) -> Result<Keyring, CredentialError> {
        Keyring::new(&self.cluster, secrets)
            .map_err(|error| CredentialError::SecretFile { path: path.into(), reason: error.to_string() })
    }
}

/// The keys of a configuration, or of the file that it names; `None` where it has none. Blocks.
///
/// # Errors
/// They cannot be read, or not be used together.
pub(crate) fn keyring(config: &Config, credentials: &Credentials) -> Result<Option<Keyring>, CredentialError> {
    match credentials.secrets {
        SecretSource::None => Ok(None),
        SecretSource::Fixed => {
            Keyring::new(&config.cluster, config.own_secrets()).map(Some).map_err(CredentialError::Secrets)
        }
        SecretSource::File(_) => credentials.keyring_in_file(),
    }
}

#[cfg(test)]
mod tests;
