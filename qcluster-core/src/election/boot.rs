//! Before a voter takes part: its boot wait (E9), its record on its own disk (E24), and the company of others, who may know of another
//! process of its name (E17).

use serde::{Deserialize, Serialize};

use super::{Context, Election, Role};
use crate::id::Incarnation;
use crate::reason::LostReason;
use crate::time::{Rebase, Span, Time};

/// Why the voter takes no part yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) enum BootWait {
    /// An earlier incarnation may have promised (E9).
    Until(Time),
    /// The time is over, and the disk does not know of this incarnation yet: the next one would not know that it took part.
    ForDisk,
    /// It has not been among others for long enough: one of them may know that its identifier is taken (E17).
    ForOthers,
    Over,
}

impl BootWait {
    pub(super) fn rebase(&mut self, by: &Rebase<'_>, introduced_from: &mut Time) {
        match self {
            Self::Until(until) => *until = by.due(*until),
            Self::ForDisk | Self::ForOthers | Self::Over => {}
        }
        // Read before it takes part alone.
        *introduced_from = if *self == Self::Over { Time::ZERO } else { by.due(*introduced_from) };
    }
}

impl Election {
    /// Whether it takes no part yet.
    pub(crate) fn is_booting(&self) -> bool {
        self.boot_wait != BootWait::Over
    }

    /// Whether it takes no part only because it has not been among others for long enough (E17).
    pub(crate) fn waits_for_others(&self) -> bool {
        self.boot_wait == BootWait::ForOthers
    }

    /// Whether it has yet to meet the first of those without whom it takes no part.
    pub(crate) fn is_unintroduced(&self) -> bool {
        self.introduced_from == Time::NEVER
    }

    /// Whether it takes no part only because it has met nobody.
    pub(crate) fn has_met_nobody(&self) -> bool {
        self.waits_for_others() && self.is_unintroduced()
    }

    /// The first other voter is met. One that knows of another process of this name probes both at once, and tells them.
    pub(crate) fn introduce(&mut self, now: Time) {
        self.introduced_from = self.introduced_from.min(now + self.rules.trusted_lease);
    }

    /// This node was given nothing for so long. Until it takes part it does something each heartbeat: what is beyond that it stood
    /// still, and was not among others. A machine that is always late takes part, too, only later.
    #[inline]
    pub(crate) fn pause(&mut self, pause: Span) {
        if !self.is_booting() {
            return;
        }
        let stood_still = pause.less(self.rules.timing.heartbeat);
        let has_met = self.introduced_from > Time::ZERO && self.introduced_from < Time::NEVER;
        if stood_still > Span::ZERO && has_met {
            self.introduced_from = self.introduced_from + stood_still;
        }
    }

    /// Takes part once nothing is left to wait for.
    pub(super) fn end_boot_wait(&mut self, cx: &mut Context<'_>) {
        match self.boot_wait {
            BootWait::Over => return,
            BootWait::Until(until) if cx.now < until => return,
            BootWait::Until(_) | BootWait::ForOthers | BootWait::ForDisk => {}
        }
        if !self.storage.knows_this_incarnation() {
            self.boot_wait = BootWait::ForDisk;
            return;
        }
        if cx.now < self.introduced_from {
            self.boot_wait = BootWait::ForOthers;
            return;
        }
        self.boot_wait = BootWait::Over;
        // It is saved beside the first promise or vote: before that there is nothing to remember.
        self.storage.take_part(self.rules.key);
        self.note_incarnations();
        self.storage.forget_earlier_leases(self.rules.timing.lease);
        let heard_lately = self.shown.is_some();
        let patience = if heard_lately { self.length.current() } else { Span::ZERO };
        self.campaign_after(cx.now + patience);
    }

    /// The longest promise of which this voter's disk may know nothing.
    fn longest_unknown(&self) -> Span {
        self.rules.timing.max_lease.max(self.rules.previous_lease)
    }

    /// Another process of this name has taken part before this incarnation began, and this voter's disk knows nothing of it: what
    /// that one has promised may last longer than what is remembered here (E9, E23).
    pub(crate) fn outwait_unknown(&mut self, now: Time) {
        let longest = self.longest_unknown();
        let more = longest.less(self.storage.longest_lease());
        if more == Span::ZERO {
            return;
        }
        self.boot_wait = match self.boot_wait {
            BootWait::Until(until) => BootWait::Until(until + more),
            BootWait::ForDisk | BootWait::ForOthers => BootWait::Until(now + more),
            BootWait::Over => return,
        };
        self.storage.remember_lease(longest);
    }

    /// The own next incarnation begins in the place of the present one: above an incarnation of this node that another
    /// voter has known (E12, E17).
    pub(crate) fn rename(&mut self, cx: &mut Context<'_>, incarnation: Incarnation) {
        if !self.is_booting() {
            // The only voter that there is: any other has been among others for too long (E17).
            self.lose(cx, LostReason::ClockWentBack, None);
            self.set_role(Role::Follower);
        }
        // What the earlier incarnation promised runs out in the boot wait that there is; after it, there may have been another one.
        if matches!(self.boot_wait, BootWait::Until(_)) {
            self.outwait_unknown(cx.now);
        } else {
            self.boot_wait = BootWait::Until(cx.now + self.longest_unknown());
            self.storage.remember_lease(self.longest_unknown());
        }
        self.campaign_at(cx.now);
        self.incarnation = incarnation;
        self.storage.rename(incarnation);
        self.note_incarnations();
        self.persist(cx);
    }
}
