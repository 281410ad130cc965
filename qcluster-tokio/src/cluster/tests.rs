//! A node over real sockets, from its start to its end.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};

use qcluster_api::StorageStatus;
use qcluster_core::config::{TimingChoice, TimingValues};
use qcluster_core::{ApiConfig, Config, FencingToken, LostReason, Metadata, Peer, TransferRefused};
use tempfile::{TempDir, tempdir};

use super::QCluster;
use qcluster_host::error::{CommandError, StartError, Stopped};
use qcluster_host::event::{EventKind, Events, Leadership};

use qcluster_host::testing::{in_time, until};

/// A cluster of one on a free port. Its lease is long enough to outlast the pauses of a busy machine.
fn alone() -> Config {
    let values = TimingValues { heartbeat_ms: Some(100), lease_ms: Some(600), ..TimingValues::default() };
    Config { timing: TimingChoice::Values(values), ..Config::new("server_a", "localhost", 0) }
}

fn durable(dir: &TempDir) -> Config {
    Config { data_dir: Some(dir.path().to_str().unwrap().to_owned()), ..alone() }
}

async fn started(config: Config) -> (QCluster, Events) {
    let cluster = QCluster::start(config).await.unwrap();
    let changes = cluster.events();
    (cluster, changes)
}

async fn elected(changes: &mut Events) -> FencingToken {
    match until(changes, |what| matches!(what, EventKind::Elected { .. })).await.kind {
        EventKind::Elected { token } => token,
        other => unreachable!("it waited for an election, not for {other:?}"),
    }
}

async fn lost(changes: &mut Events) -> LostReason {
    match until(changes, |what| matches!(what, EventKind::Lost { .. })).await.kind {
        EventKind::Lost { reason, .. } => reason,
        other => unreachable!("it waited for a loss, not for {other:?}"),
    }
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr()).unwrap().port()
}

/// Three voters on free ports.
fn three() -> Vec<Config> {
    const NAMES: [&str; 3] = ["server_a", "server_b", "server_c"];
    let held: Vec<_> = NAMES
        .iter()
        .map(|_| {
            let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let address = tcp.local_addr().unwrap();
            (UdpSocket::bind(address).unwrap(), tcp, address.port())
        })
        .collect();
    let peer = |index: usize| Peer {
        identifier: NAMES[index].into(),
        host: "127.0.0.1".into(),
        port: held[index].2,
        priority: 0,
        metadata: Metadata::from([("index".into(), index.into())]),
    };
    let config = |index: usize| {
        let mut config = Config::new(NAMES[index], "127.0.0.1", held[index].2);
        config.timing = alone().timing;
        config.peers = (0..NAMES.len()).filter(|&other| other != index).map(peer).collect();
        config.metadata = peer(index).metadata;
        config
    };
    (0..NAMES.len()).map(config).collect()
}

#[tokio::test]
async fn a_cluster_of_one_leads_and_shows_itself_with_its_real_port() {
    let (cluster, mut changes) = started(alone()).await;
    let token = elected(&mut changes).await;
    assert_eq!(*cluster.leadership().borrow(), Leadership::Leading { token });
    let me = cluster.me();
    assert_ne!(me.port, 0);
    assert_eq!(cluster.status().listen[0].port(), me.port);
    assert_eq!(in_time(cluster.wait_for_leader()).await.unwrap(), *me);
}

/// The port number is taken for TCP only by a node that serves HTTP.
#[tokio::test]
async fn a_node_without_the_api_leads_and_takes_no_tcp_port() {
    for serves in [false, cfg!(feature = "http")] {
        let api = ApiConfig { enabled: serves, ..ApiConfig::default() };
        let (cluster, mut changes) = started(Config { api, ..alone() }).await;
        elected(&mut changes).await;
        let bound = TcpListener::bind(cluster.status().listen[0]);
        assert_eq!(bound.is_err(), serves, "{bound:?}");
        in_time(cluster.shutdown()).await;
    }
}

