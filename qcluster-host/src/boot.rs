//! Starting a node: everything that can fail, in an order that leaves nothing behind when it does.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use qcluster_api::{Access, Subject};
use qcluster_core::config::SealMode;
use qcluster_core::seal::Seal;
use qcluster_core::{
    BadHost, BootError, Command, Config, Endpoint, EndpointBoot, Host, Peer, Rules, Service, Time, recording,
};
use tokio::sync::{mpsc, watch};

use crate::binding::{Advertised, Bound, Protocols, advertised, bind, bind_http};
use crate::clock::Clock;
use crate::credentials::{Credentials, Sources, nonce_prefix};
use crate::disk::{Disk, Saved, Store};
use crate::driver::Parts;
use crate::error::{BindError, StartError};
use crate::log::TARGET;
use crate::names::Names;
use crate::recorder::Recorder;
use crate::requests::Request;
use crate::view::View;

/// What the node says of itself and its services as soon as it runs.
fn first_words(config: &Config, services: Vec<Service>) -> Vec<Command> {
    let services = services.into_iter().map(Command::Register);
    [Command::SetMetadata(config.metadata.clone())].into_iter().chain(services).collect()
}

/// Whether the configuration names other nodes.
fn expects_others(config: &Config) -> bool {
    config.all_peers().next().is_some() || config.join_addresses().next().is_some()
}

/// What stands between the endpoint and the network, where the cluster has a secret. Blocks.
fn seal(sources: &Sources) -> Result<Option<Seal>, StartError> {
    let (Some(mode), Some(keyring)) = (sources.sealing(), sources.keyring()?) else { return Ok(None) };
    let nonce_prefix = nonce_prefix().map_err(no_random_numbers)?;
    Ok(Some(Seal::new(keyring, mode, nonce_prefix)))
}

/// Says so where a stranger may disturb the cluster.
pub(crate) fn warn_if_insecure(config: &Config) {
    if config.insecure && config.sealing() != Some(SealMode::Require) {
        tracing::warn!(
            name: "qcluster.insecure", target: TARGET,
            "datagrams without a seal are let in: who can send to {} may disturb the cluster", config.listen_host
        );
    }
}

fn no_random_numbers(error: getrandom::Error) -> StartError {
    StartError::System(io::Error::other(error.to_string()))
}

/// The seed, the boot stamp and the saved record that a node begins with.
fn values(opened: Option<&(Store, Saved)>) -> Result<EndpointBoot<'_>, StartError> {
    let seed = getrandom::u64().map_err(no_random_numbers)?;
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let stamp_ms = u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX);
    let saved = opened.and_then(|(_, saved)| match saved {
        Saved::Nothing => None,
        Saved::Record(record) => Some(record.as_slice()),
    });
    Ok(EndpointBoot { seed, stamp_ms, saved })
}

/// The node itself, before its first input.
fn endpoint(
    rules: &Arc<Rules>,
    values: EndpointBoot<'_>,
    now: Time,
    opened: Option<&(Store, Saved)>,
) -> Result<Endpoint, StartError> {
    Endpoint::new(Arc::clone(rules), values, now).map_err(|error| match error {
        BootError::Record(_) => {
            let path = opened.map(|(store, _)| store.path().to_owned()).unwrap_or_default();
            StartError::Record { path, error }
        }
        _ => StartError::Boot(error),
    })
}

/// This node as others should see it, with the port that was bound. Where it listens on every address of its machine, that is no host
/// to connect to: it is left empty, and shown as others see it.
fn me(config: &Config, port: u16) -> Peer {
    let mut me = config.as_peer();
    me.port = config.advertise_port.unwrap_or(port);
    if Host::parse_reachable(&me.host) == Err(BadHost::Unspecified) {
        me.host.clear();
    }
    shown(me)
}

/// With its host as clients are told it.
fn shown(peer: Peer) -> Peer {
    let mut shown = peer;
    shown.host = Host::without_brackets(&shown.host).to_owned();
    shown
}

/// What is known of each voter, in the order of the rules.
fn voters(config: &Config, me: &Peer, rules: &Rules) -> Vec<Arc<Peer>> {
    let known = |id: &str| config.all_peers().chain([me]).find(|peer| peer.identifier == id);
    rules.voters().iter().filter_map(|voter| known(voter.id.as_str())).cloned().map(shown).map(Arc::new).collect()
}

/// A node that is ready to run, but for what a runtime has to give.
pub struct Prepared {
    /// What its loop is made of.
    pub parts: Parts,
    /// Its sockets for datagrams, which do not block.
    pub udp: Vec<UdpSocket>,
    /// Where HTTP is to be served; none, if it is not.
    pub tcp: Vec<TcpListener>,
    /// What it says of itself as soon as it runs.
    pub first: Vec<Command>,
    /// Its reading side.
    pub view: Arc<View>,
    /// Where requests go.
    pub requests: mpsc::Sender<Request>,
    /// To be held by all that holds something of the system.
    pub alive: Arc<watch::Sender<()>>,
    /// Closed when the last of them has let go.
    pub all_released: watch::Receiver<()>,
}

