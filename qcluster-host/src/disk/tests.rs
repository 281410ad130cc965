//! Saves are reported one by one, and the directory is free when the disk has let go of it.

use std::fs;

use qcluster_core::PersistId;
use tempfile::tempdir;
use tokio::sync::watch;

use super::{Disk, Report, Saved, Store};
use crate::test_support::in_time;

#[tokio::test]
async fn every_save_is_reported_with_its_name() {
    let dir = tempdir().unwrap();
    let (store, _) = Store::open(dir.path()).unwrap();
    let mut disk = Disk::start(store, ()).unwrap();
    for id in [1, 2].map(PersistId) {
        disk.save(id, b"record").unwrap();
        let report = in_time(disk.report()).await;
        assert!(matches!(report, Report::Saved(saved) if saved == id), "{report:?}");
    }
}

/// Given something in the way of a record, the save is tried again and told of each time, and is done once that has gone.
#[tokio::test]
async fn a_save_that_fails_is_tried_again_until_it_is_done() {
    let dir = tempdir().unwrap();
    let (store, _) = Store::open(dir.path()).unwrap();
    let mut disk = Disk::start(store, ()).unwrap();
    let obstacle = dir.path().join("hard_state");
    fs::create_dir(&obstacle).unwrap();
    disk.save(PersistId(1), b"record").unwrap();
    for _ in 0..3 {
        let report = in_time(disk.report()).await;
        assert!(matches!(report, Report::Failing(_)), "{report:?}");
    }
    fs::remove_dir(&obstacle).unwrap();
    loop {
        match in_time(disk.report()).await {
            Report::Failing(_) => {}
            Report::Saved(id) => break assert_eq!(id, PersistId(1)),
            Report::Ended(_) => panic!("it has ended"),
        }
    }
    assert_eq!(fs::read(&obstacle).unwrap(), b"record");
}

/// A save that fails does not keep the directory of a node that has ended.
#[tokio::test]
async fn the_directory_is_unlocked_though_a_save_fails() {
    let dir = tempdir().unwrap();
    let (store, _) = Store::open(dir.path()).unwrap();
    let (alive, mut ended) = watch::channel(());
    let mut disk = Disk::start(store, alive).unwrap();
    fs::create_dir(dir.path().join("hard_state")).unwrap();
    disk.save(PersistId(1), b"record").unwrap();
    assert!(matches!(in_time(disk.report()).await, Report::Failing(_)));
    drop(disk);
    in_time(ended.changed()).await.unwrap_err();
}

#[tokio::test]
async fn the_directory_is_unlocked_when_the_disk_says_that_it_has_ended() {
    let dir = tempdir().unwrap();
    let (store, _) = Store::open(dir.path()).unwrap();
    let (alive, mut ended) = watch::channel(());
    let mut disk = Disk::start(store, alive).unwrap();
    disk.save(PersistId(1), b"record").unwrap();
    drop(disk);
    in_time(ended.changed()).await.unwrap_err();
    let (_store, saved) = Store::open(dir.path()).unwrap();
    assert_eq!(saved, Saved::Record(b"record".to_vec()));
}

/// Once, with what it was to save; what it has saved before that is reported first.
#[tokio::test]
async fn the_end_of_the_thread_is_reported() {
    let mut saves = 0;
    let breaks_at_the_second = move |_: &[u8]| {
        saves += 1;
        assert!(saves < 2, "as a store that is broken may");
        Ok(())
    };
    let mut disk = Disk::saving("nowhere".into(), breaks_at_the_second, ()).unwrap();
    [1, 2].map(PersistId).into_iter().for_each(|id| disk.save(id, b"record").unwrap());
    let report = in_time(disk.report()).await;
    assert!(matches!(report, Report::Saved(PersistId(1))), "{report:?}");
    let report = in_time(disk.report()).await;
    assert!(matches!(report, Report::Ended(Some(PersistId(2)))), "{report:?}");
    tokio::select! {
        biased;
        report = disk.report() => panic!("{report:?}"),
        () = std::future::ready(()) => {}
    }
    assert!(disk.save(PersistId(3), b"record").is_err());
}
