//! Saves are reported one by one, and the directory is free when the disk has let go of it.

use std::fs;

use qcluster_core::PersistId;
use tempfile::tempdir;
use tokio::sync::watch;

use super::{Disk, Saved, Store};
use crate::testing::in_time;

#[tokio::test]
async fn every_save_is_reported_with_its_name() {
    let dir = tempdir().unwrap();
    let (store, _) = Store::open(dir.path()).unwrap();
    let mut disk = Disk::start(store, ()).unwrap();
    for id in [1, 2].map(PersistId) {
        disk.save(id, b"record").unwrap();
        let done = in_time(disk.done()).await;
        assert_eq!(done.id, id);
        done.result.unwrap();
    }
    fs::remove_dir_all(dir.path()).unwrap();
    disk.save(PersistId(3), b"record").unwrap();
    in_time(disk.done()).await.result.unwrap_err();
}

#[tokio::test]
async fn the_directory_is_unlocked_when_the_disk_says_that_it_has_ended() {
    let dir = tempdir().unwrap();
    let (store, _) = Store::open(dir.path()).unwrap();
    let (alive, mut ended) = watch::channel(());
    let disk = Disk::start(store, alive).unwrap();
    disk.save(PersistId(1), b"record").unwrap();
    drop(disk);
    in_time(ended.changed()).await.unwrap_err();
    let (_store, saved) = Store::open(dir.path()).unwrap();
    assert_eq!(saved, Saved::Record(b"record".to_vec()));
}
