//! The oracles: what must hold at every event, each in a file of its own. They see what nodes publish, send and save, and
//! real time, which no node sees.

mod leases;
mod notices;
mod pre_votes;
mod promises;
mod resource;
mod rule;
mod seals;
mod storage;
mod terms;
mod traffic;
mod votes;

use std::collections::HashMap;

use qcluster_core::{ElectionMessage, HardState, HeldLease, Incarnation, LeadershipId, NodeKey, Notification, Time};

use crate::engine::Clock;
use crate::setup::{Assumption, Plan, Setup, id_of};
use crate::wire::{Heard, Said};

pub(crate) use resource::Arrival;
pub(crate) use rule::Breach;
pub use rule::{Rule, Violation};
pub(crate) use seals::{Named, Seals};

/// The host that acts, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scene<'a> {
    /// Real time.
    pub(crate) at: Time,
    pub(crate) host: usize,
    /// Whose name it bears; its own number but for twins.
    pub(crate) identity: usize,
    pub(crate) incarnation: Incarnation,
    pub(crate) plan: &'a Plan,
    pub(crate) clock: &'a Clock,
    /// What the clock of the process shows.
    pub(crate) local: Time,
    /// What its machine's clock showed when the process started.
    pub(crate) epoch: Time,
    /// What its disk would give back after a crash, read once for each write.
    pub(crate) synced: Option<&'a HardState>,
    pub(crate) durable: bool,
}

impl Scene<'_> {
    /// What the machine's clock shows, which goes on over restarts of the process.
    fn machine(&self) -> Time {
        self.clock.read(self.at)
    }

    pub(crate) fn is_voter(&self) -> bool {
        self.plan.all_voters().contains(self.identity)
    }
}

/// A leadership by host: who, in which incarnation, in which term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reign {
    pub(crate) identity: usize,
    pub(crate) incarnation: Incarnation,
    pub(crate) term: u64,
}

/// Where a message goes: the host's name and the incarnation that is meant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    pub(crate) identity: usize,
    pub(crate) incarnation: Incarnation,
}

/// All oracles of one world.
#[derive(Debug)]
pub(crate) struct Oracles {
    rates: Assumption,
    walls: Assumption,
    identities: Assumption,
    /// By host: what its own name goes by in messages.
    keys: Vec<NodeKey>,
    /// By host: the incarnation that spoke last, and whose name its process bore.
    speaking: Vec<Target>,
    /// On which host each incarnation ran that has spoken, and whose name it bore: another may run there by now.
    /// Incarnations of two nodes may share a value.
    incarnations: HashMap<Incarnation, Vec<(usize, usize)>>,
    leases: leases::Leases,
    notices: notices::Notices,
    pre_votes: pre_votes::PreVotes,
    promises: promises::Promises,
    resource: resource::Resource,
    pub(crate) seals: Seals,
    storage: storage::Storage,
    terms: terms::Terms,
    traffic: traffic::Traffic,
    votes: votes::Votes,
    /// The lease that the step under way has renewed: its token and its end. A leader's own promise is a part of that step.
    renewed: Option<(u64, Time)>,
    /// Leases that were new or longer.
    pub(crate) renewals: u64,
}

impl Oracles {
    pub(crate) fn new(setup: &Setup) -> Self {
        let hosts = setup.hosts;
        Self {
            rates: setup.rates,
            walls: setup.walls,
            identities: setup.identities,
            keys: (0..hosts).filter_map(|host| Some(id_of(host).ok()?.key())).collect(),
            speaking: vec![Target { identity: 0, incarnation: Incarnation::UNKNOWN }; hosts],
            incarnations: HashMap::new(),
            leases: leases::Leases::default(),
            notices: notices::Notices::new(hosts),
            pre_votes: pre_votes::PreVotes::new(hosts),
            promises: promises::Promises::new(hosts),
            resource: resource::Resource::default(),
            seals: Seals::new(hosts),
            storage: storage::Storage::new(hosts),
            terms: terms::Terms::new(),
            traffic: traffic::Traffic::new(hosts, setup.gossip),
            votes: votes::Votes::new(hosts),
            renewed: None,
            renewals: 0,
        }
    }

    /// Whether exclusivity of the lease is to be expected.
    fn leases_bind(&self) -> bool {
        self.rates == Assumption::Kept && self.identities == Assumption::Kept
    }

    /// Whether terms and tokens are to be in order.
    fn terms_bind(&self) -> bool {
        self.rates == Assumption::Kept && self.identities == Assumption::Kept && self.walls == Assumption::Kept
    }

    /// A process has begun.
    pub(crate) fn started(&mut self, host: usize) {
        self.notices.started(host);
        self.storage.started(host);
    }

