//! What is published and what is sent, in which order: who is told that a leadership has ended may find another leader
//! before this node gets to its next line.

mod disks;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use qcluster_api::{NodeSnapshot, StorageStatus, Whereabouts};
use qcluster_core::{
    Command, Config, DATAGRAM_MAX, Endpoint, EndpointBoot, FencingToken, Input, Mode, Output, Peer, Span, Time,
};
use tokio::sync::{mpsc, oneshot};

use super::effects::{Drain, Effects};
use super::step::step;
use super::witness::{Sent, Witness};
use super::{Driver, Parts};
use crate::clock::Clock;
use crate::measures::Measures;
use crate::names::Names;
use crate::process::Process;
use crate::requests::Request;
use crate::snapshots::Notes;
use crate::sockets::Sockets;
use crate::test_support::{Puppet, in_time, slow};

const NAMES: [&str; 3] = ["server_a", "server_b", "server_c"];

/// The first of them has priority, so that it leads.
fn config(n: usize) -> Config {
    let priority = |n: usize| u32::from(n == 0);
    let port = |n: usize| 7_001 + u16::try_from(n).unwrap();
    let peer = |n: usize| Peer::new(NAMES[n], "localhost", port(n)).with_priority(priority(n));
    let peers = (0..NAMES.len()).filter(|other| *other != n).map(peer);
    slow(Config::new(NAMES[n], "localhost", port(n)).with_priority(priority(n)).with_peers(peers))
}

/// Where no socket of this test reaches: a witness sees what is sent, and nobody else does.
fn address(n: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1 + u8::try_from(n).unwrap()], 7_001))
}

/// Three nodes. The first is looked at: its outputs go where a driver has them go. All live in a time of their own, in which
/// minutes pass between two steps, and which the real clock of the lease's edge never reaches.
struct Trio {
    endpoints: Vec<Endpoint>,
    effects: Effects<Witness>,
    now: Time,
    mail: VecDeque<(usize, SocketAddr, Vec<u8>)>,
    /// Whether the first hears the others, and they it.
    is_joined: bool,
}

impl Trio {
    /// The first leads.
    fn led() -> Self {
        let Puppet { publisher, clock, .. } = Puppet::of(config(0));
        let sockets = Sockets::new([Witness::new(publisher.edge.clone())]).unwrap();
        let now = clock.now();
        let start = |n: usize| {
            let boot = EndpointBoot { seed: n as u64, stamp_ms: 1_764_000_000_000, saved: None };
            Endpoint::new(config(n).settings().unwrap().check().unwrap(), boot, now).unwrap()
        };
        let effects = Effects {
            heard: super::heard::Heard::default(),
            process: Process::current(),
            seal: None,
            sockets,
            disk: None,
            recorder: None,
            publisher,
            measures: Measures::new(NAMES.len()),
            drain: Drain::None,
            failed: None,
            storage: StorageStatus::Diskless,
            disbelieved: None,
        };
        let endpoints = (0..NAMES.len()).map(start).collect();
        let mut trio = Self { endpoints, effects, now, mail: VecDeque::new(), is_joined: true };
        for n in 0..NAMES.len() {
            let rules = trio.endpoints[n].node().rules().clone();
            for other in (0..NAMES.len()).filter(|other| *other != n) {
                let peer = rules.voters().iter().find(|voter| voter.id.as_str() == NAMES[other]).unwrap().key;
                trio.give(n, Input::Resolved { peer, address: address(other) });
            }
        }
        trio.pass_until("it leads", |trio| trio.endpoints[0].node().lease(trio.now).is_some());
        trio.pass(Span::from_millis(5_000));
        assert!(trio.effects.publisher.edge.is_leader());
        trio
    }

    /// Gives an input and delivers everything that comes of it. What the first node has sent meanwhile is given back.
    fn give(&mut self, n: usize, input: Input<'_>) -> Vec<Sent> {
        let mut sent = self.step(n, input);
        while let Some((to, from, bytes)) = self.mail.pop_front() {
            sent.extend(self.step(to, Input::Datagram { from, bytes: &bytes }));
        }
        sent
    }

