//! What may stand on the command line, and what is refused before anybody is asked.

use qcluster::client::{WatchEvent, WatchEventKind};
use qcluster::{Peer, Term};

use super::host_and_port;
use super::watch::{LastLeader, News};

/// The argument parser looks at a command only where it is used: names that clash would be found by whom it is for.
#[test]
fn every_command_can_be_parsed() {
    use clap::CommandFactory as _;
    crate::Arguments::command().debug_assert();
}

#[test]
fn an_address_is_a_host_and_a_port() {
    for good in ["localhost:7001", "127.0.0.1:1", "node-1.example_net:65535", "[::1]:7001", "[fe80::1%2]:7001"] {
        assert_eq!(host_and_port(good).as_deref(), Ok(good));
    }
    for bad in [
        "",
        "localhost",
        ":7001",
        "localhost:",
        "localhost:0",
        "localhost:65536",
        "localhost:+7001",
        "localhost:7001:7001",
        "http://localhost:7001",
        "https://localhost",
        "https://https://localhost:7001",
        "localhost:7001/",
        "user@localhost:7001",
        "a b:7001",
        "localhost: 7001",
        "::1:7001",
        "[::1]",
        "[::1:7001",
        "[localhost]:7001",
    ] {
        assert_eq!(host_and_port(bad), Err("has to be HOST:PORT, or https://HOST:PORT"), "{bad}");
    }
}

/// The answer and the event that tell of one leader come from two moments: one line, and never a line of the past.
#[test]
fn a_watch_prints_a_leader_once() {
    let leads = |identifier: Option<&str>, term| {
        let leader = identifier.map(|identifier| Peer::new(identifier, "127.0.0.1", 7_001));
        News::Event(WatchEvent::new(1, WatchEventKind::Leader { leader, term: Term(term) }))
    };
    let mut told = LastLeader::default();
    for (news, is_new, why) in [
        (leads(Some("a"), 5), true, "the answer"),
        (leads(None, 4), false, "the event of before the answer"),
        (leads(Some("a"), 5), false, "the event of what the answer said"),
        (leads(None, 5), true, "its end"),
        (leads(Some("b"), 6), true, "the next"),
        (News::Missed(9), true, "a gap"),
        (leads(Some("b"), 6), true, "who leads behind the gap"),
    ] {
        assert_eq!(told.is_new(&news), is_new, "{why}");
    }
}
