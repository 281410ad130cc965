//! Who leads: leases and elections without a log (rules E1–E20, E23 and E24).
//!
//! An [`Election`] is one voter's part. It is given messages from established incarnations of other voters and the passing of
//! time, and answers with [`Effect`]s; envelopes, incarnations and digests are the node's business.
//!
//! The safety of the lease rests on one fact: a voter promises itself for L′ (E23) to one leadership at a time, and a
//! leader trusts a promise for less than that, counted from before it was made. The files follow the incarnation of a leadership:
//! [`follower`] promises, [`pre_vote`] asks around, [`vote`] elects, [`leader`] holds the lease, [`handover`] ends it
//! politely, [`preferred`] moves it to where it is wanted; [`storage`] is what survives a crash.

mod acks;
mod boot;
mod campaign;
mod change;
mod context;
mod follower;
mod handover;
mod incarnations;
mod leader;
mod lease_length;
mod message;
mod newcomers;
mod pace;
mod pre_vote;
mod preferred;
mod rebase;
mod step;
mod storage;
mod vote;

use alloc::sync::Arc;
use alloc::vec::Vec;

pub(crate) use context::{Change, Context, Effect};
pub use leader::Lapse;
use message::Request;
pub use message::{LeadershipId, Message};
pub use pace::Slow;
pub use step::ChangeStep;
pub use storage::{HardState, KnownIncarnation, PersistId, Vote};

use serde::{Deserialize, Serialize};

use crate::config::{Rules, Step};
use crate::id::{FencingToken, Incarnation, IncarnationsDigest, NodeKey, Term, VoterIndex};
use crate::quorum::{Support, Weight};
use crate::reason::{LostReason, Refusal, TransferRefused};
use crate::rng::Rng;
use crate::time::Time;
use boot::BootWait;
use campaign::Campaign;
use follower::{Heard, Promise, Shown};
use leader::Leader;
use lease_length::LeaseLength;
use pace::Pace;
use pre_vote::PreCandidate;
use preferred::{Preferred, WinCheck};
use storage::Storage;
use vote::{Candidate, Grant, Reply};

/// The exclusive right to act as the leader, as of the asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HeldLease {
    /// What a guarded resource checks.
    pub token: FencingToken,
    /// The lease holds before this moment of the node's own clock, and heartbeats move it forward.
    pub valid_until: Time,
}

/// The established incarnation of a voter that a message comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sender {
    pub(crate) index: VoterIndex,
    pub(crate) incarnation: Incarnation,
    /// In which step of a change of voters it is, seen from here (E20). Only in the same one do the two number the voters
    /// alike.
    pub(crate) step: Step,
}

/// What a voter is at the moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum Role {
    Follower,
    PreCandidate(PreCandidate),
    Candidate(Candidate),
    Leader(Leader),
}

/// How much of its part the voter still plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum Service {
    Full,
    /// About to stop: it may end a leadership, and begins nothing.
    Retiring,
}

/// One voter's part in the election.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Election {
    #[serde(skip, default = "Rules::placeholder")]
    rules: Arc<Rules>,
    me: VoterIndex,
    incarnation: Incarnation,
    rng: Rng,
    storage: Storage,
    /// The highest stamp heard of, the own one included (E12): a candidate starts above it.
    highest_stamp: Term,
    boot_wait: BootWait,
    /// From when on it has been among others for long enough (E17): `NEVER` before it has met one.
    introduced_from: Time,
    service: Service,
    role: Role,
    promise: Option<Promise>,
    heard: Heard,
    shown: Option<Shown>,
    campaign: Campaign,
    /// The last round was given up for a pre-candidate ahead (E5).
    yielded: bool,
    /// Rounds of pre-votes so far.
    rounds: u64,
    grant: Option<Grant>,
    win_check: Option<WinCheck>,
    preferred: Preferred,
    /// How long a promise is asked for (E23).
    length: LeaseLength,
    /// What it knows of incarnations (E24), its own included.
    incarnations: IncarnationsDigest,
    /// Of each voter, what it knows and has told.
    learned: Vec<IncarnationsDigest>,
    pace: Pace,
    /// Who was named to lead next, until somebody leads (E11).
    handed_to: Option<NodeKey>,
}

/// What a voter starts with.
pub(crate) struct Start {
    pub(crate) incarnation: Incarnation,
    pub(crate) rng: Rng,
    /// The boot stamp as a term (E12).
    pub(crate) stamp: Term,
    pub(crate) saved: Option<HardState>,
    pub(crate) now: Time,
}

