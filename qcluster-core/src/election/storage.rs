//! What must survive a crash (E1, E6, E9, E12), and what has to wait until it would (E16).

use serde::{Deserialize, Serialize};

use super::{Change, Context, Effect, Election, Role};
use crate::config::{Durability, Rules};
use crate::id::{Incarnation, NodeKey, Term};
use crate::reason::LostReason;
use crate::time::{Span, Time};

/// Names one request to save a hard state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PersistId(pub u64);

/// A vote given: to a node in one of its lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Vote {
    /// For whom.
    pub node: NodeKey,
    /// In which life: another life of the node has to ask in a higher term, so that a token never serves twice.
    pub incarnation: Incarnation,
}

/// What a voter must not forget. [`hard_state`](crate::hard_state) turns it into bytes and back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HardState {
    /// The highest term that it voted in, or heard of before it did.
    pub term: Term,
    /// Its vote in that term.
    pub vote: Option<Vote>,
    /// It refuses votes in terms up to this one: the boot stamp of the first life that had no memory (E12).
    pub stamp: Term,
    /// The longest lease that it may have promised with (E9).
    pub lease: Span,
    /// The life that wrote this.
    pub incarnation: Incarnation,
}

/// The hard state as it is, and as it is known to be on disk.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Storage {
    current: HardState,
    /// What a crash would leave; `None` before the first record of a first life.
    durable: Option<HardState>,
    under_way: Option<(PersistId, HardState)>,
    last_id: PersistId,
    medium: Medium,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum Medium {
    /// Nothing is saved, and nothing waits.
    None,
    Disk,
    /// A save has failed (E16): what the disk holds is unknown, for good.
    Failed,
}

impl Storage {
    pub(super) fn new(
        rules: &Rules,
        incarnation: Incarnation,
        stamp: Term,
        saved: Option<HardState>,
        lease: Span,
    ) -> Self {
        let fresh = HardState { term: Term(0), vote: None, stamp, lease, incarnation };
        Self {
            current: saved.map_or(fresh, |saved| HardState { lease, incarnation, ..saved }),
            durable: saved,
            under_way: None,
            last_id: PersistId(0),
            medium: match rules.durability {
                Durability::Diskless => Medium::None,
                Durability::Durable => Medium::Disk,
            },
        }
    }

    pub(super) fn hard_state(&self) -> &HardState {
        &self.current
    }

    pub(super) fn has_failed(&self) -> bool {
        self.medium == Medium::Failed
    }

    /// Enters a higher term, where nobody has this voter's vote yet. That alone needs no disk (E2): who forgets it has
    /// voted for nobody in it.
    pub(super) fn adopt(&mut self, term: Term) {
        debug_assert!(term > self.current.term);
        self.current.term = term;
        self.current.vote = None;
    }

    pub(super) fn vote(&mut self, vote: Vote) {
        debug_assert!(self.current.vote.is_none_or(|earlier| earlier == vote), "two votes in {:?}", self.current.term);
        self.current.vote = Some(vote);
    }

    pub(super) fn rename(&mut self, incarnation: Incarnation) {
        self.current.incarnation = incarnation;
    }

    /// The boot wait is over: no promise of an earlier life is left, so only the present lease has to be remembered.
    pub(super) fn forget_earlier_leases(&mut self, lease: Span) {
        self.current.lease = lease;
    }

    /// Whether the present term and vote would survive a crash.
    pub(super) fn vote_is_durable(&self) -> bool {
        match self.medium {
            Medium::None => true,
            Medium::Disk => self
                .durable
                .is_some_and(|durable| durable.term == self.current.term && durable.vote == self.current.vote),
            Medium::Failed => false,
        }
    }

    /// Whether a life after a crash would wait as long as a promise given now lasts (E9).
    pub(super) fn covers_promises_of(&self, lease: Span) -> bool {
        match self.medium {
            Medium::None => true,
            Medium::Disk | Medium::Failed => self.durable.is_some_and(|durable| durable.lease >= lease),
        }
    }

    /// Renames the request under way as the first one.
    pub(super) fn rebase(&mut self) {
        let Self { current: _, durable: _, under_way, last_id, medium: _ } = self;
        *last_id = PersistId(1);
        if let Some((id, _)) = under_way {
            *id = *last_id;
        }
    }

    /// The next state to save, if there is something new and nothing under way.
    fn next_save(&mut self) -> Option<(PersistId, HardState)> {
        if self.medium != Medium::Disk || self.under_way.is_some() || self.durable == Some(self.current) {
            return None;
        }
        self.last_id = PersistId(self.last_id.0 + 1);
        self.under_way = Some((self.last_id, self.current));
        self.under_way
    }
}

impl Election {
    /// Has the hard state saved if it is not; at most one save is under way.
    pub(super) fn persist(&mut self, cx: &mut Context<'_>) {
        if let Some((id, hard_state)) = self.storage.next_save() {
            cx.counters.persists += 1;
            cx.effects.push(Effect::Persist { id, hard_state });
        }
        self.release_what_waited(cx);
    }

    /// A save is done: what waited for it may go out.
    pub(crate) fn persisted(&mut self, cx: &mut Context<'_>, id: PersistId) {
        let Some((_, saved)) = self.storage.under_way.take_if(|(under_way, _)| *under_way == id) else { return };
        self.storage.durable = Some(saved);
        if self.a_vote_waits_for_the_disk() && !self.storage.vote_is_durable() {
            self.persist(cx);
        } else {
            self.release_what_waited(cx);
        }
    }

    /// A save has failed: abstain, hand over, and say so (E16).
    pub(crate) fn persist_failed(&mut self, cx: &mut Context<'_>, id: PersistId) {
        if self.storage.under_way.take_if(|(under_way, _)| *under_way == id).is_none() {
            return;
        }
        cx.counters.persist_failures += 1;
        self.storage.medium = Medium::Failed;
        self.grant = None;
        self.campaign_at = Time::NEVER;
        cx.tell(Change::StorageFailed);
        match self.role {
            Role::Leader(_) => self.begin_handover(cx, None, LostReason::StorageFailed),
            Role::PreCandidate(_) | Role::Candidate(_) => self.role = Role::Follower,
            Role::Follower => {}
        }
    }

    /// Whether a vote, for itself or for another, has been given and not been told yet (E6).
    pub(super) fn a_vote_waits_for_the_disk(&self) -> bool {
        self.grant.is_some() || matches!(&self.role, Role::Candidate(candidate) if candidate.waits())
    }

    fn release_what_waited(&mut self, cx: &mut Context<'_>) {
        if !self.storage.vote_is_durable() {
            return;
        }
        self.answer_granted_vote(cx);
        if matches!(&self.role, Role::Candidate(candidate) if candidate.waits()) {
            self.ask_for_votes(cx);
        }
    }
}
