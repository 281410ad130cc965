//! Nodes with another configuration: refused and shown (E14), unless they are in another step of a change of voters (E20).

use super::event::{Envelope, Message, Notification, Session};
use super::{Node, Part};
use crate::config::{Digests, Step};
use crate::id::VoterIndex;

impl Node {
    /// Tells all voters that a leader was elected in the middle step, if this node is in it.
    pub(super) fn say_step(&mut self) {
        if self.rules.digests.is_joint() {
            for voter in self.rules.others() {
                self.send_to_voter(voter, Message::Session(Session::Step { established: true }));
            }
        }
    }

    /// Tells a voter of the last step, from the middle one, whether it may be there.
    pub(super) fn say_step_to(&mut self, voter: VoterIndex, step: Step) {
        let (Part::Voter(election), Step::Later) = (&self.part, step) else { return };
        if self.rules.digests.is_joint() {
            let established = election.is_established();
            self.send_to_voter(voter, Message::Session(Session::Step { established }));
        }
    }

    /// A voter in the middle step says whether a leader was elected there.
    pub(super) fn hear_step(&mut self, voter: VoterIndex, step: Step, established: bool) {
        self.with_election(|election, cx| election.hear_of_step(cx, step, established));
        let is_last_step = step == Step::Earlier && !self.rules.digests.is_joint();
        let known = self.step_is_established() == Some(true);
        if is_last_step && !established && !known && !core::mem::replace(&mut self.is_warned_of_step, true) {
            self.queue.push_notification(Notification::StepTooEarly { voter });
        }
    }

    /// A node that is not listened to for its configuration.
    #[cold]
    pub(super) fn surface_mismatch(&mut self, voter: Option<VoterIndex>, envelope: &Envelope) {
        let (key, incarnation) = (envelope.from, envelope.from_incarnation);
        let theirs = match envelope.message {
            Message::Session(Session::Configuration { shared, .. }) => Some(shared),
            _ => None,
        };
        let news = self.links.hear_mismatch(voter, key, incarnation, theirs.is_some());
        if news.is_to_be_told {
            self.queue.push_notification(Notification::ConfigMismatch { peer: voter, key, theirs });
        }
        // The other side is to see it too, even if it would never have been spoken to.
        let may_answer = match envelope.message {
            Message::Session(Session::Hello { to, .. }) => to == self.rules.key,
            Message::Session(Session::Configuration { .. }) => true,
            _ => news.is_first,
        };
        if may_answer && !envelope.message.is_answer() {
            let (answer, shared) = (news.is_explained, self.rules.shared);
            self.send(key, incarnation, Message::Session(Session::Configuration { answer, shared }));
        }
    }

    /// A voter is in another step than this node. All that are in the middle step of a change have to be in the middle of the same
    /// one.
    #[cold]
    pub(super) fn compare_middle_steps(&mut self, voter: VoterIndex, digests: Digests) {
        self.links.is_in_step_of(voter, digests);
        if let Some([one, other]) = self.links.differing_steps_are_news() {
            self.queue.push_notification(Notification::StepsDiffer { one, other });
        }
    }

    /// Two voters that are in the middle steps of different changes, if there are any (E20).
    pub fn differing_steps(&self) -> Option<[VoterIndex; 2]> {
        self.links.differing_steps()
    }

    /// In which step of a change of voters another voter was when it was last heard, seen from this node (E20).
    pub fn step_of(&self, voter: VoterIndex) -> Step {
        self.links.at(voter).step
    }

    /// Whether the configuration of this node is the middle step of a change of voters.
    pub fn is_in_middle_step(&self) -> bool {
        self.rules.digests.is_joint()
    }

    /// Whether a leader is known to have been elected in the middle step of a change of voters, that this node is in or has left:
    /// only then may the last step be taken (E20). `None` for who has no vote.
    pub fn step_is_established(&self) -> Option<bool> {
        match &self.part {
            Part::Voter(election) => Some(election.is_established()),
            Part::Observer(_) | Part::Member => None,
        }
    }
}
