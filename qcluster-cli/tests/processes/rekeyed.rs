//! Secrets that come and change while a cluster runs (S4, S5): it does not fall apart, and nobody is locked out.

use std::fs;
use std::net::UdpSocket;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::sealed::{configure, dropped, keygen};
use crate::support::cluster::{Cluster, Places, Setup};
use crate::support::datagram::first_words;
use crate::support::node::{Ended, run_to_end};

#[test]
fn a_running_cluster_gets_a_secret_step_by_step_and_then_another_one() {
    let (first, second) = (keygen(), keygen());
    // A node that was started again takes part as soon as it may.
    let timing = json!({ "heartbeat_ms": 100, "lease_ms": 1_000, "max_lease_ms": 1_000, "slot_ms": 40 });
    let mut cluster = Cluster::start(&Setup { timing, ..Setup::unhurried() });
    let mut last = cluster.agreed("a leader", |_| true);
    let file = cluster.nodes[0].config_path().with_file_name("secret");
    let both = |one: &str, other: &str| format!("{one}\n{other}\n");
    let steps = [
        (first.clone(), "accept"),
        (first.clone(), "send"),
        (first.clone(), "require"),
        (both(&first, &second), "require"),
        (both(&second, &first), "require"),
        (second, "require"),
    ];
    for (secrets, seal) in steps {
        for index in 0..3 {
            // The same file is every node's: each reads it when it starts.
            fs::write(&file, &secrets).expect("it can be written");
            configure(&cluster, index, |config| {
                config["secret_file"] = json!(file);
                config["seal"] = json!(seal);
            });
            cluster.nodes[index].signal(Signal::TERM);
            cluster.nodes[index].exited();
            cluster.nodes[index].start();
            last = cluster.agreed("all follow one leader", |now| now.token >= last.token);
        }
    }
    cluster.assert_history();
    for index in 0..3 {
        for reason in ["not_sealed", "unknown_key", "forged", "replayed"] {
            assert_eq!(dropped(&cluster, index, reason), 0, "{reason} at {index}\n{}", cluster.trace());
        }
    }
}

/// By the documented steps, with a node away meanwhile: nobody is restarted for it, and the leader stays (S4).
#[test]
fn a_running_cluster_gets_a_secret_without_a_restart() {
    let mut cluster = Cluster::start(&Setup { places: Places::Loopback(5), ..Setup::unhurried() });
    let first = cluster.agreed("a leader", |_| true);
    let file = cluster.dir().join("secret");
    fs::write(&file, keygen()).expect("it can be written");
    let away = (first.leader + 1) % 5;
    cluster.nodes[away].kill();
    let steps = |cluster: &Cluster, index: usize, seal: &str| {
        configure(cluster, index, |config| {
            config["secret_file"] = json!(file);
            config["seal"] = json!(seal);
        });
        cluster.nodes[index].signal(Signal::HUP);
        cluster.eventually("it has taken the step", || {
            cluster.nodes[index].status().filter(|status| status["sealing"]["seal"] == seal)
        });
    };
    for seal in ["accept", "send"] {
        for index in (0..5).filter(|index| *index != away) {
            steps(&cluster, index, seal);
        }
    }
    // It comes back without the secret, two steps behind, and understands nobody until it is told what the others were.
    cluster.nodes[away].start();
    cluster.eventually("it understands nobody", || (dropped(&cluster, away, "version") > 0).then_some(()));
    steps(&cluster, away, "send");
    cluster.agreed("all follow the same leader", |now| now.token == first.token);
    let sealed = || keys(&cluster, first.leader, &["list"]).ok().filter(|keys| keys["plain_from"] == json!([]));
    cluster.eventually("nobody is heard in plain any more", sealed);
    for index in 0..5 {
        steps(&cluster, index, "require");
    }
    // Nobody is locked out: each is heard by the leader under the key, …
    let heard_by_leader = || {
        let keys = keys(&cluster, first.leader, &["list"]).ok()?;
        (keys["keys"][0]["heard_from"].as_array()?.len() == 4).then_some(())
    };
    cluster.eventually("all are heard under the key", heard_by_leader);
    cluster.agreed("the leader stays", |now| now.token == first.token);
    assert_eq!(cluster.leaderships().len(), 1, "{}", cluster.trace());
    // … and nothing in plain is let in.
    let plain = first_words(&cluster, away, first.leader, |config| {
        config.as_object_mut().expect("it is one").retain(|name, _| name != "secret_file" && name != "seal");
    });
    let stranger = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    stranger.send_to(&plain, cluster.nodes[first.leader].address).expect("it is sent");
    cluster.eventually("it is refused", || (dropped(&cluster, first.leader, "not_sealed") > 0).then_some(()));
    // A secret is not lost by mistake, and what cannot change says so.
    let id = |cluster: &Cluster| keys(cluster, away, &["list"]).expect("it has keys")["keys"][0]["id"].clone();
    let id_before = id(&cluster);
    configure(&cluster, away, |config| {
        config["timing"] = json!("wan");
        config["cluster"] = json!("another");
    });
    cluster.nodes[away].signal(Signal::HUP);
    let told = |what: &str| cluster.nodes[away].log().contains(what).then_some(());
    cluster.eventually("it names the field", || told("what has changed in cluster, timing waits for a restart"));
    assert_eq!(id(&cluster), id_before, "the key is that of the cluster that it is in");
    configure(&cluster, away, |config| {
        config.as_object_mut().expect("it is one").retain(|name, _| name != "secret_file" && name != "seal");
    });
    cluster.nodes[away].signal(Signal::HUP);
    cluster.eventually("it keeps its secret", || told("the configuration has no secret any more"));
    cluster.agreed("it stays still", |now| now.token == first.token);
}

