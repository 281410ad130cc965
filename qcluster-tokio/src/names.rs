//! Where peers are: names are resolved at the start, and again when a peer has gone quiet, since it may have moved.

use std::io;
use std::net::SocketAddr;

use qcluster_api::Whereabouts;
use qcluster_core::{Config, NodeId, NodeKey, Peer, Span, Time};
use tokio::net::lookup_host;
use tokio::task::JoinSet;

use crate::sockets::binding::{LOOPBACK, is_localhost, literal};
use qcluster_host::log::TARGET;

/// Lookups under way at once; each may hold a thread of the runtime for as long as the system's resolver takes.
const LOOKUPS_MAX: usize = 4;

/// A peer that was not heard for this many leases is looked up again.
const QUIET_LEASES: u64 = 10;

/// The longest pause between lookups of one peer that stays quiet.
const PAUSE_MAX: Span = Span::from_millis(30_000);

/// The most names, those of voters and those to join together.
const NAMES_MAX: usize = 192;

/// A peer and an address to reach it at.
pub(crate) type Found = (NodeKey, SocketAddr);

/// The peers with their names, and the lookups under way.
#[derive(Debug)]
pub(crate) struct Names {
    peers: Vec<Named>,
    lookups: JoinSet<(NodeKey, io::Result<Vec<SocketAddr>>)>,
    quiet: Span,
    /// When the peers have to be looked at next.
    due: Time,
    pub(crate) failures: u64,
}

#[derive(Debug)]
struct Named {
    key: NodeKey,
    host: String,
    port: u16,
    /// The next lookup, if it is still quiet then.
    at: Time,
    pause: Span,
    lookup: Lookup,
    /// Which of several addresses is next: the peer may listen on one alone.
    turn: usize,
    whereabouts: Whereabouts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lookup {
    None,
    UnderWay,
}

impl Names {
    pub(crate) fn new<'a>(
        peers: impl Iterator<Item = &'a Peer>,
        seeds: impl Iterator<Item = (&'a str, u16)>,
        lease: Span,
    ) -> Self {
        let quiet = lease.times(QUIET_LEASES);
        let named = |peer: &Peer| {
            let key = NodeId::new(&peer.identifier).ok()?.key();
            let (host, port, lookup) = (peer.host.clone(), peer.port, Lookup::None);
            let whereabouts = Whereabouts::default();
            Some(Named { key, host, port, at: Time::ZERO, pause: quiet, lookup, turn: 0, whereabouts })
        };
        let peers = peers.filter_map(named).collect();
        let mut all = Self { peers, lookups: JoinSet::new(), quiet, due: Time::ZERO, failures: 0 };
        for (host, port) in seeds {
            all.add_seed(host, port);
        }
        all
    }

    /// Another address to try, of somebody who may be a member. Tells whether there was room for it.
    pub(crate) fn add_seed(&mut self, host: &str, port: u16) -> bool {
        if self.peers.iter().any(|known| known.host == host && known.port == port) {
            return true;
        }
        if self.peers.len() >= NAMES_MAX {
            return false;
        }
        // Nobody's key: it only tells the names apart.
        let key = NodeKey(u64::MAX - self.peers.len() as u64);
        let (host, lookup, whereabouts) = (host.to_owned(), Lookup::None, Whereabouts::default());
        self.peers.push(Named { key, host, port, at: Time::ZERO, pause: self.quiet, lookup, turn: 0, whereabouts });
        self.due = Time::ZERO;
        true
    }

