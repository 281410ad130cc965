//! The certificate that a node shows over TLS, and the authority whose certificates it asks clients for.

use std::path::Path;
use std::sync::Arc;

use qcluster_core::config::TlsConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use crate::error::CredentialError;

/// What a server needs for TLS. Blocks.
///
/// # Errors
/// A file cannot be read, or what is in it cannot be used.
pub(super) fn server(config: &TlsConfig) -> Result<Arc<ServerConfig>, CredentialError> {
    let TlsConfig { cert, key, client_ca, .. } = config;
    super::file::warn_if_open(Path::new(key), "the private key of the API");
    let own_key = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| unusable("api.tls.key", key, &in_words(&error, "private key")))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable("api.tls.cert", cert, &error.to_string()))?;
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let bad = |reason: &str| unusable("api.tls.client_ca", path, reason);
            let mut roots = RootCertStore::empty();
            for certificate in certificates("api.tls.client_ca", path)? {
                roots.add(certificate).map_err(|error| bad(&error.to_string()))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.map_err(|error| bad(&error.to_string()))?)
        }
    };
    let config = builder.with_single_cert(certificates("api.tls.cert", cert)?, own_key);
    config.map(Arc::new).map_err(|error| {
        let reason = match error {
            rustls::Error::InconsistentKeys(_) => format!("it is not the certificate of the key in {key}"),
            error => error.to_string(),
        };
        unusable("api.tls.cert", cert, &reason)
    })
}

fn certificates(field: &str, path: &str) -> Result<Vec<CertificateDer<'static>>, CredentialError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(certificates) if certificates.is_empty() => Err(unusable(field, path, "there is no certificate in it")),
        read => read.map_err(|error| unusable(field, path, &in_words(&error, "certificate"))),
    }
}

/// What was looked for is `what`, in the form PEM.
fn in_words(error: &rustls::pki_types::pem::Error, what: &str) -> String {
    use rustls::pki_types::pem::Error;
    match error {
        Error::Io(error) => error.to_string(),
        Error::NoItemsFound => format!("there is no {what} in it"),
        // What the library says of it repeats lines, and they may be those of a key.
        _ => format!("it is not PEM with a {what}"),
    }
}

fn unusable(field: &str, path: &str, reason: &str) -> CredentialError {
    CredentialError::TlsFile { field: field.into(), path: Path::new(path).into(), reason: reason.into() }
}
