//! TLS with the node that is asked.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use qcluster::client::{Client, ClientTls};

use crate::{Failure, exit};

/// Begins the address of a node that speaks TLS.
const SCHEME: &str = "https://";

#[derive(Args)]
pub(crate) struct Tls {
    /// Speak TLS with nodes whose certificates an authority in this file has signed (PEM).
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Show this certificate (PEM).
    #[arg(long, value_name = "FILE", requires = "tls_key", requires = "ca")]
    cert: Option<PathBuf>,
    /// The private key of that certificate (PEM).
    // By another name than its own, which is that of an argument of `owners`.
    #[arg(id = "tls_key", long = "key", value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
}

impl Tls {
    /// A client of the node at that address, which may begin with `https://`.
    pub(super) fn client(&self, address: &str) -> Result<Client, Failure> {
        let (host_and_port, is_secure) = match address.strip_prefix(SCHEME) {
            Some(rest) => (rest, true),
            None => (address, false),
        };
        let client = Client::new(host_and_port);
        let Some(ca) = &self.ca else {
            let no_authority = || Failure::new(exit::BAD_CONFIG, &"https:// needs --ca, the file of the authority");
            return if is_secure { Err(no_authority()) } else { Ok(client) };
        };
        let authority = read(ca)?;
        let tls = match (&self.cert, &self.key) {
            (Some(cert), Some(key)) => ClientTls::with_certificate(&authority, &read(cert)?, &read(key)?),
            (Some(_), None) | (None, Some(_) | None) => ClientTls::new(&authority),
        };
        tls.map(|tls| client.with_tls(tls)).map_err(|error| Failure::new(exit::BAD_CONFIG, &error))
    }
}

/// An address without its scheme.
pub(super) fn without_scheme(address: &str) -> &str {
    address.strip_prefix(SCHEME).unwrap_or(address)
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| Failure::new(exit::BAD_CONFIG, &format_args!("{}: {error}", path.display())))
}
