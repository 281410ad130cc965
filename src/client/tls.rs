//! What a client needs for TLS: whom it believes, and what it shows of itself.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{AlertDescription, CertificateError, ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// TLS with nodes whose certificates an authority has signed.
#[derive(Clone)]
pub struct ClientTls(Arc<ClientConfig>);

/// Why certificates or a key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientTlsError(String);

impl ClientTls {
    /// Believes the authorities whose certificates are in `ca`, in the form PEM, and no others.
    ///
    /// # Errors
    /// There is no certificate in it, or it cannot be used.
    pub fn new(ca: &[u8]) -> Result<Self, ClientTlsError> {
        Self::with(ca, None)
    }

    /// Shows a certificate, too, with those that lead from it to an authority of the node; and the private key of it. All in the form
    /// PEM.
    ///
    /// # Errors
    /// Something is missing in it, or it cannot be used.
    pub fn with_certificate(ca: &[u8], certificate: &[u8], key: &[u8]) -> Result<Self, ClientTlsError> {
        Self::with(ca, Some((certificate, key)))
    }

    fn with(ca: &[u8], own: Option<(&[u8], &[u8])>) -> Result<Self, ClientTlsError> {
        let unusable = |what: &str, error: rustls::Error| ClientTlsError(format!("{what}: {error}"));
        let mut roots = RootCertStore::empty();
        for certificate in certificates(ca, "the authority")? {
            roots.add(certificate).map_err(|error| unusable("the authority", error))?;
        }
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable("TLS", error))?
            .with_root_certificates(roots);
        let config = match own {
            None => config.with_no_client_auth(),
            Some((certificate, key)) => {
                let key = PrivateKeyDer::from_pem_slice(key)
                    .map_err(|_| ClientTlsError("the key: it is not PEM with a private key".into()))?;
                let chain = certificates(certificate, "the certificate")?;
                config.with_client_auth_cert(chain, key).map_err(|error| unusable("the certificate", error))?
            }
        };
        Ok(Self(Arc::new(config)))
    }

    /// A connection on which a node has shown a certificate for that host.
    pub(super) async fn connect(&self, host: &str, stream: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(host.to_owned()).map_err(std::io::Error::other)?;
        TlsConnector::from(Arc::clone(&self.0)).connect(name, stream).await
    }
}

/// What has gone wrong in TLS, where that is what lies behind an error.
pub(super) fn failure(error: &(dyn Error + 'static)) -> Option<String> {
    let mut causes = std::iter::successors(Some(error), |&error| error.source());
    causes.find_map(|error| {
        let inner = || error.downcast_ref::<std::io::Error>()?.get_ref()?.downcast_ref();
        error.downcast_ref::<rustls::Error>().or_else(inner).map(in_words)
    })
}

fn in_words(error: &rustls::Error) -> String {
    use CertificateError::{Expired, ExpiredContext, NotValidForName, NotValidForNameContext, UnknownIssuer};
    use rustls::Error::{AlertReceived, InvalidCertificate, InvalidMessage};
    match error {
        InvalidCertificate(UnknownIssuer) => "no authority that this client believes has signed its certificate".into(),
        InvalidCertificate(Expired | ExpiredContext { .. }) => "its certificate has expired".into(),
        InvalidCertificate(NotValidForName | NotValidForNameContext { .. }) => {
            "its certificate is for another name".into()
        }
        AlertReceived(AlertDescription::CertificateRequired) => "it wants a certificate of its clients".into(),
        AlertReceived(
            AlertDescription::BadCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::DecryptError
            | AlertDescription::UnknownCA,
        ) => "it does not accept the certificate of this client".into(),
        InvalidMessage(_) => "it does not speak TLS".into(),
        other => other.to_string(),
    }
}

fn certificates(pem: &[u8], what: &str) -> Result<Vec<CertificateDer<'static>>, ClientTlsError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match read {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) | Err(_) => Err(ClientTlsError(format!("{what}: it is not PEM with a certificate"))),
    }
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTls").finish_non_exhaustive()
    }
}

impl fmt::Display for ClientTlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ClientTlsError {}
