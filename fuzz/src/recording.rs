//! Any bytes as a recording: every line is told with its number, reads back as it was written, and is replayed without a panic.

use std::io::Cursor;

use qcluster_core::recording::Line;
use qcluster_sim::replay::{Lines, Replay, Told};

pub(crate) fn run(data: &[u8]) {
    let mut lines = Lines::read("recording".into(), Cursor::new(data.to_vec()));
    let mut replay = Replay::default();
    let (mut count, mut damaged) = (0, 0);
    while let Some((place, line)) = lines.next().expect("memory can be read") {
        count += 1;
        assert_eq!(place.to_string(), format!("recording:{count}"), "lines are told with their numbers");
        match line {
            Err(damage) => {
                assert!(!damage.to_string().is_empty(), "damage without a word");
                damaged += 1;
                replay.damaged();
            }
            Ok(line) => {
                assert_eq!(Line::from_json(&line.to_json()).as_ref().ok(), Some(&line), "a line reads back as another");
                let is_beginning = matches!(line, Line::Start(_) | Line::Snapshot(_));
                let told = replay.take(line);
                assert!(!matches!(told, Told::Panicked(_)), "line {count}: {told}");
                damaged += u64::from(is_beginning && matches!(told, Told::CannotBegin(_)));
                assert!(!told.to_string().is_empty(), "nothing is told of line {count}");
            }
        }
    }
    let pieces = data.split(|byte| *byte == b'\n').count() as u64;
    let expected = if data.is_empty() || data.ends_with(b"\n") { pieces - 1 } else { pieces };
    assert_eq!(count, expected, "lines are left out, or told twice");
    assert_eq!(replay.totals.damaged, damaged, "damage is not counted");
}
