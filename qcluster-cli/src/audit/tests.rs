//! What is said of files as nodes write them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use super::findings::Findings;
use super::told::{self, Verdict};
use super::{Audit, Reading, audit, difference};
use crate::ask::Shape;
use crate::exit;

/// Milliseconds after an hour at which these stories happen.
fn unix_s(ms: f64) -> f64 {
    1_764_000_000.0 + ms / 1_000.0
}

fn elected(node: &str, token: u64, ms: f64) -> Value {
    let until = unix_s(ms + 150.0);
    json!({ "unix_s": unix_s(ms), "node": node, "event": "elected", "token": token, "leader": node, "reason": null, "valid_until_unix_s": until })
}

/// Lost until then, which is noticed later.
fn lost(node: &str, token: u64, until_ms: f64, noticed_ms: f64) -> Value {
    let until = unix_s(until_ms);
    json!({ "unix_s": unix_s(noticed_ms), "node": node, "event": "lost", "token": token, "leader": null, "reason": "no_quorum", "valid_until_unix_s": until })
}

fn text(events: &[Value]) -> String {
    let lines: Vec<String> = events.iter().map(|event| format!("{event}\n")).collect();
    lines.concat()
}

/// What is said of these files if clocks may differ by so many milliseconds, and the report of it.
fn audited(files: &[&str], clock_difference_ms: u64) -> (Verdict, Value) {
    let mut reading = Reading::default();
    for (number, file) in files.iter().enumerate() {
        reading.take(Path::new(&format!("{number}.events")), file.as_bytes()).expect("memory can be read");
    }
    let leaderships = reading.history.leaderships();
    let findings = Findings::of(&leaderships);
    let verdict = told::verdict(&findings, &reading.flaws, Duration::from_millis(clock_difference_ms));
    let tables: Vec<String> = told::tables(&findings).iter().map(ToString::to_string).collect();
    for leadership in &leaderships {
        assert!(tables[0].contains(&leadership.node), "{tables:?}");
    }
    let report = serde_json::to_value(told::report(&findings, &reading.flaws, &verdict)).unwrap();
    (verdict, report)
}

#[test]
fn a_leader_that_notices_late_overlaps_nobody() {
    // Given a leader whose lease ended at 400, that stood still until 900, and another that led from 500 on.
    let a = text(&[elected("server_a", 7, 0.0), lost("server_a", 7, 400.0, 900.0)]);
    let b = text(&[elected("server_b", 9, 500.5), lost("server_b", 9, 700.0, 700.0)]);
    let (verdict, report) = audited(&[&a, &b], 0);
    assert_eq!(verdict.sentence, "2 leaderships: no overlap if the clocks of the nodes differ by less than 100.500 ms");
    assert!(verdict.broken.is_empty());
    assert_eq!(report["clock_difference_ms_max"], 100.5);
    assert_eq!(report["leaderships"][1]["gap_before_ms_min"], 100.5);
    assert_eq!(report["leaderships"][1]["gap_before_ms_max"], 100.5);
    assert_eq!(report["leaderships"][0]["until_unix_s_max"], unix_s(400.0));
    assert_eq!(
        report["ended_by"]["no_quorum"],
        json!({ "leaderships": 2, "gap_ms_median": 100.5, "gap_ms_max": 100.5 })
    );
    assert_eq!(report["is_clean"], true);
}

#[test]
fn two_leases_at_once_are_told_with_how_long() {
    let a = text(&[elected("server_a", 7, 0.0), lost("server_a", 7, 512.25, 900.0)]);
    let b = text(&[elected("server_b", 9, 500.0), lost("server_b", 9, 700.0, 700.0)]);
    let (verdict, report) = audited(&[&a, &b], 0);
    assert_eq!(verdict.sentence, "2 leaderships: 1 overlap, the longest of 12.250 ms");
    assert_eq!(
        verdict.broken,
        [
            "server_b with token 9 overlaps server_a with token 7, by 12.250 ms: two leases at once, or clocks that differ by that at least"
        ]
    );
    assert_eq!(
        report["overlaps"],
        json!([{ "tokens": [7, 9], "nodes": ["server_a", "server_b"], "overlap_ms": 12.25 }])
    );
    assert_eq!(report["clock_difference_ms_max"], -12.25);
}

