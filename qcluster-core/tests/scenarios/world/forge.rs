//! Messages that no node has sent, and what a node answers to them: for stories about one node.

use qcluster_core::{
    Action, Boot, ElectionMessage, Envelope, HeldLease, IncarnationsDigest, Message, Node, NodeInput, PersistId, Term,
    Time,
};

use super::World;

impl World {
    /// What `from` would send to `to` in their present incarnations, with that message inside.
    pub fn forge(&self, from: usize, to: usize, message: ElectionMessage) -> Envelope {
        self.envelope(from, to, Message::Election(message))
    }

    pub fn envelope(&self, from: usize, to: usize, message: Message) -> Envelope {
        let (sender, receiver) = (&self.machines[from], &self.machines[to]);
        Envelope {
            from: sender.settings.id.key(),
            from_incarnation: self.node(from).incarnation(),
            to: receiver.settings.id.key(),
            to_incarnation: self.node(to).incarnation(),
            message,
            ..self.greeting(from)
        }
    }

    /// The first thing that a node with `from`'s configuration says: it carries the digests.
    fn greeting(&self, from: usize) -> Envelope {
        let rules = self.machines[from].settings().check().expect("scenario settings are valid");
        let boot = Boot::new(0, 1);
        let mut fresh = Node::new(rules, boot, Time::ZERO).expect("scenario boots are valid");
        let sent = fresh.step(Time::ZERO, NodeInput::Timeout).find_map(|action| match action {
            Action::Send(envelope) => Some(envelope),
            Action::Persist { .. } | Action::Notify(_) => None,
        });
        sent.expect("a node that has peers greets them")
    }

    /// Gives an event to `n`, and collects the elections' messages that it sends at once.
    pub fn provoke(&mut self, n: usize, event: NodeInput) -> Vec<ElectionMessage> {
        let before = self.transcript.messages().count();
        self.give(n, event);
        let sent = self.transcript.messages().skip(before).filter(|(from, ..)| *from == n);
        sent.filter_map(|(_, _, message)| super::election(&message).copied()).collect()
    }

    /// The same, for a forged message.
    pub fn ask(&mut self, from: usize, to: usize, message: ElectionMessage) -> Vec<ElectionMessage> {
        let envelope = self.forge(from, to, message);
        self.provoke(to, NodeInput::Message(envelope))
    }

    /// Voters that know each other and whose boot wait is over, and who then hear nobody: the test speaks for the others.
    pub fn of_hermits(mut self) -> Self {
        self.start_all();
        self.run(super::ms(160));
        for n in 0..self.machines.len() {
            self.network.isolate(n);
        }
        self.run(super::ms(400));
        self
    }

    /// What that voter knows of incarnations, as its word carries it (E24).
    pub fn incarnations(&self, n: usize) -> IncarnationsDigest {
        self.node(n).incarnations().unwrap_or_else(|| panic!("#{n} has no vote"))
    }

    /// The round of pre-votes that a voter has asked for last, and the term of it.
    pub fn last_round(&self, voter: usize) -> (u64, Term) {
        let asked = self.transcript.messages().filter_map(|(from, _, message)| match super::election(&message) {
            Some(ElectionMessage::PreVoteRequest { round, term, .. }) if from == voter => Some((*round, *term)),
            _ => None,
        });
        asked.last().expect("it has asked")
    }

    /// When a leader has sent its last heartbeat, on its clock.
    pub fn last_heartbeat(&self, leader: usize) -> Time {
        let sent = self.transcript.messages().filter_map(|(from, _, message)| match super::election(&message) {
            Some(ElectionMessage::Heartbeat { sent_at, .. }) if from == leader => Some(*sent_at),
            _ => None,
        });
        sent.last().expect("it has sent some")
    }

    /// `from` acknowledges what `leader` sent at `sent_at`, knowing what that one knows. The lease that the leader has then.
    pub fn acknowledge(&mut self, from: usize, leader: usize, sent_at: Time) -> Option<HeldLease> {
        self.acknowledge_knowing(from, leader, sent_at, self.incarnations(leader))
    }

    /// The same, of a voter that knows those incarnations.
    pub fn acknowledge_knowing(
        &mut self,
        from: usize,
        leader: usize,
        sent_at: Time,
        incarnations: IncarnationsDigest,
    ) -> Option<HeldLease> {
        let term = self.node(leader).term();
        self.ask(
            from,
            leader,
            ElectionMessage::HeartbeatAck { term, sent_at, lease: super::LEASE, stamp: Term(0), incarnations },
        );
        self.node(leader).lease(self.now)
    }

    /// A held disk does what it was asked first, and has yet to say so.
    pub fn write_first(&mut self, n: usize) -> PersistId {
        let (id, state) = self.machines[n].held.remove(0);
        self.machines[n].saved = Some(state);
        id
    }

    /// A term above everything that was heard of.
    pub fn fresh_term(&self) -> Term {
        let stamps = self.machines.iter().map(|machine| machine.wall_ms + self.now.as_nanos() / 1_000_000);
        let terms = self.machines.iter().filter_map(|machine| Some(machine.node.as_ref()?.term().0));
        Term(stamps.chain(terms).max().unwrap_or(0) + 100)
    }
}