    fn step(&mut self, n: usize, input: Input<'_>) -> Vec<Sent> {
        let (now, joined) = (self.now, self.is_joined);
        if n == 0 {
            return self.step_first(input);
        }
        let mut outputs = self.endpoints[n].step(now, input);
        while let Some(output) = outputs.next() {
            if let Output::Transmit { to, bytes } = output {
                let to = (0..NAMES.len()).find(|n| address(*n) == to).unwrap();
                if joined || to != 0 {
                    self.mail.push_back((to, address(n), bytes.to_vec()));
                }
            }
        }
        Vec::new()
    }

    /// A step of the first, and those that follow from it. Each is held to the rule.
    fn step_first(&mut self, input: Input<'_>) -> Vec<Sent> {
        let mut all = Vec::new();
        let mut next = Some(input);
        while let Some(input) = next {
            step(&mut self.endpoints[0], &mut self.effects, self.now, input).unwrap();
            let held = self.endpoints[0].node().lease(self.now);
            for sent in self.effects.sockets.iter().flat_map(Witness::take).collect::<Vec<_>>() {
                // Of a lease that goes on, an earlier end may still be shown.
                let is_covered = sent.lease.is_none_or(|shown| {
                    held.is_some_and(|held| held.token == shown.token && held.valid_until >= shown.valid_until)
                });
                assert!(is_covered, "{:?} was shown while something was sent with {held:?}", sent.lease);
                let to = (0..NAMES.len()).find(|n| address(*n) == sent.to).unwrap();
                if self.is_joined {
                    self.mail.push_back((to, address(0), sent.bytes.clone()));
                }
                all.push(sent);
            }
            next = self.effects.follow_up();
        }
        all
    }

    /// The next timer fires, on whichever node.
    fn tick(&mut self) {
        let n = (0..NAMES.len()).min_by_key(|n| self.endpoints[*n].deadline()).unwrap();
        self.now = self.now.max(self.endpoints[n].deadline());
        self.give(n, Input::Timeout);
    }

    fn pass(&mut self, span: Span) {
        let end = self.now + span;
        while self.endpoints.iter().any(|endpoint| endpoint.deadline() <= end) {
            self.tick();
        }
        self.now = end;
    }

    fn pass_until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let end = self.now + Span::from_millis(600_000);
        while !done(self) {
            assert!(self.now < end, "not within ten minutes: {what}");
            self.tick();
        }
    }
}

/// What was sent once the lease was gone: at least a release to each of the others.
fn assert_released(sent: &[Sent]) {
    let without = |to: usize| sent.iter().any(|sent| sent.to == address(to) && sent.lease.is_none());
    assert!(without(1) && without(2), "the others were told: {sent:?}");
}

#[test]
fn a_leader_that_steps_down_has_ceased_to_lead_when_the_others_are_told() {
    let mut trio = Trio::led();
    assert_released(&trio.give(0, Input::Command(Command::StepDown)));
    assert!(!trio.effects.publisher.edge.is_leader());
}

#[test]
fn a_leader_that_shuts_down_has_ceased_to_lead_when_the_others_are_told() {
    let mut trio = Trio::led();
    assert_released(&trio.give(0, Input::Command(Command::Shutdown)));
    assert!(!trio.effects.publisher.edge.is_leader());
}

#[test]
fn a_leader_that_transfers_has_ceased_to_lead_when_its_successor_is_named() {
    let mut trio = Trio::led();
    let successor = trio.endpoints[1].node().rules().id().clone();
    assert_released(&trio.give(0, Input::Command(Command::Transfer(Some(successor)))));
    assert!(trio.endpoints[1].node().lease(trio.now).is_some(), "it leads already");
}

#[test]
fn a_lease_that_has_run_out_is_gone_before_the_others_are_told() {
    let mut trio = Trio::led();
    // Given a leader that is cut off and late, so that the end of its lease is found by the timer of a heartbeat, …
    trio.is_joined = false;
    trio.now = trio.now + Span::from_millis(61_000);
    // … then what it says in that step it says as somebody who does not lead.
    assert_released(&trio.give(0, Input::Timeout));
}

#[test]
fn a_leader_whose_clock_went_back_has_ceased_to_lead_when_the_others_are_told() {
    let mut trio = Trio::led();
    trio.now = trio.now.before(Span::from_millis(3_000));
    assert_released(&trio.give(0, Input::Timeout));
}

/// A datagram that is too long must not be cut to one that could be read.
const _: () = assert!(super::BUFFER_LEN > DATAGRAM_MAX);

/// The driver of a node alone, which has not run.
fn driver() -> (Driver<Witness>, mpsc::Sender<Request>) {
    driver_of(&config(0).with_peers([]))
}

