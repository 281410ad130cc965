//! How far a voter is in a change of voters (E20).

use super::{Change, ChangeStep, Context, Election, Sender};
use crate::config::Step;
use crate::id::Term;
use crate::quorum::Weight;

impl Election {
    /// How far it has come in changes of voters (E20).
    pub(crate) fn step(&self) -> Option<&ChangeStep> {
        self.storage.step()
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
        let is_usual = named.0 <= Self::STAMP_MAX + Self::JUMP_MAX;
        let known = self.term().max(self.highest_stamp).0;
        is_usual || (named.0 <= known.saturating_add(Self::JUMP_MAX) && named < Term::MAX)
    }
}
