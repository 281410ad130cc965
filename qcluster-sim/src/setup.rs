//! What a world is made of before anything happens: hosts, plans, clocks, links and disks, as plain data.

pub(crate) mod check;
pub(crate) mod sealing;

use std::fmt;

use qcluster_core::{
    Durability, Gossip, GossipPace, NodeId, Preset, Rules, Seat, Settings, Span, Time, Timing, VoterSettings,
};
use serde::{Deserialize, Serialize};

use crate::disk::DiskQuality;
use crate::engine::LinkQuality;
pub use sealing::{KeyChange, SealSetup};

/// A set of hosts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HostSet(pub u16);

impl HostSet {
    /// How many hosts a world can have.
    pub const CAPACITY: usize = 16;

    /// The hosts `0..count`.
    pub fn first(count: usize) -> Self {
        (0..count.min(Self::CAPACITY)).collect()
    }

    /// Whether it holds that host.
    pub fn contains(self, host: usize) -> bool {
        host < Self::CAPACITY && self.0 & (1 << host) != 0
    }

    /// Adds a host; one beyond the capacity is ignored.
    pub fn insert(&mut self, host: usize) {
        if host < Self::CAPACITY {
            self.0 |= 1 << host;
        }
    }

    /// The same without that host.
    #[must_use]
    pub fn without(self, host: usize) -> Self {
        if host < Self::CAPACITY { Self(self.0 & !(1 << host)) } else { self }
    }

    /// How many there are.
    pub fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The hosts in order.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..Self::CAPACITY).filter(move |host| self.contains(*host))
    }

    /// Those in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Those in either.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl FromIterator<usize> for HostSet {
    fn from_iter<I: IntoIterator<Item = usize>>(hosts: I) -> Self {
        let mut set = Self::default();
        hosts.into_iter().for_each(|host| set.insert(host));
        set
    }
}

impl fmt::Display for HostSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut comma = "";
        for host in self.iter() {
            write!(f, "{comma}{host}")?;
            comma = ",";
        }
        if self.is_empty() { f.write_str("none") } else { Ok(()) }
    }
}

/// A configuration that hosts may start with: the voters, and the pace. Hosts outside the voters observe (E13).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The voters.
    pub voters: HostSet,
    /// The voters that come next, while they change (E20).
    pub next: Option<HostSet>,
    /// h.
    pub heartbeat: Span,
    /// L.
    pub lease: Span,
    /// Lmax; equal to L where leases are fixed (E23).
    pub max_lease: Span,
    /// The slot of E8.
    pub slot: Span,
    /// ρ in parts per million.
    pub drift_ppm: u32,
    /// For diskless hosts: the longest lease of an earlier plan (E9).
    pub previous_lease: Span,
    /// By host; hosts beyond its end have priority 0.
    pub priorities: Vec<u32>,
}

impl Plan {
    /// The hosts `0..count` vote, with the default timing.
    pub fn voters(count: usize) -> Self {
        Self::new(HostSet::first(count), Timing::default())
    }

    /// Those hosts vote, at that pace, with leases of that length and no other, all of one priority.
    pub fn new(voters: HostSet, timing: Timing) -> Self {
        let Timing { heartbeat, lease, slot, drift_ppm, max_lease: _ } = timing;
        let (max_lease, previous_lease) = (lease, Span::ZERO);
        Self {
            voters,
            next: None,
            heartbeat,
            lease,
            max_lease,
            slot,
            drift_ppm,
            previous_lease,
            priorities: Vec::new(),
        }
    }

    /// The pace.
    pub fn timing(&self) -> Timing {
        let Self { heartbeat, lease, max_lease, slot, drift_ppm, .. } = *self;
        Timing { heartbeat, lease, max_lease, slot, drift_ppm }
    }

    /// Whether `hosts` hold a majority of every list.
    pub fn is_quorum(&self, hosts: HostSet) -> bool {
        let majority = |list: HostSet| list.and(hosts).len() > list.len() / 2;
        majority(self.voters) && self.next.is_none_or(majority)
    }

    /// Voters of either list.
    pub fn all_voters(&self) -> HostSet {
        self.voters.or(self.next.unwrap_or_default())
    }

    /// The rules of a host under this plan.
    ///
    /// # Errors
    /// The plan is not a valid configuration: the sentence says why.
    pub(crate) fn rules(&self, identity: usize, setup: &Setup) -> Result<Rules, String> {
        self.settings(identity, setup)?.check().map_err(|error| error.to_string())
    }