fn driver_of(config: &Config) -> (Driver<Witness>, mpsc::Sender<Request>) {
    let Puppet { publisher, clock, .. } = Puppet::of(config.clone());
    let boot = EndpointBoot { seed: 1, stamp_ms: 1_764_000_000_000, saved: None };
    let endpoint = Endpoint::new(config.settings().unwrap().check().unwrap(), boot, clock.now()).unwrap();
    let sockets = Sockets::new([Witness::new(publisher.edge.clone())]).unwrap();
    let names = Names::new(config.all_peers(), config.join_addresses(), Span::from_millis(60_000));
    let (requests, received) = mpsc::channel(1);
    let parts = Parts { clock, endpoint, seal: None, disk: None, recorder: None, publisher, names, requests: received };
    (Driver::new(parts, sockets), requests)
}

/// Whether the driver writes its status down at that time, where all is as it was written before but for what `change` says.
fn writes(driver: &mut Driver<Witness>, now: Time, change: impl FnOnce(&mut NodeSnapshot)) -> bool {
    let (role, term) = (driver.endpoint.node().role(), driver.endpoint.node().term().0);
    let storage = driver.effects.storage.clone();
    driver.effects.publisher.snapshots.write(|Notes { snapshot, .. }| {
        (snapshot.taken_at, snapshot.role, snapshot.term, snapshot.storage) = (Time::ZERO, Some(role), term, storage);
        change(snapshot);
    });
    driver.snapshot(now);
    driver.effects.publisher.snapshots.read().snapshot.taken_at > Time::ZERO
}

#[test]
fn the_status_is_written_down_each_heartbeat_and_when_what_is_looked_at_first_has_changed() {
    let (mut driver, _requests) = driver();
    let (start, heartbeat) = (Time::from_millis(1_000_000), Span::from_millis(1_000));
    let is_same = |_: &mut NodeSnapshot| {};
    assert!(writes(&mut driver, start, is_same), "for the first time");
    assert!(!writes(&mut driver, start, is_same), "once");
    let next = start + heartbeat;
    assert!(!writes(&mut driver, next.before(Span::from_nanos(1)), is_same));
    assert!(writes(&mut driver, next, is_same));
    assert!(!writes(&mut driver, next, is_same));
    // In between, each change by itself is reason enough.
    assert!(writes(&mut driver, next, |snapshot| snapshot.role = None));
    assert!(writes(&mut driver, next, |snapshot| snapshot.term += 1));
    let failed = || StorageStatus::Failed { error: "full".to_owned() };
    assert!(writes(&mut driver, next, |snapshot| snapshot.storage = failed()));
    driver.effects.storage = failed();
    assert!(writes(&mut driver, next, |snapshot| snapshot.storage = StorageStatus::Diskless));
    assert!(!writes(&mut driver, next, is_same));
}

#[test]
fn the_loop_sleeps_until_something_is_due_and_never_longer_than_a_heartbeat() {
    let (mut driver, _requests) = driver();
    // In a time of its own (see [`Trio`]), in which nothing is to be made known.
    let now = Time::from_millis(100_000);
    step(&mut driver.endpoint, &mut driver.effects, now, Input::Timeout).unwrap();
    driver.effects.publisher.directory_writer.publish(driver.endpoint.node(), now);
    let deadline = driver.endpoint.deadline();
    assert_eq!(driver.longest_sleep(deadline.before(Span::from_millis(5))), Duration::from_millis(5));
    assert_eq!(driver.longest_sleep(deadline.before(Span::from_millis(5_000))), Duration::from_secs(1));
    assert_eq!(driver.longest_sleep(deadline), Duration::ZERO);
}

/// A node alone that leads, and whose clock has just shown that.
fn leading() -> (Driver<Witness>, FencingToken) {
    let (mut driver, _requests) = driver();
    loop {
        let now = driver.endpoint.deadline();
        step(&mut driver.endpoint, &mut driver.effects, now, Input::Timeout).unwrap();
        if let Some(lease) = driver.endpoint.node().lease(now) {
            driver.clock = Clock::showing(now);
            return (driver, lease.token);
        }
    }
}

