//! The checked configuration: voters in one fixed order, their ranks, the quorums and the digests.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::hash::{Hash, Hasher};

use super::digests::Digests;
use super::gossip::Gossip;
use super::problem::ConfigError;
use super::seal::SealMode;
use super::settings::{Durability, Seat, Settings, VoterSettings};
use super::shared::SharedSettings;
use super::timing::Timing;
use crate::id::{NodeId, NodeKey, VoterIndex, stable_hash};
use crate::quorum::{Quorums, VoterSet};
use crate::time::Span;

/// One voter, with what follows from the whole list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voter {
    /// Its identifier.
    pub id: NodeId,
    /// What it goes by in messages.
    pub key: NodeKey,
    /// Its priority as configured.
    pub priority: u32,
    /// 0 for the highest priority, one more for each lower one that occurs (E8).
    pub rank: u32,
}

/// A configuration that was checked. Made by [`Settings::check`], shared by all parts of a node, never changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    pub(crate) id: NodeId,
    pub(crate) key: NodeKey,
    /// Where this node stands among the voters; `None` for an observer.
    pub(crate) me: Option<VoterIndex>,
    voters: Vec<Voter>,
    pub(crate) quorums: Quorums,
    pub(crate) digests: Digests,
    pub(crate) shared: SharedSettings,
    pub(crate) cluster: String,
    pub(crate) cluster_tag: u32,
    pub(crate) timing: Timing,
    pub(crate) trusted_lease: Span,
    pub(crate) durability: Durability,
    pub(crate) previous_lease: Span,
    pub(crate) drain: Span,
    pub(crate) settle: Span,
    pub(crate) seat: Seat,
    pub(crate) gossip: Option<Gossip>,
    pub(crate) seal: Option<SealMode>,
    /// Whether a saved state of a later step of a change of voters is a reason not to start (E20 (c)).
    pub(crate) is_forward_only: bool,
}

/// The digests and the name stand for the rest.
impl Hash for Rules {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.key, self.digests).hash(state);
    }
}

/// What datagrams and records say of the cluster that they are of: half of the hash of its name.
pub(crate) fn cluster_tag(cluster: &str) -> u32 {
    (stable_hash(&[cluster.as_bytes()]) >> 32) as u32
}

impl Settings {
    /// Checks everything and computes what follows from it.
    ///
    /// # Errors
    /// Every mistake that there is, each with its field.
    pub fn check(&self) -> Result<Rules, ConfigError> {
        self.validate()?;
        Ok(Rules::new(self))
    }
}

impl Rules {
    /// Computes the rules; `settings` has been checked.
    fn new(settings: &Settings) -> Self {
        let next = settings.next_voters.as_deref();
        let mut all: Vec<&VoterSettings> = settings.voters.iter().chain(next.unwrap_or_default()).collect();
        all.sort_by(|a, b| a.id.cmp(&b.id));
        all.dedup_by(|a, b| a.id == b.id);
        let rank = |voter: &VoterSettings| {
            let mut higher: Vec<u32> = all.iter().map(|other| other.priority).filter(|&p| p > voter.priority).collect();
            higher.sort_unstable();
            higher.dedup();
            u32::try_from(higher.len()).unwrap_or(u32::MAX)
        };
        let voters: Vec<Voter> = all
            .iter()
            .map(|voter| Voter {
                id: voter.id.clone(),
                key: voter.id.key(),
                priority: voter.priority,
                rank: rank(voter),
            })
            .collect();
        let set = |list: &[VoterSettings]| -> VoterSet {
            let listed = |voter: &Voter| list.iter().any(|entry| entry.id == voter.id);
            indices(voters.len()).filter(|index| listed(&voters[index.position()])).collect()
        };
        let digest = |list: &[VoterSettings]| digest(list, &settings.timing);
        Self {
            id: settings.id.clone(),
            key: settings.id.key(),
            me: match settings.seat {
                Seat::Voter => indices(voters.len()).find(|index| voters[index.position()].id == settings.id),
                Seat::Observer | Seat::Member => None,
            },
            quorums: Quorums::new(set(&settings.voters), next.map(set)),
            digests: Digests::new(digest(&settings.voters), next.map(digest)),
            shared: SharedSettings::new(&settings.voters, next, &settings.timing),
            voters,
            cluster: settings.cluster.clone(),
            cluster_tag: cluster_tag(&settings.cluster),
            timing: settings.timing,
            trusted_lease: settings.timing.trusted_lease(),
            durability: settings.durability,
            previous_lease: settings.previous_lease,
            drain: settings.drain,
            settle: settings.settle,
            seat: settings.seat,
            gossip: settings.gossip,
            seal: settings.seal,
            is_forward_only: !settings.rollback,
        }
    }

