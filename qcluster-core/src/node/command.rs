//! What a node's owner asks of it: an application, an operator, or the adapter on their behalf.

use alloc::string::String;
use core::fmt;
use core::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::{Node, Part, Stage};
use crate::config::Metadata;
use crate::election::{Context, Election};
use crate::id::{NodeId, VoterIndex};
use crate::reason::TransferRefused;
use crate::registry::{Health, RegistryError, Service};

/// Something that is asked of a node. Whether it was refused is part of what the step gives:
/// [`Actions::result`](super::Actions::result).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Command {
    /// Hand leadership to that voter, or to the one best placed (E10). To itself a leader hands nothing over.
    Transfer(Option<NodeId>),
    /// End the own leadership in favour of whichever voter wins next.
    StepDown,
    /// The leader's work has ended: a hand-over that is draining need not wait any longer (E10).
    Drained,
    /// This node is about to stop: hand over without asking again, and campaign no more.
    Shutdown,
    /// Somebody at that address may be a member: try it until it is one, and again whenever it is not (G7).
    Join(SocketAddr),
    /// Register a service, in place of the one with its identifier; counts as a heartbeat.
    Register(Service),
    /// End a service.
    Deregister {
        /// Its identifier on this node.
        id: String,
    },
    /// A service lives, and is as it says, or as it last said.
    Heartbeat {
        /// Its identifier on this node.
        id: String,
        /// How it is, if that is said.
        health: Option<Health>,
    },
    /// What this node says about itself.
    SetMetadata(Metadata),
}

/// Why a node has refused a command. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CommandRefused {
    /// Leadership stays where it is.
    Transfer(TransferRefused),
    /// The registry stays as it is.
    Registry(RegistryError),
}

impl Node {
    #[inline(never)]
    pub(super) fn command(&mut self, command: Command) -> Result<(), CommandRefused> {
        match command {
            Command::Transfer(target) => {
                let result = self.transfer(target.as_ref());
                self.counters.transfers_refused += u64::from(result.is_err());
                result?;
            }
            Command::StepDown => self.ask_election(Election::step_down)?,
            Command::Drained => self.with_election(Election::drained),
            Command::Shutdown => self.shut_down(),
            Command::Join(address) => self.add_seed(address),
            Command::Register(service) => self.ask_registry(|registry, cx| registry.register(cx, &service))?,
            Command::Deregister { id } => self.ask_registry(|registry, cx| registry.deregister(cx, &id))?,
            Command::Heartbeat { id, health } => self.ask_registry(|registry, cx| registry.beat(cx, &id, health))?,
            Command::SetMetadata(metadata) => self.ask_registry(|registry, cx| registry.set_metadata(cx, &metadata))?,
        }
        Ok(())
    }

    /// Runs a part of the election that may refuse; who has no vote leads nothing.
    fn ask_election(
        &mut self,
        run: impl FnOnce(&mut Election, &mut Context<'_>) -> Result<(), TransferRefused>,
    ) -> Result<(), TransferRefused> {
        let mut result = Err(TransferRefused::NotLeader);
        self.with_election(|election, cx| result = run(election, cx));
        result
    }

    fn transfer(&mut self, target: Option<&NodeId>) -> Result<(), TransferRefused> {
        let target = target.map(|id| self.voter_named(id)).transpose()?;
        self.ask_election(|election, cx| election.transfer(cx, target))
    }

    pub(super) fn voter_named(&self, id: &NodeId) -> Result<VoterIndex, TransferRefused> {
        let named = self.rules.index_of(id.key()).filter(|index| self.rules.at(*index).id == *id);
        named.ok_or(TransferRefused::NotAVoter)
    }

    fn shut_down(&mut self) {
        self.leave();
        match &self.part {
            Part::Voter(_) => self.with_election(Election::retire),
            Part::Observer(_) | Part::Member => self.stage = Stage::Stopped,
        }
    }
}

impl fmt::Display for CommandRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transfer(refused) => refused.fmt(f),
            Self::Registry(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for CommandRefused {}

impl From<TransferRefused> for CommandRefused {
    fn from(refused: TransferRefused) -> Self {
        Self::Transfer(refused)
    }
}

impl From<RegistryError> for CommandRefused {
    fn from(error: RegistryError) -> Self {
        Self::Registry(error)
    }
}
