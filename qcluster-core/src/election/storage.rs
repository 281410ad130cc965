//! What must survive a crash (E1, E6, E9, E12, E20, E24), and what has to wait until it would (E16).

use alloc::boxed::Box;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::step::ChangeStep;
use super::{Change, Context, Effect, Election, Role};
use crate::config::{Durability, Rules};
use crate::id::{Incarnation, NodeKey, Term};
use crate::reason::LostReason;
use crate::time::Span;

/// Names one request to save a hard state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PersistId(pub u64);

/// A vote given: to a node in one of its incarnations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Vote {
    /// For whom.
    pub node: NodeKey,
    /// In which incarnation: another incarnation of the node has to ask in a higher term, so that a token never serves twice.
    pub incarnation: Incarnation,
}

/// The latest incarnation of a voter that is known to have taken part (E24).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KnownIncarnation {
    /// Whose.
    pub node: NodeKey,
    /// Which: nothing that an earlier one says counts any more.
    pub incarnation: Incarnation,
}

/// What a voter must not forget. [`hard_state`](crate::hard_state) turns it into bytes and back.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HardState {
    /// The highest term that it voted in, or heard of before it did.
    pub term: Term,
    /// Its vote in that term.
    pub vote: Option<Vote>,
    /// It refuses votes in terms up to this one: the boot stamp of the first incarnation that had no memory (E12).
    pub stamp: Term,
    /// The longest lease that it may have promised with (E9).
    pub lease: Span,
    /// The incarnation that wrote this.
    pub incarnation: Incarnation,
    /// The incarnations that have taken part (E24), by key; at most one of each voter, the own one too once it took part.
    pub incarnations: Vec<KnownIncarnation>,
    /// How far it has come in changes of voters (E20 (c)); `None` in a record of an earlier release.
    pub step: Option<ChangeStep>,
}

impl HardState {
    /// The latest incarnation of `node` that is known to have taken part.
    pub fn incarnation_of(&self, node: NodeKey) -> Incarnation {
        let found = self.incarnations.binary_search_by_key(&node.0, |known| known.node.0);
        found.map_or(Incarnation::UNKNOWN, |at| self.incarnations[at].incarnation)
    }

    fn raise_incarnation(&mut self, node: NodeKey, incarnation: Incarnation) {
        match self.incarnations.binary_search_by_key(&node.0, |known| known.node.0) {
            Ok(at) => self.incarnations[at].incarnation = self.incarnations[at].incarnation.max(incarnation),
            Err(at) => self.incarnations.insert(at, KnownIncarnation { node, incarnation }),
        }
    }
}