    /// What a host is configured with under this plan, unchecked.
    ///
    /// # Errors
    /// There are too many hosts to name.
    pub(crate) fn settings(&self, identity: usize, setup: &Setup) -> Result<Settings, String> {
        let voter = |host: usize| {
            let priority = self.priorities.get(host).copied().unwrap_or(0);
            id_of(host).map(|id| VoterSettings::new(id).with_priority(priority))
        };
        let list = |hosts: HostSet| hosts.iter().map(voter).collect::<Result<Vec<_>, _>>();
        let timing = self.timing();
        let mut settings = Settings::voter(id_of(identity)?, list(self.voters)?);
        settings.cluster = CLUSTER.into();
        settings.seat = if self.all_voters().contains(identity) { Seat::Voter } else { Seat::Observer };
        settings.next_voters = self.next.map(list).transpose()?;
        settings.timing = timing;
        settings.durability = if setup.durable.contains(identity) { Durability::Durable } else { Durability::Diskless };
        settings.previous_lease = self.previous_lease;
        settings.drain = setup.drain;
        settings.settle = Settings::settle_default(&timing);
        settings.gossip = setup.gossip.map(Gossip::from);
        Ok(settings)
    }
}

/// The name of the cluster.
pub(crate) const CLUSTER: &str = "simulated";

/// Hosts are named so that the order of their names is the order of their numbers.
pub(crate) fn id_of(host: usize) -> Result<NodeId, String> {
    NodeId::new(&format!("n{host:02}")).map_err(|error| error.to_string())
}

/// The clock of one host at the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockSetup {
    /// How far its rate is off, in parts in 10⁹.
    pub rate_ppb: i64,
    /// How far its wall clock is off.
    pub wall_ms: i64,
    /// What its monotonic clock shows at the start.
    pub local: Time,
}

/// What the schedule keeps to, and so what the oracles may insist on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Assumption {
    /// It holds throughout.
    Kept,
    /// It is broken on purpose: what rests on it is not judged.
    Broken,
}

/// Everything that a world starts with. The same setup and faults give the same run, to the last bit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setup {
    /// What all chance comes from.
    pub seed: u64,
    /// How many hosts there are, at most [`HostSet::CAPACITY`].
    pub hosts: usize,
    /// The configurations that hosts may start with. All begin with the first.
    pub plans: Vec<Plan>,
    /// Hosts with a disk; the others are diskless (E12).
    pub durable: HostSet,
    /// By host; hosts beyond its end have a perfect clock.
    pub clocks: Vec<ClockSetup>,
    /// All links at the start.
    pub link: LinkQuality,
    /// All disks at the start.
    pub disk: DiskQuality,
    /// How long a leader's work is given to end before a hand-over (E10).
    pub drain: Span,
    /// How long it takes, at most.
    pub work: Span,
    /// All rates stay within ρ, and no monotonic clock jumps: what every lease rests on.
    pub rates: Assumption,
    /// The wall clocks of diskless hosts agree to a fraction of a lease: what tokens rest on there (E12).
    pub walls: Assumption,
    /// No two live nodes have one identifier: what E17 looks for but cannot always find.
    pub identities: Assumption,
    /// The pace of membership and registry, where hosts have them beside the election.
    #[serde(default)]
    pub gossip: Option<GossipPace>,
    /// What the files of all hosts say of keys at the start, where datagrams are sealed, or are to be.
    #[serde(default)]
    pub seal: Option<SealSetup>,
}

impl Setup {
    /// `count` diskless voters on one rack with perfect clocks and the default timing.
    pub fn voters(count: usize) -> Self {
        let plan = Plan::voters(count);
        let lease = plan.lease;
        Self {
            seed: 0,
            hosts: count,
            plans: vec![plan],
            durable: HostSet::default(),
            clocks: Vec::new(),
            link: LinkQuality::default(),
            disk: DiskQuality::default(),
            drain: lease.times(2),
            work: Span::ZERO,
            rates: Assumption::Kept,
            walls: Assumption::Kept,
            identities: Assumption::Kept,
            gossip: None,
            seal: None,
        }
    }

    /// The same with another seed.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// The same with another pace for all plans.
    #[must_use]
    pub fn preset(mut self, preset: Preset) -> Self {
        let Timing { heartbeat, lease, slot, drift_ppm, max_lease: _ } = preset.into();
        for plan in &mut self.plans {
            (plan.heartbeat, plan.lease, plan.slot, plan.drift_ppm) = (heartbeat, lease, slot, drift_ppm);
            plan.max_lease = lease;
        }
        self
    }

    /// The same with disks for all.
    #[must_use]
    pub fn durable(self) -> Self {
        Self { durable: HostSet::first(self.hosts), ..self }
    }

    /// The same with these files for all.
    #[must_use]
    pub fn sealed(self, files: SealSetup) -> Self {
        Self { seal: Some(files), ..self }
    }

    /// The same with `count` more hosts, which observe.
    #[must_use]
    pub fn observers(self, count: usize) -> Self {
        Self { hosts: (self.hosts + count).min(HostSet::CAPACITY), ..self }
    }
}
