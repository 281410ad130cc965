//! A stranger that throws datagrams at the leader as quickly as it is told to: noise, greetings of other clusters, and those
//! of a node that could be a member.

use std::net::{SocketAddr, UdpSocket};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::measure::{STRANGER, Site};
use crate::support::cluster::{Cluster, SECRET, Storage};
use crate::support::datagram::first_words;
use crate::support::events::unix_s;

/// Once at nodes that let plain datagrams in, and once at nodes with a secret.
pub(crate) fn measure(time: Duration, rate: u32) -> Result<bool, String> {
    let plain = measure_at("plain", |_| (), time, rate)?;
    let secret = |config: &mut Value| config["secret"] = json!(SECRET);
    Ok(measure_at("sealed", secret, time, rate)? && plain)
}

fn measure_at(name: &str, change: impl Fn(&mut Value), time: Duration, rate: u32) -> Result<bool, String> {
    let mut site = Site::new(Storage::Diskless, change)?;
    let leader = site.start().leader;
    let node = &site.cluster.nodes[leader];
    let datagrams = datagrams(&site.cluster, leader);
    let (before, from) = (node.counter("dropped."), unix_s());
    let sent = site.network.within(STRANGER, || throw(node.address, &datagrams, time, rate));
    let lost = site.lost_since(from);
    let read = node.counter("dropped.") - before;
    println!(
        "flood   {name:<7} {:.0} datagrams a second for {} s from a stranger, {read} of {sent} read and dropped by the leader: {lost} leaderships lost",
        f64::from(sent) / time.as_secs_f64(),
        time.as_secs()
    );
    Ok(lost == 0)
}

fn datagrams(cluster: &Cluster, to: usize) -> Vec<Vec<u8>> {
    let other = (to + 1) % 3;
    let sound = first_words(cluster, other, to, |_| {});
    // With the id of a key that was seen on the way, a forged one costs the node the most: a tag to check.
    let keys = cluster.nodes[to].get("/v1/keys").and_then(|answer| answer.json()).unwrap_or_default();
    let key_id = keys["keys"][0]["id"].as_u64().and_then(|id| u8::try_from(id).ok()).unwrap_or(0);
    let mut forged = sound.clone();
    (forged[0], forged[5]) = (2, key_id);
    vec![
        vec![0x51; 72],
        sound,
        forged,
        first_words(cluster, other, to, |config| config["cluster"] = json!("another")),
        first_words(cluster, other, to, |config| {
            config["identifier"] = json!("stranger");
            config["observer"] = json!(true);
        }),
    ]
}

/// Gives how many were sent.
fn throw(to: SocketAddr, datagrams: &[Vec<u8>], time: Duration, rate: u32) -> u32 {
    const BURST: u32 = 100;
    let socket = UdpSocket::bind("0.0.0.0:0").expect("a port is free");
    socket.connect(to).expect("the leader's address");
    let (start, mut sent) = (Instant::now(), 0_u32);
    while start.elapsed() < time {
        let due = Duration::from_secs_f64(f64::from(sent) / f64::from(rate));
        sleep(due.saturating_sub(start.elapsed()));
        for datagram in datagrams.iter().cycle().take(BURST as usize) {
            // What the network refuses for the moment was sent all the same.
            let _ = socket.send(datagram);
        }
        sent += BURST;
    }
    sent
}
