//! A machine: a clock that is a little off, a disk, and the process that runs on it or does not.

use qcluster_core::{Endpoint, EndpointBoot, PersistId, Rules, Time};

use super::Memory;
use crate::cluster::{OBSERVER, STAMP_MS, config, introduce};

/// The voters and the observer.
pub(super) const NODES: usize = OBSERVER + 1;

/// A clock, by real time. It never jumps.
#[derive(Clone, Debug)]
struct Clock {
    /// What it shows is `local` at `real`, and goes on at its rate.
    real: u64,
    local: u64,
    rate_ppm: i64,
}

impl Clock {
    const MILLION: i128 = 1_000_000;

    fn read(&self, real: u64) -> u64 {
        let passed = i128::from(real - self.real) * (Self::MILLION + i128::from(self.rate_ppm)) / Self::MILLION;
        self.local + u64::try_from(passed).expect("clocks go forward")
    }

    /// The first real time at which it shows that.
    fn when(&self, local: u64) -> u64 {
        let ahead = i128::from(local.saturating_sub(self.local)) * Self::MILLION;
        let rate = Self::MILLION + i128::from(self.rate_ppm);
        self.real.saturating_add(u64::try_from((ahead + rate - 1) / rate).unwrap_or(u64::MAX))
    }
}

/// What is on a disk, and what is on its way there.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    saved: Option<Vec<u8>>,
    pub(super) saving: Option<(PersistId, Vec<u8>)>,
}

impl Disk {
    /// What the next process begins with.
    pub(super) fn saved(&self) -> Option<&[u8]> {
        self.saved.as_deref()
    }

    /// The save under way ends.
    pub(super) fn ends(&mut self, well: bool) -> Option<PersistId> {
        let (id, record) = self.saving.take()?;
        if well {
            self.saved = Some(record);
        }
        Some(id)
    }
}

/// Where one node runs.
#[derive(Clone)]
pub(super) struct Machine {
    node: usize,
    pub(super) rules: Rules,
    clock: Clock,
    pub(super) disk: Disk,
    pub(super) endpoint: Option<Endpoint>,
    /// Processes so far.
    starts: u64,
}

impl Machine {
    /// How many parts in a million a step of a rate is.
    const RATE_STEP_PPM: i64 = 78;

    pub(super) fn new(node: usize, memory: Memory, gossips: bool) -> Self {
        let mut config = config(node);
        config.data_dir = (memory == Memory::Disk && node != OBSERVER).then(|| "state".to_owned());
        let settings = config.settings().map(|settings| {
            let mut settings = settings;
            settings.gossip = settings.gossip.filter(|_| gossips);
            settings
        });
        let rules = settings.and_then(|settings| settings.check()).expect("the configuration is right");
        let clock = Clock { real: 0, local: 0, rate_ppm: 0 };
        Self { node, rules, clock, disk: Disk::default(), endpoint: None, starts: 0 }
    }

    /// Starts a process. Wall clocks agree.
    pub(super) fn start(&mut self, real: u64, seed: u64) {
        self.starts += 1;
        let seed = seed ^ (self.starts << 8) ^ self.node as u64;
        let boot = EndpointBoot { seed, stamp_ms: STAMP_MS + real / 1_000_000, saved: self.disk.saved() };
        let now = self.now(real);
        let mut endpoint = Endpoint::new(self.rules.clone(), boot, now).expect("what was saved can be started from");
        introduce(&mut endpoint, self.node, now);
        self.endpoint = Some(endpoint);
    }

    /// Ends the process; what it was saving is on the disk then or is not.
    pub(super) fn end(&mut self, saved: bool) {
        self.disk.ends(saved);
        self.endpoint = None;
    }

    pub(super) fn now(&self, real: u64) -> Time {
        Time::from_nanos(self.clock.read(real))
    }

    /// When the node wants to be called, in real time; never, if it does not run or has stopped.
    pub(super) fn deadline(&self, real: u64) -> Option<u64> {
        let deadline = self.endpoint.as_ref()?.deadline();
        (deadline < Time::NEVER).then(|| self.clock.when(deadline.as_nanos()).max(real))
    }

    pub(super) fn set_rate(&mut self, real: u64, rate: i8) {
        self.clock = Clock { real, local: self.clock.read(real), rate_ppm: i64::from(rate) * Self::RATE_STEP_PPM };
    }
}
