//! Where peers are: names are resolved at the start, and again when a peer has gone quiet, since it may have moved.

use std::io;
use std::net::SocketAddr;

use qcluster_api::Whereabouts;
use qcluster_core::{NodeId, NodeKey, Peer, Span, Time};

use crate::binding::{LOOPBACK, is_localhost, literal};
use crate::log::TARGET;

/// Lookups under way at once; each may hold a thread for as long as the system's resolver takes.
pub const LOOKUPS_MAX: usize = 4;

/// A peer that was not heard for this many leases is looked up again.
const QUIET_LEASES: u64 = 10;

/// The longest pause between lookups of one peer that stays quiet.
const PAUSE_MAX: Span = Span::from_millis(30_000);

/// The most names, those of voters and those to join together.
const NAMES_MAX: usize = 192;

/// A peer and an address to reach it at.
pub type Found = (NodeKey, SocketAddr);

/// A name that is to be looked up, which the runtime does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// Whose name it is: the result is told with it.
    pub key: NodeKey,
    /// A name or an address.
    pub host: String,
    /// Goes with each address that is found.
    pub port: u16,
}

impl Lookup {
    /// The addresses, where no resolver is needed to know them.
    pub fn literal(&self) -> Option<Vec<SocketAddr>> {
        let port = self.port;
        if is_localhost(&self.host) {
            return Some(LOOPBACK.map(|ip| SocketAddr::new(ip, port)).to_vec());
        }
        literal(&self.host).map(|ip| vec![SocketAddr::new(ip, port)])
    }
}

/// How a lookup has ended.
pub type LookedUp = (NodeKey, io::Result<Vec<SocketAddr>>);

/// The peers with their names.
#[derive(Debug)]
pub struct Names {
    peers: Vec<Named>,
    under_way: usize,
    quiet: Span,
    /// When the peers have to be looked at next.
    due: Time,
    /// Lookups that found nothing of use.
    pub failures: u64,
}

#[derive(Debug)]
struct Named {
    key: NodeKey,
    host: String,
    port: u16,
    /// The next lookup, if it is still quiet then.
    at: Time,
    pause: Span,
    is_under_way: bool,
    /// Which of several addresses is next: the peer may listen on one alone.
    turn: usize,
    whereabouts: Whereabouts,
}

impl Names {
    /// The peers of a configuration, and addresses of those who may be members.
    pub fn new<'a>(
        peers: impl Iterator<Item = &'a Peer>,
        seeds: impl Iterator<Item = (&'a str, u16)>,
        lease: Span,
    ) -> Self {
        let quiet = lease.times(QUIET_LEASES);
        let named = |peer: &Peer| {
            let key = NodeId::new(&peer.identifier).ok()?.key();
            Some(Named::new(key, &peer.host, peer.port, quiet))
        };
        let peers = peers.filter_map(named).collect();
        let mut all = Self { peers, under_way: 0, quiet, due: Time::ZERO, failures: 0 };
        for (host, port) in seeds {
            all.add_seed(host, port);
        }
        all
    }

    /// Another address to try, of somebody who may be a member. Tells whether there was room for it.
    pub fn add_seed(&mut self, host: &str, port: u16) -> bool {
        if self.peers.iter().any(|known| known.host == host && known.port == port) {
            return true;
        }
        if self.peers.len() >= NAMES_MAX {
            return false;
        }
        // Nobody's key: it only tells the names apart.
        let key = NodeKey(u64::MAX - self.peers.len() as u64);
        self.peers.push(Named::new(key, host, port, self.quiet));
        self.due = Time::ZERO;
        true
    }

    /// The lookups that are due at `now`, which are under way from now on. Cheap where none is.
    pub fn begin_lookups(&mut self, now: Time, last_heard: impl Fn(NodeKey) -> Option<Time>) -> Vec<Lookup> {
        let mut lookups = Vec::new();
        if now < self.due {
            return lookups;
        }
        let recent = now.before(self.quiet);
        self.due = now + self.quiet.split(2);
        for peer in self.peers.iter_mut().filter(|peer| !peer.is_under_way) {
            if last_heard(peer.key).is_some_and(|heard| heard > recent) {
                peer.pause = self.quiet;
                peer.at = now + self.quiet;
            } else if now >= peer.at && self.under_way < LOOKUPS_MAX {
                peer.at = now + peer.pause;
                peer.pause = peer.pause.times(2).min(PAUSE_MAX.max(self.quiet));
                peer.is_under_way = true;
                self.under_way += 1;
                lookups.push(Lookup { key: peer.key, host: peer.host.clone(), port: peer.port });
            } else if now >= peer.at {
                // Its turn comes when a lookup has ended.
                self.due = now;
            }
        }
        lookups
    }

    /// How the last lookup of a peer has ended.
    pub fn whereabouts(&self, key: NodeKey) -> Whereabouts {
        self.peers.iter().find(|peer| peer.key == key).map(|peer| peer.whereabouts).unwrap_or_default()
    }

    /// Whether a lookup is under way.
    pub fn is_looking_up(&self) -> bool {
        self.under_way > 0
    }

    /// A lookup has ended. Gives an address of that peer that `reaches` accepts, if one was found.
    pub fn end_lookup(&mut self, (key, result): LookedUp, reaches: impl Fn(SocketAddr) -> bool) -> Option<Found> {
        let peer = self.peers.iter_mut().find(|peer| peer.key == key && peer.is_under_way)?;
        peer.is_under_way = false;
        self.under_way = self.under_way.saturating_sub(1);
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

impl Named {
    fn new(key: NodeKey, host: &str, port: u16, pause: Span) -> Self {
        let (host, whereabouts) = (host.to_owned(), Whereabouts::default());
        Self { key, host, port, at: Time::ZERO, pause, is_under_way: false, turn: 0, whereabouts }
    }
}

#[cfg(test)]
mod tests;
