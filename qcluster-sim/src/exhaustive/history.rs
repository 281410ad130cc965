//! What must be remembered of one voter, over its incarnations too, to judge what it does next; and the rules for one voter.

use qcluster_core::{
    ElectionMessage, Envelope, HardState, Incarnation, LeadershipId, Message, Node, NodeKey, Role, Span, Term, Vote,
};

use super::change::Stage;
use super::known::Known;

/// What one voter has done that binds it, on its own clock.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct History {
    /// How many times it has started.
    pub(super) incarnation: u8,
    /// Its last vote, for itself or another, as others were told.
    granted: Option<(Term, Vote)>,
    /// Its promises, as others were told, and how long each still lasts.
    given: Vec<Given>,
    /// Since when it has been asking for votes in that term, while nothing came of it.
    asked: Option<(Term, Span)>,
}

/// A promise, and how long it still lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Given {
    to: LeadershipId,
    left: Span,
    /// The step of a change that the voter was in.
    stage: Stage,
}

impl History {
    /// Time goes on.
    pub(super) fn pass(&mut self, moved: Span, trusted_lease: Span) {
        for given in &mut self.given {
            given.left = less(given.left, moved);
        }
        self.given.retain(|given| given.left > Span::ZERO);
        if let Some((_, since)) = &mut self.asked {
            *since = (*since + moved).min(trusted_lease);
        }
    }

    /// When the next of its promises ends.
    pub(super) fn next_end(&self) -> Option<Span> {
        self.given.iter().map(|given| given.left).min()
    }

    /// In which step of a change it has promised itself to that leadership, if the promise is live.
    pub(super) fn stands_by(&self, leadership: LeadershipId) -> Option<Stage> {
        self.given.iter().find(|given| given.to == leadership).map(|given| given.stage)
    }

    /// What it was given releases it from a promise (E4, E10).
    pub(super) fn hear(&mut self, envelope: &Envelope) {
        if let Message::Election(ElectionMessage::Release { term, .. }) = envelope.message {
            let by = (envelope.from, envelope.from_incarnation);
            // That one and all before: a node leads in one term at a time.
            self.given.retain(|Given { to, .. }| (to.node, to.incarnation) != by || to.term > term);
        }
    }

    /// After a step: a promise to itself ends with the leadership that it was for, and so does asking for votes.
    pub(super) fn settle(&mut self, node: &Node) {
        let (key, role, term) = (node.rules().key(), node.role(), node.term());
        let leads = |to: &LeadershipId| role == Role::Leader && to.term == term && to.incarnation == node.incarnation();
        self.given.retain(|Given { to, .. }| to.node != key || leads(to));
        let asks = matches!(role, Role::Candidate | Role::Leader);
        self.asked.take_if(|(asked, _)| !asks || *asked != term);
    }

    /// The leadership of that term holds a lease from now on.
    pub(super) fn elected(&mut self) {
        self.asked = None;
    }

    /// A new incarnation knows nothing of what the last one asked.
    pub(super) fn restart(&mut self) {
        self.incarnation = self.incarnation.saturating_add(1);
        self.asked = None;
    }

    /// Takes note of what the voter says in answer to `heard`.
    ///
    /// # Errors
    /// It must not say so.
    pub(super) fn say(
        &mut self,
        envelope: &Envelope,
        heard: Option<&Known>,
        disk: Disk<'_>,
        stage: Stage,
        trusted_lease: Span,
    ) -> Result<(), String> {
        let Message::Election(message) = envelope.message else { return Ok(()) };
        let is_left_behind = |heard: &Known| heard.envelope.from == envelope.to && heard.stage < stage;
        if stage == Stage::Both && heard.is_some_and(is_left_behind) && is_support(message) {
            return Err(format!("has both lists, and supports one that has the old list alone: {message:?} (E20 (a))"));
        }
        let heard = heard.map(|heard| &heard.envelope);
        let own = |term| LeadershipId { node: envelope.from, incarnation: envelope.from_incarnation, term };
        let others = |term| LeadershipId { node: envelope.to, incarnation: envelope.to_incarnation, term };
        match message {
            ElectionMessage::Heartbeat { term, lease, active, .. } => {
                self.promise(own(term), stage, disk.remembered(lease))?;
                if active { Ok(()) } else { self.ask(term, trusted_lease) }
            }
            ElectionMessage::HeartbeatAck { term, lease, .. } => self.promise(others(term), stage, lease),
            ElectionMessage::VoteRequest { term, .. } => {
                self.vote(term, envelope.from, envelope.from_incarnation, None, disk)?;
                self.ask(term, trusted_lease)
            }
            ElectionMessage::VoteReply { asked, refusal: None, .. } => {
                let released = heard.and_then(released_by);
                self.vote(asked, envelope.to, envelope.to_incarnation, released, disk)
            }
            ElectionMessage::PreVoteReply { refusal: None, .. } => {
                let consent = heard.and_then(consented_by);
                self.keep_promises(envelope.to, envelope.to_incarnation, consent, "pre-votes")
            }
            ElectionMessage::VoteReply { refusal: Some(_), .. }
            | ElectionMessage::PreVoteReply { refusal: Some(_), .. }
            | ElectionMessage::PreVoteRequest { .. }
            | ElectionMessage::StaleTerm { .. }
            | ElectionMessage::Release { .. }
            | ElectionMessage::CouldYouWin { .. }
            | ElectionMessage::CouldWin { .. } => Ok(()),
        }
    }

