//! A signal is obeyed whatever hangs: the start, the hand-over, or the disk after it.

use std::future::{pending, ready};
use std::task::Poll;

use qcluster::{EventKind, TimingValues};
use tokio::sync::mpsc;

use super::*;

/// Signals that a test gives.
fn signals() -> (mpsc::UnboundedSender<()>, impl AsyncFnMut()) {
    let (give, mut given) = mpsc::unbounded_channel();
    // One that is not given is waited for.
    (give, async move || {
        if given.recv().await.is_none() {
            pending::<()>().await;
        }
    })
}

#[tokio::test]
async fn a_start_that_hangs_is_ended_by_a_signal() {
    // Given a name server that never answers, or a file system, …
    let (give, mut signalled) = signals();
    let start = async {
        give.send(()).unwrap();
        pending::<()>().await;
    };
    // … and a signal that comes once the start waits for it, then it is waited for no longer.
    assert_eq!(unless_signalled(start, &mut signalled).await, None);
    assert_eq!(unless_signalled(ready(7), &mut signalled).await, Some(7));
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_hangs_after_the_hand_over_is_not_waited_for() {
    let (give, mut signalled) = signals();
    assert!(is_released(ready(()), &mut signalled).await);
    // By itself, after a while, …
    assert!(!is_released(pending::<()>(), &mut signalled).await);
    // … or at another signal.
    give.send(()).unwrap();
    assert!(!is_released(pending::<()>(), &mut signalled).await);
    assert!(verdict(Stopped::Shutdown, true).is_ok());
    let Err(failure) = verdict(Stopped::Shutdown, false) else { panic!("its last record may not be saved") };
    assert_eq!(failure.message, "stopped after the hand-over, before its files were free");
}

/// The hand-over waits for the leader's work, ten minutes at most.
#[tokio::test]
async fn a_second_signal_during_the_hand_over_ends_the_node_at_once() {
    let mut config = Config::new("server_a", "localhost", 0).with_timing(TimingValues::default());
    config.drain_ms = Some(600_000);
    let cluster = QCluster::start(config).await.unwrap();
    let mut changes = cluster.events();
    // Given work that nobody polls any more, so that it does not end, …
    let (begun, mut has_begun) = mpsc::unbounded_channel();
    let mut work = Box::pin(cluster.run_as_leader(async move |_| {
        begun.send(()).unwrap();
        pending::<()>().await;
    }));
    tokio::select! {
        _ = &mut work => panic!("it has ended"),
        begun = has_begun.recv() => begun.unwrap(),
    }
    let errors = output::errors().unwrap();
    let mut reporter = Reporter::start("server_a", None, &errors).unwrap();
    let (give, mut signalled) = signals();
    let mut told = cluster.events();
    give.send(()).unwrap();
    let mut following = pin!(follow(&cluster, &mut changes, &mut reporter, &mut signalled));
    // … when it is told to stop, then it hands over, and waits.
    loop {
        let told = tokio::select! {
            _ = &mut following => panic!("it has ended"),
            told = told.next() => told.unwrap(),
        };
        if let EventKind::Draining { .. } = told.kind {
            break;
        }
    }
    assert!(std::future::poll_fn(|cx| Poll::Ready(following.as_mut().poll(cx).is_pending())).await);
    assert_eq!(cluster.why_stopped(), None);
    // When it is told again, then it ends without.
    give.send(()).unwrap();
    assert!(following.await.is_ok());
    assert_eq!(cluster.why_stopped(), Some(Stopped::Aborted));
    let Err(failure) = verdict(Stopped::Aborted, true) else { panic!("it has not handed over") };
    assert_eq!(failure.message, "stopped by a second signal, without waiting for the hand-over");
}
