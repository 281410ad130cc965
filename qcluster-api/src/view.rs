//! What an answer is made from: what never changes about a node, what its loop last wrote down, and what holds right now.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::SocketAddr;

use super::access::Access;
use super::directory::Directory;
use super::storage::StorageStatus;
use qcluster_core::{
    Counters, DropReason, FencingToken, HeldLease, Lapse, LostReason, Peer, RegistryCounts, Role, Rules, SealMode,
    Seat, SettingDifference, SharedSettings, Slow, Span, Step, Term, Time,
};

/// What never changes while a node runs.
#[derive(Clone, Debug)]
pub struct Subject {
    /// This node as others should see it, with the port that it really has. Its host is empty where it listens on every address of its
    /// machine and advertises none: [`Directory::placed`] has the one that others see.
    pub me: Arc<Peer>,
    /// The name of its cluster.
    pub cluster: String,
    /// What it listens on, for UDP, and for TCP unless that is served elsewhere.
    pub listen: Vec<SocketAddr>,
    /// What it serves HTTP on, where that is elsewhere.
    pub api_listen: Vec<SocketAddr>,
    /// The checked configuration.
    pub rules: Arc<Rules>,
    /// Every voter, this node too if it is one, in the order of the rules.
    pub voters: Vec<Arc<Peer>>,
    /// Whether the configuration names other nodes: one that has met none of them has not arrived yet.
    pub expects_others: bool,
}

impl Subject {
    /// The identifier of the voter at that place of the rules.
    pub fn name_of(&self, position: usize) -> String {
        self.rules.voters().get(position).map_or_else(String::new, |voter| voter.id.as_str().into())
    }

    /// Whether the cluster has no leader, by design.
    pub fn is_masterless(&self) -> bool {
        self.rules.seat() == Seat::Member
    }
}

/// What the loop writes down each heartbeat interval. Made to be written in place, again and again, without allocating.
#[derive(Clone, Debug, Default)]
pub struct NodeSnapshot {
    /// When it was written, on the node's clock; zero if the loop has yet to run.
    pub taken_at: Time,
    /// The role of the node; `None` before the first look.
    pub role: Option<Role>,
    /// The highest term that it knows.
    pub term: u64,
    /// Its incarnation.
    pub incarnation: u64,
    /// How its disk is.
    pub storage: StorageStatus,
    /// The *other* voters.
    pub peers: Vec<PeerSnapshot>,
    /// What the core has counted.
    pub counters: Counters,
    /// What the adapter has counted.
    pub transport: TransportCounters,
    /// Whether the node is in the middle step of a change of voters (E20).
    pub is_in_middle_step: bool,
    /// The places of two voters that are in the middle steps of different changes, if there are any (E20).
    pub differing_steps: Option<[usize; 2]>,
    /// Whether it knows that a leader was elected there; `None` without a vote.
    pub step_is_established: Option<bool>,
    /// What is too slow for an election, as measured last (E5, E7).
    pub slow: Option<Slow>,
    /// How its last leadership ended.
    pub last_lost: Option<LostLeadership>,
    /// How long a promise is asked for, by this node or the leader that it follows (E23); `None` without a vote.
    pub lease_length: Option<Span>,
    /// How much there is in the registry; `None` without one.
    pub registry: Option<RegistryCounts>,
    /// How much slower than usual the node judges others: 0 is healthy, 8 the worst (G2).
    pub local_health: u8,
    /// How the last lookup of the name has ended at which others are to reach this node, if it is given one.
    pub own_name: Whereabouts,
    /// Whether the addresses to join are all this node's own.
    pub joins_itself: bool,
    /// What it seals and opens with, and what it hears; `None` without a secret.
    pub keys: Option<Arc<KeysSnapshot>>,
}

impl NodeSnapshot {
    /// The other voters that were last heard in that step of a change of voters, by identifier (E20).
    pub(super) fn heard_in(&self, step: Step, subject: &Subject) -> Vec<String> {
        let in_it = self.peers.iter().filter(|peer| peer.heard.is_some() && peer.step == step);
        in_it.map(|peer| subject.name_of(peer.position)).collect()
    }
}

