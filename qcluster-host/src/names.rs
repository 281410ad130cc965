//! Where peers are, and this node for others: names are resolved at the start, and again when a peer has gone quiet, since it may
//! have moved, or where nothing was found.

use std::io;
use std::net::SocketAddr;

use qcluster_api::Whereabouts;
use qcluster_core::{Host, NodeId, NodeKey, Peer, Span, Time};

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

/// A peer, or this node, and an address to reach it at.
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

/// What this node knows of an address without asking anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It can send there.
    Other,
    /// It would send to itself.
    Itself,
    /// None of its sockets sends there.
    None,
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
    whose: Whose,
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    Peer,
    /// Of somebody who may be a member.
    Seed,
    /// This node's own, for others.
    Own,
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
            Some(Named::new(key, Whose::Peer, &peer.host, peer.port, quiet))
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
        self.peers.push(Named::new(key, Whose::Seed, host, port, self.quiet));
        self.due = Time::ZERO;
        true
    }

    /// The name at which others reach this node, which is to be looked up until it has an address.
    pub fn add_own(&mut self, me: NodeKey, host: &str, port: u16) {
        self.peers.push(Named::new(me, Whose::Own, host, port, self.quiet));
        self.due = Time::ZERO;
    }

    /// How the last lookup of the name has ended at which others reach this node.
    pub fn own_whereabouts(&self) -> Whereabouts {
        self.peers.iter().find(|name| name.whose == Whose::Own).map(|name| name.whereabouts).unwrap_or_default()
    }

    /// Whether there is somebody to join, and all names of those have no address but this node's own.
    pub fn joins_itself(&self) -> bool {
        let mut others = self.peers.iter().filter(|name| name.whose != Whose::Own).peekable();
        others.peek().is_some() && others.all(|name| name.whereabouts == Whereabouts::Itself)
    }

    /// The lookups that are due at `now`, which are under way from now on. Cheap where none is.
    pub fn begin_lookups(&mut self, now: Time, last_heard: impl Fn(NodeKey) -> Option<Time>) -> Vec<Lookup> {
        let mut lookups = Vec::new();
        if now < self.due {
            return lookups;
        }
        let recent = now.before(self.quiet);
        self.due = now + self.quiet.split(2);
        for peer in self.peers.iter_mut().filter(|peer| !peer.is_under_way && !peer.is_settled()) {
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

    /// A lookup has ended. Gives an address of that peer to send to, by what `reach` says of each, or the one of this node for others.
    pub fn end_lookup(&mut self, (key, result): LookedUp, reach: impl Fn(SocketAddr) -> Reach) -> Option<Found> {
        let peer = self.peers.iter_mut().find(|peer| peer.key == key && peer.is_under_way)?;
        peer.is_under_way = false;
        self.under_way = self.under_way.saturating_sub(1);
        let before = peer.whereabouts;
        let found = peer.take(&result, reach);
        if !matches!(peer.whereabouts, Whereabouts::Found | Whereabouts::Itself) {
            self.failures += 1;
        }
        peer.log(before, found, result.err());
        found.map(|address| (key, address))
    }
}

impl Named {
    fn new(key: NodeKey, whose: Whose, host: &str, port: u16, pause: Span) -> Self {
        let (host, whereabouts) = (Host::without_brackets(host).to_owned(), Whereabouts::default());
        Self { key, whose, host, port, at: Time::ZERO, pause, is_under_way: false, turn: 0, whereabouts }
    }

    /// Whether there is nothing more to find: what others are told of this node does not change from one address to the next.
    fn is_settled(&self) -> bool {
        self.whose == Whose::Own && self.whereabouts == Whereabouts::Found
    }

    /// Chooses among the addresses of a lookup.
    fn take(
        &mut self,
        result: &io::Result<Vec<SocketAddr>>,
        reach: impl Fn(SocketAddr) -> Reach,
    ) -> Option<SocketAddr> {
        let Ok(addresses) = result else {
            self.whereabouts = Whereabouts::Nowhere;
            return None;
        };
        // Every address of a machine is nobody's, whatever a resolver says.
        let addresses = addresses.iter().filter(|address| !address.ip().to_canonical().is_unspecified());
        let usable: Vec<SocketAddr> = match self.whose {
            // Who forwards to it may be reached from elsewhere alone.
            Whose::Own => addresses.copied().collect(),
            Whose::Peer => addresses.filter(|&&address| reach(address) != Reach::None).copied().collect(),
            Whose::Seed => {
                let (own, others): (Vec<_>, Vec<_>) = addresses
                    .filter(|&&address| reach(address) != Reach::None)
                    .partition(|&&address| reach(address) == Reach::Itself);
                if others.is_empty() && !own.is_empty() {
                    self.whereabouts = Whereabouts::Itself;
                    return None;
                }
                others
            }
        };
        if usable.is_empty() {
            self.whereabouts = Whereabouts::OutOfReach;
            return None;
        }
        let address = usable[self.turn % usable.len()];
        self.turn += 1;
        self.whereabouts = Whereabouts::Found;
        Some(address)
    }

    /// Says what cannot be used, each time, and once that it can be.
    fn log(&self, before: Whereabouts, found: Option<SocketAddr>, error: Option<io::Error>) {
        let host = self.host.as_str();
        match (self.whereabouts, found, error) {
            (_, Some(address), _) if !matches!(before, Whereabouts::Unknown | Whereabouts::Found) => tracing::info!(
                name: "qcluster.name_resolved", target: TARGET, host, %address, "has an address now"
            ),
            (_, _, Some(error)) => tracing::warn!(
                name: "qcluster.name_unresolved", target: TARGET, host, %error, "could not be resolved; trying again"
            ),
            (Whereabouts::OutOfReach, ..) => tracing::warn!(
                name: "qcluster.name_unusable", target: TARGET, host, "has no address that can be reached from here"
            ),
            (Whereabouts::Itself, ..) if before != Whereabouts::Itself => tracing::warn!(
                name: "qcluster.joins_itself", target: TARGET, host, "has no address but this node's own; trying again"
            ),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