/// `qcluster keys …` of that node: its answer as JSON, or what it complains of with exit code 4.
fn keys(cluster: &Cluster, index: usize, arguments: &[&str]) -> Result<Value, String> {
    let address = cluster.nodes[index].address.to_string();
    let all = [&["keys"], arguments, &["--addr", address.as_str(), "--format", "json"]].concat();
    let Ended { code, stdout, stderr } = run_to_end(&all);
    match code {
        Some(0) => Ok(serde_json::from_str(&stdout).expect("it is JSON")),
        Some(4) => Err(stderr),
        _ => panic!("{all:?}: {stderr}"),
    }
}

/// By the documented commands, with a node away meanwhile: nobody is restarted for it, and the leader stays.
#[test]
fn the_secret_of_a_running_cluster_is_replaced_key_by_key() {
    let (old, new) = (keygen(), keygen());
    let setup = Setup { places: Places::Loopback(5), ..Setup::unhurried() };
    let mut cluster = Cluster::new(&setup);
    let file = |cluster: &Cluster, index: usize| cluster.nodes[index].config_path().with_extension("secret");
    for index in 0..5 {
        fs::write(file(&cluster, index), &old).expect("it can be written");
        let path = file(&cluster, index);
        configure(&cluster, index, |config| config["secret_file"] = json!(path));
        cluster.nodes[index].start();
    }
    let first = cluster.agreed("a leader", |_| true);
    let old_id = keys(&cluster, 0, &["list"]).expect("it has keys")["keys"][0]["id"].to_string();
    let away = (first.leader + 1) % 5;
    cluster.nodes[away].kill();
    let there: Vec<usize> = (0..5).filter(|index| *index != away).collect();
    let new_file = cluster.dir().join("new.secret");
    fs::write(&new_file, &new).expect("it can be written");
    let add = ["add", new_file.to_str().expect("it is text")];
    let mut new_id = String::new();
    for index in &there {
        let added = keys(&cluster, *index, &add).expect("it is added");
        new_id = added["keys"][1]["id"].to_string();
        assert_eq!(added["keys"][0]["id"].to_string(), old_id);
    }
    for index in &there {
        keys(&cluster, *index, &["use", &new_id]).expect("it is used");
    }
    // The one that is away was last heard under the old key, which is not taken from it by mistake.
    let leader = first.leader;
    let refused = keys(&cluster, leader, &["remove", &old_id]).expect_err("one was heard under it last");
    assert!(refused.contains(&format!("server_{}", ["a", "b", "c", "d", "e"][away])), "{refused}");
    // It hears nobody when it comes back, says whom it turned away, and is let in by the same command.
    cluster.nodes[away].start();
    cluster.eventually("it is back", || cluster.nodes[away].status());
    let sees = |cluster: &Cluster| keys(cluster, away, &["list"]).expect("it has keys");
    let turned_away = cluster.eventually("it turns others away", || {
        sees(&cluster)["turned_away"].as_array().filter(|all| !all.is_empty()).cloned()
    });
    assert_eq!(turned_away[0]["reason"], "unknown_key");
    assert!(turned_away[0]["identifier"].is_string(), "{turned_away:?}");
    keys(&cluster, away, &add).expect("it is added");
    keys(&cluster, away, &["use", &new_id]).expect("it is used");
    cluster.agreed("all follow the same leader", |now| now.token == first.token);
    for index in 0..5 {
        let removed = || keys(&cluster, index, &["remove", &old_id]).ok();
        let left = cluster.eventually("all are heard under the new key", removed);
        assert_eq!(left["keys"].as_array().map(Vec::len), Some(1), "{left}");
        let written = fs::read_to_string(file(&cluster, index)).expect("it is there");
        assert_eq!(written.trim(), new, "a restart finds what it left");
    }
    cluster.agreed("the leader stays", |now| now.token == first.token);
    assert_eq!(cluster.leaderships().len(), 1, "{}", cluster.trace());
    assert_eq!(dropped(&cluster, leader, "unknown_key"), 0, "the leader understood all that was sent to it");
}

