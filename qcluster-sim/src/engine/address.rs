//! Where hosts are: addresses that say whose they are, and the how-manieth of that host.

use std::net::{Ipv4Addr, SocketAddr};

use super::packets::Place;

const NET: u8 = 10;
const PORT: u16 = 7_000;
/// Hosts that share a port: as many as the last octet of an address can tell apart.
const HOSTS_A_PORT: u16 = 254;

/// The address of a host: another one after each move.
pub(super) fn address_of(place: Place) -> SocketAddr {
    let [high, low] = place.generation.to_be_bytes();
    let last = u8::try_from(place.host % HOSTS_A_PORT + 1).unwrap_or(u8::MAX);
    SocketAddr::from((Ipv4Addr::new(NET, high, low, last), PORT + place.host / HOSTS_A_PORT))
}

/// Whose address it is, or was.
pub(super) fn place_at(address: SocketAddr) -> Option<Place> {
    let SocketAddr::V4(address) = address else { return None };
    let [NET, high, low, last] = address.ip().octets() else { return None };
    let port = address.port().checked_sub(PORT)?;
    let host = port.checked_mul(HOSTS_A_PORT)?.checked_add(u16::from(last).checked_sub(1)?)?;
    Some(Place { host, generation: u16::from_be_bytes([high, low]) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_says_whose_it_is() {
        for host in [0, 1, 15, 253, 254, 255, 9_999, u16::MAX] {
            for generation in [0, 1, 255, 256, u16::MAX] {
                let place = Place { host, generation };
                assert_eq!(place_at(address_of(place)), Some(place));
            }
        }
        assert_eq!(place_at(SocketAddr::from(([192, 0, 2, 1], 9))), None, "a stranger's");
        assert_eq!(place_at(SocketAddr::from(([10, 0, 0, 0], PORT))), None, "nobody's");
    }
}
