//! Sealed clusters (S1–S4): who has the secret takes part, and a cluster gets one without falling apart.

use std::fs;
use std::process::Command;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::cluster::{Cluster, Setup};
use crate::support::node::{Ended, run_to_end};

fn keygen() -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_qcluster")).arg("keygen").output().expect("it runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("it is text").trim().to_owned()
}

/// Writes something into the configuration of a node, for its next start.
fn configure(cluster: &Cluster, index: usize, change: impl FnOnce(&mut Value)) {
    let path = cluster.nodes[index].config_path();
    let mut config: Value = serde_json::from_slice(&fs::read(&path).expect("it has one")).expect("it is JSON");
    change(&mut config);
    fs::write(path, config.to_string()).expect("it can be written");
}

/// Three nodes with that secret.
fn sealed(secret: &str) -> Cluster {
    let mut cluster = Cluster::new(&Setup::unhurried());
    for index in 0..3 {
        configure(&cluster, index, |config| config["secret"] = json!(secret));
    }
    for node in &mut cluster.nodes {
        node.start();
    }
    cluster
}

fn dropped(cluster: &Cluster, index: usize, reason: &str) -> u64 {
    cluster.nodes[index].counter(&format!("dropped.{reason}"))
}

#[test]
fn nodes_with_one_secret_elect_fail_over_and_take_nothing_from_others() {
    let secret = keygen();
    assert_ne!(secret, keygen(), "each secret is a new one");
    let mut cluster = sealed(&secret);
    let before = cluster.agreed("a leader", |_| true);
    // Given a node that is started again without the secret, or with another one, …
    let stranger = (before.leader + 1) % 3;
    for (change, reason) in [(None, "not_sealed"), (Some(keygen()), "unknown_key")] {
        cluster.nodes[stranger].kill();
        configure(&cluster, stranger, |config| match &change {
            None => _ = config.as_object_mut().expect("it is one").remove("secret"),
            Some(other) => config["secret"] = json!(other),
        });
        cluster.nodes[stranger].start();
        // … then nobody hears it, …
        let third = (before.leader + 2) % 3;
        cluster.eventually("it is refused", || (dropped(&cluster, third, reason) > 0).then_some(()));
        // … it hears nobody, and the others lead on.
        let status = cluster.eventually("it answers", || cluster.nodes[stranger].status());
        assert!(status["leader"].is_null(), "{status:#}");
        assert_eq!(cluster.leaderships().len(), 1, "{}", cluster.trace());
    }
    // When it has the secret again it takes part, and the two that are left elect a leader.
    cluster.nodes[stranger].kill();
    configure(&cluster, stranger, |config| config["secret"] = json!(secret));
    cluster.nodes[stranger].start();
    cluster.agreed("all follow", |now| now.token == before.token);
    cluster.nodes[before.leader].kill();
    cluster.eventually("the next leader", || cluster.successor(before.token));
}

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

#[test]
fn secrets_that_cannot_be_used_are_refused_by_field_and_file() {
    let cluster = Cluster::new(&Setup::unhurried());
    let path = cluster.nodes[0].config_path();
    let missing = path.with_file_name("missing");
    let wrong = path.with_file_name("wrong");
    fs::write(&wrong, format!("{}\nnot a secret\n", keygen())).expect("it can be written");
    for (field, value, told) in [
        ("secret", json!("c2VjcmV0"), "a secret has 32 bytes, and this has another length"),
        ("secret", json!("not a secret"), "this is neither: `qcluster keygen` makes one"),
        ("seal", json!("require"), "seal: only means something together with"),
        ("secret_file", json!(missing), "secret_file: "),
        ("secret_file", json!(wrong), "line 2: a secret is 32 bytes in base64 or hexadecimal"),
    ] {
        configure(&cluster, 0, |config| {
            let object = config.as_object_mut().expect("it is one");
            for field in ["secret", "secret_file", "seal"] {
                object.remove(field);
            }
            object.insert(field.into(), value);
        });
        let Ended { code, stderr: errors, .. } = run_to_end(&["run", path.to_str().expect("it is text")]);
        assert!(errors.contains(told), "{told}: {errors}");
        assert!(!errors.contains("not a secret"), "it is repeated: {errors}");
        assert_eq!(code, Some(2), "{errors}");
    }
}