impl Election {
    pub(crate) fn new(rules: Arc<Rules>, me: VoterIndex, start: Start) -> Self {
        let voters = rules.voters().len();
        let remembered = start.saved.as_ref().map_or(rules.timing.max_lease, |saved| saved.lease);
        let longest = remembered.max(rules.timing.lease);
        let boot_wait = longest.max(rules.previous_lease);
        let storage = Storage::new(&rules, start.incarnation, start.stamp, start.saved, longest);
        let mut election = Self {
            me,
            incarnation: start.incarnation,
            rng: start.rng,
            highest_stamp: storage.hard_state().stamp,
            storage,
            boot_wait: BootWait::Until(start.now + boot_wait),
            // Who needs nobody waits for nobody.
            introduced_from: if rules.quorums.reached_by(Support::of(me, Weight::Full)) {
                Time::ZERO
            } else {
                Time::NEVER
            },
            service: Service::Full,
            role: Role::Follower,
            promise: None,
            heard: Heard::nobody(),
            shown: None,
            campaign: Campaign::NONE,
            yielded: false,
            rounds: 0,
            grant: None,
            win_check: None,
            preferred: Preferred::new(rules.settle),
            length: LeaseLength::new(&rules.timing),
            incarnations: IncarnationsDigest::default(),
            learned: alloc::vec![IncarnationsDigest::default(); voters],
            pace: Pace::default(),
            handed_to: None,
            rules,
        };
        election.note_incarnations();
        election.draw_delay();
        election
    }

    /// What has to be done once, before anything else.
    pub(crate) fn begin(&mut self, cx: &mut Context<'_>) {
        self.persist(cx);
    }

    /// Completes what was read from a snapshot.
    pub(crate) fn use_rules(&mut self, rules: &Arc<Rules>) {
        self.rules = Arc::clone(rules);
    }

    /// The time at which [`Election::timeout`] is due.
    pub(crate) fn deadline(&self) -> Time {
        let role = match &self.role {
            Role::Follower => self.campaign.at(),
            Role::PreCandidate(round) => round.deadline(),
            Role::Candidate(candidate) => candidate.deadline(),
            Role::Leader(leader) => leader.deadline(),
        };
        let boot = match self.boot_wait {
            BootWait::Until(until) => until,
            BootWait::ForOthers => self.introduced_from,
            BootWait::ForDisk | BootWait::Over => Time::NEVER,
        };
        let shown = self.shown.map_or(Time::NEVER, |shown| shown.until);
        let win_check = self.win_check.map_or(Time::NEVER, |win_check| win_check.until);
        role.min(boot).min(shown).min(win_check).min(self.pace.save_is_due_at())
    }

    /// Whether this voter leads and its time is over: looked at first in every step, before anything else is (E15).
    pub(crate) fn has_run_out(&self, now: Time) -> bool {
        matches!(&self.role, Role::Leader(leader) if now >= leader.ends())
    }

    /// The clock went back (E15): what bounds a claim of this voter's own was measured with it, and is void. Promises to
    /// others only last longer for it.
    #[cold]
    pub(crate) fn clock_went_back(&mut self, cx: &mut Context<'_>) {
        match self.role {
            Role::Leader(_) => self.lose(cx, LostReason::ClockWentBack, None),
            Role::PreCandidate(_) | Role::Candidate(_) => self.retry_later(cx, self.rules.timing.heartbeat),
            Role::Follower => {}
        }
    }

    /// Does what is due; nothing, if nothing is.
    pub(crate) fn timeout(&mut self, cx: &mut Context<'_>) {
        self.end_boot_wait(cx);
        self.mind_save(cx);
        if self.shown.is_some_and(|shown| cx.now >= shown.until) {
            self.show(cx, None);
        }
        if self.win_check.is_some_and(|win_check| cx.now >= win_check.until) {
            self.win_check = None;
        }
        match &self.role {
            Role::Follower => self.campaign_if_due(cx),
            Role::PreCandidate(_) => self.pre_candidate_timeout(cx),
            Role::Candidate(_) => self.candidate_timeout(cx),
            Role::Leader(_) => self.leader_timeout(cx),
        }
    }

    /// Takes a message of an established incarnation of another voter.
    pub(crate) fn receive(&mut self, cx: &mut Context<'_>, from: Sender, message: &Message) {
        match *message {
            Message::Heartbeat { term, sent_at, lease, active, stamp } => {
                self.learn_stamp(stamp);
                self.on_heartbeat(cx, from, term, Request { sent_at, lease }, active);
            }
            Message::HeartbeatAck { term, sent_at, lease, stamp, incarnations } => {
                self.learn_stamp(stamp);
                self.on_ack(cx, from, term, Request { sent_at, lease }, incarnations);
            }
            Message::StaleTerm { term } => self.on_stale_term(cx, term),
            Message::PreVoteRequest { round, term, consent } => {
                self.on_pre_vote_request(cx, from, round, term, consent);
            }
            Message::PreVoteReply { round, refusal, term, stamp, incarnations } => {
                self.learn_stamp(stamp);
                self.on_pre_vote_reply(cx, from, round, Reply { refusal, term, incarnations });
            }
            Message::VoteRequest { term, lease, released } => {
                self.on_vote_request(cx, from, term, lease, released);
            }
            Message::VoteReply { asked, refusal, term, stamp, incarnations } => {
                self.learn_stamp(stamp);
                self.on_vote_reply(cx, from, asked, Reply { refusal, term, incarnations });
            }
            Message::Release { term, successor } => self.on_release(cx, from, term, successor),
            Message::CouldYouWin { term } => self.on_could_you_win(cx, from, term),
            Message::CouldWin { term, reached } => self.on_could_win(cx, from, term, reached),
        }
    }

