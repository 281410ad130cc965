//! What the core costs: a heartbeat and an ack in `Node::step`, allocations in steady state, and a whole election.
//!
//! `cargo bench --bench step` prints one line a figure; it measures and judges nothing.

use std::collections::VecDeque;
use std::hint::black_box;
use std::time::Instant;

use qcluster_core::{
    Action, Boot, Digests, ElectionMessage, Envelope, Incarnation, Message, Node, NodeId, NodeInput, NodeKey, Settings,
    Span, Time, Timing, VoterSettings,
};

/// How often each figure is taken; the median is printed.
const ROUNDS: usize = 31;
const STEPS: u32 = 100_000;
const ELECTIONS: u32 = 1_000;

fn main() {
    let steady = Steady::new();
    let heartbeat = median(|| steady.heartbeats(STEPS));
    let ack = median(|| steady.acks(STEPS));
    println!("heartbeat received, promised, acked  {heartbeat:>8.1} ns    median of {ROUNDS} x {STEPS} steps");
    println!("ack received, lease renewed          {ack:>8.1} ns    median of {ROUNDS} x {STEPS} steps");
    for (what, run) in [("heartbeats", Steady::heartbeats as fn(&Steady, u32) -> f64), ("acks", Steady::acks)] {
        // The first steps fill the buffers of a fresh clone; what is left once they are subtracted is the steady state.
        let count = |steps| allocation_counter::measure(|| _ = black_box(run(&steady, steps))).count_total;
        let steady_state = count(STEPS + 100) - count(100);
        println!("allocations in {STEPS} {what:<10}    {steady_state:>8}");
    }
    let election = median(elections) / 1_000.0;
    println!(
        "election of three in memory          {election:>8.2} us    median of {ROUNDS} x {ELECTIONS}, from the first timer"
    );
    println!("                                                    to `Elected`, building the nodes not counted");
}

fn median(mut sample: impl FnMut() -> f64) -> f64 {
    let mut samples: Vec<f64> = (0..ROUNDS).map(|_| sample()).collect();
    samples.sort_by(f64::total_cmp);
    samples[ROUNDS / 2]
}

