//! The loop waits as the driver asks it to.

use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::task::{Context, Poll};
use std::time::Duration;

use qcluster_core::{Config, Peer, TimingValues};

use super::{Lookups, first_addresses, run};
use crate::binding::Protocols;
use crate::boot::{Listening, prepare};
use crate::driver::Driver;
use crate::error::StartError;
use crate::sockets::{DatagramSocket, PolledSocket, Sockets};
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

/// A socket that always has one more datagram.
struct Flooded;

impl DatagramSocket for Flooded {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, 7_001)))
    }

    fn try_recv_from(&self, _: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        Ok((0, SocketAddr::from((Ipv4Addr::LOCALHOST, 7_002))))
    }

    fn try_send_to(&self, bytes: &[u8], _: SocketAddr) -> io::Result<usize> {
        Ok(bytes.len())
    }
}

impl PolledSocket for Flooded {
    fn poll_readable(&self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    fn poll_writable(&self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

#[test]
fn a_flood_leaves_what_waits_beside_the_loop_its_turn() {
    let config = Config::new("server_a", "127.0.0.1", 7_001);
    let prepared = prepare(config, Listening::At(Flooded.local_addr().unwrap())).unwrap();
    let driver = Driver::new(prepared.parts, Sockets::new([Flooded]).unwrap());
    let (tell, told) = std::sync::mpsc::channel();
    // The loop does not end by itself: it is a turn of its future that has to.
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut running = std::pin::pin!(run(driver, prepared.first, &TestRuntime));
            let turn = poll_fn(|cx| Poll::Ready(running.as_mut().poll(cx).is_pending())).await;
            tell.send(turn).unwrap();
        });
    });
    assert_eq!(told.recv_timeout(Duration::from_secs(60)), Ok(true));
}
