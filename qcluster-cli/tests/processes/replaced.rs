//! A leader that stands still, is replaced under its name on another machine, and goes on: it stops, and its replacement stays.
//!
//! A round is a cluster of its own, whose links are cut in one of the ways below before the old node goes on. The test suite runs
//! each way once. To run more rounds, as root, with a line for each of them:
//!
//! ```sh
//! QCLUSTER_ROUNDS=50 cargo test --all-features --test processes replaced::behind_a_cut -- --nocapture
//! ```

use std::cell::{Cell, RefCell};
use std::net::IpAddr;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::health::{self, Watch};
use crate::skipped;
use crate::support::cluster::{Cluster, Places, Setup};
use crate::support::http;
use crate::support::netns::Network;
use crate::support::node::{Node, Program};
use crate::support::wait::eventually;

/// Machines: three voters, and the replacement of the first.
const OLD: usize = 0;
const NEW: usize = 3;
const MACHINES: usize = 4;

const TOKEN: &str = "0123456789abcdef0123";

/// What the old node finds when it goes on.
#[derive(Clone, Copy, Debug)]
struct Way {
    /// When it came to stand still.
    old: Was,
    replacement: Does,
    cut: Option<Cut>,
}

/// Links that are cut before the old node goes on.
#[derive(Clone, Copy, Debug)]
struct Cut {
    /// The machines on the old node's side: its own, and at least one of a voter that has met the replacement.
    side: &'static [usize],
    goes_on: When,
}

#[derive(Clone, Copy, Debug)]
enum When {
    /// While promises from before the cut are alive.
    AtOnce,
    /// When the larger side has a leader, and the voter on the smaller one hears none, and would have the old node.
    Later,
}

/// What the old node did when it came to stand still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Was {
    Leading,
    Booting,
}

/// What the replacement has come to do by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    Lead,
    Follow,
}

/// On the smaller side, or on the larger one.
const SIDES: [&[usize]; 3] = [&[OLD, 1], &[OLD, 2], &[OLD, 1, 2]];

#[test]
fn behind_a_cut_a_thawed_node_stops_and_its_replacement_stays() {
    let Some(network) = network("a thawed node behind a cut") else { return };
    let cuts = || [When::AtOnce, When::Later].into_iter().flat_map(|goes_on| SIDES.map(|side| Cut { side, goes_on }));
    let ways: Vec<Way> = [Does::Lead, Does::Follow]
        .into_iter()
        .flat_map(|replacement| cuts().map(move |cut| Way { old: Was::Leading, replacement, cut: Some(cut) }))
        .collect();
    let rounds = std::env::var("QCLUSTER_ROUNDS").map_or(ways.len(), |text| text.parse().expect("a number of rounds"));
    for round in 0..rounds {
        let way = ways[round % ways.len()];
        let answers = play(&network, way);
        println!("round {} of {rounds}: {way:?}: {answers} answers 200, never two at once", round + 1);
    }
}

#[test]
fn without_a_cut_a_thawed_node_stops_and_its_replacement_stays() {
    let Some(network) = network("a thawed node that all can hear") else { return };
    for replacement in [Does::Lead, Does::Follow] {
        play(&network, Way { old: Was::Leading, replacement, cut: None });
    }
}

/// It has promised nothing, but goes on with its boot wait over, and must not be taken for the later one.
#[test]
fn a_node_that_stood_still_while_it_booted_stops_and_its_replacement_stays() {
    let Some(network) = network("a node that stood still while it booted") else { return };
    let cuts = SIDES.map(|side| Some(Cut { side, goes_on: When::Later }));
    for cut in cuts.into_iter().chain([None]) {
        play(&network, Way { old: Was::Booting, replacement: Does::Follow, cut });
    }
}

fn network(test: &str) -> Option<Network> {
    Network::new(MACHINES).inspect_err(|reason| skipped(test, reason)).ok()
}

/// Gives how many answers 200 there were once the old node went on.
fn play(network: &Network, way: Way) -> usize {
    let mut story = Story::begin(network, way);
    let mut watch = Watch::default();
    story.cluster.nodes.iter().for_each(|node| watch.add(node));

    // When the links are cut, and the old node goes on.
    if let Some(cut) = way.cut {
        network.split(cut.side);
        match cut.goes_on {
            When::AtOnce => {}
            When::Later => story.be_apart(cut),
        }
    }
    watch.add(&story.old);
    story.old.signal(Signal::CONT);

    // Then it is told that it was replaced, stops, and says why.
    let old = RefCell::new(&mut story.old);
    let trace = || story.cluster.trace() + "--- the old node\n" + &old.borrow().trace();
    eventually("the old node ends", trace, || (!old.borrow_mut().is_running()).then_some(()));
    let status = story.old.exited();
    assert_eq!(status.code(), Some(3), "{way:?}\n{}", story.trace());
    assert!(story.old.log().contains("has taken this one's place"), "{way:?}\n{}", story.trace());

    // And a majority has a leader, on whichever side of the cut, and in the end all three voters follow one.
    if let Some(cut) = way.cut {
        story.be_apart(cut);
        network.join();
    }
    story.cluster.agreed("the replacement and the others agree", |_| true);
    story.cluster.eventually("one answer 200", || {
        let says_yes = |node: &&Node| node.get("/leader").is_some_and(|answer| answer.code == 200);
        (story.cluster.nodes.iter().filter(says_yes).count() == 1).then_some(())
    });
    let replacement = story.cluster.nodes.last_mut().expect("it came last");
    assert!(replacement.is_running(), "{way:?}: the replacement has stopped\n{}", story.trace());

    let answers = watch.end();
    let at_once = health::at_once(&answers);
    assert!(at_once.is_empty(), "{way:?}: two led at once: {at_once:#?}\n{}", story.trace());
    answers.len()
}

