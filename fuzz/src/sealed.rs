//! What stands between a node and the network where its cluster has a secret, and what must hold of it whatever arrives.

use std::collections::VecDeque;

use arbitrary::Arbitrary;
use qcluster_core::seal::{Keyring, NONCE_PREFIX_LEN, Seal};
use qcluster_core::{Config, DropReason, SealMode, Secret};

/// Whether a cluster has a secret, and what it does with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Arbitrary)]
pub(crate) enum Sealing {
    Not,
    Accept,
    Send,
    Require,
}

impl Sealing {
    fn mode(self) -> Option<SealMode> {
        match self {
            Self::Not => None,
            Self::Accept => Some(SealMode::Accept),
            Self::Send => Some(SealMode::Send),
            Self::Require => Some(SealMode::Require),
        }
    }

    /// Whether what is sent is sealed.
    pub(crate) fn seals(self) -> bool {
        matches!(self, Self::Send | Self::Require)
    }

    /// Gives the secret to a configuration.
    pub(crate) fn apply(self, config: &mut Config) {
        if let Some(mode) = self.mode() {
            (config.secret, config.seal) = (Some(secret()), Some(mode));
        }
    }
}

fn secret() -> Secret {
    Secret::new([7; Secret::LEN])
}

/// The way of datagrams into and out of one incarnation.
pub(crate) struct Wire {
    seal: Option<Seal>,
    /// The last sealed datagrams that were opened.
    opened: VecDeque<Vec<u8>>,
}

impl Wire {
    /// How many opened datagrams are remembered: far fewer than the window of a seal.
    const OPENED_MAX: usize = 64;
    const SEALED_VERSION: u8 = 2;
    const OVERHEAD: usize = 36;

    /// No two wires of a cluster have one `incarnation`.
    pub(crate) fn new(config: &Config, sealing: Sealing, incarnation: u8) -> Self {
        let seal = sealing.mode().map(|mode| {
            let keyring = Keyring::new(&config.cluster, [&secret()]).expect("one secret makes a keyring");
            Seal::new(keyring, mode, [incarnation; NONCE_PREFIX_LEN])
        });
        Self { seal, opened: VecDeque::new() }
    }

    /// What goes over the network.
    pub(crate) fn send(&mut self, plain: &[u8]) -> Option<Vec<u8>> {
        match &mut self.seal {
            None => Some(plain.to_vec()),
            Some(seal) => seal.seal(plain).map(<[u8]>::to_vec),
        }
    }

    /// What the endpoint is given for what came.
    ///
    /// # Errors
    /// It must not be read.
    pub(crate) fn receive(&mut self, bytes: &[u8]) -> Result<Vec<u8>, DropReason> {
        let Some(seal) = &mut self.seal else { return Ok(bytes.to_vec()) };
        let opened = seal.open(bytes)?.to_vec();
        if bytes[0] == Self::SEALED_VERSION {
            assert!(!self.opened.contains(&bytes.to_vec()), "a datagram was opened twice");
            assert_eq!(opened.len() + Self::OVERHEAD, bytes.len(), "an opened datagram has another length");
            assert_eq!(opened[1..6], bytes[1..6], "an opened datagram is of another cluster, or names another key");
            if self.opened.len() >= Self::OPENED_MAX {
                self.opened.pop_front();
            }
            self.opened.push_back(bytes.to_vec());
        }
        Ok(opened)
    }

    /// What an honest node has sealed: with a bit changed it is refused, and keeps the real one out of nothing; that one is
    /// opened, and only once.
    pub(crate) fn receive_once(&mut self, bytes: &[u8], bit: usize) -> Vec<u8> {
        let mut changed = bytes.to_vec();
        changed[bit / 8 % bytes.len()] ^= 1 << (bit % 8);
        assert!(self.receive(&changed).is_err(), "bit {bit} was changed, and nobody noticed");
        let opened = self.receive(bytes).expect("what an honest node has sealed is opened");
        assert_eq!(self.receive(bytes), Err(DropReason::Replayed), "a repetition was opened");
        opened
    }
}
