//! Three nodes and a vector of messages: what the core decides, without a clock, a socket or a thread.
//!
//! `cargo run --example embed_in_memory` elects a leader, cuts it off, and shows when the next one takes over. Time is a number
//! here: all of it is over at once, and the same every time.

use qcluster_core::{Action, Boot, Envelope, Node, NodeId, NodeInput, Settings, Span, Time, VoterSettings};

const NAMES: [&str; 3] = ["server_a", "server_b", "server_c"];

struct World {
    now: Time,
    nodes: Vec<Node>,
    /// What is under way; it arrives as soon as it is sent.
    mail: Vec<Envelope>,
    /// The place of a node that nobody hears, and that hears nobody.
    cut_off: Option<usize>,
}

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut world = World::new()?;
    let first = world.run_until_one_leads();
    println!("{}: {} leads", world.now, NAMES[first]);

    world.cut_off = Some(first);
    let second = world.run_until_one_leads();
    println!("{}: {} leads, and {} no longer does", world.now, NAMES[second], NAMES[first]);
    assert!(!world.nodes[first].is_leader(world.now));
    Ok(())
}

impl World {
    fn new() -> Result<Self, Box<dyn std::error::Error>> {
        let ids = NAMES.map(NodeId::new).into_iter().collect::<Result<Vec<_>, _>>()?;
        let voters: Vec<_> = ids.iter().cloned().map(VoterSettings::new).collect();
        let mut nodes = Vec::new();
        for (seed, id) in (1..).zip(ids) {
            let rules = Settings::voter(id, voters.clone()).check()?;
            // All chance comes from the seed. The stamp is the wall clock's, in milliseconds.
            nodes.push(Node::new(rules, Boot::new(seed, 1_764_000_000_000), Time::ZERO)?);
        }
        Ok(Self { now: Time::ZERO, nodes, mail: Vec::new(), cut_off: None })
    }

    /// Goes from deadline to deadline until somebody leads that is not cut off. Gives its place.
    fn run_until_one_leads(&mut self) -> usize {
        loop {
            let leads = |place: &usize| self.cut_off != Some(*place) && self.nodes[*place].is_leader(self.now);
            if let Some(leader) = (0..self.nodes.len()).find(leads) {
                return leader;
            }
            // At least a little later than before, so that time passes whatever the deadlines say.
            let next = self.nodes.iter().map(Node::deadline).min().unwrap_or(Time::NEVER);
            self.now = next.max(self.now + Span::from_nanos(1));
            for place in 0..self.nodes.len() {
                self.step(place, NodeInput::Timeout);
            }
            self.deliver();
        }
    }

    fn deliver(&mut self) {
        while let Some(envelope) = self.mail.pop() {
            let to = self.nodes.iter().position(|node| node.rules().key() == envelope.to);
            if let Some(to) = to.filter(|to| self.cut_off != Some(*to)) {
                self.step(to, NodeInput::Message(envelope));
            }
        }
    }

    /// One step, and what follows from it, in order.
    fn step(&mut self, place: usize, input: NodeInput) {
        for action in self.nodes[place].step(self.now, input) {
            match action {
                Action::Send(envelope) if self.cut_off != Some(place) => self.mail.push(envelope),
                Action::Send(_) => {}
                Action::Persist { .. } => unreachable!("a node without a disk saves nothing"),
                Action::Notify(notification) => println!("{}: {}: {notification}", self.now, NAMES[place]),
            }
        }
    }
}