/// The hard state as it is, and as it is known to be on disk.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Storage {
    current: HardState,
    /// What a crash would leave; `None` before the first record of a first incarnation.
    durable: Option<HardState>,
    under_way: Option<(PersistId, Box<HardState>)>,
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
        let mut current = match &saved {
            Some(saved) => saved.clone(),
            None => {
                HardState { term: Term(0), vote: None, stamp, lease, incarnation, incarnations: Vec::new(), step: None }
            }
        };
        current.lease = lease;
        current.incarnation = incarnation;
        current.incarnations.retain(|known| rules.index_of(known.node).is_some());
        current.step = Some(ChangeStep::taken(current.step.as_ref(), &rules.digests));
        Self {
            current,
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

    /// Another voter takes part in that incarnation (E24).
    pub(super) fn meet(&mut self, node: NodeKey, incarnation: Incarnation) {
        self.current.raise_incarnation(node, incarnation);
    }

    /// This incarnation takes part: one after a crash knows that all before this one were replaced (E17).
    pub(super) fn take_part(&mut self, me: NodeKey) {
        self.current.raise_incarnation(me, self.current.incarnation);
    }

    /// The incarnations of others than `me`.
    pub(super) fn incarnations_of_others(&self, me: NodeKey) -> impl Iterator<Item = KnownIncarnation> {
        self.current.incarnations.iter().copied().filter(move |known| known.node != me)
    }

    pub(super) fn step(&self) -> Option<&ChangeStep> {
        self.current.step.as_ref()
    }

    pub(super) fn establish_step(&mut self) {
        if let Some(step) = &mut self.current.step {
            step.established = true;
        }
    }

    /// Whether there is a disk to save to.
    fn saves(&self) -> bool {
        self.medium == Medium::Disk
    }

    /// Whether everything that this voter knows would survive a crash, as far as that is to be had.
    pub(super) fn is_saved(&self) -> bool {
        self.medium == Medium::None || self.durable.as_ref() == Some(&self.current)
    }

    /// Whether an incarnation after a crash would know of this one, of the step of a change of voters that it was in, and of
    /// the shortest lease (E9). An incarnation stays in one step, and its name is above that of every incarnation before it on this
    /// disk, so a record of that name is of that step.
    pub(super) fn knows_this_incarnation(&self) -> bool {
        let is_this = |durable: &HardState| durable.incarnation == self.current.incarnation;
        self.medium == Medium::None || self.durable.as_ref().is_some_and(is_this)
    }

    /// Whether an incarnation after a crash would know of the latest incarnation of `node` that this one knows of (E24).
    #[inline]
    pub(super) fn has_saved_incarnation_of(&self, node: NodeKey) -> bool {
        let is_latest = |durable: &HardState| durable.incarnation_of(node) == self.current.incarnation_of(node);
        self.medium == Medium::None || self.durable.as_ref().is_some_and(is_latest)
    }

    pub(super) fn rename(&mut self, incarnation: Incarnation) {
        self.current.incarnation = incarnation;
    }

    /// A promise, or a vote, of that length is given.
    pub(super) fn remember_lease(&mut self, lease: Span) {
        self.current.lease = self.current.lease.max(lease);
    }

    /// What an incarnation after a crash would wait for at least (E9): a save that is under way may be there or not.
    pub(super) fn remembered_lease(&self) -> Span {
        if self.medium == Medium::None {
            // It waits for the longest there is.
            return Span::from_nanos(u64::MAX);
        }
        let under_way = self.under_way.as_ref().map(|(_, saved)| saved.lease);
        let durable = self.durable.as_ref().map_or(Span::ZERO, |durable| durable.lease);
        under_way.map_or(durable, |lease| lease.min(durable))
    }

    /// The longest promise that it may have given, or that those before it have.
    pub(super) fn longest_lease(&self) -> Span {
        self.current.lease
    }

    /// Whether a longer promise has been given than is saved.
    fn owes_lease(&self) -> bool {
        self.medium == Medium::Disk && self.durable.as_ref().is_some_and(|durable| durable.lease < self.current.lease)
    }

    /// The boot wait is over: no promise of an earlier incarnation is left, so only the present lease has to be remembered.
    pub(super) fn forget_earlier_leases(&mut self, lease: Span) {
        self.current.lease = lease;
    }

    /// Whether the present term and vote would survive a crash.
    pub(super) fn vote_is_durable(&self) -> bool {
        match self.medium {
            Medium::None => true,
            Medium::Disk => self.durable.as_ref().is_some_and(|durable| {
                let is_vote = durable.term == self.current.term && durable.vote == self.current.vote;
                is_vote && durable.lease >= self.current.lease
            }),
            Medium::Failed => false,
        }
    }

    /// A save has failed: that record may be on the disk, or the one before it.
    fn fail(&mut self, failed: &HardState) {
        self.medium = Medium::Failed;
        if let Some(durable) = &mut self.durable {
            durable.lease = durable.lease.min(failed.lease);
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

    /// Whether the present state is under way from now on: there is something new, and nothing was under way.
    fn begin_save(&mut self) -> bool {
        if self.medium != Medium::Disk || self.under_way.is_some() || self.durable.as_ref() == Some(&self.current) {
            return false;
        }
        self.last_id = PersistId(self.last_id.0 + 1);
        self.under_way = Some((self.last_id, Box::new(self.current.clone())));
        true
    }
}

impl Election {
    /// Has the hard state saved if it is not; at most one save is under way.
    #[inline]
    pub(super) fn persist(&mut self, cx: &mut Context<'_>) {
        if self.storage.saves() && self.storage.begin_save() {
            self.have_saved(cx);
        }
        self.release_what_waited(cx);
    }

    /// Asks for the save that [has begun](Storage::begin_save).
    #[cold]
    fn have_saved(&mut self, cx: &mut Context<'_>) {
        cx.counters.persists += 1;
        let limit = self.trusted(self.rules.timing.max_lease);
        self.pace.save_began(cx.now, limit);
        cx.effects.push(Effect::Persist);
    }

    /// What is being saved, and the name of the request.
    pub(crate) fn under_way(&self) -> Option<&(PersistId, Box<HardState>)> {
        self.storage.under_way.as_ref()
    }

    /// A save is done: what waited for it may go out.
    #[inline(never)]
    pub(crate) fn persisted(&mut self, cx: &mut Context<'_>, id: PersistId) {
        let Some((_, saved)) = self.storage.under_way.take_if(|(under_way, _)| *under_way == id) else { return };
        self.storage.durable = Some(*saved);
        self.note_save(cx);
        self.end_boot_wait(cx);
        self.lead_if_elected(cx);
        let vote_waits = self.a_vote_waits_for_the_disk() && !self.storage.vote_is_durable();
        if vote_waits || !self.storage.knows_this_incarnation() || self.storage.owes_lease() {
            self.persist(cx);
        } else {
            self.release_what_waited(cx);
        }
    }

    /// A save has failed: abstain, hand over, and say so (E16).
    #[cold]
    pub(crate) fn persist_failed(&mut self, cx: &mut Context<'_>, id: PersistId) {
        let Some((_, failed)) = self.storage.under_way.take_if(|(under_way, _)| *under_way == id) else { return };
        cx.counters.persist_failures += 1;
        self.pace.save_failed();
        self.storage.fail(&failed);
        self.grant = None;
        self.campaign_at(cx.now);
        cx.tell(Change::StorageFailed);
        match self.role {
            Role::Leader(_) => self.begin_handover(cx, None, LostReason::StorageFailed),
            Role::PreCandidate(_) | Role::Candidate(_) => self.set_role(Role::Follower),
            Role::Follower => {}
        }
    }

    /// Whether a vote, for itself or for another, has been given and not been told yet (E6).
    pub(super) fn a_vote_waits_for_the_disk(&self) -> bool {
        self.grant.is_some() || matches!(&self.role, Role::Candidate(candidate) if candidate.waits())
    }

    #[inline]
    fn release_what_waited(&mut self, cx: &mut Context<'_>) {
        if self.a_vote_waits_for_the_disk() && self.storage.vote_is_durable() {
            self.release_votes(cx);
        }
    }

    #[cold]
    fn release_votes(&mut self, cx: &mut Context<'_>) {
        self.answer_granted_vote(cx);
        if matches!(&self.role, Role::Candidate(candidate) if candidate.waits()) {
            self.ask_for_votes(cx);
        }
    }
}

#[cfg(test)]
mod tests;
