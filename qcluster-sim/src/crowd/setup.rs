//! What a crowd is made of.

use std::net::SocketAddr;

use qcluster_core::{BadNodeId, ConfigError, Gossip, GossipPace, NodeId, Rules, Settings, Span, VoterSettings};

use crate::engine::LinkQuality;

/// What a crowd is made of, and the number that decides the rest.
#[derive(Clone, Debug)]
pub struct CrowdSetup {
    /// Decides every delay, loss and choice of every node.
    pub seed: u64,
    /// How many nodes there are; more cannot be added later.
    pub nodes: usize,
    /// How many vote, the first ones; all others observe; with none there is no election.
    pub voters: usize,
    /// The pace of all nodes.
    pub pace: GossipPace,
    /// How all links treat datagrams.
    pub quality: LinkQuality,
    /// Whether nodes are told where they are, or find it out.
    pub own_address: OwnAddress,
    /// Whether every datagram is read to be counted by kind, at the price of reading it.
    pub kinds: Kinds,
}

/// How a node knows its own address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnAddress {
    /// It stands in its configuration.
    Given,
    /// The first node that it joins tells it.
    Discovered,
}

/// Whether datagrams are counted by kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kinds {
    /// All are counted as one kind.
    Together,
    /// Each is read.
    Apart,
}

impl CrowdSetup {
    /// Nodes without a leader, in one rack, at the default pace.
    pub fn members(nodes: usize) -> Self {
        Self {
            seed: 1,
            nodes,
            voters: 0,
            pace: GossipPace::default(),
            quality: LinkQuality::default(),
            own_address: OwnAddress::Discovered,
            kinds: Kinds::Together,
        }
    }

    /// Decided by another number.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// How many of a million datagrams are lost.
    #[must_use]
    pub fn loss_ppm(self, loss_ppm: u32) -> Self {
        Self { quality: LinkQuality { loss_ppm, ..self.quality }, ..self }
    }

    /// The name of a node.
    pub(super) fn id(host: usize) -> Result<NodeId, BadNodeId> {
        NodeId::new(&format!("n{host:04}"))
    }

    pub(super) fn rules(&self, host: usize, address: SocketAddr) -> Result<Rules, ConfigError> {
        let name = |host| Self::id(host).unwrap_or_else(|problem| unreachable!("{problem}"));
        let voters: Vec<VoterSettings> = (0..self.voters).map(|voter| VoterSettings::new(name(voter))).collect();
        let advertise = (self.own_address == OwnAddress::Given).then_some(address);
        let gossip = Gossip { pace: self.pace, advertise };
        let settings = match (self.voters, host < self.voters) {
            (0, _) => Settings::member(name(host)),
            (_, true) => Settings::voter(name(host), voters),
            (_, false) => Settings::observer(name(host), voters),
        };
        settings.with_gossip(gossip).check()
    }

    /// The longest time that a datagram may take.
    pub(super) fn delay_max(&self) -> Span {
        self.quality.delay_max + self.quality.straggle
    }
}
