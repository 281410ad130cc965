//! Free ports, chosen at run time.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Below what systems give to outgoing connections, so that nothing takes a port between the look and the bind.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// Every port is given out once in a process, and processes begin at different places.
static NEXT: AtomicU16 = AtomicU16::new(0);

/// Nothing is being spawned while this is held, nor is a port tried: a child that has not yet become the program that it is
/// to run holds all sockets of its parent, and a port that was closed is still taken.
pub(crate) fn quiet() -> MutexGuard<'static, ()> {
    static QUIET: Mutex<()> = Mutex::new(());
    QUIET.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A port that nobody uses, neither for UDP nor for TCP, on neither loopback address.
pub(crate) fn free() -> u16 {
    let _quiet = quiet();
    let start = std::process::id().wrapping_mul(2_654_435_761) >> 16;
    for _ in 0..COUNT {
        let turn = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let offset = u16::try_from((start + turn) % u32::from(COUNT)).unwrap_or(0);
        if is_free(FIRST + offset) {
            return FIRST + offset;
        }
    }
    panic!("none of {COUNT} ports from {FIRST} on is free");
}

fn is_free(port: u16) -> bool {
    let loopback: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    loopback.iter().all(|&ip| can_bind(TcpListener::bind((ip, port))) && can_bind(UdpSocket::bind((ip, port))))
}

/// A machine without IPv6 has no such address, and nobody who could use it.
fn can_bind<T>(result: io::Result<T>) -> bool {
    result.map_or_else(|error| error.kind() == io::ErrorKind::AddrNotAvailable, |_| true)
}
