//! What must hold at every event, whatever the scenario: a breach fails the test at once, unless the test waives the law.

use std::collections::BTreeMap;

use qcluster_core::{
    Durability, ElectionMessage, Envelope, FencingToken, HardState, Incarnation, Message, NodeKey, Notification, Seat,
    Time, Vote,
};

use super::machine::Machine;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    /// Nobody holds a lease while somebody else does.
    OneLease,
    /// A term has at most one leader (E1).
    OneLeaderATerm,
    /// Every leadership has a larger token than all before it.
    TokensGrow,
    /// A voter gives one vote a term, over restarts too (E6).
    OneVoteATerm,
    /// What depends on a save leaves the node after it (E6).
    SavedFirst,
    /// A saved term never falls, a saved vote never changes, and one save is under way at most.
    StateNeverGoesBack,
    /// `Elected` and `Lost` alternate, and only voters hear them (E13).
    Alternation,
    /// After a few steps with `Timeout` no deadline is left that has passed.
    TimersRest,
    /// Nobody sends more than an election could need.
    NoStorm,
}

/// One who leads or votes, in one of its incarnations.
type Run = (NodeKey, Incarnation);

#[derive(Default)]
pub struct Judge {
    waived: Vec<Law>,
    breaches: Vec<(Law, String)>,
    leader_of: BTreeMap<u64, Run>,
    votes: BTreeMap<(NodeKey, u64), Run>,
    newest: Option<FencingToken>,
    leading: BTreeMap<usize, FencingToken>,
    /// How often in a row a timer was due again at once.
    restless: BTreeMap<usize, u32>,
    /// Second and number of messages sent in it.
    pace: BTreeMap<usize, (u64, u32)>,
}

impl Judge {
    /// The most messages that a node may send to one other in a second: an idle leader sends 40.
    const MESSAGES_MAX: u32 = 160;
    const RESTLESS_MAX: u32 = 3;

    /// Breaches of that law are counted from now on, and fail nothing.
    pub fn waive(&mut self, law: Law) {
        self.waived.push(law);
    }

    /// How many breaches of a waived law there were.
    pub fn breaches(&self, law: Law) -> usize {
        self.breaches.iter().filter(|(breached, _)| *breached == law).count()
    }

    /// A step with `Timeout` has left a deadline that lies ahead, or not.
    pub(super) fn rests(&mut self, n: usize, ahead: bool) {
        let restless = self.restless.entry(n).or_default();
        *restless = if ahead { 0 } else { *restless + 1 };
        let holds = *restless <= Self::RESTLESS_MAX;
        self.check(Law::TimersRest, holds, || format!("{n} spins"));
    }

    fn check(&mut self, law: Law, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.breaches.push((law, what()));
        }
    }

    pub(super) fn has_ruled(&self) -> bool {
        self.breaches.iter().any(|(law, _)| !self.waived.contains(law))
    }

    pub(super) fn verdict(&self) -> String {
        let breach = self.breaches.iter().find(|(law, _)| !self.waived.contains(law));
        breach.map_or_else(String::new, |(law, what)| format!("breach of {law:?}: {what}"))
    }

    pub(super) fn forget_incarnation(&mut self, n: usize) {
        self.leading.remove(&n);
    }

    pub(super) fn looks(&mut self, leaders: &[usize]) {
        self.check(Law::OneLease, leaders.len() <= 1, || format!("leases of {leaders:?}"));
    }

    pub(super) fn hears(&mut self, n: usize, seat: Seat, told: &Notification) {
        match *told {
            Notification::Elected { token } => {
                let newest = self.newest;
                self.check(Law::TokensGrow, newest.is_none_or(|newest| token > newest), || {
                    format!("{token:?} after {newest:?}")
                });
                self.newest = newest.max(Some(token));
                let earlier = self.leading.insert(n, token);
                self.check(Law::Alternation, earlier.is_none() && seat == Seat::Voter, || {
                    format!("{n} elected with {token:?} after {earlier:?}")
                });
            }
            Notification::Lost { token, .. } => {
                let earlier = self.leading.remove(&n);
                self.check(Law::Alternation, earlier == Some(token), || format!("{n} lost {token:?}, had {earlier:?}"));
            }
            Notification::Draining { .. } => {
                let leads = self.leading.contains_key(&n);
                self.check(Law::Alternation, leads, || format!("{n} drains without leading"));
            }
            _ => {}
        }
    }

    pub(super) fn saves(&mut self, machine: &Machine, next: &HardState) {
        let name = &machine.name;
        self.check(Law::StateNeverGoesBack, machine.held.is_empty(), || format!("{name} saves twice at once"));
        let Some(last) = &machine.saved else { return };
        let forward =
            next.term > last.term || next.term == last.term && (last.vote.is_none() || next.vote == last.vote);
        self.check(Law::StateNeverGoesBack, forward, || format!("{name} saves {next:?} after {last:?}"));
    }

    pub(super) fn sends(&mut self, now: Time, from: usize, machines: &[Machine], envelope: &Envelope) {
        let machine = &machines[from];
        self.paces(now, from, machines);
        let Message::Election(message) = envelope.message else { return };
        let me = (envelope.from, envelope.from_incarnation);
        match message {
            ElectionMessage::Heartbeat { term, .. } => {
                let first = *self.leader_of.entry(term.0).or_insert(me);
                self.check(Law::OneLeaderATerm, first == me, || format!("{me:?} leads {term:?} of {first:?}"));
            }
            ElectionMessage::VoteRequest { term, .. } => self.votes(machine, term.0, me.0, me),
            ElectionMessage::VoteReply { asked, refusal: None, term, .. } => {
                self.check(Law::OneVoteATerm, asked == term, || format!("a vote for {asked:?} in {term:?}"));
                self.votes(machine, term.0, me.0, (envelope.to, envelope.to_incarnation));
            }
            ElectionMessage::HeartbeatAck { .. }
            | ElectionMessage::StaleTerm { .. }
            | ElectionMessage::PreVoteRequest { .. }
            | ElectionMessage::PreVoteReply { .. }
            | ElectionMessage::VoteReply { .. }
            | ElectionMessage::Release { .. }
            | ElectionMessage::CouldYouWin { .. }
            | ElectionMessage::CouldWin { .. } => {}
        }
    }

    fn votes(&mut self, machine: &Machine, term: u64, voter: NodeKey, candidate: Run) {
        let name = &machine.name;
        let first = *self.votes.entry((voter, term)).or_insert(candidate);
        self.check(Law::OneVoteATerm, first == candidate, || {
            format!("{name} votes for {candidate:?} in {term}, after {first:?}")
        });
        if machine.settings.durability == Durability::Durable {
            let vote = Vote { node: candidate.0, incarnation: candidate.1 };
            let saved = machine.saved.as_ref().is_some_and(|saved| saved.term.0 == term && saved.vote == Some(vote));
            self.check(Law::SavedFirst, saved, || format!("{name} votes in {term} with {:?} saved", machine.saved));
        }
    }

    fn paces(&mut self, now: Time, from: usize, machines: &[Machine]) {
        let second = now.as_nanos() / 1_000_000_000;
        let pace = self.pace.entry(from).or_default();
        *pace = if pace.0 == second { (second, pace.1 + 1) } else { (second, 1) };
        let sent = pace.1;
        let others = u32::try_from(machines.len()).unwrap_or(u32::MAX).max(2) - 1;
        self.check(Law::NoStorm, sent <= Self::MESSAGES_MAX * others, || {
            format!("{} sent {sent}", machines[from].name)
        });
    }
}
