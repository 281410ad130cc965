//! The table of members, and how an update changes one of them.

use core::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::standing::{Accusers, Introduction, Standing, State, stamp_of};
use super::{Context, Effect, Membership};
use crate::id::{Incarnation, NodeId, NodeKey};
use crate::reconcile::Stamped;
use crate::time::{Span, Time};

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Member {
    pub(super) id: NodeId,
    pub(super) address: Option<SocketAddr>,
    pub(super) standing: Standing,
    pub(super) state: State,
    /// Since when it is in that state.
    pub(super) since: Time,
    /// When it is forgotten; `NEVER` while it is there.
    pub(super) forget_at: Time,
    /// The incarnation that it was last heard in by this node.
    pub(super) heard_as: Incarnation,
    /// What was told to the application.
    pub(super) told: Option<Told>,
}

/// What an application was told of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Told {
    pub(super) incarnation: Incarnation,
    pub(super) state: State,
    pub(super) address: Option<SocketAddr>,
}

impl Member {
    pub(super) fn new(id: NodeId, address: Option<SocketAddr>, standing: Standing, state: State, since: Time) -> Self {
        let (forget_at, heard_as) = (Time::NEVER, Incarnation::UNKNOWN);
        Self { id, address, standing, state, since, forget_at, heard_as, told: None }
    }

    /// The incarnation to speak to.
    pub(super) fn incarnation(&self) -> Incarnation {
        if self.heard_as == Incarnation::UNKNOWN { self.standing.incarnation } else { self.heard_as }
    }
}

impl Stamped for Member {
    fn stamp(&self) -> u32 {
        stamp_of(self.standing, self.state)
    }
}

impl Membership {
    /// Puts a member in where there was none, without telling anybody.
    pub(super) fn put(&mut self, key: NodeKey, member: Member) {
        self.reconciler.changed(key.0, None, Some(member.stamp()));
        if key != self.me && member.state.is_present() {
            self.probing.add(key, &mut self.rng);
        }
        self.members.insert(key.0, member);
        self.dirty.insert(key.0);
    }

    /// Brings a member that is known to another standing or state, and spreads it. What follows from that follows here and
    /// nowhere else: suspicions end, its turn to be probed comes or goes, the address book learns.
    pub(super) fn change(&mut self, cx: &mut Context<'_>, key: NodeKey, standing: Standing, state: State) {
        let Some(member) = self.members.get_mut(&key.0) else { return };
        let (before, old) = (member.stamp(), member.state);
        let other_incarnation = member.standing.incarnation != standing.incarnation;
        if other_incarnation {
            member.heard_as = Incarnation::UNKNOWN;
        }
        if member.state != state || other_incarnation {
            member.since = cx.now;
        }
        (member.standing, member.state) = (standing, state);
        let (after, address, forget_at) = (member.stamp(), member.address, member.forget_at);
        if old.is_present() != state.is_present() {
            member.forget_at = if state.is_present() { Time::NEVER } else { cx.now + self.pace.retention };
        }
        let forget_next = member.forget_at;
        self.reconciler.changed(key.0, Some(before), Some(after));
        self.rumors.spread(key.0);
        self.dirty.insert(key.0);
        if state != State::Suspect {
            self.suspicions.end(key.0);
        }
        if key == self.me {
            if other_incarnation {
                cx.effects.push(Effect::Present { member: key, incarnation: standing.incarnation, is_there: true });
            }
            return;
        }
        match (old.is_present(), state.is_present()) {
            (true, false) => {
                self.probing.remove(key);
                self.reconciler.forget(key);
                self.forget_at.insert((forget_next, key.0));
                if let Some(address) = address {
                    self.book.remember(key.0, address, &mut self.rng);
                }
                if state == State::Left {
                    self.trust.one_left();
                }
            }
            (false, true) => {
                self.probing.add(key, &mut self.rng);
                self.book.forget(key.0);
                self.forget_at.remove(&(forget_at, key.0));
            }
            (true, true) | (false, false) => {}
        }
        self.look_around(cx);
        let is_there = state.is_present() || (state == State::Down && !self.trust.is_given());
        cx.effects.push(Effect::Present { member: key, incarnation: standing.incarnation, is_there });
    }