#[tokio::test]
async fn shutdown_ends_everything_and_frees_the_port() {
    let (cluster, mut changes) = started(alone()).await;
    elected(&mut changes).await;
    let port = cluster.me().port;
    in_time(cluster.shutdown()).await;
    assert!(!cluster.is_leader());
    assert!(cluster.lease().is_none() && cluster.leader_info().is_none());
    assert_eq!(lost(&mut changes).await, LostReason::Shutdown);
    let mut leadership = cluster.leadership();
    in_time(async { while leadership.changed().await.is_ok() {} }).await;
    assert_eq!(*leadership.borrow(), Leadership::Unknown);
    assert_eq!(in_time(cluster.stopped()).await, Stopped::Shutdown);
    assert_eq!(cluster.status().role, "stopped");
    assert_eq!(cluster.step_down().await, Err(CommandError::Stopped(Stopped::Shutdown)));
    assert_eq!(in_time(cluster.wait_for_leader()).await, Err(Stopped::Shutdown));
    in_time(cluster.shutdown()).await;
    started(Config { listen_port: port, ..alone() }).await;
}

#[tokio::test]
async fn abort_ends_everything_without_a_word() {
    let (cluster, mut changes) = started(alone()).await;
    elected(&mut changes).await;
    let port = cluster.me().port;
    in_time(cluster.abort()).await;
    assert!(!cluster.is_leader());
    assert_eq!(in_time(cluster.stopped()).await, Stopped::Aborted);
    assert_eq!(in_time(cluster.run_as_leader(async |_| ())).await, Err(Stopped::Aborted));
    started(Config { listen_port: port, ..alone() }).await;
}

#[tokio::test]
async fn a_node_stops_when_its_last_handle_is_dropped() {
    let (cluster, mut changes) = started(alone()).await;
    elected(&mut changes).await;
    let other_handle = cluster.clone();
    drop(cluster);
    assert!(other_handle.leadership().has_changed().is_ok(), "a handle is left");
    drop(other_handle);
    assert_eq!(lost(&mut changes).await, LostReason::Shutdown);
    in_time(async { while changes.next().await.is_some() {} }).await;
}

#[tokio::test]
async fn stepping_down_cancels_work_which_runs_again_under_a_larger_token() {
    let (cluster, mut changes) = started(alone()).await;
    let last = AtomicU64::new(0);
    let work = |lease: crate::Lease| {
        let before = last.swap(lease.token.0, Ordering::SeqCst);
        let cluster = &cluster;
        async move {
            if before == 0 {
                // Ends this very future, so nothing after it is reached.
                cluster.step_down().await.unwrap();
                std::future::pending::<()>().await;
            }
            (before, lease.token.0)
        }
    };
    let (first, second) = in_time(cluster.run_as_leader(work)).await.unwrap();
    assert!(first < second, "{first}, then {second}");
    assert_eq!(lost(&mut changes).await, LostReason::SteppedDown);
}

#[tokio::test]
async fn what_cannot_be_transferred_is_refused_and_nothing_changes() {
    let (cluster, mut changes) = started(alone()).await;
    assert_eq!(cluster.step_down().await, Err(CommandError::Refused(TransferRefused::NotLeader.into())));
    let token = elected(&mut changes).await;
    let refused = |reason: TransferRefused| Err(CommandError::Refused(reason.into()));
    assert_eq!(cluster.transfer_leadership(Some("server_z")).await, refused(TransferRefused::NotAVoter));
    assert_eq!(cluster.transfer_leadership(Some("not an identifier")).await, refused(TransferRefused::NotAVoter));
    assert_eq!(cluster.transfer_leadership(None).await, refused(TransferRefused::NoSuccessor));
    assert_eq!(cluster.leadership().borrow().token(), Some(token));
}

