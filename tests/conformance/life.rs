//! A node over real sockets, from its start to its end.

use std::net::{TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use qcluster::{
    BindError, CommandError, Config, EventKind, Handle, Leadership, Lease, LostReason, MetricValue, SilentReason,
    StartError, Stopped, TimingChoice, TransferRefused, WorkError,
};
use qcluster_host::test_support::{in_time, until};

use crate::hosts::Host;
use crate::support::{
    alone, alone_at, alone_on, elected, elsewhere, free_port, leader_of, lost, settled, started, three,
};

pub(crate) async fn a_cluster_of_one_leads_and_shows_itself_with_its_real_port<H: Host>() {
    let cluster = H::start(alone()).await.unwrap();
    let token = elected(&cluster).await;
    assert_eq!(*cluster.leadership().borrow(), Leadership::Leading { token });
    let me = cluster.me();
    assert_ne!(me.port, 0);
    assert_eq!(cluster.status().listen[0].port(), me.port);
    assert_eq!(in_time(cluster.wait_for_leader()).await.unwrap(), *me);
}

/// The port number is taken for TCP only by a node that serves HTTP.
pub(crate) async fn a_node_without_the_api_leads_and_takes_no_tcp_port<H: Host>() {
    for serves in [false, H::SERVES] {
        let mut config = alone();
        config.api.enabled = serves;
        let cluster = H::start(config).await.unwrap();
        elected(&cluster).await;
        let bound = TcpListener::bind(cluster.status().listen[0]);
        assert_eq!(bound.is_err(), serves, "{bound:?}");
        in_time(cluster.shutdown()).await;
    }
}

pub(crate) async fn shutdown_ends_everything_and_frees_the_port<H: Host>() {
    let (cluster, mut changes) = started::<H>(alone()).await;
    elected(&cluster).await;
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
    H::start(alone_on(port)).await.unwrap();
}

pub(crate) async fn abort_ends_everything_without_a_word<H: Host>() {
    let cluster = H::start(alone()).await.unwrap();
    elected(&cluster).await;
    let port = cluster.me().port;
    in_time(cluster.abort()).await;
    assert!(!cluster.is_leader());
    assert_eq!(in_time(cluster.stopped()).await, Stopped::Aborted);
    assert_eq!(in_time(cluster.run_as_leader(async |_| ())).await, Err(Stopped::Aborted));
    H::start(alone_on(port)).await.unwrap();
}

pub(crate) async fn a_node_stops_when_its_last_handle_is_dropped<H: Host>() {
    let (cluster, mut changes) = started::<H>(alone()).await;
    elected(&cluster).await;
    let other_handle = cluster.clone();
    drop(cluster);
    assert!(other_handle.leadership().has_changed().is_ok(), "a handle is left");
    drop(other_handle);
    assert_eq!(lost(&mut changes).await, LostReason::Shutdown);
    in_time(async { while changes.next().await.is_some() {} }).await;
}

pub(crate) async fn stepping_down_cancels_work_which_runs_again_under_a_larger_token<H: Host>() {
    let (cluster, mut changes) = started::<H>(alone()).await;
    let last = AtomicU64::new(0);
    let work = |lease: qcluster::Lease| {
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

pub(crate) async fn what_cannot_be_transferred_is_refused_and_nothing_changes<H: Host>() {
    let refused = |reason: TransferRefused| Err(CommandError::Refused(reason.into()));
    // One of three cannot lead.
    let follower = H::start(three().swap_remove(0)).await.unwrap();
    assert_eq!(follower.step_down().await, refused(TransferRefused::NotLeader));
    let cluster = H::start(alone()).await.unwrap();
    let token = elected(&cluster).await;
    assert_eq!(cluster.transfer_leadership(Some("server_z")).await, refused(TransferRefused::NotAVoter));
    assert_eq!(cluster.transfer_leadership(Some("not an identifier")).await, refused(TransferRefused::NotAVoter));
    assert_eq!(cluster.transfer_leadership(None).await, refused(TransferRefused::NoSuccessor));
    assert_eq!(cluster.leadership().borrow().token(), Some(token));
}

pub(crate) async fn a_node_that_finds_no_leader_says_who_is_missing<H: Host>() {
    let mut config = three().swap_remove(0);
    config.timing = TimingChoice::default();
    let (_cluster, mut changes) = started::<H>(config.clone()).await;
    let change = until(&mut changes, |what| matches!(what, EventKind::Leaderless { .. })).await;
    let EventKind::Leaderless { facts, quorum } = change.kind else { unreachable!("it waited for just that") };
    assert!(facts.starts_with("1 of 3 voters heard; "), "{facts}");
    for peer in &config.peers {
        let expected = format!("{}: never heard from 127.0.0.1:{}", peer.identifier, peer.port);
        assert!(facts.contains(&expected), "{facts}");
    }
    let silent = quorum.silent.iter().map(|voter| (voter.identifier.as_str(), voter.reason));
    let expected = config.peers.iter().map(|peer| (peer.identifier.as_str(), SilentReason::NeverHeard));
    assert_eq!((quorum.voters, quorum.heard), (3, 1));
    assert_eq!(silent.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
}

pub(crate) async fn an_observer_sees_the_leader_and_never_leads<H: Host>() {
    let voter = H::start(alone_at("127.0.0.1")).await.unwrap();
    elected(&voter).await;
    let mut config = Config::new("server_o", "127.0.0.1", free_port()).with_timing(alone().timing);
    config.observer = true;
    let observer = H::start(config.with_peers([voter.me().clone()])).await.unwrap();
    let follows = |state: &Leadership| matches!(state, Leadership::Following { leader, .. } if **leader == *voter.me());
    in_time(observer.leadership().wait_for(follows)).await.unwrap();
    assert!(!observer.is_leader());
    assert_eq!(observer.leader_info().as_ref(), Some(voter.me()));
    assert_eq!(observer.status().role, "observer");
    in_time(observer.shutdown()).await;
}

pub(crate) async fn a_configuration_with_mistakes_starts_nothing<H: Host>() {
    let error = H::start(Config::new("", "localhost", 0)).await.unwrap_err();
    assert!(matches!(&error, StartError::Config(_)), "{error}");
    assert!(error.to_string().contains("identifier: "), "{error}");
    assert_eq!(format!("{error:?}"), error.to_string(), "what a `main` prints reads like the rest");
}

pub(crate) async fn leadership_moves_to_the_voter_that_was_named<H: Host>() {
    let mut nodes = Vec::new();
    let mut changes = Vec::new();
    for config in three() {
        let (node, events) = started::<H>(config).await;
        nodes.push(node);
        changes.push(events);
    }
    let from = leader_of::<H>(&nodes).await;
    let to = (from + 1) % nodes.len();
    let target = nodes[to].me().identifier.clone();
    in_time(nodes[from].transfer_leadership(Some(&target))).await.unwrap();
    assert!(!nodes[from].is_leader());
    until(&mut changes[to], |what| matches!(what, EventKind::Elected { .. })).await;
    assert_eq!(lost(&mut changes[from]).await, LostReason::Transferred);

    let other = (from + 2) % nodes.len();
    let follows =
        |state: &Leadership| matches!(state, Leadership::Following { leader, .. } if leader.identifier == target);
    in_time(nodes[other].leadership().wait_for(follows)).await.unwrap();
    assert_eq!(nodes[other].leader_info().map(|leader| leader.metadata), Some(nodes[to].me().metadata.clone()));
}

pub(crate) async fn another_leads_after_the_leader_has_gone<H: Host>() {
    let mut nodes = Vec::new();
    for config in three() {
        nodes.push(H::start(config).await.unwrap());
    }
    let first = nodes.remove(leader_of::<H>(&nodes).await);
    let token = in_time(first.run_as_leader(async |lease| lease.token)).await.unwrap();
    in_time(first.shutdown()).await;
    let second = leader_of::<H>(&nodes).await;
    let mut next = None;
    settled::<H>(|| {
        next = nodes.iter().find_map(Handle::lease).map(|lease| lease.token);
        next.is_some()
    })
    .await;
    assert!(next > Some(token), "{next:?} after {token}");
    // The last of three cannot lead alone, and says so.
    let (gone, left) = (&nodes[second], &nodes[1 - second]);
    in_time(gone.abort()).await;
    settled::<H>(|| left.leader_info().is_none() && !left.is_leader()).await;
}

pub(crate) async fn a_leader_whose_work_fails_steps_down<H: Host>() {
    let mut nodes = Vec::new();
    for config in three() {
        nodes.push(H::start(config).await.unwrap());
    }
    let first = &nodes[leader_of::<H>(&nodes).await];
    let mut changes = first.events();
    let mut failed_under = None;
    let work = async |lease: Lease| {
        failed_under = Some(lease.token);
        Err::<(), _>("no database")
    };
    let ended = in_time(first.try_run_as_leader(work)).await;
    assert_eq!(ended, Err(WorkError::Failed("no database")));
    assert_eq!(lost(&mut changes).await, LostReason::SteppedDown);
    let mut next = None;
    settled::<H>(|| {
        next = nodes.iter().find_map(Handle::lease).map(|lease| lease.token);
        next.is_some()
    })
    .await;
    assert!(next > failed_under, "{next:?} after {failed_under:?}");
}

pub(crate) async fn what_is_counted_is_told_without_http<H: Host>() {
    let cluster = H::start(alone()).await.unwrap();
    elected(&cluster).await;
    // The loop writes down what it has counted once it has done what it had to.
    settled::<H>(|| cluster.status().role == "leader").await;
    let metrics = cluster.metrics();
    let samples = |name: &str| {
        let named = metrics.iter().find(|metric| metric.full_name() == name);
        named.map(|metric| metric.samples.clone()).unwrap_or_default()
    };
    let values = |name: &str| samples(name).into_iter().map(|sample| sample.value).collect::<Vec<_>>();
    assert_eq!(values("qcluster_elections_won_total"), [MetricValue::Counter(1)]);
    assert_eq!(values("qcluster_is_leader"), [MetricValue::Gauge(1)]);
    let uptime = values("qcluster_uptime_seconds_total");
    assert!(matches!(uptime[..], [MetricValue::Seconds(time)] if !time.is_zero()), "{uptime:?}");
    let roles = samples("qcluster_role");
    let role = roles.iter().find(|sample| sample.value == MetricValue::Gauge(1)).unwrap();
    assert_eq!(role.labels, [("role", "leader".to_owned())]);
}

pub(crate) async fn a_hand_over_waits_for_work_that_runs<H: Host>() {
    struct Ends(Arc<AtomicU64>, Handle);
    impl Drop for Ends {
        fn drop(&mut self) {
            // Nobody else may lead before this has gone: the lease still holds.
            let seen = if self.1.is_leader() { 1 } else { 2 };
            self.0.store(seen, Ordering::SeqCst);
        }
    }
    let mut nodes = Vec::new();
    for config in three() {
        nodes.push(H::start(config).await.unwrap());
    }
    let leader = nodes.remove(leader_of::<H>(&nodes).await);
    let (began, seen) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let work = {
        let (began, seen, leader) = (Arc::clone(&began), Arc::clone(&seen), leader.clone());
        leader.clone().run_as_leader(move |_| {
            let (began, ends) = (Arc::clone(&began), Ends(Arc::clone(&seen), leader.clone()));
            async move {
                let _ends = ends;
                began.store(1, Ordering::SeqCst);
                std::future::pending::<()>().await;
            }
        })
    };
    let stopped = elsewhere::<H, _>(work);
    settled::<H>(|| began.load(Ordering::SeqCst) == 1).await;
    in_time(leader.transfer_leadership(None)).await.unwrap();
    assert_eq!(seen.load(Ordering::SeqCst), 1, "work ended before the transfer did, under its lease");
    in_time(leader.shutdown()).await;
    assert_eq!(stopped.await, Err(Stopped::Shutdown));
}

pub(crate) async fn work_may_be_spawned_and_ends_with_the_last_handle<H: Host>() {
    let cluster = H::start(alone()).await.unwrap();
    let runner = elsewhere::<H, _>(cluster.run_as_leader(async |_| std::future::pending::<()>().await));
    elected(&cluster).await;
    drop(cluster);
    assert_eq!(runner.await, Err(Stopped::Shutdown));
}

pub(crate) async fn a_port_in_use_is_told_and_left_alone<H: Host>() {
    let taken = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let error = H::start(Config::new("server_a", "127.0.0.1", port)).await.unwrap_err();
    assert!(matches!(error, StartError::Bind(BindError::InUse { .. })), "{error}");
    assert!(error.to_string().contains(&port.to_string()), "{error}");
}

pub(crate) async fn handles_and_what_they_do_may_go_to_other_threads<H: Host>() {
    // Spawning is what asks for it; that this compiles is half of the test.
    let (cluster, _) = elsewhere::<H, _>(started::<H>(alone())).await;
    let elsewhere = elsewhere::<H, _>(async move {
        let refused = cluster.transfer_leadership(None).await;
        let worked = cluster.run_as_leader(async |lease| lease.token).await;
        let tried = cluster.try_run_as_leader(async |lease| Ok::<_, String>(lease.token)).await;
        cluster.shutdown().await;
        (refused, worked.ok(), tried.ok())
    });
    let (refused, worked, tried) = elsewhere.await;
    assert!(refused.is_err() && worked.is_some() && worked == tried);
}
