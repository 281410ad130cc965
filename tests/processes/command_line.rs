//! The commands that ask a running node: what they print, and their exit codes.

use serde_json::{Value, json};

use crate::support::cluster::{Cluster, Setup};
use crate::support::node::{Ended, Node, run_to_end};

/// What a command says of a node, and how it ends.
pub(crate) fn ask(node: &Node, arguments: &[&str]) -> Ended {
    let address = node.address.to_string();
    run_to_end(&[arguments, &["--addr", address.as_str()]].concat())
}

/// What a command that has worked has printed as JSON.
pub(crate) fn json_of(ended: &Ended) -> Value {
    assert_eq!(ended.code, Some(0), "{ended:?}");
    serde_json::from_str(ended.stdout.lines().last().unwrap_or_default()).unwrap_or_else(|_| panic!("{ended:?}"))
}

#[test]
fn a_node_is_asked_for_its_status_and_its_leader() {
    let cluster = Cluster::start(&Setup::unhurried());
    let agreement = cluster.agreed("a leader", |_| true);
    let (leader, follower) = (&cluster.nodes[agreement.leader], &cluster.nodes[(agreement.leader + 1) % 3]);
    let status = json_of(&ask(leader, &["status", "--format", "json"]));
    assert_eq!((&status["identifier"], &status["is_leader"]), (&json!(leader.name), &json!(true)));
    let table = ask(follower, &["status"]);
    assert!(
        table.code == Some(0) && table.stdout.contains("follower") && table.stdout.contains(&leader.name),
        "{table:?}"
    );
    let led = json_of(&ask(follower, &["leader", "--format", "json"]));
    assert_eq!((&led["leader"]["identifier"], &led["is_me"]), (&json!(leader.name), &json!(false)));
    assert!(ask(follower, &["leader"]).stdout.contains(&leader.name));
    let seen = json_of(&ask(follower, &["watch", "--lines", "1", "--format", "json"]));
    assert_eq!((&seen["kind"], &seen["leader"]["identifier"]), (&json!("leader"), &json!(leader.name)));
}

#[test]
fn a_transfer_goes_on_to_the_leader_and_stays_where_it_is_told_to() {
    let cluster = Cluster::start(&Setup::unhurried());
    let first = cluster.agreed("a leader", |_| true);
    let follower = &cluster.nodes[(first.leader + 1) % 3];
    let stays = ask(follower, &["transfer", "--stay"]);
    assert_eq!(stays.code, Some(4), "{stays:?}");
    assert!(stays.stderr.contains("not_leader"), "{stays:?}");
    let refused = ask(follower, &["transfer", "nobody"]);
    assert!(refused.code == Some(4) && refused.stderr.contains("not_a_voter"), "{refused:?}");
    let done = json_of(&ask(follower, &["transfer", &follower.name, "--format", "json"]));
    assert_eq!(done, json!({ "ended": first.token }));
    let next = cluster.agreed("the next leader", |agreement| agreement.token > first.token);
    assert_eq!(cluster.nodes[next.leader].name, follower.name, "{}", cluster.trace());
}

#[test]
fn where_nobody_leads_or_answers_the_exit_code_says_so() {
    let mut cluster = Cluster::new(&Setup::unhurried());
    let unreachable = ask(&cluster.nodes[0], &["status"]);
    assert!(unreachable.code == Some(1) && unreachable.stderr.contains("cannot be reached"), "{unreachable:?}");
    cluster.nodes[0].start();
    cluster.eventually("the node answers", || cluster.nodes[0].status());
    let nobody = ask(&cluster.nodes[0], &["leader"]);
    assert!(nobody.code == Some(4) && nobody.stderr.contains("nobody leads"), "{nobody:?}");
    assert_eq!(run_to_end(&["status", "--format", "yaml"]).code, Some(2));
}
