//! Binding: UDP, and TCP where HTTP is served, on one port number, on every address that the host name stands for.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::{TcpListener, UdpSocket, lookup_host};

use qcluster_host::error::{BindError, Protocol};

/// How often another port is tried where the system may choose, since it has to be free for both protocols on every
/// address.
const ATTEMPTS_MAX: usize = 16;

/// Which protocols a node listens with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocols {
    /// A node that serves no HTTP.
    Udp,
    UdpAndTcp,
}

/// What a node listens on: the same addresses for each protocol, all with one port.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) udp: Vec<UdpSocket>,
    pub(crate) tcp: Vec<TcpListener>,
    pub(crate) addresses: Vec<SocketAddr>,
}

/// Binds `port` on all addresses of `host`, a free one if it is 0.
pub(crate) async fn bind(host: &str, port: u16, protocols: Protocols) -> Result<Bound, BindError> {
    let ips = addresses(host).await?;
    let mut attempt = 1;
    loop {
        match bind_all(&ips, port, protocols).await {
            Err(BindError::InUse { .. }) if port == 0 && attempt < ATTEMPTS_MAX => attempt += 1,
            result => return result,
        }
    }
}

/// Every loopback address, for those who say `localhost`.
pub(crate) const LOOPBACK: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

/// The address that a host is written as, if it is one; IPv6 may stand in brackets.
pub(crate) fn literal(host: &str) -> Option<IpAddr> {
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host).parse().ok()
}

pub(crate) fn is_localhost(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
}

async fn addresses(host: &str) -> Result<Vec<IpAddr>, BindError> {
    if is_localhost(host) {
        return Ok(LOOPBACK.to_vec());
    }
    if let Some(ip) = literal(host) {
        return Ok(vec![ip]);
    }
    let unresolved = |error| BindError::Unresolved { host: host.to_owned(), error };
    let mut ips = Vec::new();
    for address in lookup_host((host, 0)).await.map_err(unresolved)? {
        if !ips.contains(&address.ip()) {
            ips.push(address.ip());
        }
    }
    if ips.is_empty() {
        return Err(unresolved(io::Error::new(io::ErrorKind::NotFound, "the name has no address")));
    }
    Ok(ips)
}

async fn bind_all(ips: &[IpAddr], port: u16, protocols: Protocols) -> Result<Bound, BindError> {
    let mut bound = Bound { udp: Vec::new(), tcp: Vec::new(), addresses: Vec::new() };
    let mut first_error = None;
    for &ip in ips {
        // The first address chooses the port if the system may, and the others follow it.
        let port = bound.addresses.first().map_or(port, SocketAddr::port);
        match bind_one(SocketAddr::new(ip, port), protocols).await {
            Ok((udp, tcp, address)) => {
                bound.udp.push(udp);
                bound.tcp.extend(tcp);
                bound.addresses.push(address);
            }
            Err(error @ BindError::InUse { .. }) => return Err(error),
            // A name may stand for a family or an interface that this machine does not have.
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    match first_error {
        Some(error) if bound.addresses.is_empty() => Err(error),
        Some(_) | None => Ok(bound),
    }
}

async fn bind_one(
    address: SocketAddr,
    protocols: Protocols,
) -> Result<(UdpSocket, Option<TcpListener>, SocketAddr), BindError> {
    if protocols == Protocols::Udp {
        let udp = UdpSocket::bind(address).await.map_err(|error| refused(address, Protocol::Udp, error))?;
        let address = udp.local_addr().map_err(|error| refused(address, Protocol::Udp, error))?;
        return Ok((udp, None, address));
    }
    let tcp = TcpListener::bind(address).await.map_err(|error| refused(address, Protocol::Tcp, error))?;
    let address = tcp.local_addr().map_err(|error| refused(address, Protocol::Tcp, error))?;
    let udp = UdpSocket::bind(address).await.map_err(|error| refused(address, Protocol::Udp, error))?;
    Ok((udp, Some(tcp), address))
}

fn refused(address: SocketAddr, protocol: Protocol, error: io::Error) -> BindError {
    if error.kind() == io::ErrorKind::AddrInUse {
        BindError::InUse { address, protocol }
    } else {
        BindError::Refused { address, protocol, error }
    }
}
