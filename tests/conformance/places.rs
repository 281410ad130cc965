//! Where a node lives: what its application may do to its own executor meanwhile, and the directory that it keeps.

use std::fs;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use qcluster::{Config, FencingToken, Preset, StartError, Stopped, StorageStatus};
use qcluster_host::test_support::in_time;
use tempfile::{TempDir, tempdir};

use crate::hosts::Host;
use crate::support::{alone, elected, settled};

fn durable(dir: &TempDir) -> Config {
    alone().with_data_dir(dir.path().to_str().unwrap())
}

/// Waits without a runtime.
fn block_on<T>(what: impl Future<Output = T>) -> T {
    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut what = pin!(what);
    loop {
        if let Poll::Ready(output) = what.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        thread::park();
    }
}

/// The node has a thread and all that it needs of its own. It is not even asked from within a runtime.
pub(crate) async fn a_node_needs_no_runtime_of_its_application<H: Host>() {
    let outside = thread::spawn(|| {
        let cluster = block_on(H::start(alone())).unwrap();
        assert_eq!(block_on(cluster.wait_for_leader()).unwrap(), *cluster.me());
        block_on(cluster.step_down()).unwrap();
        block_on(cluster.shutdown());
        block_on(cluster.stopped())
    });
    assert_eq!(outside.join().unwrap(), Stopped::Shutdown);
}

/// A task that waited for the same thread would renew nothing.
pub(crate) async fn a_leader_renews_its_lease_while_its_application_blocks_its_executor<H: Host>() {
    let cluster = H::start(alone()).await.unwrap();
    in_time(cluster.wait_for_leader()).await.unwrap();
    let left = || cluster.lease().and_then(|lease| lease.remaining());
    // The end of this lease, or later, since the clock is read after it; and the end of the next ones, or earlier.
    let first = left().map(|left| Instant::now() + left);
    let until = || Some(Instant::now()).zip(left()).map(|(now, left)| now + left);
    // Given an application of one thread, which is blocked …
    let patience = Instant::now() + Duration::from_secs(60);
    // … until the lease lasts longer than before.
    while until() <= first {
        assert!(Instant::now() < patience, "nobody renews it");
        thread::sleep(Duration::from_millis(1));
    }
    in_time(cluster.shutdown()).await;
}

pub(crate) async fn tokens_grow_over_restarts_with_a_data_dir<H: Host>() {
    let dir = tempdir().unwrap();
    let mut last = FencingToken(0);
    for _ in 0..3 {
        let quick = durable(&dir).with_timing(Preset::Lan);
        let cluster = H::start(quick).await.unwrap();
        let token = elected(&cluster).await;
        assert!(token > last, "{token} after {last}");
        assert_eq!(cluster.status().storage, StorageStatus::Durable);
        last = token;
        in_time(cluster.abort()).await;
    }
}

pub(crate) async fn a_damaged_record_stops_the_start_and_is_left_as_it_is<H: Host>() {
    let dir = tempdir().unwrap();
    for damaged in [b"".as_slice(), b"QCHS and nonsense", &[0; 10_000]] {
        fs::write(dir.path().join("hard_state"), damaged).unwrap();
        let error = H::start(durable(&dir)).await.unwrap_err();
        assert!(matches!(error, StartError::Record { .. }), "{error}");
        assert!(error.to_string().contains(&*dir.path().join("hard_state").to_string_lossy()), "{error}");
        assert_eq!(fs::read(dir.path().join("hard_state")).unwrap(), damaged);
    }
}

pub(crate) async fn a_record_of_somebody_else_is_to_be_left_alone_and_a_damaged_one_may_be_moved<H: Host>() {
    let dir = tempdir().unwrap();
    let cluster = H::start(durable(&dir)).await.unwrap();
    elected(&cluster).await;
    in_time(cluster.shutdown()).await;
    let refusal = async |config| H::start(config).await.unwrap_err().to_string();
    let mut renamed = durable(&dir);
    renamed.identifier = "server_b".into();
    let other_node = refusal(renamed).await;
    let other_cluster = refusal(durable(&dir).with_cluster("elsewhere")).await;
    for (text, key) in [(other_node, "`identifier`"), (other_cluster, "`cluster`")] {
        assert!(text.contains(key) && text.contains("`data_dir`") && text.contains("leave this file"), "{text}");
        assert!(!text.contains("move it away"), "{text}");
    }
    fs::write(dir.path().join("hard_state"), "QCHS and nonsense").unwrap();
    let damaged = refusal(durable(&dir)).await;
    assert!(damaged.contains("move it away") && !damaged.contains("leave this file"), "{damaged}");
}

pub(crate) async fn two_nodes_never_share_a_data_dir<H: Host>() {
    let dir = tempdir().unwrap();
    let _cluster = H::start(durable(&dir)).await.unwrap();
    let error = H::start(durable(&dir)).await.unwrap_err();
    assert!(matches!(error, StartError::DataDir(_)), "{error}");
}

pub(crate) async fn a_disk_that_cannot_be_written_is_told_with_its_path_and_tried_again<H: Host>() {
    let dir = tempdir().unwrap();
    // In the way of every save; permissions would not stop the superuser.
    let obstacle = dir.path().join("hard_state.new");
    fs::create_dir(&obstacle).unwrap();
    let cluster = H::start(durable(&dir)).await.unwrap();
    let mut told = String::new();
    settled::<H>(|| match cluster.status().storage {
        StorageStatus::Failing { error } => {
            told = error;
            true
        }
        _ => false,
    })
    .await;
    assert!(told.contains(&*dir.path().to_string_lossy()), "{told}");
    assert!(!cluster.is_leader(), "it abstains");
    // When the disk works again, it goes on by itself.
    fs::remove_dir(&obstacle).unwrap();
    settled::<H>(|| cluster.is_leader()).await;
    assert_eq!(cluster.status().storage, StorageStatus::Durable);
    in_time(cluster.shutdown()).await;
}