/// Who asks waits for the end of that leadership, so it has to be told of one that ends, and of that alone.
#[tokio::test]
async fn who_ends_a_leadership_is_told_which() {
    let (mut driver, token) = leading();
    let (reply, answer) = oneshot::channel();
    driver.serve(Request::Command { command: Command::StepDown, reply });
    assert_eq!(in_time(answer).await.unwrap(), Ok(Some(token)));

    let (mut driver, _) = leading();
    let target = Some(driver.endpoint.node().rules().id().clone());
    assert_eq!(driver.command(Command::Transfer(target)), Ok(None), "it leads already");
}

/// A node without a leader that listens on every address, has a name of its own, and a name to join.
fn named() -> Driver<Witness> {
    let mut config = Config::new("server_a", "0.0.0.0", 7_001).with_mode(Mode::Masterless);
    (config.insecure, config.join) = (true, vec!["all.example:7001".to_owned()]);
    let (mut driver, _) = driver_of(&config);
    let me = driver.endpoint.node().rules().key();
    driver.names.add_own(me, "me.example", 7_001);
    driver
}

/// Ends the lookups that are due at that time, first that of its own name, then those of others, and gives what is written down then.
fn look_up(driver: &mut Driver<Witness>, now: Time, own: &[&str], others: &[&str]) -> NodeSnapshot {
    let me = driver.endpoint.node().rules().key();
    let mut lookups = driver.lookups_at(now);
    lookups.sort_by_key(|lookup| lookup.key != me);
    for lookup in lookups {
        let found: Vec<_> = if lookup.key == me { own } else { others }.iter().map(|at| at.parse().unwrap()).collect();
        let result = if found.is_empty() { Err(std::io::ErrorKind::NotFound.into()) } else { Ok(found) };
        driver.looked_up((lookup.key, result));
    }
    driver.write_snapshot();
    driver.effects.publisher.snapshots.read().snapshot.clone()
}

#[test]
fn a_name_of_its_own_that_has_an_address_at_last_is_where_others_are_told_to_go() {
    let mut driver = named();
    let (start, later) = (Time::from_millis(1), Time::from_millis(10_000_000));
    let own = |driver: &Driver<Witness>| {
        let node = driver.endpoint.node();
        node.member(node.rules().key()).unwrap().address
    };
    let snapshot = look_up(&mut driver, start, &[], &["10.0.0.2:7001"]);
    assert_eq!((snapshot.own_name, own(&driver)), (Whereabouts::Nowhere, None));
    assert_eq!(snapshot.transport.lookup_failures, 1);
    let snapshot = look_up(&mut driver, later, &["192.0.2.1:9001"], &["10.0.0.2:7001"]);
    assert_eq!((snapshot.own_name, own(&driver)), (Whereabouts::Found, Some("192.0.2.1:9001".parse().unwrap())));
}

#[test]
fn a_name_to_join_that_leads_to_this_node_alone_is_told_until_it_leads_elsewhere() {
    let mut driver = named();
    let times = [1, 10_000_000, 20_000_000].map(Time::from_millis);
    // It is known by the addresses that it listens on, and by the one at which others see it.
    assert!(look_up(&mut driver, times[0], &["192.0.2.1:7001"], &["127.0.0.1:7001", "192.0.2.1:7001"]).joins_itself);
    assert_eq!(driver.effects.sockets.iter().map(|socket| socket.take().len()).sum::<usize>(), 0);
    let joined = look_up(&mut driver, times[1], &[], &["127.0.0.1:7001", "10.0.0.2:7001"]);
    assert!(!joined.joins_itself);
    driver.step(Input::Timeout);
    let sent: Vec<Sent> = driver.effects.sockets.iter().flat_map(Witness::take).collect();
    assert!(sent.iter().any(|sent| sent.to == address(1)), "{sent:?}");
    assert!(sent.iter().all(|sent| sent.to == address(1)), "{sent:?}");
    // And again, where a name has lost its other addresses.
    assert!(look_up(&mut driver, times[2], &[], &["127.0.0.1:7001"]).joins_itself);
}

/// S7: both would use the same nonces.
#[test]
fn in_a_fork_of_its_process_nothing_is_sent() {
    let mut trio = Trio::led();
    trio.effects.process = Process::other();
    trio.now = trio.endpoints[0].deadline();
    let before = trio.effects.sockets.counters();
    assert!(trio.step(0, Input::Timeout).is_empty());
    let after = trio.effects.sockets.counters();
    assert!(after.not_sent > before.not_sent && after.sent == before.sent, "a heartbeat was due");
}