struct Story {
    /// The two voters that live on, and then the replacement.
    cluster: Cluster,
    /// The node that stands still.
    old: Node,
}

impl Story {
    /// Until the old node stands still, and the others work with its replacement.
    fn begin(network: &Network, way: Way) -> Self {
        let does = way.replacement;
        let mut cluster = cluster(way);
        for (machine, node) in cluster.nodes.iter_mut().enumerate() {
            network.admit(machine, node);
        }
        cluster.nodes[1..].iter_mut().for_each(Node::start);
        match way.old {
            Was::Leading => {
                cluster.nodes[OLD].start();
                lead(&cluster, OLD);
            }
            Was::Booting => {
                cluster.agreed("the other two have a leader", |_| true);
                cluster.nodes[OLD].start();
                let role = || cluster.nodes[OLD].status().map(|status| status["role"].clone());
                cluster.eventually("the node boots", || role().filter(|role| role == "booting"));
            }
        }

        let old = cluster.nodes.remove(OLD);
        old.signal(Signal::STOP);
        cluster.agreed("one of the two that are left leads", |_| true);

        let mut replacement = replacement(&cluster, &old);
        network.admit(NEW, &mut replacement);
        replacement.start();
        cluster.nodes.push(replacement);
        let story = Self { cluster, old };
        story.meet(does);
        story
    }

    /// Waits until both others have met the replacement while it takes part, and it does what it is to do.
    fn meet(&self, does: Does) {
        let [others @ .., replacement] = self.cluster.nodes.as_slice() else { unreachable!("three voters") };
        let there = json!(replacement.address);
        let sends_there = |node: &Node| {
            let peers = node.status().map(|status| status["peers"].clone());
            let peers = peers.as_ref().and_then(Value::as_array).into_iter().flatten();
            peers.into_iter().any(|peer| peer["identifier"] == self.old.name.as_str() && peer["address"] == there)
        };
        self.cluster
            .eventually("the others know where the replacement is", || others.iter().all(sends_there).then_some(()));
        // Once it takes part it tells both so, and both answer; what it was told before that says nothing.
        let told_while_booting = Cell::new(0);
        self.cluster.eventually("the others have answered the replacement", || {
            let told = replacement.counter("received.incarnations");
            if replacement.status()?["role"] == "booting" {
                told_while_booting.set(told);
                return None;
            }
            (told >= told_while_booting.get() + 2).then_some(())
        });
        let leads = |leader: usize| leader == others.len();
        self.cluster.agreed("the replacement has its part", |now| leads(now.leader) == (does == Does::Lead));
    }

    /// Waits until the cut shows: two voters have a leader, and the third one hears none.
    fn be_apart(&self, cut: Cut) {
        let machines = [1, 2, NEW];
        let is_beside = |voter: &usize| cut.side.contains(&machines[*voter]);
        let (beside, beyond): (Vec<usize>, Vec<usize>) = (0..machines.len()).partition(is_beside);
        let (two, one) = if beside.len() > beyond.len() { (beside, beyond) } else { (beyond, beside) };
        let says_no = |path: &str| self.cluster.nodes[one[0]].get(path).is_some_and(|answer| answer.code == 503);
        self.cluster.eventually("the larger side has a leader, and the other one has none", || {
            self.cluster.agreement_among(&two).filter(|_| says_no("/leader") && says_no("/follower"))
        });
    }

    fn trace(&self) -> String {
        self.cluster.trace() + "--- the old node\n" + &self.old.trace()
    }
}

/// Three voters of which the first is to lead, and leads soon once it is healthy if its replacement is to do so as well.
fn cluster(way: Way) -> Cluster {
    let unhurried = Setup::unhurried();
    let setup = Setup {
        timing: match way.old {
            Was::Leading => json!("lan"),
            // Long enough to be seen.
            Was::Booting => unhurried.timing.clone(),
        },
        places: Places::Addresses((0..3).map(Network::address).collect()),
        ..unhurried
    };
    let settle_ms = match way.replacement {
        Does::Lead => 500,
        Does::Follow => 3_600_000,
    };
    Cluster::changed(&setup, |index, config| {
        config["settle_ms"] = json!(settle_ms);
        config["api"] = json!({ "token": TOKEN });
        match index {
            OLD => config["priority"] = json!(1),
            _ => config["peers"][OLD]["priority"] = json!(1),
        }
    })
}

/// Waits until that node leads; the leader is asked to hand over to it.
fn lead(cluster: &Cluster, node: usize) {
    cluster.eventually("the node that is to stand still leads", || {
        let now = cluster.agreement()?;
        if now.leader != node {
            transfer(&cluster.nodes[now.leader], &cluster.nodes[node].name);
        }
        (now.leader == node).then_some(())
    });
}

fn transfer(leader: &Node, target: &str) {
    let body = json!({ "target": target }).to_string();
    let head = format!("Host: {}\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close", leader.address);
    let request = format!("POST /v1/transfer HTTP/1.1\r\n{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    // It may be refused, and is asked for again.
    leader.on_its_machine(|| http::raw(leader.address, &request));
}

/// The old node's configuration for another machine. The others' still names the old one's.
fn replacement(cluster: &Cluster, old: &Node) -> Node {
    let text = std::fs::read_to_string(old.config_path()).expect("there is a configuration");
    let mut config: Value = serde_json::from_str(&text).expect("it is JSON");
    let address = Network::address(NEW);
    config["listen_host"] = json!(address);
    let dir = cluster.dir().join("replacement");
    std::fs::create_dir(&dir).expect("a folder can be made");
    Node::new(&dir, &old.name, IpAddr::V4(address), &config, Program::Binary)
}
