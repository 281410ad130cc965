//! Datagrams that no honest node would send, thrown at a running cluster: it counts them and goes on.

use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::cluster::{Cluster, Setup};
use crate::support::datagram::first_words;
use crate::support::descriptors::{Crowd, descriptors_left, few_descriptors};

/// No more barrages than this; the counters show the first ones already.
const BARRAGES_MAX: usize = 100;

/// The reasons that the barrage has to be dropped for.
const REASONS: [&str; 5] = ["malformed", "version", "foreign_cluster", "unknown_key", "config_mismatch"];

/// Everything that is thrown in one barrage.
fn barrage(cluster: &Cluster, to: usize) -> Vec<Vec<u8>> {
    let sound = first_words(cluster, 2, to, |_| {});
    let mut all: Vec<Vec<u8>> = (0..sound.len()).map(|len| sound[..len].to_vec()).collect();
    for bit in 0..sound.len() * 8 {
        let mut damaged = sound.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        all.push(damaged);
    }
    all.push(first_words(cluster, 2, to, |config| config["cluster"] = json!("another")));
    all.push(first_words(cluster, 2, to, |config| config["timing"]["lease_ms"] = json!(2_000)));
    let mut longer = sound;
    longer.extend([0; 1_400]);
    all.push(longer);
    // Noise of every size up to the largest that UDP carries, from a generator that always gives the same.
    let mut noise = 0x2545_F491_4F6C_DD1D_u64;
    for len in [1, 7, 64, 500, 1_399, 1_400, 1_401, 9_000, 65_000] {
        let mut draw = || {
            noise ^= noise << 13;
            noise ^= noise >> 7;
            noise ^= noise << 17;
            noise.to_le_bytes()[0]
        };
        all.push((0..len).map(|_| draw()).collect());
    }
    all
}

#[test]
fn hostile_datagrams_are_counted_and_change_nothing() {
    // Given two of three that run; the third is where the datagrams pretend to come from.
    let timing = json!({ "heartbeat_ms": 400, "lease_ms": 4_000, "max_lease_ms": 4_000, "slot_ms": 50 });
    let mut cluster = Cluster::new(&Setup { timing, ..Setup::unhurried() });
    cluster.nodes[0].start();
    cluster.nodes[1].start();
    let before = cluster.agreed("a leader of two", |_| true);

    for to in [0, 1] {
        let thrower = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
        let datagrams = barrage(&cluster, to);
        let mut barrages = 0;
        cluster.eventually("everything is counted", || {
            if barrages < BARRAGES_MAX {
                throw(&thrower, cluster.nodes[to].address, &datagrams);
                barrages += 1;
            }
            let counted = |reason: &str| cluster.nodes[to].counter(&format!("dropped.{reason}")) > 0;
            REASONS.iter().all(|reason| counted(reason)).then_some(())
        });
    }

    // Then both live, and nothing has changed.
    for node in &mut cluster.nodes[..2] {
        assert!(node.is_running(), "{} ended by itself\n{}", node.name, node.trace());
    }
    let after = cluster.agreed("a leader still", |_| true);
    assert_eq!(after, before, "it changed who leads\n{}", cluster.trace());
}

fn throw(thrower: &UdpSocket, to: SocketAddr, datagrams: &[Vec<u8>]) {
    for datagram in datagrams {
        // The system may refuse one, such as for want of room in its buffers; the next barrage brings it again.
        let _ = thrower.send_to(datagram, to);
    }
}

#[test]
fn noise_on_the_http_side_harms_nothing() {
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;

    let mut cluster = Cluster::start(&Setup::unhurried());
    cluster.agreed("a leader", |_| true);
    let address = cluster.nodes[0].address;
    let long_path = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(100_000));
    for noise in [
        "\r\n\r\n",
        "GET",
        "GET / HTTP/9.9\r\n\r\n",
        "\u{0}\u{1}\u{2}\r\n\r\n",
        "POST /ping HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n",
        &long_path,
    ] {
        let mut stream = TcpStream::connect(address).expect("it listens");
        // It may hang up in the middle, which is its right.
        let _ = stream.write_all(noise.as_bytes());
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    }
    let unknown = cluster.nodes[0].get("/nowhere").expect("it answers");
    assert_eq!(unknown.code, 404, "{unknown:?}");
    assert!(cluster.nodes[0].is_running(), "{}", cluster.trace());
    let pong = cluster.nodes[0].get("/ping").expect("it answers");
    assert_eq!(pong.code, 200);
}

fn with_few_descriptors() -> Cluster {
    let mut cluster = Cluster::new(&Setup::unhurried());
    for node in &mut cluster.nodes {
        node.prefix = few_descriptors();
        node.start();
    }
    cluster
}

#[test]
fn clients_that_take_all_descriptors_make_room_for_checks() {
    let cluster = with_few_descriptors();
    let agreement = cluster.agreed("a leader", |_| true);
    let leader = &cluster.nodes[agreement.leader];
    let silent = Crowd::at(leader.address);
    cluster.eventually("all descriptors are taken", || (descriptors_left(leader) == 0).then_some(()));
    for check in 0..20 {
        let answer = leader.get("/leader").unwrap_or_else(|| panic!("check {check} was not answered"));
        assert_eq!(answer.code, 200, "{answer:?}");
    }
    drop(silent);
    assert_eq!(cluster.agreement(), Some(agreement), "{}", cluster.trace());
}

#[test]
fn clients_that_take_the_last_descriptor_stay_while_nobody_waits() {
    /// Longer than the server waits before it tries to accept again, and shorter than a silent client is borne.
    const QUIET: Duration = Duration::from_millis(400);
    let cluster = with_few_descriptors();
    let node = &cluster.nodes[0];
    cluster.eventually("it listens", || node.get("/ping"));
    let (mut silent, mut changed) = (Vec::new(), Instant::now());
    cluster.eventually("all descriptors stay taken", || {
        if descriptors_left(node) > 0 {
            silent.push(TcpStream::connect(node.address));
            changed = Instant::now();
        }
        (changed.elapsed() >= QUIET).then_some(())
    });
}
