//! The lines are a format: each kind is pinned here as text.

use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use super::{BeginError, FORMAT, Gap, Given, Line, RecordedInput, Snapshot, Start};
use crate::config::{SealMode, Settings, VoterSettings};
use crate::election::PersistId;
use crate::endpoint::{Endpoint, EndpointBoot, Input, SnapshotError};
use crate::hard_state::RecordError;
use crate::id::NodeId;
use crate::node::{BootError, Command};
use crate::registry::Health;
use crate::time::Time;

fn id(text: &str) -> NodeId {
    NodeId::new(text).unwrap()
}

fn settings() -> Settings {
    Settings::voter(id("a"), vec![VoterSettings::new(id("a")), VoterSettings::new(id("b")).with_priority(2)])
}

const SETTINGS: &str = r#"{"cluster":"default","id":"a","seat":"voter","voters":[{"id":"a","priority":0},{"id":"b","priority":2}],"next_voters":null,"timing":{"heartbeat":25000000,"lease":150000000,"max_lease":1200000000,"slot":10000000,"drift_ppm":10000},"durability":"diskless","previous_lease":0,"drain":1500000000,"settle":3000000000}"#;

fn assert_text(line: &Line, text: &str) {
    assert_eq!(line.to_json(), text);
    assert_eq!(Line::from_json(text).unwrap(), *line);
}

