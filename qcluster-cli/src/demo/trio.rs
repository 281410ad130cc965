//! The three nodes of a demonstration: started, killed and restarted, with what they tell in one place.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::time::{Duration, Instant};

use qcluster::{BindError, Config, Event, EventKind, Events, FencingToken, Peer, Preset, QCluster, Role, StartError};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

const NAMES: [&str; 3] = ["server_a", "server_b", "server_c"];

/// Far longer than any election: a test that waits this long waits for a bug.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often a node is looked at that is waited for.
const GLANCE: Duration = Duration::from_millis(10);

/// Between finding a free port and binding it, another process may take it.
const PORT_ATTEMPTS_MAX: usize = 8;

/// What all nodes tell together between two looks; nobody tells more.
const NEWS_MAX: usize = 64;

/// A leader, and how long it took.
pub(crate) struct Elected {
    pub(crate) node: usize,
    pub(crate) token: FencingToken,
    pub(crate) after: Duration,
}

/// Something that a node told, and when.
struct News {
    node: usize,
    at: Instant,
    change: Event,
}

pub(crate) struct Trio {
    configs: Vec<Config>,
    nodes: Vec<QCluster>,
    started: Instant,
    news: mpsc::Receiver<News>,
    teller: mpsc::Sender<News>,
}

impl Trio {
    /// Starts three nodes on free ports. Errors are sentences.
    pub(crate) async fn start(preset: Preset) -> Result<Self, String> {
        let mut attempt = 1;
        loop {
            let ports = free_ports().map_err(|error| format!("no free ports on the loopback address: {error}"))?;
            match Self::start_on(ports, preset).await {
                Err(StartError::Bind(BindError::InUse { .. })) if attempt < PORT_ATTEMPTS_MAX => attempt += 1,
                Err(error) => return Err(error.to_string()),
                Ok(trio) => return Ok(trio),
            }
        }
    }

    async fn start_on(ports: [u16; 3], preset: Preset) -> Result<Self, StartError> {
        let configs: Vec<Config> = (0..ports.len()).map(|node| config(node, ports, preset)).collect();
        let (teller, news) = mpsc::channel(NEWS_MAX);
        let mut trio = Self { configs, nodes: Vec::new(), started: Instant::now(), news, teller };
        for node in 0..trio.configs.len() {
            let cluster = trio.start_node(node).await?;
            trio.nodes.push(cluster);
        }
        Ok(trio)
    }

    async fn start_node(&self, node: usize) -> Result<QCluster, StartError> {
        let cluster = QCluster::start(self.configs[node].clone()).await?;
        tokio::spawn(tell(node, cluster.events(), self.teller.clone()));
        Ok(cluster)
    }

    pub(crate) fn configs(&self) -> &[Config] {
        &self.configs
    }

    /// Waits for the first election.
    pub(crate) async fn first_leader(&mut self) -> Result<Elected, String> {
        let since = self.started;
        self.elected(since).await
    }

    /// How long the lease of a leader would last without it.
    pub(crate) fn lease_left(&self, node: usize) -> Duration {
        self.nodes[node].lease().and_then(|lease| lease.remaining()).unwrap_or_default()
    }

    /// Kills a node in the middle of what it does, and waits for another to be elected.
    pub(crate) async fn kill(&mut self, node: usize) -> Result<Elected, String> {
        let since = Instant::now();
        self.nodes[node].abort().await;
        self.elected(since).await
    }

    /// Starts a killed node again, and waits until it has a vote: it follows at once, and without a disk it votes after its boot
    /// wait only (E9).
    pub(crate) async fn restart(&mut self, node: usize) -> Result<(), String> {
        self.nodes[node] = self.start_node(node).await.map_err(|error| error.to_string())?;
        let follows =
            |news: &News| news.node == node && matches!(news.change.kind, EventKind::Leader { leader: Some(_), .. });
        self.wait_for(follows).await.ok_or_else(|| format!("{} does not find the leader", NAMES[node]))?;
        let has_a_vote = async {
            while ["starting", Role::Booting.name()].contains(&self.nodes[node].status().role.as_str()) {
                sleep(GLANCE).await;
            }
        };
        timeout(PATIENCE, has_a_vote).await.map_err(|_| format!("{} does not take part", NAMES[node]))
    }

    pub(crate) async fn shutdown(self) {
        for node in self.nodes {
            node.shutdown().await;
        }
    }

    async fn elected(&mut self, since: Instant) -> Result<Elected, String> {
        let is_election = |news: &News| news.at >= since && matches!(news.change.kind, EventKind::Elected { .. });
        match self.wait_for(is_election).await {
            Some(News { node, at, change: Event { kind: EventKind::Elected { token }, .. } }) => {
                Ok(Elected { node, token, after: at.duration_since(since) })
            }
            Some(_) | None => Err("nobody was elected".to_owned()),
        }
    }

    async fn wait_for(&mut self, wanted: impl Fn(&News) -> bool) -> Option<News> {
        let found = async {
            loop {
                let news = self.news.recv().await?;
                if wanted(&news) {
                    return Some(news);
                }
            }
        };
        timeout(PATIENCE, found).await.ok().flatten()
    }
}

/// Passes on what a node tells, as long as it lives.
async fn tell(node: usize, mut changes: Events, teller: mpsc::Sender<News>) {
    while let Some(change) = changes.next().await {
        if teller.send(News { node, at: Instant::now(), change }).await.is_err() {
            return;
        }
    }
}

fn config(node: usize, ports: [u16; 3], preset: Preset) -> Config {
    let peer = |other: usize| Peer::new(NAMES[other], "localhost", ports[other]);
    let peers = (0..ports.len()).filter(|&other| other != node).map(peer);
    Config::new(NAMES[node], "localhost", ports[node]).with_timing(preset).with_peers(peers)
}

/// Three ports that nobody uses for either protocol. All are held until the last is found, so that they differ.
fn free_ports() -> std::io::Result<[u16; 3]> {
    let mut held = Vec::new();
    let mut ports = [0; 3];
    for port in &mut ports {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        *port = tcp.local_addr()?.port();
        held.push((UdpSocket::bind((Ipv4Addr::LOCALHOST, *port))?, tcp));
    }
    Ok(ports)
}