/// Nanoseconds that one run of `work` takes, over `times` runs.
fn nanos_each<T>(times: u32, mut work: impl FnMut() -> T) -> f64 {
    let start = Instant::now();
    for _ in 0..times {
        black_box(work());
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(times.max(1))
}

/// Nanoseconds that an election takes, of nodes that were built just before.
fn elections() -> f64 {
    let nanos = (0..ELECTIONS).map(|_| {
        let mut cluster = three();
        nanos_each(1, || elect(&mut cluster))
    });
    nanos.sum::<f64>() / f64::from(ELECTIONS)
}

/// Three voters whose boot wait is over and who know each other's incarnations, an instant before the first timer.
fn three() -> Cluster {
    let voters: Vec<VoterSettings> =
        ["a", "b", "c"].map(|id| VoterSettings::new(NodeId::new(id).expect("a valid identifier"))).to_vec();
    let node = |(seed, voter): (u64, &VoterSettings)| {
        let rules = Settings::voter(voter.id.clone(), voters.clone()).check().expect("valid settings");
        let boot = Boot::new(seed, 1_764_000_000_000);
        Node::new(rules, boot, Time::ZERO).expect("a valid boot")
    };
    let mut cluster = Cluster { nodes: (1..).zip(&voters).map(node).collect(), mail: VecDeque::with_capacity(64) };
    let boot_wait = Time::ZERO + Timing::default().max_lease;
    while let Some(due) = cluster.next_deadline().filter(|due| *due <= boot_wait) {
        cluster.run_to(due);
    }
    cluster
}

/// Runs until somebody leads; gives when.
fn elect(cluster: &mut Cluster) -> Time {
    loop {
        let due = cluster.next_deadline().expect("somebody waits for something");
        cluster.run_to(due);
        if cluster.nodes.iter().any(|node| node.is_leader(due)) {
            return due;
        }
    }
}

struct Cluster {
    nodes: Vec<Node>,
    mail: VecDeque<Envelope>,
}

impl Cluster {
    fn next_deadline(&self) -> Option<Time> {
        self.nodes.iter().map(Node::deadline).min()
    }

    /// Gives everybody a timeout at `now`, and delivers all messages at once.
    fn run_to(&mut self, now: Time) {
        for node in &mut self.nodes {
            post(node.step(now, NodeInput::Timeout), &mut self.mail);
        }
        while let Some(envelope) = self.mail.pop_front() {
            let to = self.nodes.iter_mut().find(|node| node.rules().key() == envelope.to).expect("mail for a node");
            post(to.step(now, NodeInput::Message(envelope)), &mut self.mail);
        }
    }
}

fn post(actions: impl Iterator<Item = Action>, mail: &mut VecDeque<Envelope>) {
    mail.extend(actions.filter_map(|action| match action {
        Action::Send(envelope) => Some(envelope),
        Action::Persist { .. } | Action::Notify(_) => None,
    }));
}

/// A cluster with a leader, in the middle of a heartbeat.
struct Steady {
    now: Time,
    leader: Node,
    follower: Node,
    heartbeat: Letter,
    ack: Letter,
}

/// An envelope of the election in parts, from which each step is given one of its own: as an endpoint makes it, without the clone of
/// a message that could be of any protocol.
#[derive(Clone, Copy)]
struct Letter {
    from: NodeKey,
    from_incarnation: Incarnation,
    to: NodeKey,
    to_incarnation: Incarnation,
    digests: Digests,
    message: ElectionMessage,
}

impl Letter {
    fn of(envelope: &Envelope) -> Self {
        let Envelope { from, from_incarnation, to, to_incarnation, digests, ref message } = *envelope;
        let Message::Election(message) = *message else { unreachable!("not of the election: {message:?}") };
        Self { from, from_incarnation, to, to_incarnation, digests, message }
    }

    fn envelope(&self) -> Envelope {
        let Self { from, from_incarnation, to, to_incarnation, digests, message } = *self;
        Envelope { from, from_incarnation, to, to_incarnation, digests, message: Message::Election(message) }
    }
}

impl Steady {
    fn new() -> Self {
        let mut cluster = three();
        elect(&mut cluster);
        let mut now = Time::ZERO;
        for _ in 0..100 {
            now = cluster.next_deadline().expect("a leader has heartbeats to send");
            cluster.run_to(now);
        }
        now = now + Span::from_millis(25);
        let leads = cluster.nodes.iter().position(|node| node.is_leader(now)).expect("somebody leads");
        let mut leader = cluster.nodes.swap_remove(leads);
        post(leader.step(now, NodeInput::Timeout), &mut cluster.mail);
        let heartbeat = cluster.mail.pop_front().expect("the leader sends a heartbeat");
        let followers = &mut cluster.nodes;
        let mut follower =
            followers.iter().find(|node| node.rules().key() == heartbeat.to).expect("a follower").clone();
        let mut answers = VecDeque::new();
        post(follower.step(now, NodeInput::Message(heartbeat.clone())), &mut answers);
        let ack = answers.pop_front().expect("the follower acknowledges");
        Self { now, leader, follower, heartbeat: Letter::of(&heartbeat), ack: Letter::of(&ack) }
    }

    /// Nanoseconds for a heartbeat, each 25 ms after the one before.
    fn heartbeats(&self, steps: u32) -> f64 {
        let (mut node, mut heartbeat, mut now) = (self.follower.clone(), self.heartbeat, self.now);
        nanos_each(steps, || {
            now = now + Span::from_millis(25);
            if let ElectionMessage::Heartbeat { sent_at, .. } = &mut heartbeat.message {
                *sent_at = now;
            }
            node.step(now, NodeInput::Message(heartbeat.envelope())).count()
        })
    }

    /// Nanoseconds for an ack, each a nanosecond newer than the one before, so that each renews the lease.
    fn acks(&self, steps: u32) -> f64 {
        let (mut node, mut ack) = (self.leader.clone(), self.ack);
        let mut acknowledged = self.now.before(Span::from_millis(20));
        nanos_each(steps, || {
            acknowledged = acknowledged + Span::from_nanos(1);
            if let ElectionMessage::HeartbeatAck { sent_at, .. } = &mut ack.message {
                *sent_at = acknowledged;
            }
            node.step(self.now, NodeInput::Message(ack.envelope())).count()
        })
    }
}