#[test]
fn inputs_read_as_they_are_written() {
    let command = RecordedInput::Command;
    let inputs = [
        (RecordedInput::Timeout, r#""timeout""#),
        (
            RecordedInput::Datagram { from: "127.0.0.1:7001".parse().unwrap(), bytes: vec![0x00, 0xff, 0x1a] },
            r#"{"datagram":{"from":"127.0.0.1:7001","bytes":"00ff1a"}}"#,
        ),
        (
            RecordedInput::Resolved { peer: crate::id::NodeKey(0xab), address: "[fe80::1%3]:7001".parse().unwrap() },
            r#"{"resolved":{"peer":"00000000000000ab","address":"[fe80::1%3]:7001"}}"#,
        ),
        (RecordedInput::SealChanged(SealMode::Accept), r#"{"seal_changed":"accept"}"#),
        (RecordedInput::Persisted(PersistId(3)), r#"{"persisted":3}"#),
        (RecordedInput::PersistFailed(PersistId(4)), r#"{"persist_failed":4}"#),
        (command(Command::Transfer(Some(id("b")))), r#"{"command":{"transfer":"b"}}"#),
        (command(Command::Transfer(None)), r#"{"command":{"transfer":null}}"#),
        (command(Command::StepDown), r#"{"command":"step_down"}"#),
        (command(Command::Drained), r#"{"command":"drained"}"#),
        (command(Command::Shutdown), r#"{"command":"shutdown"}"#),
        (command(Command::Join("127.0.0.1:7001".parse().unwrap())), r#"{"command":{"join":"127.0.0.1:7001"}}"#),
        (command(Command::Deregister { id: "web".into() }), r#"{"command":{"deregister":{"id":"web"}}}"#),
        (
            command(Command::Heartbeat { id: "web".into(), health: Some(Health::Warning) }),
            r#"{"command":{"heartbeat":{"id":"web","health":"warning"}}}"#,
        ),
    ];
    for (what, text) in inputs {
        assert_eq!(RecordedInput::from(&what.as_input()), what);
        let line = Line::Input(Given { at: Time::from_millis(2), what });
        assert_text(&line, &alloc::format!(r#"{{"input":{{"at":2000000,"what":{text}}}}}"#));
    }
}

#[test]
fn beginnings_and_gaps_read_as_they_are_written() {
    let version = super::VERSION;
    let boot = EndpointBoot { seed: u64::MAX, stamp_ms: 5, saved: Some(&[0x0a]) };
    let start = Line::Start(Start::new(Time::ZERO, settings(), boot));
    assert_text(
        &start,
        &alloc::format!(
            r#"{{"start":{{"format":2,"version":"{version}","at":0,"seed":18446744073709551615,"stamp_ms":5,"saved":"0a","settings":{SETTINGS}}}}}"#
        ),
    );
    let snapshot = Line::Snapshot(Snapshot::new(Time::from_nanos(9), settings(), vec![1, 2]));
    assert_text(
        &snapshot,
        &alloc::format!(
            r#"{{"snapshot":{{"format":2,"version":"{version}","at":9,"settings":{SETTINGS},"state":"0102"}}}}"#
        ),
    );
    assert_text(&Line::Gap(Gap { lost: 12 }), r#"{"gap":{"lost":12}}"#);
}

#[test]
fn what_is_no_line_is_an_error() {
    for text in [
        "",
        "{}",
        "[]",
        r#"{"inputs":1}"#,
        r#"{"input":{"at":1}}"#,
        r#"{"input":{"at":-1,"what":"timeout"}}"#,
        r#"{"input":{"at":1,"what":"timeout","more":1}}"#,
        r#"{"input":{"at":1,"what":"sleep"}}"#,
        r#"{"input":{"at":1,"what":{"datagram":{"from":"127.0.0.1:1","bytes":"abc"}}}}"#,
        r#"{"input":{"at":1,"what":{"datagram":{"from":"127.0.0.1:1","bytes":"zz"}}}}"#,
        r#"{"input":{"at":1,"what":{"datagram":{"from":"nowhere","bytes":""}}}}"#,
        r#"{"input":{"at":1,"what":{"transfer":"two words"}}}"#,
        r#"{"input":{"at":1,"what":"timeout"}"#,
        r#"{"input":{"at":1,"what":"timeout"}} {}"#,
    ] {
        assert!(Line::from_json(text).is_err(), "{text}");
    }
}

#[test]
fn an_incarnation_goes_on_from_either_beginning() {
    // Given an endpoint of a cluster of one, recorded from its start and from its middle,
    let alone = Settings::voter(id("a"), vec![VoterSettings::new(id("a"))]);
    let start = Start::new(Time::ZERO, alone.clone(), EndpointBoot { seed: 7, stamp_ms: 1, saved: None });
    let mut from_start = start.endpoint().unwrap();
    let times: Vec<Time> = [0, 1_201, 1_220, 1_230].map(Time::from_millis).to_vec();
    for at in &times[..2] {
        let mut outputs = from_start.step(*at, Input::Timeout);
        while outputs.next().is_some() {}
    }
    let snapshot = Snapshot::new(times[1], alone, from_start.snapshot());
    let mut from_middle = snapshot.endpoint().unwrap();
    // when both are given the rest, they are the same, and lead.
    for at in &times[2..] {
        for endpoint in [&mut from_start, &mut from_middle] {
            let mut outputs = endpoint.step(*at, Input::Timeout);
            while outputs.next().is_some() {}
        }
    }
    assert_eq!(from_middle.snapshot(), from_start.snapshot());
    assert!(from_middle.node().is_leader(times[3]));
}

#[test]
fn a_beginning_that_cannot_be_used_says_why() {
    let boot = EndpointBoot { seed: 7, stamp_ms: 1, saved: None };
    let start = Start::new(Time::ZERO, settings(), boot);
    let why = |start: &Start| start.endpoint().unwrap_err();
    assert_eq!(why(&Start { format: FORMAT + 1, ..start.clone() }), BeginError::Format(FORMAT + 1));
    assert!(matches!(
        why(&Start { settings: Settings::voter(id("a"), vec![]), ..start.clone() }),
        BeginError::Settings(_)
    ));
    let damaged = Start { saved: Some(vec![1]), ..start.clone() };
    assert_eq!(why(&damaged), BeginError::Boot(BootError::Record(RecordError::Damaged)));
    let snapshot = Snapshot::new(Time::ZERO, settings(), vec![1]);
    let error = snapshot.endpoint().unwrap_err();
    assert_eq!(error, BeginError::Snapshot(SnapshotError::Damaged));
    assert!(error.to_string().contains("damaged"));
    let endpoint: Endpoint = start.endpoint().unwrap();
    let other = Settings { cluster: "other".into(), ..settings() };
    let mixed_up = Snapshot::new(Time::ZERO, other, endpoint.snapshot());
    assert_eq!(mixed_up.endpoint().unwrap_err(), BeginError::Snapshot(SnapshotError::OtherRules));
}
