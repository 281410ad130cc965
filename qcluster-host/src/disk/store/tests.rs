//! A record is replaced whole or not at all, read back as it was, and never shared.

use std::fs;

use tempfile::{TempDir, tempdir};

use super::{LOCK, NEW_RECORD, RECORD, RECORD_LEN_MAX, Saved, Store};
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
    let (mut store, _) = open(&dir);
    store.save(b"a long first record").unwrap();
    store.save(b"second").unwrap();
    drop(store);
    let (_store, saved) = open(&dir);
    assert_eq!(saved, Saved::Record(b"second".to_vec()));
    assert_eq!(fs::read(dir.path().join(RECORD)).unwrap(), b"second");
}

#[test]
fn what_a_crash_left_half_written_is_no_record() {
    let dir = tempdir().unwrap();
    let (mut store, _) = open(&dir);
    store.save(b"whole").unwrap();
    drop(store);
    fs::write(dir.path().join(NEW_RECORD), b"ha").unwrap();
    let (mut store, saved) = open(&dir);
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

/// And not that the lock in it is missing, which says nothing of what to do.
#[test]
#[cfg(target_os = "linux")]
fn why_a_directory_could_not_be_made_is_told() {
    let dir = tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, b"").unwrap();
    // Nobody makes directories there, the superuser included.
    let kernel = std::path::Path::new("/sys/kernel/qcluster");
    if !kernel.parent().is_some_and(std::path::Path::is_dir) {
        return println!("skipped: there is no /sys");
    }
    for path in [file.join("state"), kernel.join("state"), kernel.to_owned()] {
        let real = fs::create_dir_all(&path).unwrap_err();
        match Store::open(&path).unwrap_err() {
            DataDirError::Unusable { path: named, error } => {
                assert_eq!((named, error.kind()), (path, real.kind()), "{error}");
            }
            locked @ DataDirError::Locked { .. } => panic!("{locked}"),
        }
    }
}

/// In the way of the new file; it stops the superuser too, which permissions do not.
fn block(dir: &TempDir) {
    let new = dir.path().join(NEW_RECORD);
    fs::remove_file(&new).unwrap();
    fs::create_dir(&new).unwrap();
}

#[test]
fn a_failed_save_leaves_the_last_record_and_the_next_one_may_succeed() {
    let dir = tempdir().unwrap();
    let (mut store, _) = open(&dir);
    store.save(b"good").unwrap();
    block(&dir);
    store.save(b"bad").unwrap_err();
    assert_eq!(fs::read(dir.path().join(RECORD)).unwrap(), b"good");
    fs::remove_dir(dir.path().join(NEW_RECORD)).unwrap();
    store.save(b"better").unwrap();
    drop(store);
    assert_eq!(open(&dir).1, Saved::Record(b"better".to_vec()));
}

/// What a save needs it has from before: the room, and the descriptors.
#[test]
fn room_for_the_next_record_is_kept() {
    let dir = tempdir().unwrap();
    let (mut store, _) = open(&dir);
    for record in [&b"first"[..], b"second"] {
        let room = fs::metadata(dir.path().join(NEW_RECORD)).unwrap();
        assert_eq!(room.len(), u64::from(RECORD_LEN_MAX));
        store.save(record).unwrap();
        assert_eq!(fs::read(dir.path().join(RECORD)).unwrap(), record);
    }
}

/// Somebody who did not know whose it was removed it: it is made once more, and locked.
#[test]
fn a_directory_that_has_gone_is_made_again() {
    let dir = tempdir().unwrap();
    let (mut store, _) = open(&dir);
    store.save(b"first").unwrap();
    fs::remove_dir_all(dir.path()).unwrap();
    store.save(b"second").unwrap();
    let error = Store::open(dir.path()).unwrap_err();
    assert!(matches!(error, DataDirError::Locked { .. }), "{error}");
    drop(store);
    assert_eq!(open(&dir).1, Saved::Record(b"second".to_vec()));
}

