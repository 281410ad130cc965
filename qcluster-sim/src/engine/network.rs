//! The network: directed links, and what becomes of a datagram on one. Here are links that each have a quality, faults and
//! chance of their own; others only say which of theirs a datagram takes.

use qcluster_core::Span;

use crate::rng::Rng;

/// How one directed link treats datagrams. The `_ppm` fields are how many of a million meet that fate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkQuality {
    /// The shortest delay.
    pub delay_min: Span,
    /// The longest; datagrams overtake one another where it is more than the shortest.
    pub delay_max: Span,
    /// Lost.
    pub loss_ppm: u32,
    /// Delivered twice.
    pub duplicate_ppm: u32,
    /// Held back by up to `straggle` more, so that much is overtaken.
    pub straggler_ppm: u32,
    /// How late a straggler may be.
    pub straggle: Span,
    /// Changed in one or more bits.
    pub corrupt_ppm: u32,
    /// Cut short.
    pub truncate_ppm: u32,
}

impl Default for LinkQuality {
    /// One rack: 50 to 250 µs and no faults.
    fn default() -> Self {
        Self {
            delay_min: Span::from_nanos(50_000),
            delay_max: Span::from_nanos(250_000),
            loss_ppm: 0,
            duplicate_ppm: 0,
            straggler_ppm: 0,
            straggle: Span::ZERO,
            corrupt_ppm: 0,
            truncate_ppm: 0,
        }
    }
}

/// Whether a link carries anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// It does.
    Up,
    /// Everything is lost.
    Cut,
}

/// The shortest delay: nothing arrives in the nanosecond that it was sent in.
pub(super) const DELAY_MIN: Span = Span::from_nanos(1_000);

/// What joins hosts. Each kind draws in an order of its own, which seeds rely on.
pub(crate) trait Links {
    /// What becomes of a datagram of that many bytes: the copies that arrive.
    fn treat(&mut self, from: usize, to: usize, len: usize) -> [Option<Arrival>; 2];
}

/// A copy of a datagram that arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arrival {
    pub(crate) delay: Span,
    pub(crate) damage: Option<Damage>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Damage {
    /// One to four bits are flipped, by a random number for each.
    Flips(u64),
    /// That bit of that byte is flipped.
    Flip { at: usize, bit: usize },
    /// Only so many bytes are left.
    Cut(usize),
}

impl Damage {
    /// A datagram as it arrives.
    pub(super) fn done_to(self, original: &[u8]) -> Vec<u8> {
        let mut bytes = original.to_vec();
        match self {
            Self::Flips(random) => {
                let mut rng = Rng::new(random);
                for _ in 0..rng.between(1, 4) {
                    flip(&mut bytes, place(&mut rng, original.len()), place(&mut rng, 8));
                }
                if bytes == original {
                    // A bit was flipped to and fro.
                    flip(&mut bytes, 0, 0);
                }
            }
            Self::Flip { at, bit } => flip(&mut bytes, at, bit),
            Self::Cut(len) => bytes.truncate(len),
        }
        bytes
    }
}

fn flip(bytes: &mut [u8], at: usize, bit: usize) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 << bit;
    }
}

/// What carries datagrams, and decides by chance what becomes of them.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) quality: LinkQuality,
    pub(crate) rng: Rng,
}

impl Link {
    pub(crate) const fn new(quality: LinkQuality, rng: Rng) -> Self {
        Self { quality, rng }
    }

    pub(crate) fn loses(&mut self) -> bool {
        self.rng.chance_ppm(self.quality.loss_ppm)
    }

    pub(crate) fn doubles(&mut self) -> bool {
        self.rng.chance_ppm(self.quality.duplicate_ppm)
    }

    pub(crate) fn delay(&mut self) -> Span {
        let Self { quality, rng } = self;
        let usual = rng.between(quality.delay_min.as_nanos(), quality.delay_max.as_nanos());
        let more = if rng.chance_ppm(quality.straggler_ppm) { rng.below(quality.straggle.as_nanos()) } else { 0 };
        Span::from_nanos(usual.saturating_add(more)).max(DELAY_MIN)
    }

    /// Damage as chance will have it: flipped bits are drawn by the first, and how much is left by the second.
    pub(crate) fn damage(
        &mut self,
        flip: impl FnOnce(&mut Rng) -> Damage,
        cut: impl FnOnce(&mut Rng) -> usize,
    ) -> Option<Damage> {
        let Self { quality, rng } = self;
        if rng.chance_ppm(quality.corrupt_ppm) {
            Some(flip(rng))
        } else if rng.chance_ppm(quality.truncate_ppm) {
            Some(Damage::Cut(cut(rng)))
        } else {
            None
        }
    }
}

/// One of so many places.
pub(crate) fn place(rng: &mut Rng, len: usize) -> usize {
    usize::try_from(rng.below(len as u64)).unwrap_or(0)
}

/// Links that each are of their own: a matrix by sender and receiver.
#[derive(Clone, Debug)]
pub struct Network {
    hosts: usize,
    links: Vec<(Carrier, Link)>,
}

impl Network {
    pub(crate) fn new(hosts: usize, quality: LinkQuality, seed: u64) -> Self {
        let link = |part| (Carrier::Up, Link::new(quality, Rng::for_part(seed, part)));
        Self { hosts, links: (0..hosts * hosts).map(|part| link(part as u64)).collect() }
    }

    /// How many hosts it joins.
    pub fn hosts(&self) -> usize {
        self.hosts
    }

    /// Whether `from` reaches `to`. Unknown hosts reach nobody.
    pub fn carrier(&self, from: usize, to: usize) -> Carrier {
        self.at(from, to).map_or(Carrier::Cut, |at| self.links[at].0)
    }

    /// How that link treats datagrams at the moment.
    pub fn quality(&self, from: usize, to: usize) -> Option<LinkQuality> {
        self.at(from, to).map(|at| self.links[at].1.quality)
    }

    /// Cuts or restores one direction.
    pub fn set_carrier(&mut self, from: usize, to: usize, carrier: Carrier) {
        if let Some(at) = self.at(from, to) {
            self.links[at].0 = carrier;
        }
    }

    /// Changes how one direction treats datagrams.
    pub fn set_quality(&mut self, from: usize, to: usize, quality: LinkQuality) {
        if let Some(at) = self.at(from, to) {
            self.links[at].1.quality = quality;
        }
    }

    fn at(&self, from: usize, to: usize) -> Option<usize> {
        (from < self.hosts && to < self.hosts).then_some(from * self.hosts + to)
    }
}

impl Links for Network {
    /// Damage is done to a datagram before it is doubled.
    fn treat(&mut self, from: usize, to: usize, len: usize) -> [Option<Arrival>; 2] {
        let Some(at) = self.at(from, to) else { return [None; 2] };
        let (carrier, link) = &mut self.links[at];
        if *carrier == Carrier::Cut || link.loses() {
            return [None; 2];
        }
        let first = link.delay();
        let second = if link.doubles() { Some(link.delay()) } else { None };
        let damage = link.damage(|rng| Damage::Flips(rng.next()), |rng| place(&mut Rng::new(rng.next()), len));
        [Some(first), second].map(|delay| Some(Arrival { delay: delay?, damage }))
    }
}
