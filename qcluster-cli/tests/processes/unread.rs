//! Output that nobody reads (scenario 45): a paused terminal, or a collector of logs that hangs, costs no node anything but lines.

use rustix::process::Signal;

use crate::api::{put, told};
use crate::support::cluster::{Cluster, Setup};
use crate::support::node::{Node, Output};

/// More than the lines that wait for a reader.
const SERVICES: usize = 1_500;

#[test]
fn nodes_whose_output_nobody_reads_elect_serve_and_stop() {
    let mut cluster = Cluster::new(&Setup::unhurried());
    for node in &mut cluster.nodes {
        node.output = Output::Unread;
        node.start();
    }
    let first = cluster.agreed("a leader of nodes that nobody reads", |_| true);

    // When more happens than there is room for among the lines that wait, …
    let (leading, other) = (&cluster.nodes[first.leader], &cluster.nodes[(first.leader + 1) % 3]);
    for n in 0..SERVICES {
        put(other, &format!("web-{n}"));
    }
    let knows_all = |node: &Node| {
        let services = node.get("/v1/services")?.json()?;
        (services["services"].as_array()?.len() == SERVICES).then_some(())
    };
    cluster.eventually("the leader knows all services", || knows_all(leading));

    // … then all go on, the files of events as well, …
    for node in &cluster.nodes {
        assert_eq!(node.get("/health").map(|answer| told(&answer)).as_deref(), Some("200"), "{}", cluster.trace());
        cluster.eventually("it has written down who leads", || {
            node.events().iter().any(|event| event.token == Some(first.token)).then_some(())
        });
    }
    cluster.nodes[first.leader].kill();
    let second = cluster.agreed("another leader", |agreement| agreement.token > first.token);
    cluster.eventually("it has written down that it leads", || {
        let events = cluster.nodes[second.leader].events();
        events.iter().any(|event| event.what == "elected" && event.token == Some(second.token)).then_some(())
    });

    // … they stop when they are told to, and who reads at last is told how much is missing.
    for index in (0..3).filter(|index| *index != first.leader) {
        let node = &mut cluster.nodes[index];
        node.signal(Signal::TERM);
        let status = node.exited();
        assert!(status.success(), "{} ended with {status}", node.name);
    }
}

#[test]
fn who_reads_late_is_told_how_many_lines_were_dropped() {
    let mut cluster = Cluster::new(&Setup::unhurried());
    let node = &mut cluster.nodes[0];
    node.output = Output::Unread;
    node.start();
    cluster.eventually("the node answers", || cluster.nodes[0].status());
    for n in 0..SERVICES {
        put(&cluster.nodes[0], &format!("web-{n}"));
    }
    let node = &mut cluster.nodes[0];
    node.signal(Signal::TERM);
    let text = node.read_unread();
    assert!(node.exited().success(), "{text}");
    assert!(text.contains("lines were dropped here: the output was not read in time"), "{text}");
    assert!(text.contains("listens on"), "what came first was kept\n{text}");
    assert!(text.contains("stopped"), "what came last is told\n{text}");
}
