//! The network of a crowd: one quality for all links, and cuts that are a rule and no matrix.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};

use qcluster_core::{Span, Time};

use super::queue::Queue;
use crate::network::LinkQuality;
use crate::rng::Rng;

/// Tells of a sending and a receiving host whether nothing passes.
type Cut = Box<dyn Fn(usize, usize) -> bool>;

pub(super) struct Network {
    pub(super) quality: LinkQuality,
    pub(super) cut: Option<Cut>,
    rng: Rng,
}

impl Network {
    pub(super) fn new(quality: LinkQuality, seed: u64) -> Self {
        Self { quality, cut: None, rng: Rng::for_part(seed, 1) }
    }

    pub(super) fn send(&mut self, now: Time, from: SocketAddr, to: SocketAddr, bytes: &[u8], queue: &mut Queue) {
        let (Some(sender), Some(receiver)) = (host_at(from), host_at(to)) else { return };
        let LinkQuality { loss_ppm, duplicate_ppm, corrupt_ppm, truncate_ppm, .. } = self.quality;
        if self.cut.as_ref().is_some_and(|cut| cut(sender, receiver)) || self.rng.chance_ppm(loss_ppm) {
            return;
        }
        let copies = 1 + u8::from(self.rng.chance_ppm(duplicate_ppm));
        for _ in 0..copies {
            let at = now + self.delay();
            if self.rng.chance_ppm(corrupt_ppm) {
                let mut damaged = bytes.to_vec();
                let place = usize::try_from(self.rng.below(bytes.len() as u64)).unwrap_or(0);
                damaged[place] ^= 1 << self.rng.below(8);
                queue.deliver(at, from, to, &damaged);
            } else if self.rng.chance_ppm(truncate_ppm) {
                let keep = usize::try_from(self.rng.below(bytes.len() as u64)).unwrap_or(0);
                queue.deliver(at, from, to, &bytes[..keep]);
            } else {
                queue.deliver(at, from, to, bytes);
            }
        }
    }

    fn delay(&mut self) -> Span {
        let LinkQuality { delay_min, delay_max, straggler_ppm, straggle, .. } = self.quality;
        let usual = self.rng.between(delay_min.as_nanos(), delay_max.as_nanos());
        let more = if self.rng.chance_ppm(straggler_ppm) { self.rng.below(straggle.as_nanos()) } else { 0 };
        // Nothing arrives in the nanosecond that it was sent in.
        Span::from_nanos(usual.saturating_add(more).max(1_000))
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network")
            .field("quality", &self.quality)
            .field("is_cut", &self.cut.is_some())
            .finish_non_exhaustive()
    }
}

/// The address of a host: another one for each move.
pub(super) fn address_of(host: usize, moves: u8) -> SocketAddr {
    let [.., high, low] = host.to_be_bytes();
    SocketAddr::from((Ipv4Addr::new(10, moves, high, low), 7_000))
}

/// The host that has, or had, an address.
pub(super) fn host_at(address: SocketAddr) -> Option<usize> {
    let SocketAddr::V4(address) = address else { return None };
    let [net, _, high, low] = address.ip().octets();
    (net == 10 && address.port() == 7_000).then_some(usize::from(high) << 8 | usize::from(low))
}