#[test]
#[cfg(unix)]
fn a_directory_in_its_place_is_taken_unless_it_has_a_record_of_its_own() {
    let dir = tempdir().unwrap();
    let (at, aside) = (dir.path().join("state"), dir.path().join("aside"));
    let (mut store, _) = Store::open(&at).unwrap();
    store.save(b"first").unwrap();
    fs::rename(&at, &aside).unwrap();
    fs::create_dir(&at).unwrap();
    for (record, is_taken) in [(&b"of another"[..], false), (b"first", true)] {
        fs::write(at.join(RECORD), record).unwrap();
        assert_eq!(store.save(b"second").is_ok(), is_taken);
    }
    assert_eq!(fs::read(at.join(RECORD)).unwrap(), b"second");
    assert_eq!(fs::read(aside.join(RECORD)).unwrap(), b"first");
    assert!(matches!(Store::open(&at).unwrap_err(), DataDirError::Locked { .. }));
}

/// It comes back with the record that it held, and what was saved elsewhere meanwhile would be forgotten.
#[test]
#[cfg(target_os = "linux")]
fn a_volume_that_is_unmounted_is_not_taken_for_a_directory_that_was_removed() {
    use std::os::unix::fs::{MetadataExt as _, symlink};

    let dir = tempdir().unwrap();
    let device = |path: &std::path::Path| fs::metadata(path).unwrap().dev();
    let volume = tempfile::tempdir_in("/dev/shm").ok().filter(|volume| device(volume.path()) != device(dir.path()));
    let Some(volume) = volume else { return println!("skipped: there is no second device to write to") };
    let (at, bare) = (dir.path().join("state"), dir.path().join("bare"));
    fs::create_dir(&bare).unwrap();
    symlink(volume.path(), &at).unwrap();
    let (mut store, _) = Store::open(&at).unwrap();
    store.save(b"first").unwrap();
    for (target, is_taken) in [(bare.as_path(), false), (volume.path(), true)] {
        fs::remove_file(&at).unwrap();
        symlink(target, &at).unwrap();
        assert_eq!(store.save(b"second").is_ok(), is_taken);
    }
    assert_eq!(fs::read(volume.path().join(RECORD)).unwrap(), b"second");
    assert!(!bare.join(RECORD).exists());
}

/// Others lock the file that they find.
#[test]
#[cfg(unix)]
fn a_lock_that_was_removed_is_made_again() {
    let dir = tempdir().unwrap();
    let (mut store, _) = open(&dir);
    fs::remove_file(dir.path().join(LOCK)).unwrap();
    store.save(b"record").unwrap();
    assert!(matches!(Store::open(dir.path()).unwrap_err(), DataDirError::Locked { .. }));
    assert_eq!(fs::read(dir.path().join(RECORD)).unwrap(), b"record");
}

/// A copy by links has other names for the same files.
#[test]
#[cfg(unix)]
fn another_name_of_the_record_is_not_written_to() {
    let (dir, copy) = (tempdir().unwrap(), tempdir().unwrap());
    let (mut store, _) = open(&dir);
    fs::hard_link(dir.path().join(NEW_RECORD), copy.path().join(NEW_RECORD)).unwrap();
    store.save(b"record").unwrap();
    drop(open(&copy));
    assert_eq!(fs::read(dir.path().join(RECORD)).unwrap(), b"record");
}

/// Opening a pipe would wait until somebody writes to it.
#[test]
#[cfg(target_os = "linux")]
fn a_pipe_is_no_record_and_no_lock() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    for name in [LOCK, RECORD, NEW_RECORD] {
        let dir = tempdir().unwrap();
        let pipe = dir.path().join(name);
        // Not by a command: a child has the locks of other tests until it runs.
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let opened = Store::open(dir.path());
        if name == NEW_RECORD {
            let (mut store, _) = opened.unwrap();
            store.save(b"record").unwrap();
        } else {
            let error = opened.unwrap_err();
            assert!(matches!(&error, DataDirError::Unusable { path, .. } if *path == pipe), "{error}");
        }
    }
}
