//! Two files of whole lines, whatever a crash or somebody else has left.

use std::fs;
use std::io;
use std::path::PathBuf;

use tempfile::{TempDir, tempdir};

use super::{FREE_MIN, Files, spare_of};

fn place() -> (TempDir, PathBuf) {
    let dir = tempdir().unwrap();
    let path = dir.path().join("node.rec");
    (dir, path)
}

#[test]
fn what_a_crash_left_of_a_line_is_cut_off() {
    let (_dir, path) = place();
    let long = "x".repeat(10_000);
    for (left, whole) in [
        (String::new(), String::new()),
        ("one\n".to_owned(), "one\n".to_owned()),
        ("one\ntw".to_owned(), "one\n".to_owned()),
        (format!("one\n{long}"), "one\n".to_owned()),
        (format!("one\n{long}\n{long}"), format!("one\n{long}\n")),
        (long.clone(), String::new()),
    ] {
        fs::write(&path, left).unwrap();
        let mut files = Files::new(&path, 100_000);
        files.open().unwrap();
        files.append(b"next\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{whole}next\n"));
    }
}

#[test]
fn the_file_before_is_kept_and_the_one_before_that_is_not() {
    let (dir, path) = place();
    let mut files = Files::new(&path, 100);
    files.open().unwrap();
    assert_eq!(files.room(), 50);
    for text in ["first\n", "second\n", "third\n"] {
        files.append(text.as_bytes()).unwrap();
        assert_eq!(files.room(), 50 - u64::try_from(text.len()).unwrap());
        files.rotate().unwrap();
    }
    assert_eq!(files.room(), 50);
    assert_eq!(fs::read_to_string(&path).unwrap(), "");
    assert_eq!(fs::read_to_string(dir.path().join("node.rec.1")).unwrap(), "third\n");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
}

#[test]
fn a_second_node_does_not_write_to_it() {
    let (_dir, path) = place();
    let mut first = Files::new(&path, 100);
    first.open().unwrap();
    let mut second = Files::new(&path, 100);
    assert_eq!(second.open().unwrap_err().kind(), io::ErrorKind::ResourceBusy);
    assert_eq!(second.room(), 0);
    assert!(second.append(b"mine\n").is_err());
    first.rotate().unwrap();
    assert!(second.open().is_err(), "the new file is locked too");
    drop(first);
    second.open().unwrap();
}

#[test]
fn a_file_that_somebody_took_away_is_begun_again() {
    let (_dir, path) = place();
    let mut files = Files::new(&path, 100);
    files.open().unwrap();
    files.append(b"gone\n").unwrap();
    fs::remove_file(&path).unwrap();
    files.rotate().unwrap();
    files.append(b"here\n").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "here\n");
}

#[test]
fn a_recording_leaves_room_on_the_disk() {
    let disk = 100 * FREE_MIN;
    for (free, total, spare) in [
        (disk, disk, disk - FREE_MIN),
        (FREE_MIN + 1, disk, 1),
        (FREE_MIN, disk, 0),
        (0, disk, 0),
        // Of a small one, a tenth.
        (1_000, 1_000, 900),
        (100, 1_000, 0),
    ] {
        assert_eq!(spare_of(free, total), spare, "{free} of {total}");
    }
}

#[test]
fn where_the_disk_is_nearly_full_it_waits_for_room() {
    let (_dir, path) = place();
    let mut files = Files::new(&path, 100_000);
    files.open().unwrap();
    files.append(b"one\n").unwrap();
    files.spare = |_| 3;
    assert_eq!(files.append(b"two\n").unwrap_err().kind(), io::ErrorKind::StorageFull);
    files.spare = |_| 4;
    files.open().unwrap();
    files.append(b"six\n").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "one\nsix\n");
}
