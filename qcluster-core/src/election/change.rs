//! Where a voter stands: whether its life may have been replaced (E24), and how far a change of voters has come (E20).

use super::{BootWait, Change, ChangeStep, Context, Election, Role, Sender, Service};
use crate::config::{Step, VoterIndex};
use crate::id::{Incarnation, Term};
use crate::quorum::Weight;
use crate::reason::LostReason;
use crate::time::Time;

impl Election {
    /// How far it has come in changes of voters (E20).
    pub(crate) fn step(&self) -> Option<&ChangeStep> {
        self.storage.step()
    }

    /// A life of another voter takes part: none before it does from now on (E24).
    pub(crate) fn takes_part(&mut self, voter: VoterIndex, life: Incarnation) {
        self.storage.meet(self.rules.at(voter).key, life);
    }

    /// Another life of a voter is established: a vote that waits for the disk was for the one before (E6), and what that one has
    /// said counts for nothing more from now on (E24). A lease that stands on it already is as long as its promise.
    pub(crate) fn meet(&mut self, voter: VoterIndex, incarnation: Incarnation) {
        self.grant.take_if(|grant| grant.is_for_another_life(voter, incarnation));
        match &mut self.role {
            Role::Follower => {}
            Role::PreCandidate(round) => round.forget(voter),
            Role::Candidate(candidate) => candidate.forget(voter),
            Role::Leader(_) => {
                self.acked[voter.position()] = Time::ZERO;
                self.acked_by.remove(voter);
                self.healthy_since[voter.position()] = Time::NEVER;
            }
        }
        if let Some(sounding) = &mut self.sounding {
            sounding.grants.remove(voter);
        }
    }

    /// In which lists a word of that sender counts (E20 (b)): nothing of an earlier step does, for a voter of the old list
    /// alone may yet stand behind a leader of the old list alone. Seen from the last step, the middle one is as good.
    pub(super) fn weight(&self, from: Sender) -> Option<Weight> {
        match (self.rules.digests.is_joint(), from.step) {
            (_, Step::Same) | (false, Step::Earlier) => Some(Weight::Full),
            (true, Step::Later) => Some(Weight::NextOnly),
            (true, Step::Earlier) | (false, Step::Later) => None,
        }
    }

    /// Whether that sender has the old list alone while this voter has both: it gets no vote and no promise (E20 (a)).
    pub(super) fn is_left_behind(&self, from: Sender) -> bool {
        self.rules.digests.is_joint() && from.step == Step::Earlier
    }

    pub(super) fn is_doubted(&self) -> bool {
        self.service == Service::Doubted
    }

    /// The node stood still for longer than the lease: it takes part in nothing until others have said that no later life of
    /// it has taken its place (E24 (b)). What it promised and voted still binds it.
    pub(crate) fn doubt(&mut self, cx: &mut Context<'_>) {
        if self.service != Service::Full {
            return;
        }
        self.service = Service::Doubted;
        self.sounding = None;
        // Not told yet, so nobody counts it; whoever asked may ask again.
        self.grant = None;
        match self.role {
            // Its lease was shorter than it stood still.
            Role::Leader(_) => self.lose(cx, LostReason::LeaseExpired, None),
            Role::PreCandidate(_) | Role::Candidate(_) => self.role = Role::Follower,
            Role::Follower => {}
        }
        self.campaign_at = Time::NEVER;
    }

    /// A quorum knows of no later life.
    pub(crate) fn trust_again(&mut self, cx: &mut Context<'_>) {
        if self.service == Service::Doubted {
            self.service = Service::Full;
            self.delay = self.draw_delay();
            // What the network holds comes first (E15).
            self.campaign_at(cx.now + self.rules.timing.heartbeat + self.delay);
        }
    }

    /// The own next life begins in the place of the present one, which has said nothing that counts: above a life of this node
    /// that another voter has known (E12, E17). Unless the present one is still booting, its boot wait begins again (E9).
    pub(crate) fn rename(&mut self, cx: &mut Context<'_>, incarnation: Incarnation) {
        self.incarnation = incarnation;
        self.storage.rename(incarnation);
        if !self.is_booting() {
            self.role = Role::Follower;
            self.campaign_at = Time::NEVER;
            self.boot_wait = BootWait::Until(cx.now + self.rules.timing.lease.max(self.rules.previous_lease));
        }
        self.persist(cx);
    }

    /// A leader holds a lease in that step of a change. If it is the middle one, no quorum of the old voters alone can come
    /// together any more (E20).
    pub(super) fn note_established(&mut self, cx: &mut Context<'_>, step: Step) {
        let joint = self.rules.digests.is_joint() && step == Step::Same;
        let joint_before = !self.rules.digests.is_joint() && step == Step::Earlier;
        if (joint || joint_before) && !self.is_established() {
            self.storage.establish_step();
            cx.tell(Change::StepEstablished);
        }
    }

    /// Another voter says whether a leader was elected in the middle step.
    pub(crate) fn hear_of_step(&mut self, cx: &mut Context<'_>, step: Step, established: bool) {
        if established {
            self.note_established(cx, step);
        }
    }

    /// Whether a leader is known to have been elected in the middle step of the present or the last change.
    pub(crate) fn is_established(&self) -> bool {
        self.step().is_some_and(|step| step.established)
    }

    /// The most that a term may be above what is known: 35 years of milliseconds, or of elections every millisecond.
    const JUMP_MAX: u64 = 1 << 40;
    /// So far a wall clock may be ahead that a stamp came from: to the year 2248.
    const STAMP_MAX: u64 = 1 << 43;

    /// Whether a term or stamp that somebody names is to be believed (E18): one that no elections and no clock can account for
    /// would leave no room for those to come.
    pub(crate) fn believes(&self, named: Term) -> bool {
        let known = self.term().max(self.highest_stamp).0.max(Self::STAMP_MAX);
        named.0 <= known.saturating_add(Self::JUMP_MAX) && named < Term::MAX
    }
}