#[tokio::test]
async fn leadership_moves_to_the_voter_that_was_named() {
    let mut nodes = Vec::new();
    for config in three() {
        nodes.push(started(config).await);
    }
    let leading = |(cluster, _): &(QCluster, Events)| cluster.leadership().borrow().token().is_some();
    let mut watches: Vec<_> = nodes.iter().map(|(cluster, _)| cluster.leadership()).collect();
    let leads = |state: &Leadership| matches!(state, Leadership::Leading { .. });
    let [a, b, c] = watches.as_mut_slice() else { unreachable!("there are three") };
    in_time(async {
        tokio::select! {
            state = a.wait_for(leads) => drop(state.unwrap()),
            state = b.wait_for(leads) => drop(state.unwrap()),
            state = c.wait_for(leads) => drop(state.unwrap()),
        }
    })
    .await;
    let from = nodes.iter().position(leading).expect("one of them was just elected");
    let to = (from + 1) % nodes.len();
    let target = nodes[to].0.me().identifier.clone();
    in_time(nodes[from].0.transfer_leadership(Some(&target))).await.unwrap();
    assert!(!nodes[from].0.is_leader());
    elected(&mut nodes[to].1).await;
    assert_eq!(lost(&mut nodes[from].1).await, LostReason::Transferred);

    let other = (from + 2) % nodes.len();
    let follows =
        |state: &Leadership| matches!(state, Leadership::Following { leader, .. } if leader.identifier == target);
    in_time(watches[other].wait_for(follows)).await.unwrap();
    assert_eq!(nodes[other].0.leader_info().map(|leader| leader.metadata), Some(nodes[to].0.me().metadata.clone()));
}

#[tokio::test]
async fn a_node_that_finds_no_leader_says_who_is_missing() {
    let mut config = three().swap_remove(0);
    config.timing = TimingChoice::default();
    let (_cluster, mut changes) = started(config.clone()).await;
    let change = until(&mut changes, |what| matches!(what, EventKind::Leaderless { .. })).await;
    let EventKind::Leaderless { facts } = change.kind else { unreachable!("it waited for just that") };
    assert!(facts.starts_with("1 of 3 voters heard; "), "{facts}");
    for peer in &config.peers {
        let expected = format!("{}: never heard from 127.0.0.1:{}", peer.identifier, peer.port);
        assert!(facts.contains(&expected), "{facts}");
    }
}

#[tokio::test]
async fn an_observer_sees_the_leader_and_never_leads() {
    let voter_config = Config { listen_host: "127.0.0.1".into(), ..alone() };
    let (voter, mut changes) = started(voter_config.clone()).await;
    elected(&mut changes).await;
    let (identifier, peers, listen_port) = ("server_o".into(), vec![voter.me().clone()], free_port());
    let (observer, _) = started(Config { identifier, observer: true, peers, listen_port, ..voter_config }).await;
    let follows = |state: &Leadership| matches!(state, Leadership::Following { leader, .. } if **leader == *voter.me());
    in_time(observer.leadership().wait_for(follows)).await.unwrap();
    assert!(!observer.is_leader());
    assert_eq!(observer.leader_info().as_ref(), Some(voter.me()));
    assert_eq!(observer.status().role, "observer");
    in_time(observer.shutdown()).await;
}

#[tokio::test]
async fn work_may_be_spawned_and_ends_with_the_last_handle() {
    let (cluster, mut changes) = started(alone()).await;
    let runner = tokio::spawn(cluster.run_as_leader(async |_| std::future::pending::<()>().await));
    elected(&mut changes).await;
    drop(cluster);
    assert_eq!(in_time(runner).await.unwrap(), Err(Stopped::Shutdown));
}

#[tokio::test]
async fn tokens_grow_over_restarts_with_a_data_dir() {
    let dir = tempdir().unwrap();
    let mut last = FencingToken(0);
    for _ in 0..3 {
        let quick = Config { timing: TimingChoice::default(), ..durable(&dir) };
        let (cluster, mut changes) = started(quick).await;
        let token = elected(&mut changes).await;
        assert!(token > last, "{token} after {last}");
        assert_eq!(cluster.status().storage, StorageStatus::Durable);
        last = token;
        in_time(cluster.abort()).await;
    }
}

