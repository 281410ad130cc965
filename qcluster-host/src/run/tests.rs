//! The loop waits as the driver asks it to.

use qcluster_core::{Config, Peer, TimingValues};

use super::{Lookups, first_addresses};
use crate::binding::Protocols;
use crate::boot::{Listening, prepare};
use crate::driver::Driver;
use crate::error::StartError;
use crate::sockets::Sockets;
use crate::test_support::TestRuntime;

/// The first greetings come with the first step of the loop, and would go nowhere.
#[tokio::test]
async fn what_is_said_first_waits_for_the_first_addresses() {
    // Given peers whose names are known at once, and all the time that a busy machine needs, …
    let timing = TimingValues::default().with_heartbeat_ms(600_000).with_lease_ms(3_600_000);
    let peers = [Peer::new("server_b", "localhost", 7_001), Peer::new("server_c", "localhost", 7_002)];
    // The port may be taken by another test before this one has it.
    let prepared = loop {
        let free = std::net::UdpSocket::bind(("127.0.0.1", 0)).and_then(|socket| socket.local_addr()).unwrap();
        let config = Config::new("server_a", "127.0.0.1", free.port()).with_peers(peers.clone()).with_timing(timing);
        match prepare(config, Listening::Bind(Protocols::Udp)) {
            Err(StartError::Bind(_)) => {}
            prepared => break prepared.unwrap(),
        }
    };
    let mut driver = Driver::new(prepared.parts, Sockets::new(prepared.udp).unwrap());
    first_addresses(&mut driver, &mut Lookups::new(&TestRuntime)).await;
    // … then there is an address for each.
    let rules = driver.endpoint().node().rules();
    let reached = rules.indices().filter(|voter| driver.endpoint().address(*voter).is_some());
    assert_eq!(reached.count(), 2);
}
