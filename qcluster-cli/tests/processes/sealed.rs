//! Sealed clusters (S1–S3): who has the secret takes part, and nobody else is heard.

use std::fs;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use qcluster_core::seal::{Keyring, NONCE_PREFIX_LEN, Seal};
use qcluster_core::{SealMode, Secret};
use serde_json::{Value, json};

use crate::support::cluster::{Cluster, Places, Setup};
use crate::support::datagram::first_words;
use crate::support::node::{Ended, Node, resident, run_to_end};

pub(crate) fn keygen() -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_qcluster")).arg("keygen").output().expect("it runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("it is text").trim().to_owned()
}

/// Writes something into the configuration of a node, for its next start.
pub(crate) fn configure(cluster: &Cluster, index: usize, change: impl FnOnce(&mut Value)) {
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
    let open = fs::Permissions::from_mode(0o644);
    fs::set_permissions(cluster.nodes[0].config_path(), open).expect("the file is ours");
    for node in &mut cluster.nodes {
        node.start();
    }
    cluster
}

pub(crate) fn dropped(cluster: &Cluster, index: usize, reason: &str) -> u64 {
    cluster.nodes[index].counter(&format!("dropped.{reason}"))
}

#[test]
fn nodes_with_one_secret_elect_fail_over_and_take_nothing_from_others() {
    let secret = keygen();
    assert_ne!(secret, keygen(), "each secret is a new one");
    let mut cluster = sealed(&secret);
    let before = cluster.agreed("a leader", |_| true);
    let told = "every user may read the secrets or tokens in it";
    assert!(cluster.nodes[0].log().contains(told), "{}", cluster.trace());
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

/// Datagrams that three nodes send to a fourth one, which is not there: what somebody on the way has seen of them.
fn overheard(cluster: &Cluster, absent: usize) -> Vec<Vec<u8>> {
    const ENOUGH: usize = 40;
    let ear = UdpSocket::bind(cluster.nodes[absent].address).expect("nobody is there");
    ear.set_nonblocking(true).expect("a socket that does not block");
    let (mut seen, mut buffer) = (Vec::new(), [0; 2_000]);
    cluster.eventually("they speak to the absent one", || {
        while let Ok(len) = ear.recv(&mut buffer) {
            seen.push(buffer[..len].to_vec());
        }
        (seen.len() >= ENOUGH).then_some(())
    });
    seen
}

/// What a stranger can make of sealed datagrams without the secret, and of its own: cut off, damaged by one bit, wrongly keyed, plain, of
/// another cluster, and noise.
fn forgeries(seen: &[Vec<u8>], wrongly_keyed: &[u8], plain: &[u8]) -> Vec<Vec<u8>> {
    // A generator that always gives the same.
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut below = |limit: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap_or(0) % limit
    };
    let mut all = vec![wrongly_keyed.to_vec(), plain.to_vec()];
    for datagram in seen {
        for _ in 0..10 {
            all.push(datagram[..below(datagram.len())].to_vec());
            let bit = below(datagram.len() * 8);
            let mut damaged = datagram.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            all.push(damaged);
            let len = 1 + below(1_500);
            all.push((0..len).map(|_| below(256).to_le_bytes()[0]).collect());
        }
    }
    all
}

#[test]
fn a_stranger_draws_no_byte_and_changes_nothing() {
    const THROWN_MIN: usize = 100_000;
    const GROWTH_MAX: u64 = 1_024 * 1_024;
    let secret = keygen();
    let mut cluster = Cluster::new(&Setup { places: Places::Loopback(4), ..Setup::unhurried() });
    // The fourth is never there, and the other three are a quorum.
    let absent = 3;
    for index in 0..4 {
        configure(&cluster, index, |config| config["secret"] = json!(secret));
    }
    cluster.nodes[..absent].iter_mut().for_each(Node::start);
    let before = cluster.eventually("a leader of three", || cluster.agreement_among(&[0, 1, 2]));
    let seen = overheard(&cluster, absent);
    let stranger = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    stranger.set_nonblocking(true).expect("a socket that does not block");
    let other: Secret = keygen().parse().expect("it is a secret");
    let keyring = Keyring::new("default", [&other]).expect("one secret");
    let mut sealed = Seal::new(keyring, SealMode::Require, [1; NONCE_PREFIX_LEN]);
    let plain =
        first_words(&cluster, absent, 0, |config| _ = config.as_object_mut().expect("it is one").remove("secret"));
    let all = forgeries(&seen, sealed.seal(&plain).expect("it is a datagram"), &plain);
    let mut grown = [0; 3];
    let mut thrown = 0;
    while thrown < THROWN_MIN {
        for node in &cluster.nodes[..absent] {
            for datagram in &all {
                // The system may refuse one for want of room.
                let _ = stranger.send_to(datagram, node.address);
            }
            thrown += all.len();
        }
        if thrown < THROWN_MIN / 2 {
            grown = [0, 1, 2].map(|index| resident(&cluster.nodes[index]));
        }
    }
    for (index, memory) in grown.into_iter().enumerate() {
        for reason in ["malformed", "version", "foreign_cluster", "unknown_key", "not_sealed", "forged"] {
            cluster.eventually(reason, || (dropped(&cluster, index, reason) > 0).then_some(()));
        }
        let growth = resident(&cluster.nodes[index]).saturating_sub(memory);
        assert!(growth < GROWTH_MAX, "server {index} has grown by {growth} bytes");
    }
    assert!(stranger.recv(&mut [0; 2_000]).is_err(), "somebody answered");
    // What it has seen counts once at most.
    for node in &cluster.nodes[..absent] {
        for datagram in seen.iter().chain(&seen) {
            let _ = stranger.send_to(datagram, node.address);
        }
    }
    for index in 0..absent {
        cluster.eventually("a repetition is noticed", || (dropped(&cluster, index, "replayed") > 0).then_some(()));
    }
    let after = cluster.eventually("a leader still", || cluster.agreement_among(&[0, 1, 2]));
    assert_eq!(after, before, "{}", cluster.trace());
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