#[tokio::test]
async fn a_damaged_record_stops_the_start_and_is_left_as_it_is() {
    let dir = tempdir().unwrap();
    for damaged in [b"".as_slice(), b"QCHS and nonsense", &[0; 10_000]] {
        fs::write(dir.path().join("hard_state"), damaged).unwrap();
        let error = QCluster::start(durable(&dir)).await.unwrap_err();
        assert!(matches!(error, StartError::Record { .. }), "{error}");
        assert!(error.to_string().contains(&*dir.path().join("hard_state").to_string_lossy()), "{error}");
        assert_eq!(fs::read(dir.path().join("hard_state")).unwrap(), damaged);
    }
}

#[tokio::test]
async fn a_record_of_somebody_else_is_to_be_left_alone_and_a_damaged_one_may_be_moved() {
    let dir = tempdir().unwrap();
    let (cluster, mut changes) = started(durable(&dir)).await;
    elected(&mut changes).await;
    in_time(cluster.shutdown()).await;
    let refusal = async |config| QCluster::start(config).await.unwrap_err().to_string();
    let other_node = refusal(Config { identifier: "server_b".into(), ..durable(&dir) }).await;
    let other_cluster = refusal(Config { cluster: "elsewhere".into(), ..durable(&dir) }).await;
    for (text, key) in [(other_node, "`identifier`"), (other_cluster, "`cluster`")] {
        assert!(text.contains(key) && text.contains("`data_dir`") && text.contains("leave this file"), "{text}");
        assert!(!text.contains("move it away"), "{text}");
    }
    fs::write(dir.path().join("hard_state"), "QCHS and nonsense").unwrap();
    let damaged = refusal(durable(&dir)).await;
    assert!(damaged.contains("move it away") && !damaged.contains("leave this file"), "{damaged}");
}

#[tokio::test]
async fn two_nodes_never_share_a_data_dir() {
    let dir = tempdir().unwrap();
    let (_cluster, _changes) = started(durable(&dir)).await;
    let error = QCluster::start(durable(&dir)).await.unwrap_err();
    assert!(matches!(error, StartError::DataDir(_)), "{error}");
}

#[tokio::test]
async fn a_disk_that_cannot_be_written_is_told_with_its_path() {
    let dir = tempdir().unwrap();
    // In the way of every save; permissions would not stop the superuser.
    fs::create_dir(dir.path().join("hard_state.new")).unwrap();
    let (cluster, mut changes) = started(durable(&dir)).await;
    let change = until(&mut changes, |what| matches!(what, EventKind::StorageFailed { .. })).await;
    let EventKind::StorageFailed { error } = change.kind else { unreachable!("it waited for just that") };
    assert!(error.contains(&*dir.path().to_string_lossy()), "{error}");
    in_time(cluster.shutdown()).await;
    assert_eq!(cluster.status().storage, StorageStatus::Failed { error });
}

#[tokio::test]
async fn a_configuration_with_mistakes_starts_nothing() {
    let error = QCluster::start(Config::new("", "localhost", 0)).await.unwrap_err();
    assert!(matches!(&error, StartError::Config(_)), "{error}");
    assert!(error.to_string().contains("identifier: "), "{error}");
    assert_eq!(format!("{error:?}"), error.to_string(), "what a `main` prints reads like the rest");
}

#[tokio::test]
async fn handles_and_what_they_do_may_go_to_other_threads() {
    // Spawning is what asks for it; that this compiles is the test.
    let (cluster, _) = tokio::spawn(started(alone())).await.unwrap();
    let elsewhere = tokio::spawn(async move {
        let refused = cluster.transfer_leadership(None).await;
        let worked = cluster.run_as_leader(async |lease| lease.token).await;
        cluster.shutdown().await;
        (refused, worked)
    });
    let (refused, worked) = in_time(elsewhere).await.unwrap();
    assert!(refused.is_err() && worked.is_ok());
}