    /// Stands where the real rules go, in what was just read from a snapshot.
    pub(crate) fn placeholder() -> Arc<Self> {
        Arc::new(Self::new(&Settings::voter(NodeId::placeholder(), Vec::new())))
    }

    /// This node's identifier.
    pub fn id(&self) -> &NodeId {
        &self.id
    }

    /// What this node goes by in messages.
    pub fn key(&self) -> NodeKey {
        self.key
    }

    /// What every message of this node carries for its rules (E14).
    pub fn digests(&self) -> Digests {
        self.digests
    }

    /// What it tells a node whose digests are others (E14).
    pub fn shared(&self) -> &SharedSettings {
        &self.shared
    }

    /// Whether this node votes, watches, or is in a cluster without voters.
    pub fn seat(&self) -> Seat {
        self.seat
    }

    /// How it takes part in membership and registry, if it does.
    pub fn gossip(&self) -> Option<&Gossip> {
        self.gossip.as_ref()
    }

    /// The pace.
    pub fn timing(&self) -> &Timing {
        &self.timing
    }

    /// How long work is given to end before a voluntary hand-over goes on without it (E10).
    pub fn drain(&self) -> Span {
        self.drain
    }

    /// All voters by identifier, those of a coming list too.
    pub fn voters(&self) -> &[Voter] {
        &self.voters
    }

    /// The voter that goes by `key`.
    pub fn voter(&self, key: NodeKey) -> Option<&Voter> {
        self.index_of(key).map(|index| self.at(index))
    }

    /// The voter at that place of *this* configuration.
    pub fn at(&self, index: VoterIndex) -> &Voter {
        &self.voters[index.position()]
    }

    /// The place of the voter that goes by `key`.
    pub fn index_of(&self, key: NodeKey) -> Option<VoterIndex> {
        // A plain search of the list: it is done for every message.
        let position = self.voters.iter().position(|voter| voter.key == key)?;
        u8::try_from(position).ok().map(VoterIndex)
    }

    /// The places of all voters.
    pub fn indices(&self) -> impl Iterator<Item = VoterIndex> + use<> {
        indices(self.voters.len())
    }

    /// Every voter but this node.
    pub(crate) fn others(&self) -> impl Iterator<Item = VoterIndex> + use<> {
        let me = self.me;
        self.indices().filter(move |index| Some(*index) != me)
    }
}

/// The indices of `len` voters; a checked configuration has at most [`Settings::VOTERS_MAX`].
fn indices(len: usize) -> impl Iterator<Item = VoterIndex> {
    (0..u8::try_from(len).unwrap_or(u8::MAX)).map(VoterIndex)
}

fn digest(list: &[VoterSettings], timing: &Timing) -> NodeKey {
    let mut sorted: Vec<&VoterSettings> = list.iter().collect();
    sorted.sort_by(|a, b| a.id.cmp(&b.id));
    let mut hash = stable_hash(&[
        &timing.lease.as_nanos().to_le_bytes(),
        &timing.max_lease.as_nanos().to_le_bytes(),
        &timing.drift_ppm.to_le_bytes(),
    ]);
    for voter in sorted {
        hash = stable_hash(&[&hash.to_le_bytes(), voter.id.as_str().as_bytes(), &voter.priority.to_le_bytes()]);
    }
    NodeKey(hash)
}
