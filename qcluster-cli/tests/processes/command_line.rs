//! The commands that ask a running node: what they print, and their exit codes.

use std::fs::{self, File};
use std::net::TcpListener;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::api;
use crate::support::cluster::{Cluster, Setup};
use crate::support::members::Members;
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
    let next = cluster.agreed("the next leader", |agreement| agreement.token > first.token);
    assert_eq!(done, json!({ "ended": first.token, "leader": follower.name, "token": next.token }));
    assert_eq!(cluster.nodes[next.leader].name, follower.name, "{}", cluster.trace());
    let again = json_of(&ask(follower, &["transfer", &follower.name, "--format", "json"]));
    assert_eq!(again, json!({ "ended": null, "leader": follower.name, "token": next.token }));
    let told = ask(follower, &["transfer"]);
    let last = cluster.agreed("another leader", |agreement| agreement.token > next.token);
    let leads = format!("{} leads with token {}", cluster.nodes[last.leader].name, last.token);
    assert!(told.code == Some(0) && told.stdout.contains(&leads), "{told:?}, {leads}\n{}", cluster.trace());
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
    for wrong in [&["--format", "yaml"], &["--addr", "nonsense"], &["--addr", "host:0"], &["--addr", ":7001"]] {
        let ended = run_to_end(&[&["status"], wrong.as_slice()].concat());
        assert_eq!(ended.code, Some(2), "{wrong:?} {ended:?}");
    }
}

#[test]
fn a_wrong_token_is_told_by_the_exit_code() {
    let members = Members::new(1, |_, config| config["api"] = json!({ "token": "0123456789abcdef0123" }));
    members.agree(1);
    let node = &members.nodes[0];
    let file = members.dir().join("token");
    let path = file.to_str().expect("paths of tests are UTF-8");
    for (token, code) in [("short", 2), ("0123456789abcdef0124", 2), ("0123456789abcdef0123", 0)] {
        fs::write(&file, token).expect("a file can be written");
        let ended = ask(node, &["register", "web", "--token-file", path]);
        assert_eq!(ended.code, Some(code), "{token} {ended:?}");
    }
    // Who only looks may have to show one, too.
    for (command, has_token) in [("leader", true), ("watch", true), ("leave", true), ("audit", false), ("demo", false)]
    {
        let help = run_to_end(&[command, "--help"]).stdout;
        assert!(help.contains("Exit codes") && help.contains("--token-file") == has_token, "{help}");
    }
}

#[test]
fn a_time_to_live_is_a_time_or_a_number_of_seconds() {
    let members = Members::start(1);
    let node = &members.nodes[0];
    for (text, ms) in [("1500ms", 1_500), ("2s", 2_000), ("3", 3_000), ("1m 5s", 65_000)] {
        let seen = json_of(&ask(node, &["register", "web", "--ttl", text, "--format", "json"]));
        assert_eq!(seen["ttl_ms"], ms, "{text} {seen}");
    }
    for text in ["soon", "1500us", "1us", "-1", "-1s", "0"] {
        let ended = ask(node, &["register", "web", "--ttl", text]);
        assert!(ended.code == Some(2) && ended.stderr.contains("has to be a time"), "{text} {ended:?}");
    }
}

#[test]
fn no_service_is_told_from_no_such_service_and_an_empty_token_from_a_wrong_one() {
    let members = Members::start(1);
    let node = &members.nodes[0];
    for (arguments, sentence) in [
        (&["services"][..], "there is no service on any node"),
        (&["services", "web"], "there is no such service"),
        (&["services", "--healthy"], "there is no such service"),
    ] {
        let ended = ask(node, arguments);
        assert!(ended.code == Some(4) && ended.stderr.contains(sentence), "{ended:?}");
    }
    let address = node.address.to_string();
    let register = |token: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_qcluster"));
        command.args(["register", "web", "--addr", &address]).env("QCLUSTER_TOKEN", token);
        command.output().expect("the command line can be started").status.code()
    };
    assert_eq!((register(""), register("short")), (Some(0), Some(2)));
}

