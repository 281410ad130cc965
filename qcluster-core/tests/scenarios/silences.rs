//! Services that are silent, and nodes that stood still and could not have heard them (G5).

use qcluster_core::{Boot, Command, Health, Node, NodeId, NodeInput, Service, Settings, Span, Time};

use crate::world::{at, ms};

const TTL: Span = Span::from_millis(1_000);
/// Each node does something this often.
const PROBE: Span = Span::from_millis(500);
const HEARTBEAT: Span = Span::from_millis(25);
/// What timers are late on any machine.
const LATENESS: Span = Span::from_millis(1);

/// A node without others, and a service of it.
struct Story {
    node: Node,
    now: Time,
    /// How late its timers are.
    late: Span,
}

impl Story {
    fn begin() -> Self {
        let rules = Settings::member(NodeId::new("server_a").unwrap()).check().unwrap();
        let boot = Boot::new(1, 1_764_000_000_000);
        let node = Node::new(rules, boot, at(0)).unwrap();
        let mut story = Self { node, now: at(0), late: Span::ZERO };
        story.command(Command::Register(Service::new("web", 1).with_ttl(TTL.into())));
        story
    }

    fn step(&mut self, event: NodeInput) {
        drop(self.node.step(self.now, event));
    }

    fn command(&mut self, command: Command) {
        self.step(NodeInput::Command(command));
    }

    fn beat(&mut self) {
        self.command(Command::Heartbeat { id: "web".into(), health: None });
    }

    /// It does what is due, for so long.
    fn run(&mut self, span: Span) {
        let end = self.now + span;
        while self.node.deadline() + self.late <= end {
            self.now = (self.node.deadline() + self.late).max(self.now);
            self.step(NodeInput::Timeout);
        }
        self.now = end;
    }

    /// It does nothing for so long, and then what has become due.
    fn stand_still(&mut self, span: Span) {
        self.now = self.now + span;
        self.step(NodeInput::Timeout);
    }

    /// How long it runs until the service is critical.
    fn runs_until_critical(&mut self) -> Span {
        let began = self.now;
        while self.health() != Some(Health::Critical) {
            assert!(self.now.since(began) < ms(60_000), "it is never critical");
            self.run(ms(1));
        }
        self.now.since(began)
    }

    fn health(&self) -> Option<Health> {
        self.node.service(self.node.rules().key(), "web").map(|instance| instance.service.health)
    }
}

/// For each moment between two heartbeats: a node that stands still then, and what to say of it.
fn stalls(of: &[u64], mut tell: impl FnMut(Story, u64, &str)) {
    for beat_each in [200, 950] {
        for since_beat in (0..beat_each).step_by(10) {
            for stall in of {
                let mut story = Story::begin();
                story.late = LATENESS;
                for _ in 0..3 {
                    story.run(ms(beat_each));
                    story.beat();
                }
                story.run(ms(since_beat));
                // Nothing ends at the very nanosecond at which something is due.
                story.stand_still(ms(*stall) + Span::from_nanos(1));
                let what =
                    format!("a heartbeat each {beat_each} ms, and {since_beat} ms after one {stall} ms of nothing");
                assert_eq!(story.health(), Some(Health::Passing), "{what}");
                tell(story, beat_each - since_beat, &what);
            }
        }
    }
}

#[test]
fn a_service_whose_heartbeats_waited_while_its_node_stood_still_stays_as_it_is() {
    stalls(&[30, 300, 2_500], |mut story, _, what| {
        story.run(ms(1));
        story.beat();
        assert_eq!(story.node.counters().services_lapsed, 0, "{what}");
        // And silence counts as it did before.
        let took = story.runs_until_critical();
        assert!(took >= TTL && took <= TTL + HEARTBEAT.times(2), "{took} after {what}");
    });
}

/// A machine that is suspended takes its services along.
#[test]
fn a_service_that_stood_still_with_its_node_has_the_time_that_it_had_left() {
    stalls(&[1_000, 600_000], |mut story, left, what| {
        story.run(ms(left));
        story.beat();
        assert_eq!(story.node.counters().services_lapsed, 0, "{what}");
    });
}

#[test]
fn a_silent_service_has_no_more_than_what_its_node_may_have_missed() {
    for silent_for in (0..1_000).step_by(10) {
        let mut story = Story::begin();
        story.run(ms(silent_for));
        story.stand_still(ms(10_000));
        let left = story.runs_until_critical();
        let least = ms(1_000 - silent_for);
        assert!(left >= least && left <= least + PROBE, "{left} were left after {silent_for} ms of silence");
    }
}

#[test]
fn a_silent_service_is_critical_at_last_on_a_node_that_stands_still_again_and_again() {
    for runs_for in [1, 10, 25] {
        let mut story = Story::begin();
        // In bursts, a hundred times as long as the service may be silent.
        let mut rounds = (0..1_000).take_while(|_| {
            story.run(ms(runs_for));
            story.stand_still(ms(100 - runs_for));
            story.health() != Some(Health::Critical)
        });
        assert!(rounds.by_ref().count() < 1_000, "it is never critical where its node runs for {runs_for} ms of 100");
    }
}

#[test]
fn timers_that_are_a_little_late_leave_a_service_little_longer() {
    let mut story = Story::begin();
    story.late = LATENESS;
    let took = story.runs_until_critical();
    assert!(took >= TTL && took <= TTL + HEARTBEAT.times(2), "{took}");
}

#[test]
fn a_critical_service_goes_after_a_grace_that_stands_still_with_its_node_too() {
    let mut story = Story::begin();
    story.runs_until_critical();
    story.run(Span::from(Service::TTL_GRACE_MIN).less(PROBE.times(2)));
    story.stand_still(ms(600_000));
    story.run(ms(400));
    assert_eq!(story.health(), Some(Health::Critical));
    story.run(PROBE.times(2));
    assert_eq!(story.health(), None);
}
