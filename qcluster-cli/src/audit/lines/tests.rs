//! A line is an event, or it is told what is wrong with it; none takes more memory than its share.

use std::io::{self, BufReader, Read};

use super::{Event, LINE_LEN_MAX, Told, read};

/// What a file of these bytes holds.
fn lines(file: impl Read) -> Vec<(u64, Result<Event, String>)> {
    let mut lines = Vec::new();
    read(BufReader::new(file), |number, line| lines.push((number, line))).expect("memory can be read");
    lines
}

/// The one line of that text.
fn line(text: &str) -> Result<Told, String> {
    let mut lines = lines(text.as_bytes());
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines.remove(0).1.map(|event| event.told)
}

const ELECTED: &str = r#"{"event":"elected","leader":"server_a","node":"server_a","reason":null,"token":7,"unix_s":1764000000.123456,"valid_until_unix_s":1764000000.273457}"#;

#[test]
fn every_kind_of_event_is_read_to_the_microsecond() {
    let elected = Told::Elected { token: 7, at_us: 1_764_000_000_123_456, valid_until_us: Some(1_764_000_000_273_457) };
    assert_eq!(lines(ELECTED.as_bytes()), [(1, Ok(Event { node: "server_a".into(), told: elected }))]);
    assert_eq!(
        line(r#"{"event":"lost","node":"a","reason":"shutdown","token":7,"unix_s":2,"valid_until_unix_s":null}"#),
        Ok(Told::Lost { token: 7, at_us: 2_000_000, valid_until_us: None, reason: "shutdown".into() })
    );
    assert_eq!(
        line(r#"{"event":"leader","leader":"b","node":"a","token":9,"unix_s":2,"a_field_of_tomorrow":[]}"#),
        Ok(Told::Leader { token: 9, leader: "b".into(), valid_until_us: None })
    );
    assert_eq!(line(r#"{"event":"leader","leader":null,"node":"a","token":null,"unix_s":2}"#), Ok(Told::NoLeader));
    assert_eq!(line(r#"{"event":"missed","node":"a","unix_s":2,"count":3}"#), Ok(Told::Missed { count: 3 }));
}

#[test]
fn what_is_no_event_is_told_with_its_number_and_the_rest_is_read() {
    let text = format!("{ELECTED}\n\nnonsense\n{{\"node\":\"a\"}}\n{ELECTED}\n{}", &ELECTED[..60]);
    let lines = lines(text.as_bytes());
    let told: Vec<(u64, String)> =
        lines.into_iter().map(|(number, line)| (number, line.err().unwrap_or_default())).collect();
    assert_eq!(told[0], (1, String::new()));
    assert_eq!(told[1], (3, "not JSON".into()));
    assert!(told[2].0 == 4 && told[2].1.starts_with("not an event: missing field"), "{told:?}");
    assert_eq!(told[3], (5, String::new()));
    assert_eq!(told[4], (6, "half a line".into()));
    assert_eq!(told.len(), 5);
}

#[test]
fn an_event_needs_what_it_is_about() {
    for (text, flaw) in [
        (r#"{"event":"elected","node":"a","unix_s":2}"#, "`elected` without `token`"),
        (r#"{"event":"lost","node":"a","token":7,"unix_s":2}"#, "`lost` without `reason`"),
        (r#"{"event":"missed","node":"a","unix_s":2}"#, "`missed` without `count`"),
        (r#"{"event":"crowned","node":"a","unix_s":2}"#, "`crowned`"),
        (r#"{"event":"elected","node":"a","token":7,"unix_s":-1}"#, "`unix_s` is out of range"),
        (r#"{"event":"elected","node":"a","token":7,"unix_s":1e300}"#, "`unix_s` is out of range"),
        (
            r#"{"event":"lost","node":"a","token":7,"reason":"shutdown","unix_s":1,"valid_until_unix_s":253402300800}"#,
            "`valid_until_unix_s` is out of range",
        ),
        (r#"{"event":"elected","node":"a","token":-7,"unix_s":2}"#, "not an event"),
        (
            r#"{"event":"elected","node":"a\nqcluster: no overlap","token":7,"unix_s":2}"#,
            "not an event: `a\\nqcluster: no overlap`",
        ),
        (r#"{"event":"leader","node":"a","leader":"","token":7,"unix_s":2}"#, "not an event: ``"),
    ] {
        let told = line(text).expect_err(text);
        assert!(told.contains(flaw), "{told}");
    }
    assert_eq!(lines(&b"\xff\xfe\n"[..]).remove(0).1, Err("not JSON".into()));
}

#[test]
fn a_huge_line_is_passed_over_and_the_next_one_is_read() {
    // Given a line of 64 MiB, which is more than a thousand times what is kept of it.
    let huge = io::repeat(b'x').take(1 << 26);
    let lines = lines(huge.chain(&b"\n"[..]).chain(ELECTED.as_bytes()));
    assert_eq!(lines[0], (1, Err(format!("longer than {LINE_LEN_MAX} bytes"))));
    assert!(lines[1].0 == 2 && lines[1].1.is_ok(), "{lines:?}");
    // The longest that is taken, with and without an end.
    let padded = format!("{ELECTED}{}", " ".repeat(usize::try_from(LINE_LEN_MAX).unwrap() - ELECTED.len()));
    assert!(line(&padded).is_ok() && line(&format!("{padded}\n")).is_ok());
    assert_eq!(line(&format!("{padded} ")), Err(format!("longer than {LINE_LEN_MAX} bytes")));
}
