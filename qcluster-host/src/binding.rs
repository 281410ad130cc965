//! Binding: UDP, and TCP where HTTP is served, on one port number, on every address that the host name stands for.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs as _, UdpSocket};
use std::thread;
use std::time::Duration;

use qcluster_core::{Config, Host};

use crate::error::{BindError, Protocol};
use crate::log::TARGET;

/// How often another port is tried where the system may choose, since it has to be free for both protocols on every
/// address.
const ATTEMPTS_MAX: usize = 16;

/// How often `listen_host` is looked up at the start, and the time between two lookups.
const LOOKUPS_MAX: u32 = 5;
const LOOKUP_PAUSE: Duration = Duration::from_secs(1);

/// Which protocols a node listens with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocols {
    /// A node that serves no HTTP.
    Udp,
    /// A node that does.
    UdpAndTcp,
}

/// What a node listens on: the same addresses for each protocol, all with one port.
#[derive(Debug)]
pub struct Bound {
    /// For datagrams.
    pub udp: Vec<UdpSocket>,
    /// For HTTP; none where there is none.
    pub tcp: Vec<TcpListener>,
    /// Those that could be bound.
    pub addresses: Vec<SocketAddr>,
}

/// Binds `port` on all addresses of `host`, a free one if it is 0. The sockets do not block; looking the name up does, and takes four
/// seconds longer where it has no address at first.
///
/// # Errors
/// The name has no address, or none of them could be bound.
pub fn bind(host: &str, port: u16, protocols: Protocols) -> Result<Bound, BindError> {
    let ips = addresses(host)?;
    let mut attempt = 1;
    loop {
        match bind_all(&ips, port, protocols) {
            Err(BindError::InUse { .. }) if port == 0 && attempt < ATTEMPTS_MAX => attempt += 1,
            result => return result,
        }
    }
}

/// Binds `port` for HTTP alone on all addresses of `host`. The sockets do not block; looking the name up does.
///
/// # Errors
/// As [`bind`].
pub(crate) fn bind_http(host: &str, port: u16) -> Result<(Vec<TcpListener>, Vec<SocketAddr>), BindError> {
    let bound = addresses(host)?.into_iter().map(|ip| bind_tcp(SocketAddr::new(ip, port)));
    Ok(bound.collect::<Result<Vec<_>, _>>()?.into_iter().unzip())
}

/// Every loopback address, for those who say `localhost`.
pub const LOOPBACK: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

/// The address that a host is written as, if it is one. `::ffff:10.0.0.7` is the IPv4 address in it: sockets are chosen by family.
pub fn literal(host: &str) -> Option<IpAddr> {
    match Host::parse(host) {
        Ok(Host::Address(address)) => Some(address.to_canonical()),
        Ok(Host::Name(_)) | Err(_) => None,
    }
}

/// Whether a host stands for every loopback address.
pub fn is_localhost(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
}

fn addresses(host: &str) -> Result<Vec<IpAddr>, BindError> {
    if is_localhost(host) {
        return Ok(LOOPBACK.to_vec());
    }
    if let Some(ip) = literal(host) {
        return Ok(vec![ip]);
    }
    looked_up(host, lookup, || thread::sleep(LOOKUP_PAUSE))
}

/// Looks a name up, and again while it has no address: a machine that has just started may know no names yet.
fn looked_up(
    host: &str,
    mut lookup: impl FnMut(&str) -> io::Result<Vec<IpAddr>>,
    mut pause: impl FnMut(),
) -> Result<Vec<IpAddr>, BindError> {
    let mut attempt = 1;
    loop {
        match lookup(host) {
            Ok(ips) => return Ok(ips),
            Err(error) if attempt == LOOKUPS_MAX => return Err(BindError::Unresolved { host: host.to_owned(), error }),
            Err(error) => tracing::warn!(
                name: "qcluster.listen_host_unresolved", target: TARGET, host, %error, attempt, of = LOOKUPS_MAX,
                "listen_host has no address yet: it is looked up again"
            ),
        }
        pause();
        attempt += 1;
    }
}

/// All addresses of a name, each once.
fn lookup(host: &str) -> io::Result<Vec<IpAddr>> {
    let mut ips = Vec::new();
    for address in (Host::without_brackets(host), 0).to_socket_addrs()? {
        if !ips.contains(&address.ip()) {
            ips.push(address.ip());
        }
    }
    if ips.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
    }
    Ok(ips)
}