    /// The lease, if this voter holds one at `now`.
    pub(crate) fn lease(&self, now: Time) -> Option<HeldLease> {
        let Role::Leader(leader) = &self.role else { return None };
        let valid_until = leader.lease_until()?;
        (now < valid_until).then(|| HeldLease { token: self.term().into(), valid_until })
    }

    pub(crate) fn term(&self) -> Term {
        self.storage.hard_state().term
    }

    pub(crate) fn role(&self) -> &Role {
        &self.role
    }

    pub(crate) fn is_retiring(&self) -> bool {
        self.service == Service::Retiring
    }

    /// Whether it can no longer save its state, and abstains (E16).
    pub(crate) fn abstains(&self) -> bool {
        self.storage.has_failed()
    }

    /// Who leads as far as this voter knows, for display.
    pub(crate) fn shown_leader(&self) -> Option<VoterIndex> {
        self.shown.map(|shown| shown.leader)
    }

    /// The newest time of sending that a voter has echoed to this leader.
    pub(crate) fn last_echo(&self, voter: VoterIndex) -> Option<Time> {
        match &self.role {
            Role::Leader(leader) => Some(leader.acks().newest(voter)),
            Role::Follower | Role::PreCandidate(_) | Role::Candidate(_) => None,
        }
    }

    /// Whether a hand-over to `target` could begin.
    pub(crate) fn can_transfer(&self, now: Time, target: Option<VoterIndex>) -> Result<(), TransferRefused> {
        if self.lease(now).is_none() {
            return Err(TransferRefused::NotLeader);
        }
        match target.or_else(|| self.best_successor(now)) {
            Some(_) => Ok(()),
            None => Err(TransferRefused::NoSuccessor),
        }
    }

    /// This voter's leadership in its present term.
    fn own_leadership(&self) -> LeadershipId {
        LeadershipId { node: self.rules.key, incarnation: self.incarnation, term: self.term() }
    }

    fn leadership_of(&self, from: Sender, term: Term) -> LeadershipId {
        LeadershipId { node: self.rules.at(from.index).key, incarnation: from.incarnation, term }
    }

    /// The term of the next candidacy: above everything heard of (E1, E12).
    fn next_term(&self) -> Term {
        self.term().max(self.highest_stamp).next()
    }

    /// The highest known stamp, where it says more than the term does.
    fn stamp_above_term(&self) -> Term {
        if self.highest_stamp > self.term() { self.highest_stamp } else { Term::default() }
    }

    fn learn_stamp(&mut self, stamp: Term) {
        self.highest_stamp = self.highest_stamp.max(stamp);
    }

    /// The one way from role to role. A leader becomes a follower and nothing else: what it led ends first (E4).
    fn set_role(&mut self, role: Role) {
        let is_legal = match (&self.role, &role) {
            (_, Role::Follower) | (Role::Follower, Role::Candidate(_)) | (Role::Candidate(_), Role::Leader(_)) => true,
            (earlier, Role::PreCandidate(_)) => !matches!(earlier, Role::Leader(_)),
            (_, Role::Candidate(_) | Role::Leader(_)) => false,
        };
        debug_assert!(is_legal, "from {:?} to {role:?}", self.role);
        self.role = role;
    }

    /// Moves to a higher term, whatever the role (E1).
    fn adopt(&mut self, cx: &mut Context<'_>, term: Term) {
        if matches!(self.role, Role::Leader(_)) {
            self.lose(cx, LostReason::HigherTerm, None);
        }
        self.set_role(Role::Follower);
        self.win_check = None;
        self.storage.adopt(term);
    }

    /// Why this voter takes no part in elections at the moment, if so.
    fn abstention(&self) -> Option<Refusal> {
        if self.is_booting() {
            Some(Refusal::BootWait)
        } else if self.abstains() || self.is_retiring() {
            Some(Refusal::Abstains)
        } else {
            None
        }
    }

    fn broadcast(&self, cx: &mut Context<'_>, message: Message) {
        for voter in self.rules.others() {
            cx.send(voter, message);
        }
    }
}