    /// A member that was not known, or was forgotten.
    pub(super) fn meet(&mut self, cx: &mut Context<'_>, introduction: Introduction) {
        let Introduction { id, address, standing, mut state, age_s } = introduction;
        let mut age = Span::from_millis(u64::from(age_s).saturating_mul(1_000));
        if !state.is_present() && age >= self.pace.retention {
            return;
        }
        if self.members.len() >= Self::MEMBERS_MAX && !self.make_room(cx) {
            cx.counters.members_refused += 1;
            return;
        }
        let key = id.key();
        // One that is dead does not come back by what is said of its past: it hears that it is thought to be, and has to speak
        // up itself.
        if state == State::Alive && self.tombstones.get(&key.0).is_some_and(|tombstone| *tombstone >= standing) {
            (state, age) = (State::Down, Span::ZERO);
        }
        let mut member = Member::new(id, address, standing, state, cx.now);
        if !state.is_present() {
            // The age may reach back to before this clock began.
            member.since = cx.now.before(age);
            member.forget_at = cx.now + self.pace.retention.less(age);
            self.forget_at.insert((member.forget_at, key.0));
        }
        self.put(key, member);
        self.rumors.spread(key.0);
        match state {
            State::Alive => {}
            State::Suspect => {
                let patience = self.patience();
                self.suspicions.begin(key.0, cx.now, Accusers::default(), patience);
            }
            State::Down | State::Left => {
                if let Some(address) = address {
                    self.book.remember(key.0, address, &mut self.rng);
                }
                cx.effects.push(Effect::Present { member: key, incarnation: standing.incarnation, is_there: false });
                return;
            }
        }
        cx.counters.members_met += 1;
        cx.effects.push(Effect::Present { member: key, incarnation: standing.incarnation, is_there: true });
    }

    /// A member is suspected by others, or by this node: the suspicion begins, or is confirmed.
    pub(super) fn suspect(&mut self, cx: &mut Context<'_>, key: NodeKey, standing: Standing, accusers: Accusers) {
        let patience = self.patience();
        let Some(member) = self.members.get(&key.0) else { return };
        if standing < member.standing {
            return;
        }
        let newer = standing > member.standing;
        match (newer, member.state) {
            (false, State::Down | State::Left) => {}
            (false, State::Suspect) => {
                if self.suspicions.confirm(key.0, &accusers, patience) {
                    self.rumors.spread(key.0);
                }
            }
            (false, State::Alive) | (true, _) => {
                cx.counters.suspicions += 1;
                self.change(cx, key, standing, State::Suspect);
                self.suspicions.begin(key.0, cx.now, accusers, patience);
            }
        }
    }

    /// Forgets who was down, or gone, for long enough.
    pub(super) fn forget_old(&mut self, cx: &mut Context<'_>) {
        while let Some((at, key)) = self.forget_at.first().copied()
            && at <= cx.now
        {
            self.remember_death(cx, key);
        }
    }

    /// Makes room for a member that is there: the one that has been away for longest goes, of those whose end was told.
    fn make_room(&mut self, cx: &mut Context<'_>) -> bool {
        let is_told = |key: &u64| {
            let told = self.members.get(key).and_then(|member| member.told);
            !self.dirty.contains(key) || told.is_none_or(|told| !told.state.is_present())
        };
        let goes = self.forget_at.iter().map(|(_, key)| *key).find(is_told);
        let Some(key) = goes else { return false };
        self.remember_death(cx, key);
        true
    }

    fn remember_death(&mut self, cx: &mut Context<'_>, key: u64) {
        let Some(member) = self.members.remove(&key) else { return };
        self.forget_at.remove(&(member.forget_at, key));
        self.reconciler.changed(key, Some(member.stamp()), None);
        self.rumors.forget(key);
        self.dirty.remove(&key);
        if self.tombstones.len() >= Self::TOMBSTONES_MAX {
            let from = self.rng.next();
            let goes = self.tombstones.range(from..).next().or_else(|| self.tombstones.first_key_value());
            let goes = goes.map(|(key, _)| *key);
            goes.and_then(|key| self.tombstones.remove(&key));
        }
        self.tombstones.insert(key, member.standing);
        cx.effects.push(Effect::Forgotten { member: NodeKey(key) });
    }
}
