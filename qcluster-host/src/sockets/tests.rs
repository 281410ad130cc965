//! One port for both protocols on every address, and the right socket for each destination.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::{Received, Sockets, in_family_of, reaches};
use qcluster_core::Config;

use crate::binding::{Advertised, Protocols, advertised, bind};
use crate::error::BindError;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn a_socket_reaches_its_own_family_and_its_own_side_of_the_loopback_border() {
    for (local, to, expected) in [
        ("127.0.0.1", "127.0.0.1", true),
        ("127.0.0.1", "10.0.0.7", false),
        ("127.0.0.1", "::1", false),
        ("0.0.0.0", "127.0.0.1", true),
        ("0.0.0.0", "10.0.0.7", true),
        ("0.0.0.0", "fd00::7", false),
        ("::", "fd00::7", true),
        ("::", "10.0.0.7", true),
        ("::1", "10.0.0.7", false),
        ("10.0.0.1", "10.0.0.7", true),
    ] {
        assert_eq!(reaches(ip(local), ip(to)), expected, "{local} to {to}");
    }
}

#[test]
fn an_ipv4_destination_is_written_for_the_family_of_the_socket() {
    let to = SocketAddr::new(ip("10.0.0.7"), 7002);
    assert_eq!(in_family_of(SocketAddr::new(ip("0.0.0.0"), 1), to), to);
    assert_eq!(in_family_of(SocketAddr::new(ip("::"), 1), to), SocketAddr::new(ip("::ffff:10.0.0.7"), 7002));
}

#[test]
fn localhost_is_every_loopback_address_with_one_port() {
    let bound = bind("localhost", 0, Protocols::UdpAndTcp).unwrap();
    assert!(bound.addresses.contains(&SocketAddr::new(Ipv4Addr::LOCALHOST.into(), bound.addresses[0].port())));
    assert!(bound.addresses.iter().all(|address| address.port() == bound.addresses[0].port()));
    let udp: Vec<_> = bound.udp.iter().map(|socket| socket.local_addr().unwrap()).collect();
    let tcp: Vec<_> = bound.tcp.iter().map(|listener| listener.local_addr().unwrap()).collect();
    assert_eq!((&udp, &tcp), (&bound.addresses, &bound.addresses));
}

#[test]
fn a_port_in_use_is_told_in_one_sentence_that_names_the_address() {
    let bound = bind("127.0.0.1", 0, Protocols::UdpAndTcp).unwrap();
    let port = bound.addresses[0].port();
    let error = bind("localhost", port, Protocols::UdpAndTcp).unwrap_err();
    assert!(matches!(error, BindError::InUse { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains(&format!("port {port} on 127.0.0.1")) && text.lines().count() == 1, "{text}");
}

#[test]
fn an_address_of_another_machine_is_refused() {
    // Reserved for documentation: no machine has it.
    let error = bind("192.0.2.1", 0, Protocols::UdpAndTcp).unwrap_err();
    assert!(matches!(error, BindError::Refused { .. }), "{error}");
}

#[test]
fn datagrams_arrive_over_either_family_and_are_counted() {
    let mut here = Sockets::new(bind("localhost", 0, Protocols::UdpAndTcp).unwrap().udp).unwrap();
    let there_bound = bind("localhost", 0, Protocols::UdpAndTcp).unwrap();
    let mut there = Sockets::new(there_bound.udp).unwrap();
    let mut buffer = [0; 16];
    for to in &there_bound.addresses {
        here.send(*to, b"hello");
        let (len, from) = loop {
            match there.try_receive(&mut buffer) {
                Received::Datagram { len, from } => break (len, from),
                // It is on its way through this machine.
                Received::Error | Received::Nothing => std::thread::yield_now(),
            }
        };
        assert_eq!(&buffer[..len], b"hello");
        assert_eq!(from.is_ipv4(), to.is_ipv4());
    }
    let count = there_bound.addresses.len() as u64;
    assert_eq!((here.counters().sent, here.counters().sent_bytes), (count, 5 * count));
    assert_eq!((there.counters().received, there.counters().received_bytes), (count, 5 * count));
}

#[test]
fn a_destination_that_no_socket_reaches_is_counted_and_harms_nothing() {
    let mut sockets = Sockets::new(bind("127.0.0.1", 0, Protocols::UdpAndTcp).unwrap().udp).unwrap();
    sockets.send(SocketAddr::new(ip("10.0.0.7"), 7002), b"hello");
    assert_eq!(sockets.counters().not_sent, 1);
    assert!(!sockets.reaches(SocketAddr::new(ip("10.0.0.7"), 7002)));
}

#[test]
fn a_receiver_that_is_not_there_harms_nothing() {
    let gone = bind("127.0.0.1", 0, Protocols::UdpAndTcp).unwrap().addresses[0];
    let mut sockets = Sockets::new(bind("127.0.0.1", 0, Protocols::UdpAndTcp).unwrap().udp).unwrap();
    for _ in 0..3 {
        sockets.send(gone, b"hello");
    }
    let counters = sockets.counters();
    assert_eq!(counters.sent + counters.send_errors, 3);
}

#[test]
fn what_would_come_back_is_known_by_its_address_and_port() {
    let own = |host: &str, to: &str| {
        let bound = bind(host, 0, Protocols::Udp).unwrap();
        let (port, sockets) = (bound.addresses[0].port(), Sockets::new(bound.udp).unwrap());
        [port, port ^ 1].map(|port| sockets.is_own(SocketAddr::new(ip(to), port)))
    };
    assert_eq!(own("127.0.0.1", "127.0.0.1"), [true, false]);
    assert_eq!(own("0.0.0.0", "127.0.0.1"), [true, false], "it listens on all of this machine's");
    // Reserved for documentation: no machine has it.
    assert_eq!(own("0.0.0.0", "192.0.2.1"), [false, false]);
    assert_eq!(own("127.0.0.1", "192.0.2.1"), [false, false]);
}

#[test]
fn where_a_node_is_for_others_is_what_it_advertises_or_else_listens_on() {
    let listen = |text: &str| [format!("{text}:7001").parse::<SocketAddr>().unwrap()];
    let (at, named) = (
        |text: &str| Advertised::At(text.parse().unwrap()),
        |host: &str, port| Advertised::Named { host: host.into(), port },
    );
    for (host, port, listens, expected) in [
        (None, None, "10.0.0.1", at("10.0.0.1:7001")),
        (None, Some(9), "10.0.0.1", at("10.0.0.1:9")),
        (None, None, "0.0.0.0", Advertised::Nowhere),
        (None, Some(9), "[::]", Advertised::Nowhere),
        (Some("192.0.2.1"), None, "0.0.0.0", at("192.0.2.1:7001")),
        (Some("localhost"), None, "0.0.0.0", at("127.0.0.1:7001")),
        // A name is looked up as those of peers are: it may have no address yet.
        (Some("me.example"), Some(9), "0.0.0.0", named("me.example", 9)),
        (Some("me.example"), None, "10.0.0.1", named("me.example", 7001)),
    ] {
        let mut config = Config::new("server_a", "a.example", 7001);
        (config.advertise_host, config.advertise_port) = (host.map(str::to_owned), port);
        assert_eq!(advertised(&config, &listen(listens)), expected, "{host:?} {port:?} {listens}");
    }
}