fn bind_all(ips: &[IpAddr], port: u16, protocols: Protocols) -> Result<Bound, BindError> {
    let mut bound = Bound { udp: Vec::new(), tcp: Vec::new(), addresses: Vec::new() };
    let mut first_error = None;
    for &ip in ips {
        // The first address chooses the port if the system may, and the others follow it.
        let port = bound.addresses.first().map_or(port, SocketAddr::port);
        match bind_one(SocketAddr::new(ip, port), protocols) {
            Ok((udp, tcp, address)) => {
                bound.udp.push(udp);
                bound.tcp.extend(tcp);
                bound.addresses.push(address);
            }
            Err(error @ BindError::InUse { .. }) => return Err(error),
            // A name may stand for a family or an interface that this machine does not have.
            Err(error) => {
                tracing::warn!(name: "qcluster.address_left_out", target: TARGET, %ip, %error, "an address of listen_host cannot be listened on");
                first_error = first_error.or(Some(error));
            }
        }
    }
    match first_error {
        Some(error) if bound.addresses.is_empty() => Err(error),
        Some(_) | None => Ok(bound),
    }
}

fn bind_one(
    address: SocketAddr,
    protocols: Protocols,
) -> Result<(UdpSocket, Option<TcpListener>, SocketAddr), BindError> {
    let bind_udp = |address| {
        let socket = UdpSocket::bind(address).and_then(|socket| socket.set_nonblocking(true).map(|()| socket));
        socket.map_err(|error| refused(address, Protocol::Udp, error))
    };
    if protocols == Protocols::Udp {
        let udp = bind_udp(address)?;
        let address = udp.local_addr().map_err(|error| refused(address, Protocol::Udp, error))?;
        return Ok((udp, None, address));
    }
    let (tcp, address) = bind_tcp(address)?;
    Ok((bind_udp(address)?, Some(tcp), address))
}

fn bind_tcp(address: SocketAddr) -> Result<(TcpListener, SocketAddr), BindError> {
    let tcp = TcpListener::bind(address).and_then(|socket| {
        bound_buffers(&socket)?;
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        Ok((socket, address))
    });
    tcp.map_err(|error| refused(address, Protocol::Tcp, error))
}

/// What the system keeps of each connection on its way in and out, in bytes. Left to itself it lets a client that does not read pin
/// megabytes.
#[cfg(unix)]
const CONNECTION_BUFFER_LEN: usize = 32 * 1_024;

/// Connections have the buffers of the socket that accepts them.
#[cfg(unix)]
fn bound_buffers(socket: &TcpListener) -> io::Result<()> {
    rustix::net::sockopt::set_socket_recv_buffer_size(socket, CONNECTION_BUFFER_LEN)?;
    rustix::net::sockopt::set_socket_send_buffer_size(socket, CONNECTION_BUFFER_LEN)?;
    Ok(())
}

#[cfg(not(unix))]
fn bound_buffers(_: &TcpListener) -> io::Result<()> {
    Ok(())
}

fn refused(address: SocketAddr, protocol: Protocol, error: io::Error) -> BindError {
    if error.kind() == io::ErrorKind::AddrInUse {
        BindError::InUse { address, protocol }
    } else {
        BindError::Refused { address, protocol, error }
    }
}

/// Where this node is for others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Advertised {
    /// There.
    At(SocketAddr),
    /// Where that name leads, which has to be looked up.
    Named {
        /// The name.
        host: String,
        /// Goes with each address that is found.
        port: u16,
    },
    /// Nobody has said: others tell it where they see it.
    Nowhere,
}

/// Where this node is for others, as far as its configuration tells: what it advertises, or else the first address that it listens
/// on, unless that stands for every address of this machine.
pub fn advertised(config: &Config, listen: &[SocketAddr]) -> Advertised {
    let first = listen.first().copied();
    let port = config.advertise_port.or(first.map(|first| first.port())).unwrap_or(config.listen_port);
    let ip = match config.advertise_host.as_deref() {
        None => first.map(|first| first.ip()),
        Some(host) if is_localhost(host) => Some(LOOPBACK[0]),
        Some(host) => match literal(host) {
            None => return Advertised::Named { host: host.to_owned(), port },
            ip => ip,
        },
    };
    match ip.filter(|ip| !ip.is_unspecified()) {
        Some(ip) => Advertised::At(SocketAddr::new(ip, port)),
        None => Advertised::Nowhere,
    }
}

/// Whether an address is one of this machine's own: a socket can be bound to those alone.
pub fn is_of_this_machine(ip: IpAddr) -> bool {
    ip.is_loopback() || UdpSocket::bind((ip, 0)).is_ok()
}

#[cfg(test)]
mod tests;
