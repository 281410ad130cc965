//! Trouble comes in episodes: something begins and, most of the time, ends.

use qcluster_core::{Span, Time};

use super::draw_rate;
use crate::disk::DiskQuality;
use crate::engine::LinkQuality;
use crate::fault::{Fault, Hostility, Memory, Place};
use crate::rng::Rng;
use crate::setup::{Assumption, HostSet, Setup};

/// A kind of episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Crash,
    CrashDuring,
    Freeze,
    CutOne,
    Split,
    Isolate,
    HalfDeaf,
    Shape,
    BadLink,
    Rate,
    Lag,
    BadDisk,
    Transfer,
    StepDown,
    Shutdown,
    Hostile,
    MassRestart,
    MendAll,
    WallJump,
    ClockJump,
    Twin,
}

const USUAL: [Kind; 18] = [
    Kind::Crash,
    Kind::CrashDuring,
    Kind::Freeze,
    Kind::CutOne,
    Kind::Split,
    Kind::Isolate,
    Kind::HalfDeaf,
    Kind::Shape,
    Kind::BadLink,
    Kind::Rate,
    Kind::Lag,
    Kind::BadDisk,
    Kind::Transfer,
    Kind::StepDown,
    Kind::Shutdown,
    Kind::Hostile,
    Kind::MassRestart,
    Kind::MendAll,
];

/// What there is in one run, and how often.
#[derive(Clone, Debug)]
pub(super) struct Knobs {
    kinds: Vec<Kind>,
    /// The mean time between two beginnings.
    gap: Span,
    /// The longest episode.
    length_max: Span,
    disks: Disks,
}

/// Whether a restarted host may come back with an empty disk: not where wall clocks are wild, on which tokens would then
/// rest (E12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Disks {
    Lasting,
    MayBeLost,
}

impl Knobs {
    pub(super) fn draw(rng: &mut Rng, setup: &mut Setup) -> Self {
        let lease = setup.plans[0].lease;
        let mut kinds: Vec<Kind> = USUAL.into_iter().filter(|_| rng.one_in(3)).collect();
        let (voters, lease_ms) = (setup.plans[0].voters, lease.as_millis());
        let mut disks = Disks::MayBeLost;
        if setup.clocks.iter().any(|clock| clock.wall_ms.unsigned_abs() > lease_ms) {
            disks = Disks::Lasting;
        } else if setup.durable == HostSet::first(setup.hosts) && rng.one_in(3) {
            disks = Disks::Lasting;
            kinds.push(Kind::WallJump);
        }
        if rng.one_in(24) {
            setup.rates = Assumption::Broken;
            kinds.push(Kind::ClockJump);
        } else if voters.len() > 1 && rng.one_in(24) {
            // A twin is found where the network works and somebody is there to notice it; elsewhere nothing is promised.
            let LinkQuality { delay_min, delay_max, .. } = LinkQuality::default();
            setup.link = LinkQuality { delay_min, delay_max, ..LinkQuality::default() };
            setup.hosts = (setup.hosts + 1).min(HostSet::CAPACITY);
            setup.clocks.resize(setup.hosts, setup.clocks[0]);
            kinds = vec![Kind::Twin];
        }
        if kinds.is_empty() {
            kinds.push(Kind::Crash);
        }
        let gap = lease.split(4).times(rng.pick(&[1, 2, 4, 8, 16, 40]).unwrap_or(4));
        Self { kinds, gap, length_max: lease.times(rng.pick(&[1, 3, 8]).unwrap_or(3)), disks }
    }

    pub(super) fn disks(&self) -> Disks {
        self.disks
    }

    /// Whether the run is about twins, and nothing else.
    pub(super) fn has_twins(&self) -> bool {
        self.kinds.contains(&Kind::Twin)
    }

