//! The loop waits as the driver asks it to.

use qcluster_core::Config;
use qcluster_core::config::{TimingChoice, TimingValues};

use super::{Lookups, first_addresses};
use crate::binding::Protocols;
use crate::boot::prepare;
use crate::driver::Driver;
use crate::error::StartError;
use crate::sockets::Sockets;
use crate::testing::TestRuntime;

/// The first greetings come with the first step of the loop, and would go nowhere.
#[tokio::test]
async fn what_is_said_first_waits_for_the_first_addresses() {
    // Given peers whose names are known at once, and all the time that a busy machine needs, …
    let values = TimingValues { heartbeat_ms: Some(600_000), lease_ms: Some(3_600_000), ..TimingValues::default() };
    let peer = |(name, port)| Config::new(name, "localhost", port).as_peer();
    let peers = [("server_b", 7_001), ("server_c", 7_002)].map(peer).to_vec();
    let timing = TimingChoice::Values(values);
    // The port may be taken by another test before this one has it.
    let prepared = loop {
        let free = std::net::UdpSocket::bind(("127.0.0.1", 0)).and_then(|socket| socket.local_addr()).unwrap();
        let peers = peers.clone();
        let config = Config { peers, timing, ..Config::new("server_a", "127.0.0.1", free.port()) };
        match prepare(config, Protocols::Udp) {
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
