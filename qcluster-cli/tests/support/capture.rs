//! What somebody on the way does with datagrams: overhears all of them, and sends them once more, in another's name too.

use std::collections::BTreeSet;
use std::io::{self, Read as _};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::namespace::within;

/// A datagram as it went over the network.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Overheard {
    pub(crate) from: SocketAddrV4,
    pub(crate) to: SocketAddrV4,
    pub(crate) bytes: Vec<u8>,
}

/// All UDP that goes through one machine.
#[derive(Debug)]
pub(crate) struct Capture {
    socket: Socket,
    seen: BTreeSet<Overheard>,
}

impl Capture {
    /// Listens in the namespace at that path. Needs root.
    pub(crate) fn start(namespace: &Path) -> io::Result<Self> {
        /// `ETH_P_ALL`, as it goes over the network: a bridge takes what is of one protocol alone before anybody sees it.
        const ALL: i32 = 0x0300;
        let socket = within(namespace, || Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(ALL))))?;
        socket.set_nonblocking(true)?;
        // As much as the system allows: what it has no room for was not overheard.
        socket.set_recv_buffer_size(16 << 20)?;
        Ok(Self { socket, seen: BTreeSet::new() })
    }

    /// All that has been overheard until now, each once.
    pub(crate) fn overheard(&mut self) -> &BTreeSet<Overheard> {
        let mut frame = [0; 2_048];
        while let Ok(len) = (&self.socket).read(&mut frame) {
            // It goes in at one port of the bridge and out at another.
            self.seen.extend(udp(&frame[..len]));
        }
        &self.seen
    }
}

/// The datagram in an Ethernet frame, if there is one.
fn udp(frame: &[u8]) -> Option<Overheard> {
    const UDP: u8 = 17;
    let packet = frame.get(14..)?.strip_prefix(&[0x45]).filter(|_| frame[12..14] == [0x08, 0x00])?;
    let (protocol, addresses, datagram) = (*packet.get(8)?, packet.get(11..19)?, packet.get(19..)?);
    let address = |at: usize| Some(Ipv4Addr::from(<[u8; 4]>::try_from(addresses.get(at..at + 4)?).ok()?));
    let port = |at: usize| Some(u16::from_be_bytes(datagram.get(at..at + 2)?.try_into().ok()?));
    let (from, to) = (SocketAddrV4::new(address(0)?, port(0)?), SocketAddrV4::new(address(4)?, port(2)?));
    let bytes = datagram.get(8..usize::from(port(4)?))?.to_vec();
    (protocol == UDP).then_some(Overheard { from, to, bytes })
}

/// Sends datagrams in another's name.
#[derive(Debug)]
pub(crate) struct Impostor(Socket);

impl Impostor {
    /// From the namespace at that path. Needs root.
    pub(crate) fn new(namespace: &Path) -> io::Result<Self> {
        /// `IPPROTO_RAW`.
        const RAW: i32 = 255;
        let socket = within(namespace, || Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(RAW))))?;
        socket.set_header_included_v4(true)?;
        Ok(Self(socket))
    }

    /// Sends it as who sent it first.
    pub(crate) fn repeat(&self, datagram: &Overheard) -> io::Result<()> {
        let Overheard { from, to, bytes } = datagram;
        let len = u16::try_from(8 + bytes.len()).map_err(io::Error::other)?;
        // The kernel fills in what is left at nothing here: lengths, a number and the checksum. Without one of its own UDP has none.
        let mut packet = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0];
        packet.extend(from.ip().octets());
        packet.extend(to.ip().octets());
        packet.extend([from.port().to_be_bytes(), to.port().to_be_bytes(), len.to_be_bytes(), [0, 0]].concat());
        packet.extend(bytes);
        self.0.send_to(&packet, &SockAddr::from(*to)).map(|_| ())
    }
}