#[test]
fn a_watch_says_where_something_was_missed() {
    let mut members = Members::start(1);
    let path = members.dir().join("watched");
    let mut watch = Command::new(env!("CARGO_BIN_EXE_qcluster"))
        .args(["watch", "--format", "json", "--addr", &members.nodes[0].address.to_string()])
        .stdin(Stdio::null())
        .stdout(File::create(&path).expect("the folder is there"))
        .spawn()
        .expect("the command line can be started");
    let kinds = || -> Vec<Value> {
        let text = fs::read_to_string(&path).expect("it was created");
        let whole = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        whole.map(|event| event["kind"].clone()).collect()
    };
    // Given a watch that is under way, as it shows by telling of something,
    let mut count = 0;
    members.eventually("something is told", || {
        count += 1;
        api::put(&members.nodes[0], &format!("web-{count}"));
        (!kinds().is_empty()).then_some(())
    });
    // when its node starts over, so that what it would ask for next means nothing there,
    members.nodes[0].kill();
    members.nodes[0].start();
    // then it says so, behind what it had heard before, and goes on from there.
    let behind_the_gap = || -> Option<Vec<Value>> {
        let kinds = kinds();
        let gap = kinds.iter().position(|kind| kind == "missed")?;
        Some(kinds[gap + 1..].to_vec())
    };
    members.eventually("a gap is told", behind_the_gap);
    members.eventually("something is told behind the gap", || {
        count += 1;
        api::put(&members.nodes[0], &format!("web-{count}"));
        behind_the_gap()?.contains(&json!("service")).then_some(())
    });
    watch.kill().expect("it runs until it is interrupted");
    watch.wait().expect("it was killed");
}

/// A node whose incarnation ends and begins again is away once, and back once.
#[test]
fn a_watch_counts_a_gap_as_a_line_and_complains_once() {
    // Unhurried, or a stalled machine adds a leader that is lost and won.
    let mut members = Members::new(1, |_, config| {
        config["mode"] = json!("leader");
        config["timing"] = Setup::unhurried().timing;
    });
    members.eventually("it leads", || members.nodes[0].status().filter(|status| status["is_leader"] == true));
    let [told, said] = ["told", "said"].map(|name| members.dir().join(name));
    let file = |path| File::create(path).expect("the folder is there");
    let text = |path| fs::read_to_string(path).expect("it was created");
    let address = members.nodes[0].address.to_string();
    let mut watch = Command::new(env!("CARGO_BIN_EXE_qcluster"))
        .args(["watch", "--lines", "2", "--format", "json", "--addr", &address])
        .stdin(Stdio::null())
        .stdout(file(&told))
        .stderr(file(&said))
        .spawn()
        .expect("the command line can be started");
    members.eventually("the leader is told", || text(&told).contains("\"leader\"").then_some(()));
    members.nodes[0].kill();
    // What takes its place hangs up, and counts how often somebody asks.
    let somebody = TcpListener::bind(&address).expect("the node has left its port");
    somebody.set_nonblocking(true).expect("an option of every socket");
    let mut asked = 0;
    members.eventually("the watch asks again, and again", || {
        asked += usize::from(somebody.accept().is_ok());
        (asked >= 3).then_some(())
    });
    drop(somebody);
    members.nodes[0].start();
    let status = members.eventually("the watch ends", || watch.try_wait().expect("a child can be waited for"));
    let (told, said) = (text(&told), text(&said));
    assert!(status.success() && told.lines().count() == 2 && told.ends_with("\"missed\"}\n"), "{told}");
    assert_eq!(said.lines().count(), 2, "{said}");
    assert!(said.ends_with(&format!("{address} answers again\n")), "{said}");
    assert!(run_to_end(&["watch", "--help"]).stdout.contains("missed"));
}