    /// A process is gone, and with it whatever it led.
    pub(crate) fn ended(&mut self, host: usize) {
        self.leases.gone(host);
    }

    /// The boot wait of a voter is over.
    #[inline]
    pub(crate) fn takes_part(&mut self, scene: &Scene<'_>) {
        self.promises.takes_part(scene);
    }

    /// A step is over: this is what `is_leader()` would go by from now on.
    #[inline]
    pub(crate) fn published(&mut self, scene: &Scene<'_>, lease: Option<HeldLease>) -> Result<(), Breach> {
        self.renewed = None;
        let Some(lease) = lease else {
            self.leases.gone(scene.host);
            return Ok(());
        };
        if !scene.is_voter() {
            return Err(Breach::new(Rule::ObserversPassive, "an observer holds a lease".into()));
        }
        let Some(until) = self.leases.renewed(scene, lease)? else { return Ok(()) };
        self.renewals += 1;
        if !self.leases_bind() {
            return Ok(());
        }
        self.renewed = Some((lease.token.0, until));
        self.leases.check(scene, until)
    }

    /// A clock was changed: what was computed with it holds no longer.
    pub(crate) fn clock_changed(&mut self, host: usize, clock: &Clock, epoch: Time, at: Time) {
        self.leases.clock_changed(host, clock, epoch, at);
        self.promises.clock_changed(host, clock);
    }

    /// The token that the application of a host may write with at that instant.
    pub(crate) fn token_held(&self, host: usize, at: Time) -> Option<u64> {
        self.leases.token_of(host, at)
    }

    /// The host that holds the lease at that instant, by the clock of its machine.
    pub(crate) fn holder(&self, at: Time) -> Option<usize> {
        self.leases.holder(at)
    }

    /// A node gives out a message.
    #[inline]
    pub(crate) fn sent(
        &mut self,
        scene: &Scene<'_>,
        (host, to): (usize, Incarnation),
        message: &Said,
    ) -> Result<(), Breach> {
        if self.speaking[scene.host].incarnation != scene.incarnation {
            self.speaks(scene);
        }
        let Said::Election(message) = message else { return Ok(()) };
        if !scene.is_voter() {
            return Err(Breach::new(Rule::ObserversPassive, format!("an observer sends {}", message.name())));
        }
        if self.identities == Assumption::Broken {
            return Ok(());
        }
        match *message {
            ElectionMessage::Heartbeat { term, lease, .. } => {
                self.promises.led(scene, term.0, lease);
                self.votes.led(scene, term.0)?;
                if self.terms_bind() { self.terms.heartbeat(scene, term.0) } else { Ok(()) }
            }
            ElectionMessage::HeartbeatAck { term, sent_at, lease, .. } => {
                promises::check_synced(scene, lease)?;
                let Some(Target { identity, incarnation }) = self.target(host, to) else { return Ok(()) };
                let reign = Reign { identity, incarnation, term: term.0 };
                self.promises.acknowledged(scene, reign, sent_at)?;
                if self.leases_bind() { self.promises.promised(scene, reign, lease) } else { Ok(()) }
            }
            ElectionMessage::Release { term, .. } => {
                self.promises.released(scene, term.0);
                Ok(())
            }
            ElectionMessage::CouldYouWin { term } => {
                self.promises.consented(scene, term.0);
                Ok(())
            }
            ElectionMessage::PreVoteReply { refusal: None, .. } => {
                let Some(to) = self.target(host, to) else { return Ok(()) };
                if self.leases_bind() { self.promises.pre_voted(scene, to) } else { Ok(()) }
            }
            ElectionMessage::VoteRequest { term, released, .. } => {
                let is_released = released.is_some_and(|leadership| self.has_released(leadership));
                self.pre_votes.asked(scene, term.0, is_released)?;
                let own = Target { identity: scene.identity, incarnation: scene.incarnation };
                self.voted(scene, own, term.0)
            }
            ElectionMessage::VoteReply { asked, refusal: None, .. } => {
                let Some(to) = self.target(host, to) else { return Ok(()) };
                self.voted(scene, to, asked.0)
            }
            ElectionMessage::PreVoteRequest { .. }
            | ElectionMessage::PreVoteReply { refusal: Some(_), .. }
            | ElectionMessage::VoteReply { refusal: Some(_), .. }
            | ElectionMessage::StaleTerm { .. }
            | ElectionMessage::CouldWin { .. } => Ok(()),
        }
    }