#[test]
fn clocks_that_are_known_to_differ_explain_an_overlap_up_to_that() {
    let a = text(&[elected("server_a", 7, 0.0), lost("server_a", 7, 502.0, 502.0)]);
    let b = text(&[elected("server_b", 9, 500.0), lost("server_b", 9, 700.0, 700.0)]);
    let (verdict, report) = audited(&[&a, &b], 2);
    assert!(verdict.broken.is_empty(), "{verdict:?}");
    assert_eq!(
        verdict.sentence,
        "2 leaderships: no overlap but for 2.000 ms at most, which clocks that differ by 2ms explain"
    );
    assert_eq!(report["overlaps"][0]["overlap_ms"], 2.0, "it is told all the same");
    assert_eq!(audited(&[&a, &b], 1).0.broken.len(), 1);
}

#[test]
fn one_token_at_two_nodes_is_told_with_both() {
    let a = text(&[elected("server_a", 7, 0.0), lost("server_a", 7, 400.0, 400.0)]);
    let b = text(&[elected("server_b", 7, 500.0), lost("server_b", 7, 700.0, 700.0)]);
    let (verdict, report) = audited(&[&a, &b], 1_000);
    assert_eq!(verdict.sentence, "2 leaderships: 1 token of two leaderships");
    assert_eq!(verdict.broken, ["token 7 was given to server_a and server_b"]);
    assert_eq!(report["shared_tokens"], json!([{ "token": 7, "nodes": ["server_a", "server_b"] }]));
}

#[test]
fn tokens_that_do_not_grow_with_time_are_told() {
    let a = text(&[elected("server_a", 9, 0.0), lost("server_a", 9, 400.0, 400.0)]);
    let b = text(&[elected("server_b", 7, 500.0), lost("server_b", 7, 700.0, 700.0)]);
    let (verdict, _) = audited(&[&a, &b], 0);
    assert_eq!(
        verdict.broken,
        [
            "server_a with token 9 led before server_b with token 7, by 700.000 ms: tokens do not grow with time, or the clocks differ by that at least"
        ]
    );
}

#[test]
fn a_killed_leader_leaves_an_end_that_is_not_made_up() {
    let a = text(&[elected("server_a", 7, 0.0)]);
    let b = text(&[elected("server_b", 9, 500.0)]);
    let (verdict, report) = audited(&[&a, &b], 0);
    assert_eq!(
        verdict.sentence,
        "2 leaderships: no overlap; incomplete: 1 leadership without an end (a killed node writes none)"
    );
    let killed = &report["leaderships"][0];
    assert_eq!((&killed["until_unix_s_min"], &killed["until_unix_s_max"]), (&json!(unix_s(150.0)), &Value::Null));
    assert_eq!(report["leaderships"][1]["gap_before_ms_min"], Value::Null);
    assert_eq!(report["leaderships"][1]["gap_before_ms_max"], 350.0);
    // Its own lease it held for sure, unless it gave it up and could not say so.
    let b = text(&[elected("server_b", 9, 149.0)]);
    assert!(audited(&[&a, &b], 0).0.broken[0].contains("or an end that was not written down"));
}

#[test]
fn a_clock_that_was_set_back_is_said() {
    let a = text(&[elected("server_a", 7, 500.0), lost("server_a", 7, 400.0, 410.0)]);
    let (verdict, report) = audited(&[&a], 0);
    assert_eq!(
        verdict.sentence,
        "1 leadership: no overlap; incomplete: 1 leadership during which a clock was set back"
    );
    assert_eq!(report["incomplete"]["clock_set_back"], 1);
}