    /// Begins the lookups that are due at `now`. Cheap where none is.
    pub(crate) fn look_up(&mut self, now: Time, last_heard: impl Fn(NodeKey) -> Option<Time>) {
        if now < self.due {
            return;
        }
        let recent = now.before(self.quiet);
        self.due = now + self.quiet.split(2);
        for peer in self.peers.iter_mut().filter(|peer| peer.lookup == Lookup::None) {
            if last_heard(peer.key).is_some_and(|heard| heard > recent) {
                peer.pause = self.quiet;
                peer.at = now + self.quiet;
            } else if now >= peer.at && self.lookups.len() < LOOKUPS_MAX {
                peer.at = now + peer.pause;
                peer.pause = peer.pause.times(2).min(PAUSE_MAX.max(self.quiet));
                peer.lookup = Lookup::UnderWay;
                self.lookups.spawn(resolve(peer.key, peer.host.clone(), peer.port));
            } else if now >= peer.at {
                // Its turn comes when a lookup has ended.
                self.due = now;
            }
        }
    }

    /// How the last lookup of a peer has ended.
    pub(crate) fn whereabouts(&self, key: NodeKey) -> Whereabouts {
        self.peers.iter().find(|peer| peer.key == key).map(|peer| peer.whereabouts).unwrap_or_default()
    }

    /// Whether a lookup is under way.
    pub(crate) fn is_looking_up(&self) -> bool {
        !self.lookups.is_empty()
    }

    /// The result of the next lookup that ends, if it found an address that `reaches` accepts. Cancelling loses nothing.
    pub(crate) async fn found(&mut self, reaches: impl Fn(SocketAddr) -> bool) -> Option<Found> {
        let ended = match self.lookups.join_next().await {
            Some(ended) => ended,
            None => std::future::pending().await,
        };
        let Ok((key, result)) = ended else {
            // The runtime gave it up, and does not say which: all may be asked again.
            self.peers.iter_mut().for_each(|peer| peer.lookup = Lookup::None);
            self.failures += 1;
            return None;
        };
        let peer = self.peers.iter_mut().find(|peer| peer.key == key)?;
        peer.lookup = Lookup::None;
        let usable = |addresses: Vec<SocketAddr>| addresses.into_iter().filter(|&a| reaches(a)).collect::<Vec<_>>();
        match result.map(usable) {
            Ok(addresses) if !addresses.is_empty() => {
                let address = addresses[peer.turn % addresses.len()];
                peer.turn += 1;
                peer.whereabouts = Whereabouts::Found;
                Some((key, address))
            }
            Ok(_) => {
                self.failures += 1;
                peer.whereabouts = Whereabouts::OutOfReach;
                let host = peer.host.as_str();
                tracing::warn!(
                    name: "qcluster.name_unusable", target: TARGET, host, "has no address that can be reached from here"
                );
                None
            }
            Err(error) => {
                self.failures += 1;
                peer.whereabouts = Whereabouts::Nowhere;
                let host = peer.host.as_str();
                tracing::warn!(
                    name: "qcluster.name_unresolved", target: TARGET, host, %error, "could not be resolved; trying again"
                );
                None
            }
        }
    }
}

/// Where this node is for others, as far as its configuration tells: what it advertises, or else the one address that it
/// listens on, or the first of this machine's own. Where it listens on all addresses of the machine, others tell it.
pub(crate) async fn advertised(config: &Config, port: u16) -> Option<SocketAddr> {
    let port = config.advertise_port.unwrap_or(port);
    let host = config.advertise_host.as_deref().unwrap_or(&config.listen_host);
    let address = match literal(host).or(is_localhost(host).then_some(LOOPBACK[0])) {
        Some(ip) => SocketAddr::new(ip, port),
        None => lookup_host((host, port)).await.ok()?.next()?,
    };
    (!address.ip().is_unspecified()).then_some(address)
}

async fn resolve(key: NodeKey, host: String, port: u16) -> (NodeKey, io::Result<Vec<SocketAddr>>) {
    let addresses = if is_localhost(&host) {
        Ok(LOOPBACK.map(|ip| SocketAddr::new(ip, port)).to_vec())
    } else if let Some(ip) = literal(&host) {
        Ok(vec![SocketAddr::new(ip, port)])
    } else {
        lookup_host((host, port)).await.map(Iterator::collect)
    };
    (key, addresses)
}

#[cfg(test)]
mod tests;
