//! What lets clients and datagrams in: the tokens of the API, its certificate, and the secrets of the cluster. What stands in files can
//! be read again.

mod file;
mod keys;
#[cfg(feature = "tls")]
mod tls;

use std::path::{Path, PathBuf};
#[cfg(feature = "tls")]
use std::sync::Arc;
use std::sync::{Mutex, MutexGuard, TryLockError};

#[cfg(feature = "tls")]
use arc_swap::ArcSwapOption;
use qcluster_core::config::{ApiRole, ApiToken, SealMode, TlsConfig, TokenConfig};
use qcluster_core::seal::{Keyring, NONCE_PREFIX_LEN};
use qcluster_core::{Config, Secret};

use crate::error::CredentialError;

/// Tokens with what they are for.
pub(crate) type Tokens = Vec<(ApiToken, ApiRole)>;

/// What connections are accepted with; `None` where they are plain.
#[cfg(feature = "tls")]
pub(crate) type ServerTls = Option<Arc<rustls::ServerConfig>>;
/// A build without TLS has none.
#[cfg(not(feature = "tls"))]
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServerTls;

/// The credentials of a node that runs.
#[derive(Debug)]
pub(crate) struct Credentials {
    /// What it was started with, without secrets and tokens.
    started_with: Box<Config>,
    /// Two changes at a time would each undo the other's. Locked by threads that have nothing else to do.
    sources: Mutex<Sources>,
    /// What connections are accepted with.
    #[cfg(feature = "tls")]
    accepts_with: ArcSwapOption<rustls::ServerConfig>,
}

/// Where the credentials of a node come from.
#[derive(Clone, Debug)]
pub(crate) struct Sources {
    cluster: String,
    /// Each with the field that it stands in.
    tokens: Vec<(String, TokenConfig)>,
    secrets: SecretSource,
    sealing: Option<SealMode>,
    tls: Option<TlsConfig>,
}

#[derive(Clone, Debug)]
enum SecretSource {
    None,
    /// They stand in the configuration itself.
    Fixed(Vec<Secret>),
    File(PathBuf),
}

impl Credentials {
    /// Those of a node with that configuration.
    pub(crate) fn new(config: &Config, sources: Sources, tls: ServerTls) -> Self {
        let mut started_with = Box::new(config.clone());
        (started_with.secret, started_with.secrets) = (None, Vec::new());
        (started_with.api.token, started_with.api.tokens) = (None, Vec::new());
        let credentials = Self {
            started_with,
            sources: Mutex::new(sources),
            #[cfg(feature = "tls")]
            accepts_with: ArcSwapOption::empty(),
        };
        credentials.accept_with(tls);
        credentials
    }

    /// The configuration that the node was started with, but for its credentials.
    pub(crate) fn started_with(&self) -> &Config {
        &self.started_with
    }

    /// What connections are accepted with from now on; `None` where they are plain.
    #[cfg(feature = "tls")]
    pub(crate) fn tls(&self) -> ServerTls {
        self.accepts_with.load_full()
    }

    /// Accepts new connections with this.
    #[cfg(feature = "tls")]
    pub(crate) fn accept_with(&self, tls: ServerTls) {
        self.accepts_with.store(tls);
    }

    /// Nothing is to be done without TLS.
    #[cfg(not(feature = "tls"))]
    #[allow(clippy::unused_self, reason = "with TLS it has something to do")]
    pub(crate) fn accept_with(&self, _: ServerTls) {}

    /// The right to change what is in use, or to read it again, unless somebody has it.
    pub(crate) fn sources_if_free(&self) -> Option<MutexGuard<'_, Sources>> {
        match self.sources.try_lock() {
            Ok(sources) => Some(sources),
            Err(TryLockError::Poisoned(sources)) => Some(sources.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

impl Sources {
    pub(crate) fn of(config: &Config) -> Self {
        let secrets = match (&config.secret_file, config.sealing()) {
            (Some(path), _) => SecretSource::File(path.into()),
            (None, Some(_)) => SecretSource::Fixed(config.own_secrets().cloned().collect()),
            (None, None) => SecretSource::None,
        };
        Self {
            cluster: config.cluster.clone(),
            tokens: config.api.token_sources().collect(),
            secrets,
            sealing: config.sealing(),
            tls: config.api.tls.clone().filter(|_| config.api.enabled),
        }
    }

    /// What is sealed; `None` where there is no secret.
    pub(crate) fn sealing(&self) -> Option<SealMode> {
        self.sealing
    }

    /// Whether HTTP is spoken over TLS.
    pub(crate) fn has_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Reads certificates and key. Blocks.
    ///
    /// # Errors
    /// They cannot be read, or not be used together.
    #[cfg(feature = "tls")]
    pub(crate) fn read_tls(&self) -> Result<ServerTls, CredentialError> {
        self.tls.as_ref().map(tls::server).transpose()
    }

    /// This build has no TLS.
    ///
    /// # Errors
    /// The configuration asks for it.
    #[cfg(not(feature = "tls"))]
    pub(crate) fn read_tls(&self) -> Result<ServerTls, CredentialError> {
        if self.tls.is_some() { Err(CredentialError::NoTls) } else { Ok(ServerTls) }
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

    /// The keys of the configuration, or of its file as it is now; `None` where there is no secret. Blocks.
    ///
    /// # Errors
    /// They cannot be read, or not be used together.
    pub(crate) fn keyring(&self) -> Result<Option<Keyring>, CredentialError> {
        match &self.secrets {
            SecretSource::None => Ok(None),
            SecretSource::Fixed(secrets) => {
                Keyring::new(&self.cluster, secrets).map(Some).map_err(CredentialError::Secrets)
            }
            SecretSource::File(path) => self.keyring_of(path, &file::secrets(path)?).map(Some),
        }
    }

    /// The keys of the secrets in that file.
    fn keyring_of(&self, path: &Path, secrets: &[Secret]) -> Result<Keyring, CredentialError> {
        Keyring::new(&self.cluster, secrets)
            .map_err(|error| CredentialError::SecretFile { path: path.into(), reason: error.to_string() })
    }
}

/// For a [`Seal`](qcluster_core::seal::Seal) of this incarnation.
pub(crate) fn nonce_prefix() -> Result<[u8; NONCE_PREFIX_LEN], getrandom::Error> {
    let mut nonce_prefix = [0; NONCE_PREFIX_LEN];
    getrandom::fill(&mut nonce_prefix)?;
    Ok(nonce_prefix)
}

#[cfg(test)]
mod tests;