/// What a node seals and opens with, and what it hears, as its loop last wrote it down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeysSnapshot {
    /// What it seals, and what it lets in.
    pub mode: SealMode,
    /// The ids of its keys. The first one seals.
    pub ids: Vec<u8>,
    /// Other nodes by identifier, and the key of the last datagram that was listened to; `None` of a plain one.
    pub heard: Vec<(String, Option<u8>)>,
    /// Where datagrams came from that were not let in lately for want of the right key.
    pub turned_away: Vec<TurnedAway>,
}

/// An address whose datagrams were not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TurnedAway {
    /// The address.
    pub address: SocketAddr,
    /// Why the last one was not let in.
    pub reason: DropReason,
    /// When.
    pub at: Time,
}

/// A leadership of this node that has ended.
#[derive(Clone, Copy, Debug)]
pub struct LostLeadership {
    /// Its token.
    pub token: FencingToken,
    /// When the node noticed that it had ended.
    pub at: Time,
    /// Why it ended.
    pub reason: LostReason,
    /// What was seen of the end of the lease, where that ran out.
    pub lapse: Lapse,
}

/// Another voter.
#[derive(Clone, Copy, Debug)]
pub struct PeerSnapshot {
    /// Its place in the rules.
    pub position: usize,
    /// Where datagrams to it go.
    pub address: Option<SocketAddr>,
    /// When it was last heard.
    pub heard: Option<Time>,
    /// In which step of a change of voters it was then, seen from here (E20).
    pub step: Step,
    /// How the last lookup of its name has ended.
    pub whereabouts: Whereabouts,
    /// What is known of an incarnation of it with another configuration, if one was heard (E14).
    pub mismatch: Option<Mismatch>,
}

impl PeerSnapshot {
    /// Where its settings differ from those of `rules`, as far as it has said what it has.
    pub fn differences(&self, rules: &Rules) -> Vec<SettingDifference> {
        let theirs = self.mismatch.filter(|_| self.is_mismatched()).and_then(|mismatch| mismatch.theirs);
        theirs.map(|theirs| rules.shared().differences(&theirs)).unwrap_or_default()
    }

    /// Whether it had another configuration when it was last heard (E14).
    pub fn is_mismatched(&self) -> bool {
        self.mismatch.is_some_and(|mismatch| self.heard.is_none_or(|heard| heard <= mismatch.at))
    }
}

/// A voter that was heard with another configuration (E14).
#[derive(Clone, Copy, Debug)]
pub struct Mismatch {
    /// When the first word of it was heard.
    pub at: Time,
    /// What it has, if it has said so.
    pub theirs: Option<SharedSettings>,
}

/// How the last lookup of a name has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Whereabouts {
    /// None has ended yet.
    #[default]
    Unknown,
    /// With an address.
    Found,
    /// The name has no address.
    Nowhere,
    /// It has some, and no socket of this node reaches them.
    OutOfReach,
    /// It has no address but this node's own.
    Itself,
}

/// What an adapter counts about its sockets. None of it stops a node: datagrams may get lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransportCounters {
    /// Datagrams that the system took.
    pub sent: u64,
    /// Datagrams that arrived.
    pub received: u64,
    /// Bytes of payload that the system took.
    pub sent_bytes: u64,
    /// Bytes of payload that arrived.
    pub received_bytes: u64,
    /// Datagrams that the system refused, such as for want of a route.
    pub send_errors: u64,
    /// Errors in place of a datagram, such as that an earlier one was refused by its receiver.
    pub receive_errors: u64,
    /// Datagrams given up because the system's buffer was full, or no socket is of the right family.
    pub not_sent: u64,
    /// Datagrams given up because nobody knows where to, or because who is to get them has not shown that it is there.
    pub unaddressed: u64,
    /// Lookups of names that gave no address.
    pub lookup_failures: u64,
}