    pub(super) fn episodes(&self, rng: &mut Rng, setup: &Setup, from: Time, to: Time, faults: &mut Vec<(Time, Fault)>) {
        let mut at = from;
        loop {
            at = at + Span::from_nanos(rng.below(self.gap.times(2).as_nanos()));
            if at >= to {
                return;
            }
            let length = Span::from_nanos(rng.below(self.length_max.as_nanos()));
            let Some(kind) = rng.pick(&self.kinds) else { return };
            // Some trouble does not end by itself.
            let end = if rng.one_in(8) { Time::NEVER } else { at + length };
            let mut episode = Episode { rng, setup, at, end, disks: self.disks, faults };
            episode.begin(kind);
        }
    }
}

struct Episode<'a> {
    rng: &'a mut Rng,
    setup: &'a Setup,
    at: Time,
    end: Time,
    disks: Disks,
    faults: &'a mut Vec<(Time, Fault)>,
}

impl Episode<'_> {
    fn add(&mut self, begin: Fault, end: Fault) {
        self.faults.push((self.at, begin));
        self.ends(end);
    }

    fn ends(&mut self, end: Fault) {
        if self.end < Time::NEVER {
            self.faults.push((self.end, end));
        }
    }

    fn host(&mut self) -> usize {
        let hosts: Vec<usize> = self.setup.plans.iter().flat_map(|plan| plan.all_voters().iter()).collect();
        let anyone = usize::try_from(self.rng.below(self.setup.hosts as u64)).unwrap_or(0);
        if self.rng.one_in(16) { anyone } else { self.rng.pick(&hosts).unwrap_or(anyone) }
    }

    fn restart(&mut self, host: usize) -> Fault {
        let lost = self.disks == Disks::MayBeLost && self.rng.one_in(8);
        let memory = if lost { Memory::Lost } else { Memory::Kept };
        let place = if self.rng.one_in(6) { Place::Moved } else { Place::Same };
        Fault::Restart { host, memory, place, plan: 0 }
    }

    fn begin(&mut self, kind: Kind) {
        match kind {
            Kind::Crash | Kind::CrashDuring | Kind::Shutdown => self.end_of_process(kind),
            Kind::Freeze => {
                let host = self.host();
                self.add(Fault::Freeze { host }, Fault::Thaw { host });
            }
            Kind::CutOne => {
                let (from, to) = (self.host(), self.host());
                self.add(Fault::Cut { from, to }, Fault::Mend { from, to });
            }
            Kind::Split => {
                let group = (0..self.setup.hosts).filter(|_| self.rng.one_in(2)).collect();
                self.add(Fault::Split { group }, Fault::MendAll);
            }
            Kind::Isolate => {
                let group = core::iter::once(self.host()).collect();
                self.add(Fault::Split { group }, Fault::MendAll);
            }
            Kind::HalfDeaf => self.half_deaf(),
            Kind::Shape => self.shape(),
            Kind::BadLink => self.bad_link(),
            Kind::Rate => {
                let (host, drift) = (self.host(), self.setup.plans[0].drift_ppm);
                let ppb = draw_rate(self.rng, drift);
                self.faults.push((self.at, Fault::Rate { host, ppb }));
            }
            Kind::Lag => {
                let lag = Span::from_nanos(self.rng.below(self.setup.plans[0].lease.as_nanos()));
                let host = self.host();
                self.add(Fault::Lag { host, lag }, Fault::Lag { host, lag: Span::ZERO });
            }
            Kind::BadDisk => {
                let lease = self.setup.plans[0].lease;
                let fail_ppm = self.rng.pick(&[0, 100_000, 1_000_000]).unwrap_or(0);
                let quality = DiskQuality { delay_min: Span::ZERO, delay_max: lease, fail_ppm };
                let host = self.host();
                self.add(Fault::Disk { host, quality }, Fault::Disk { host, quality: self.setup.disk });
            }
            Kind::Transfer => {
                let to = if self.rng.one_in(2) { Some(self.host()) } else { None };
                self.faults.push((self.at, Fault::Transfer { to }));
            }
            Kind::StepDown => self.faults.push((self.at, Fault::StepDown)),
            Kind::Hostile => {
                let hostility =
                    self.rng.pick(&[Hostility::Noise, Hostility::Replay, Hostility::Replay, Hostility::Mutant]);
                let (to, hostility) = (self.host(), hostility.unwrap_or(Hostility::Noise));
                self.faults.push((self.at, Fault::Hostile { to, hostility }));
            }
            Kind::MassRestart => self.mass_restart(),
            Kind::MendAll => self.faults.push((self.at, Fault::MendAll)),
            Kind::WallJump => {
                let (host, ms) = (self.host(), self.rng.between_signed(-10_000_000, 10_000_000));
                self.faults.push((self.at, Fault::WallJump { host, ms }));
            }
            Kind::ClockJump => {
                let lease = i64::try_from(self.setup.plans[0].lease.as_nanos()).unwrap_or(0);
                let (host, nanos) = (self.host(), self.rng.between_signed(-4 * lease, 4 * lease));
                self.faults.push((self.at, Fault::ClockJump { host, nanos }));
            }
            Kind::Twin => {
                let (host, of) = (self.setup.hosts - 1, self.host());
                self.add(Fault::Twin { host, of }, Fault::Crash { host });
            }
        }
    }

    fn end_of_process(&mut self, kind: Kind) {
        let host = self.host();
        let begin = match kind {
            Kind::CrashDuring => Fault::CrashDuring { host, outputs: u8::try_from(self.rng.below(6)).unwrap_or(0) },
            Kind::Shutdown => Fault::Shutdown { host },
            _ => Fault::Crash { host },
        };
        let end = self.restart(host);
        self.add(begin, end);
    }

    /// A host that sends and hears nothing, or the other way round.
    fn half_deaf(&mut self) {
        let host = self.host();
        let deaf = self.rng.one_in(2);
        for other in (0..self.setup.hosts).filter(|other| *other != host) {
            let (from, to) = if deaf { (other, host) } else { (host, other) };
            self.add(Fault::Cut { from, to }, Fault::Mend { from, to });
        }
    }

    /// A line, a ring, a star or a bridge instead of a full mesh.
    fn shape(&mut self) {
        let hosts = self.setup.hosts;
        let shape = self.rng.below(4);
        let center = self.host();
        let joined = |a: usize, b: usize| {
            let (low, high) = (a.min(b), a.max(b));
            match shape {
                0 => high - low == 1,
                1 => high - low == 1 || (low == 0 && high == hosts - 1),
                2 => a == center || b == center,
                // Two halves with one host in common.
                _ => a == center || b == center || (a < hosts / 2) == (b < hosts / 2),
            }
        };
        for from in 0..hosts {
            for to in (0..hosts).filter(|to| *to != from && !joined(from, *to)) {
                self.faults.push((self.at, Fault::Cut { from, to }));
            }
        }
        self.ends(Fault::MendAll);
    }

    fn bad_link(&mut self) {
        let lease = self.setup.plans[0].lease.as_nanos();
        let (from, to) = (self.host(), self.host());
        let quality = LinkQuality {
            delay_max: Span::from_nanos(self.rng.between(self.setup.link.delay_max.as_nanos(), lease * 2)),
            loss_ppm: self.rng.pick(&[0, 100_000, 700_000]).unwrap_or(0),
            duplicate_ppm: self.rng.pick(&[0, 300_000]).unwrap_or(0),
            ..self.setup.link
        };
        self.add(Fault::Link { from, to, quality }, Fault::Link { from, to, quality: self.setup.link });
    }

    fn mass_restart(&mut self) {
        for host in 0..self.setup.hosts {
            if self.rng.one_in(8) {
                continue;
            }
            self.faults.push((self.at, Fault::Crash { host }));
            let end = self.restart(host);
            let pause = Span::from_nanos(self.rng.below(self.setup.plans[0].lease.times(2).as_nanos()));
            self.faults.push((self.at + pause, end));
        }
    }
}
