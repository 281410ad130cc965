//! A stranger that throws datagrams at the leader as quickly as it is told to: noise, greetings of other clusters, and those
//! of a node that could be a member.

use std::net::{SocketAddr, UdpSocket};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::measure::{STRANGER, Site};
use crate::support::cluster::{Cluster, Storage};
use crate::support::datagram::first_words;
use crate::support::events::unix_s;

pub(crate) fn measure(time: Duration, rate: u32) -> Result<bool, String> {
    let mut site = Site::new(Storage::Diskless, |_| ())?;
    let leader = site.start().leader;
    let node = &site.cluster.nodes[leader];
    let datagrams = datagrams(&site.cluster, leader);
    let (before, from) = (node.counter("dropped."), unix_s());
    let sent = site.network.within(STRANGER, || throw(node.address, &datagrams, time, rate));
    let lost = site.lost_since(from);
    let read = node.counter("dropped.") - before;
    println!(
        "flood   {:.0} datagrams a second for {} s from a stranger, {read} of {sent} read and dropped by the leader: {lost} leaderships lost",
        f64::from(sent) / time.as_secs_f64(),
        time.as_secs()
    );
    Ok(lost == 0)
}

fn datagrams(cluster: &Cluster, to: usize) -> Vec<Vec<u8>> {
    let other = (to + 1) % 3;
    vec![
        vec![0x51; 72],
        first_words(cluster, other, to, |_| {}),
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