/// A node at one instant, as an adapter sees it without asking its loop.
///
/// The lease is read *before* the clock: an answerer that is frozen in between then sees an old lease and a new time, and
/// says no.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// What never changes.
    pub subject: &'a Subject,
    /// Who may do what.
    pub access: &'a Access,
    /// What the loop last wrote down.
    pub snapshot: &'a NodeSnapshot,
    /// Members and services as last made known.
    pub directory: &'a Directory,
    /// The lease as last made known. It holds only before its end: [`View::held`] looks.
    pub lease: Option<HeldLease>,
    /// Whether that leadership is being handed over (E10).
    pub draining: bool,
    /// The *other* node that leads, as last heard, and in which term.
    pub follows: Option<(&'a Peer, Term)>,
    /// Why the node has stopped, if it has.
    pub stopped: Option<&'a str>,
    /// A fresh reading of the node's clock.
    pub now: Time,
}

/// Who leads, for display.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownLeader {
    /// The leader, with what it says about itself.
    pub peer: Peer,
    /// In which term it leads.
    pub term: Term,
    /// Whether this node does not hear it, and passes on what others say (E19).
    pub is_reported: bool,
}

impl<'a> View<'a> {
    /// A loop that has not run for this many leases knows nothing that is worth passing on.
    const STALLED_LEASES: u64 = 10;
    /// One that has not run for twice as long, and this long at least, will hardly run again by itself.
    const DEAD_AFTER_MIN: Span = Span::from_millis(10_000);

    /// The lease that this node holds at this instant.
    pub fn held(&self) -> Option<HeldLease> {
        self.lease.filter(|lease| self.now < lease.valid_until)
    }

    /// Who leads, for display; this node only if it holds the lease.
    pub fn leader(&self) -> Option<&'a Peer> {
        self.heard_leader().map(|(leader, _)| leader)
    }

    fn heard_leader(&self) -> Option<(&'a Peer, Term)> {
        match self.held() {
            Some(lease) => Some((&self.subject.me, Term(lease.token.0))),
            None => self.follows,
        }
    }

    /// Who leads, to be shown: as heard, or else as reported (E19). What it says about itself goes before what the
    /// configuration here says about it.
    pub fn shown_leader(&self) -> Option<ShownLeader> {
        let ((peer, term), is_reported) = match self.heard_leader() {
            Some(leader) => (leader, false),
            None => (self.reported_leader()?, true),
        };
        Some(ShownLeader { peer: self.with_own_word(peer), term, is_reported })
    }

    fn reported_leader(&self) -> Option<(&'a Peer, Term)> {
        let (name, term) = self.directory.reported_leader().filter(|_| self.stopped.is_none())?;
        let named = self.subject.voters.iter().find(|voter| voter.identifier == name);
        // Of itself this node knows better than others.
        named.filter(|voter| voter.identifier != self.subject.me.identifier).map(|voter| (voter.as_ref(), term))
    }

    fn with_own_word(&self, peer: &Peer) -> Peer {
        let mut peer = peer.clone();
        if let Some(metadata) = self.directory.metadata_of(&peer.identifier) {
            peer.metadata.clone_from(metadata);
        }
        self.directory.placed(peer)
    }

    /// Whether the loop has not run for so long that what it wrote down says nothing any more.
    pub fn is_stalled(&self) -> bool {
        self.unseen() > self.patience()
    }

    /// Whether the loop has not run for so long that a restart is the cure.
    pub(super) fn is_dead(&self) -> bool {
        self.unseen() > self.patience().times(2).max(Self::DEAD_AFTER_MIN)
    }

    /// For how long the loop has not been seen to run.
    pub(super) fn unseen(&self) -> Span {
        self.now.since(self.snapshot.taken_at)
    }

    fn patience(&self) -> Span {
        self.subject.rules.timing().lease.times(Self::STALLED_LEASES)
    }
}
