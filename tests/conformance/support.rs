//! What stories share: configurations on free ports, and waiting for what is sure to come.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::thread;

use qcluster::{Config, EventKind, Events, FencingToken, Handle, Leadership, LostReason, Peer, TimingValues};
use qcluster_host::test_support::{in_time, until};

use crate::hosts::Host;

/// A cluster of one on a free port. Its lease is long enough to outlast the pauses of a busy machine.
pub(crate) fn alone() -> Config {
    let timing = TimingValues::default().with_heartbeat_ms(100).with_lease_ms(600).with_max_lease_ms(1_800);
    Config::new("server_a", "localhost", 0).with_timing(timing)
}

/// The same, on a port that is known.
pub(crate) fn alone_on(port: u16) -> Config {
    let mut config = alone();
    config.listen_port = port;
    config
}

/// The same, on one address.
pub(crate) fn alone_at(host: &str) -> Config {
    let mut config = alone();
    config.listen_host = host.into();
    config
}

pub(crate) async fn started<H: Host>(config: Config) -> (Handle, Events) {
    let cluster = H::start(config).await.unwrap();
    let changes = cluster.events();
    (cluster, changes)
}

/// Waits until that node leads.
pub(crate) async fn elected(cluster: &Handle) -> FencingToken {
    let mut leadership = cluster.leadership();
    let leads = in_time(leadership.wait_for(|state| matches!(state, Leadership::Leading { .. }))).await;
    leads.unwrap().token().expect("a leader has a token")
}

pub(crate) async fn lost(changes: &mut Events) -> LostReason {
    match until(changes, |what| matches!(what, EventKind::Lost { .. })).await.kind {
        EventKind::Lost { reason, .. } => reason,
        other => unreachable!("it waited for a loss, not for {other:?}"),
    }
}

/// Waits until it is so.
pub(crate) async fn settled<H: Host>(mut is_so: impl FnMut() -> bool) {
    in_time(async {
        while !is_so() {
            H::pause().await;
        }
    })
    .await;
}

/// Runs something as an application of its own, beside this one.
pub(crate) fn elsewhere<H: Host, T: Send + 'static>(
    application: impl Future<Output = T> + Send + 'static,
) -> impl Future<Output = T> {
    let (tell, told) = tokio::sync::oneshot::channel();
    thread::spawn(move || tell.send(H::block_on(application)));
    async { in_time(told).await.expect("it panicked") }
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr()).unwrap().port()
}

/// Three voters on free ports.
pub(crate) fn three() -> Vec<Config> {
    const NAMES: [&str; 3] = ["server_a", "server_b", "server_c"];
    let held: Vec<_> = NAMES
        .iter()
        .map(|_| {
            let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let address = tcp.local_addr().unwrap();
            (UdpSocket::bind(address).unwrap(), tcp, address.port())
        })
        .collect();
    let peer = |index: usize| Peer::new(NAMES[index], "127.0.0.1", held[index].2).with_metadata([("index", index)]);
    let config = |index: usize| {
        Config::new(NAMES[index], "127.0.0.1", held[index].2)
            .with_timing(alone().timing)
            .with_peers((0..NAMES.len()).filter(|&other| other != index).map(peer))
            .with_metadata([("index", index)])
    };
    (0..NAMES.len()).map(config).collect()
}

/// The place of the one that leads, once one does.
pub(crate) async fn leader_of<H: Host>(nodes: &[Handle]) -> usize {
    let mut leader = None;
    settled::<H>(|| {
        leader = nodes.iter().position(Handle::is_leader);
        leader.is_some()
    })
    .await;
    leader.expect("it has settled")
}