/// SIGHUP has a node read its files again, and nothing changes where one of them cannot be used.
#[test]
fn files_of_secrets_and_tokens_are_read_again_on_sighup() {
    let (one, other) = (keygen(), keygen());
    let mut cluster = Cluster::new(&Setup { places: Places::Loopback(1), ..Setup::unhurried() });
    let [secrets, tokens] = ["secret", "token"].map(|name| cluster.dir().join(name));
    let write = |path: &std::path::Path, text: &str| fs::write(path, text).expect("it can be written");
    write(&secrets, &one);
    write(&tokens, "first-0123456789");
    configure(&cluster, 0, |config| {
        config["secret_file"] = json!(secrets);
        config["api"] = json!({ "token_file": tokens, "require_token": true });
    });
    cluster.nodes[0].start();
    cluster.eventually("it runs", || cluster.nodes[0].status());
    let key_count = || keys(&cluster, 0, &["list"]).expect("it has keys")["keys"].as_array().map_or(0, Vec::len);
    assert_eq!(key_count(), 1);
    write(&secrets, &format!("{one}\n{other}"));
    write(&tokens, "");
    cluster.nodes[0].signal(Signal::HUP);
    cluster.eventually("it complains", || cluster.nodes[0].log().contains("it has no token in it").then_some(()));
    assert_eq!(key_count(), 1, "nothing half done");
    write(&tokens, "second-0123456789");
    cluster.nodes[0].signal(Signal::HUP);
    cluster.eventually("it has both keys", || (key_count() == 2).then_some(()));
    let heartbeat = |token: &str| {
        let file = cluster.dir().join("shown");
        write(&file, token);
        let address = cluster.nodes[0].address.to_string();
        let arguments = ["heartbeat", "nothing", "--addr", address.as_str(), "--token-file"];
        run_to_end(&[&arguments[..], &[file.to_str().expect("it is text")]].concat()).code
    };
    assert_eq!(heartbeat("first-0123456789"), Some(2), "the former token counts no more");
    assert_eq!(heartbeat("second-0123456789"), Some(4), "there is no such service, but it may ask");
}