    /// A node gives out a message to an address that no host has: it counts as said all the same.
    pub(crate) fn sent_astray(&mut self, scene: &Scene<'_>, heard: Option<&Heard>) {
        if let Some(Said::Election(ElectionMessage::Release { term, .. })) = heard.map(|heard| &heard.message) {
            self.promises.released(scene, term.0);
        }
    }

    fn voted(&mut self, scene: &Scene<'_>, candidate: Target, term: u64) -> Result<(), Breach> {
        votes::check_synced(scene, candidate, term)?;
        self.votes.said(scene, candidate, term);
        if self.leases_bind() {
            self.promises.voted(scene, candidate)?;
        }
        if self.terms_bind() { self.votes.granted(scene, candidate, term) } else { Ok(()) }
    }

    /// Whether the leader itself has said that this leadership is over.
    fn has_released(&self, leadership: LeadershipId) -> bool {
        let LeadershipId { node, incarnation, term } = leadership;
        let identity = self.keys.iter().position(|key| *key == node);
        identity.is_some_and(|identity| self.promises.is_released(Reign { identity, incarnation, term: term.0 }))
    }

    /// An incarnation speaks that is not the one which spoke last on its host.
    fn speaks(&mut self, scene: &Scene<'_>) {
        let incarnation = scene.incarnation;
        let ran = self.incarnations.entry(incarnation).or_default();
        ran.push((scene.host, scene.identity));
        let first = ran.iter().find(|(host, _)| *host == scene.host);
        let identity = first.map_or(scene.identity, |(_, identity)| *identity);
        self.speaking[scene.host] = Target { identity, incarnation };
    }

    /// Whom a message is for that goes to a host and means an incarnation; `None` if there was no such incarnation.
    fn target(&self, host: usize, incarnation: Incarnation) -> Option<Target> {
        if let Some(speaking) = self.speaking.get(host)
            && speaking.incarnation == incarnation
            && incarnation != Incarnation::UNKNOWN
        {
            return Some(*speaking);
        }
        let incarnations = self.incarnations.get(&incarnation)?;
        let (_, identity) = incarnations.iter().find(|(at, _)| *at == host).or(incarnations.first())?;
        Some(Target { identity: *identity, incarnation })
    }

    /// A whole message has reached a node.
    #[inline]
    pub(crate) fn received(&mut self, host: usize, incarnation: Incarnation, heard: &Heard) {
        // Answers to former incarnations may come late; the node does not listen to them.
        if incarnation == heard.to_incarnation
            && let Said::Election(ElectionMessage::PreVoteReply { round, refusal: None, .. }) = heard.message
            && let Some(from) = self.keys.iter().position(|key| *key == heard.from)
        {
            self.pre_votes.granted(host, incarnation, from, round);
        }
    }

    /// A node tells its application something; `lease` is what it holds after the step.
    pub(crate) fn told(
        &mut self,
        scene: &Scene<'_>,
        notification: &Notification,
        lease: Option<HeldLease>,
    ) -> Result<(), Breach> {
        self.notices.told(scene, notification, lease)?;
        if let Notification::Elected { token } = notification
            && self.terms_bind()
        {
            self.terms.elected(scene, token.0)?;
        }
        Ok(())
    }

    /// A node wants a state saved.
    pub(crate) fn saves(&mut self, scene: &Scene<'_>, state: &HardState) -> Result<(), Breach> {
        self.storage.saves(scene, state)
    }

    /// A process goes on after it was asked to stop.
    pub(crate) fn shut_down(&self, host: usize) -> Result<(), Breach> {
        self.notices.shut_down(host)
    }

    /// A process goes on after it was told that a save has failed.
    pub(crate) fn save_failed(&self, host: usize) -> Result<(), Breach> {
        self.notices.save_failed(host)
    }

    /// All of a step is carried out; `lease` is what the node holds after it, and `ends` whether it was the last.
    #[inline]
    pub(crate) fn carried_out(
        &mut self,
        scene: &Scene<'_>,
        lease: Option<HeldLease>,
        ends: bool,
    ) -> Result<(), Breach> {
        if let Some((token, until)) = self.renewed.take() {
            self.promises.witness(scene, token, until)?;
        }
        self.notices.carried_out(scene, lease, ends)
    }

    /// The work of one step: how much came out of it.
    #[inline]
    pub(crate) fn stepped(&mut self, scene: &Scene<'_>, sent: u32) -> Result<(), Breach> {
        self.traffic.stepped(scene, sent)
    }

    /// A write reaches the guarded resource.
    pub(crate) fn wrote(&mut self, at: Time, host: usize, token: u64) -> Result<Arrival, Breach> {
        let valid = self.leases.token_of(host, at) == Some(token) && self.terms_bind();
        self.resource.arrived(token, valid)
    }
}
