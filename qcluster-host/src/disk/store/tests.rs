//! A record is replaced whole or not at all, read back as it was, and never shared.

use std::fs;

use tempfile::{TempDir, tempdir};

use super::{NEW_RECORD, RECORD, Saved, Store};
use crate::error::DataDirError;

fn open(dir: &TempDir) -> (Store, Saved) {
    Store::open(dir.path()).unwrap()
}

#[test]
fn a_first_incarnation_finds_nothing_and_makes_the_directory() {
    let dir = tempdir().unwrap();
    let inner = dir.path().join("some/where");
    let (_store, saved) = Store::open(&inner).unwrap();
    assert_eq!(saved, Saved::Nothing);
    assert!(inner.is_dir());
}

#[test]
fn the_next_incarnation_finds_the_last_record() {
    let dir = tempdir().unwrap();
    let (store, _) = open(&dir);
    store.save(b"a long first record").unwrap();
    store.save(b"second").unwrap();
    drop(store);
    let (_store, saved) = open(&dir);
    assert_eq!(saved, Saved::Record(b"second".to_vec()));
    assert!(!dir.path().join(NEW_RECORD).exists());
}

#[test]
fn what_a_crash_left_half_written_is_no_record() {
    let dir = tempdir().unwrap();
    let (store, _) = open(&dir);
    store.save(b"whole").unwrap();
    drop(store);
    fs::write(dir.path().join(NEW_RECORD), b"ha").unwrap();
    let (store, saved) = open(&dir);
    assert_eq!(saved, Saved::Record(b"whole".to_vec()));
    store.save(b"next").unwrap();
    drop(store);
    assert_eq!(open(&dir).1, Saved::Record(b"next".to_vec()));
}

#[test]
fn an_empty_file_is_a_record_and_not_a_first_incarnation() {
    let dir = tempdir().unwrap();
    fs::write(dir.path().join(RECORD), b"").unwrap();
    assert_eq!(open(&dir).1, Saved::Record(Vec::new()));
}

#[test]
fn a_second_user_is_refused_as_long_as_the_first_one_lives() {
    let dir = tempdir().unwrap();
    let (first, _) = open(&dir);
    let error = Store::open(dir.path()).unwrap_err();
    assert!(matches!(&error, DataDirError::Locked { path } if path.starts_with(dir.path())), "{error}");
    drop(first);
    open(&dir);
}

#[test]
fn a_directory_that_is_a_file_is_named() {
    let dir = tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, b"").unwrap();
    let error = Store::open(&file).unwrap_err();
    assert!(matches!(&error, DataDirError::Unusable { path, .. } if *path == file), "{error}");
    assert!(error.to_string().contains(&*file.to_string_lossy()), "{error}");
}

#[test]
fn a_failed_save_leaves_the_last_record() {
    let dir = tempdir().unwrap();
    let (store, _) = open(&dir);
    store.save(b"good").unwrap();
    // In the way of the new file; it stops the superuser too, which permissions do not.
    fs::create_dir(dir.path().join(NEW_RECORD)).unwrap();
    store.save(b"bad").unwrap_err();
    drop(store);
    assert_eq!(open(&dir).1, Saved::Record(b"good".to_vec()));
}

#[test]
fn a_directory_that_has_gone_fails_the_save() {
    let dir = tempdir().unwrap();
    let (store, _) = open(&dir);
    fs::remove_dir_all(dir.path()).unwrap();
    store.save(b"lost").unwrap_err();
}