#[test]
fn what_is_not_in_the_files_is_said() {
    let missed = json!({ "unix_s": unix_s(1.0), "node": "server_a", "event": "missed", "count": 3 });
    let heard =
        json!({ "unix_s": unix_s(800.0), "node": "server_a", "event": "leader", "leader": "server_c", "token": 11 });
    let a = format!("{}{{\"event\":\"el", text(&[lost("server_a", 7, 400.0, 900.0), missed, heard]));
    let (verdict, report) = audited(&[&a, "", "nonsense\n"], 0);
    assert_eq!(
        verdict.sentence,
        "2 leaderships: no overlap; incomplete: 1 leadership without a beginning, 1 leadership that only other nodes tell of, \
         3 changes not written down, 2 lines that cannot be read"
    );
    assert_eq!(
        report["incomplete"]["first_lines"],
        json!([
            { "file": "0.events", "line": 2, "what": "3 changes were not written down here" },
            { "file": "0.events", "line": 4, "what": "half a line" },
            { "file": "2.events", "line": 1, "what": "not JSON" },
        ])
    );
}

#[test]
fn files_without_an_end_of_leases_accuse_nobody() {
    // Given files of an earlier version, which have the time of noticing alone.
    let without = |mut event: Value| {
        event.as_object_mut().unwrap().remove("valid_until_unix_s");
        event
    };
    let a = text(&[without(elected("server_a", 7, 0.0)), without(lost("server_a", 7, 0.0, 900.0))]);
    let b = text(&[without(elected("server_b", 9, 500.0)), without(lost("server_b", 9, 0.0, 700.0))]);
    let (verdict, _) = audited(&[&a, &b], 0);
    assert_eq!(verdict.sentence, "2 leaderships: no overlap; incomplete: 2 leaderships without `valid_until_unix_s`");
}

#[test]
fn an_empty_file_holds_no_leadership_and_of_many_findings_the_first_are_told() {
    assert_eq!(audited(&[""], 0).0.sentence, "no leadership");
    let many: Vec<Value> =
        (0..50).flat_map(|token| [elected("server_a", token, 0.0), elected("server_b", token, 0.0)]).collect();
    let (verdict, report) = audited(&[&text(&many), &"?\n".repeat(50)], 0);
    assert_eq!((verdict.broken.len(), verdict.broken.last().unwrap().starts_with("and ")), (11, true));
    assert_eq!(report["incomplete"]["lines_unreadable"], 50);
    assert_eq!(report["incomplete"]["first_lines"].as_array().unwrap().len(), 10);
}

fn run(files: Vec<PathBuf>) -> Result<(), (u8, String)> {
    let arguments = Audit { files, clock_difference: Duration::ZERO, format: Shape::Json };
    audit(&arguments).map_err(|failure| (failure.code, failure.message))
}

#[test]
fn the_exit_code_tells_an_overlap_from_a_file_that_cannot_be_read() {
    let dir = tempfile::tempdir().expect("a temporary folder can be made");
    let file = |name: &str, events: &[Value]| {
        let path = dir.path().join(name);
        std::fs::write(&path, text(events)).expect("a file can be written");
        path
    };
    let a = file("a", &[elected("server_a", 7, 0.0), lost("server_a", 7, 400.0, 900.0)]);
    let b = file("b", &[elected("server_b", 9, 500.0)]);
    let c = file("c", &[elected("server_c", 8, 399.0)]);
    assert_eq!(run(vec![a.clone(), b.clone()]), Ok(()));
    let (code, message) = run(vec![a.clone(), b, c]).unwrap_err();
    assert!(code == exit::OVERLAP && message.contains("server_c with token 8 overlaps"), "{message}");
    for unreadable in [dir.path().join("missing"), dir.path().to_owned()] {
        let (code, message) = run(vec![a.clone(), unreadable.clone()]).unwrap_err();
        assert_eq!(code, exit::BAD_CONFIG);
        assert!(message.starts_with(&format!("cannot read {}: ", unreadable.display())), "{message}");
    }
    // A configuration, say, in place of events.
    let other = dir.path().join("other");
    std::fs::write(&other, "{\n}\n").expect("a file can be written");
    assert_eq!(run(vec![other.clone()]).unwrap_err().0, exit::BAD_CONFIG);
    assert_eq!(run(vec![a, other]), Ok(()));
}

#[test]
fn a_clock_difference_is_a_time() {
    assert_eq!(difference("500us"), Ok(Duration::from_micros(500)));
    assert!(difference("5").is_err() && difference("-1ms").is_err());
}