    /// E2′: one live promise at a time.
    fn promise(&mut self, to: LeadershipId, stage: Stage, lease: Span) -> Result<(), String> {
        self.keep_promises(to.node, to.incarnation, None, "promises itself")?;
        // A shorter one after a longer one to the same leadership leaves that as it is.
        let earlier = self.given.iter().find(|given| given.to == to).map_or(Span::ZERO, |given| given.left);
        self.given.clear();
        self.given.push(Given { to, left: lease.max(earlier), stage });
        Ok(())
    }

    /// E6: one vote a term over all incarnations, on disk before it is told, and none against a promise.
    fn vote(
        &mut self,
        term: Term,
        node: NodeKey,
        incarnation: Incarnation,
        released: Option<LeadershipId>,
        disk: Disk<'_>,
    ) -> Result<(), String> {
        self.keep_promises(node, incarnation, released, "votes")?;
        // A candidate in a higher term has ended its earlier leadership.
        let over = |to: &LeadershipId| Some(*to) == released || (to.node == node && to.term < term);
        self.given.retain(|given| !over(&given.to));
        let vote = Vote { node, incarnation };
        if let Some((last, earlier)) = self.granted
            && (term < last || (term == last && vote != earlier))
        {
            return Err(format!(
                "votes for {node:?} in {term:?} after its vote for {:?} in {last:?} (E6)",
                earlier.node
            ));
        }
        self.granted = Some((term, vote));
        if disk.would_remember(term, vote) {
            return Ok(());
        }
        Err(format!("tells its vote in {term:?} before it would survive a crash (E6)"))
    }

    /// E2: bound is bound.
    fn keep_promises(
        &self,
        node: NodeKey,
        incarnation: Incarnation,
        released: Option<LeadershipId>,
        does: &str,
    ) -> Result<(), String> {
        let same = |to: &LeadershipId| to.node == node && to.incarnation == incarnation;
        match self.given.iter().find(|Given { to, .. }| !same(to) && Some(*to) != released) {
            Some(Given { to, left, .. }) => Err(format!(
                "{does} for {node:?} while its promise to {:?} in {:?} has {left} to go (E2, E2′, E9)",
                to.node, to.term
            )),
            None => Ok(()),
        }
    }

    /// E7: asking ends.
    fn ask(&mut self, term: Term, trusted_lease: Span) -> Result<(), String> {
        match self.asked {
            Some((asked, since)) if asked == term && since >= trusted_lease => {
                Err(format!("still goes for {term:?} longer than a lease after it first asked (E7)"))
            }
            Some((asked, _)) if asked == term => Ok(()),
            Some(_) | None => {
                self.asked = Some((term, Span::ZERO));
                Ok(())
            }
        }
    }
}

/// What a vote stands on.
#[derive(Clone, Copy, Debug)]
pub(super) enum Disk<'a> {
    /// Nothing, and it need not (E12).
    None,
    /// What was written.
    Holds(Option<&'a HardState>),
}

impl Disk<'_> {
    /// How much of a promise to itself of that length a voter would remember after a crash.
    fn remembered(self, lease: Span) -> Span {
        match self {
            Self::None => lease,
            Self::Holds(saved) => saved.map_or(Span::ZERO, |saved| saved.lease.min(lease)),
        }
    }

    fn would_remember(self, term: Term, vote: Vote) -> bool {
        match self {
            Self::None => true,
            Self::Holds(saved) => {
                saved.is_some_and(|saved| saved.term > term || (saved.term == term && saved.vote == Some(vote)))
            }
        }
    }
}

/// Whether it helps somebody else to lead.
const fn is_support(message: ElectionMessage) -> bool {
    match message {
        ElectionMessage::HeartbeatAck { .. } => true,
        ElectionMessage::PreVoteReply { refusal, .. } | ElectionMessage::VoteReply { refusal, .. } => refusal.is_none(),
        ElectionMessage::Heartbeat { .. }
        | ElectionMessage::StaleTerm { .. }
        | ElectionMessage::PreVoteRequest { .. }
        | ElectionMessage::VoteRequest { .. }
        | ElectionMessage::Release { .. }
        | ElectionMessage::CouldYouWin { .. }
        | ElectionMessage::CouldWin { .. } => false,
    }
}

/// The leadership that gave way to the candidate of a request for a vote (E10).
fn released_by(heard: &Envelope) -> Option<LeadershipId> {
    let Message::Election(ElectionMessage::VoteRequest { released, .. }) = heard.message else { return None };
    released
}

/// The leadership that has agreed to be replaced (E11).
fn consented_by(heard: &Envelope) -> Option<LeadershipId> {
    let Message::Election(ElectionMessage::PreVoteRequest { consent, .. }) = heard.message else { return None };
    consent
}

/// What is left of a span when time goes on.
pub(super) fn less(left: Span, moved: Span) -> Span {
    Span::from_nanos(left.as_nanos().saturating_sub(moved.as_nanos()))
}