/// Commands that may wait for the loop.
const COMMANDS_MAX: usize = 16;

/// What a node listens on.
#[derive(Clone, Copy, Debug)]
pub enum Listening {
    /// What its configuration names, with as many of these protocols as it wants.
    Bind(Protocols),
    /// A socket for datagrams that is there already, at this address.
    At(SocketAddr),
}

/// Binds all that the node listens on. The second value is where HTTP is served, where that is another place.
fn bound(config: &Config, listening: Listening) -> Result<(Bound, Vec<SocketAddr>), BindError> {
    let protocols = match listening {
        Listening::Bind(protocols) if config.api.enabled => protocols,
        Listening::Bind(_) => Protocols::Udp,
        Listening::At(address) => {
            return Ok((Bound { udp: Vec::new(), tcp: Vec::new(), addresses: vec![address] }, Vec::new()));
        }
    };
    let elsewhere = config.api.listen_address().filter(|_| protocols == Protocols::UdpAndTcp);
    let Some((host, port)) = elsewhere else {
        return Ok((bind(&config.listen_host, config.listen_port, protocols)?, Vec::new()));
    };
    let (tcp, api_listen) = bind_http(host, port)?;
    Ok((Bound { tcp, ..bind(&config.listen_host, config.listen_port, Protocols::Udp)? }, api_listen))
}

/// Checks the configuration, locks and reads the data directory, and binds all addresses. Blocks.
///
/// # Errors
/// Nothing is left behind then, but for the lock file of the data directory.
pub fn prepare(config: Config, listening: Listening) -> Result<Prepared, StartError> {
    let (mut settings, services) = config.check()?;
    let first = first_words(&config, services);
    let sources = Sources::of(&config);
    let access = Access::new(&config, sources.tokens()?);
    let tls = sources.read_tls()?;
    let seal = seal(&sources)?;
    warn_if_insecure(&config);
    let credentials = Credentials::new(&config, sources, tls);
    let opened = config.data_dir.as_deref().map(|dir| Store::open(Path::new(dir))).transpose()?;
    let (Bound { udp, tcp, addresses }, api_listen) = bound(&config, listening)?;
    let port = addresses.first().map_or(config.listen_port, SocketAddr::port);
    let advertised = advertised(&config, &addresses);
    if let (Some(gossip), Advertised::At(address)) = (&mut settings.gossip, &advertised) {
        gossip.advertise = Some(*address);
    }
    let rules = Arc::new(settings.check()?);
    let clock = Clock::start();
    let values = values(opened.as_ref())?;
    let (booted_at, stamp_ms) = (clock.now(), values.stamp_ms);
    let endpoint = endpoint(&rules, values, booted_at, opened.as_ref())?;
    let start_line = config.record.as_ref().map(|to| (to, recording::Start::new(booted_at, settings, values)));

    let (alive, all_released) = watch::channel(());
    let alive = Arc::new(alive);
    let start_recorder = |(to, start)| Recorder::start(to, start, Arc::clone(&alive)).map_err(StartError::System);
    let recorder = start_line.map(start_recorder).transpose()?;
    let start_disk = |(store, _)| Disk::start(store, Arc::clone(&alive)).map_err(StartError::System);
    let disk = opened.map(start_disk).transpose()?;
    let mut names = Names::new(config.all_peers(), config.join_addresses(), rules.timing().lease);
    if let Advertised::Named { host, port } = &advertised {
        names.add_own(rules.key(), host, *port);
    }
    let subject = Subject { api_listen, ..subject(config, rules, addresses, port) };
    let (view, publisher) = View::new(subject, access, credentials, clock, stamp_ms);
    let (requests, received) = mpsc::channel(COMMANDS_MAX);
    let parts = Parts { clock, endpoint, seal, disk, recorder, publisher, names, requests: received };
    Ok(Prepared { parts, udp, tcp, first, view, requests, alive, all_released })
}

/// What a node tells of itself and its configuration. `port` is the one that was bound, on these addresses.
pub(crate) fn subject(config: Config, rules: Arc<Rules>, listen: Vec<SocketAddr>, port: u16) -> Subject {
    let me = me(&config, port);
    let voters = voters(&config, &me, &rules);
    let expects_others = expects_others(&config);
    Subject { me: Arc::new(me), cluster: config.cluster, voters, rules, listen, api_listen: Vec::new(), expects_others }
}

#[cfg(test)]
mod tests;
