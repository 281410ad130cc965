//! The network: a matrix of directed links, each with its own delay, faults and chance.

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

#[derive(Clone, Debug)]
struct Link {
    carrier: Carrier,
    quality: LinkQuality,
    rng: Rng,
}

/// What becomes of one datagram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fate {
    /// Delays of the copies that arrive.
    pub(crate) copies: [Option<Span>; 2],
    pub(crate) damage: Option<Damage>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Damage {
    /// Bits to flip, by a random number for each.
    Flip(u64),
    /// Keep so much of it, in parts of 2⁶⁴.
    Truncate(u64),
}

/// All links between hosts.
#[derive(Clone, Debug)]
pub struct Network {
    hosts: usize,
    links: Vec<Link>,
}

impl Network {
    pub(crate) fn new(hosts: usize, quality: LinkQuality, seed: u64) -> Self {
        let link = |part| Link { carrier: Carrier::Up, quality, rng: Rng::for_part(seed, part) };
        Self { hosts, links: (0..hosts * hosts).map(|part| link(part as u64)).collect() }
    }

    /// How many hosts it joins.
    pub fn hosts(&self) -> usize {
        self.hosts
    }

    /// Whether `from` reaches `to`. Unknown hosts reach nobody.
    pub fn carrier(&self, from: usize, to: usize) -> Carrier {
        self.at(from, to).map_or(Carrier::Cut, |at| self.links[at].carrier)
    }

    /// How that link treats datagrams at the moment.
    pub fn quality(&self, from: usize, to: usize) -> Option<LinkQuality> {
        self.at(from, to).map(|at| self.links[at].quality)
    }

    /// Cuts or restores one direction.
    pub fn set_carrier(&mut self, from: usize, to: usize, carrier: Carrier) {
        if let Some(at) = self.at(from, to) {
            self.links[at].carrier = carrier;
        }
    }

    /// Changes how one direction treats datagrams.
    pub fn set_quality(&mut self, from: usize, to: usize, quality: LinkQuality) {
        if let Some(at) = self.at(from, to) {
            self.links[at].quality = quality;
        }
    }

    fn at(&self, from: usize, to: usize) -> Option<usize> {
        (from < self.hosts && to < self.hosts).then_some(from * self.hosts + to)
    }

    pub(crate) fn send(&mut self, from: usize, to: usize) -> Fate {
        let mut fate = Fate::default();
        let Some(at) = self.at(from, to) else { return fate };
        let Link { carrier, quality, rng } = &mut self.links[at];
        if *carrier == Carrier::Cut || rng.chance_ppm(quality.loss_ppm) {
            return fate;
        }
        fate.copies[0] = Some(delay(quality, rng));
        if rng.chance_ppm(quality.duplicate_ppm) {
            fate.copies[1] = Some(delay(quality, rng));
        }
        if rng.chance_ppm(quality.corrupt_ppm) {
            fate.damage = Some(Damage::Flip(rng.next()));
        } else if rng.chance_ppm(quality.truncate_ppm) {
            fate.damage = Some(Damage::Truncate(rng.next()));
        }
        fate
    }
}

fn delay(quality: &LinkQuality, rng: &mut Rng) -> Span {
    let usual = rng.between(quality.delay_min.as_nanos(), quality.delay_max.as_nanos());
    let more = if rng.chance_ppm(quality.straggler_ppm) { rng.below(quality.straggle.as_nanos()) } else { 0 };
    // At least a microsecond: nothing arrives in the nanosecond that it was sent in.
    Span::from_nanos(usual.saturating_add(more).max(1_000))
}
