//! What stands between a host and the network in a world with keys, as it does in an adapter: a seal for each process, and the files
//! that the next one begins with (S2 to S5).

use std::sync::Arc;

use qcluster_core::seal::Seal;
use qcluster_core::{DropReason, Input, NodeKey, Rules, SealMode};

use super::World;
use crate::engine::Progress;
use crate::marks::Mark;
use crate::rng::Rng;
use crate::secrets::draw_prefix;
use crate::setup::{KeyChange, SealSetup};

/// The keys of one host.
#[derive(Debug)]
pub(super) struct Keys {
    /// What its files say.
    pub(super) files: SealSetup,
    /// That of its process, if that has one.
    seal: Option<Seal>,
    /// What its process goes by, or the last one did.
    began: SealSetup,
    /// Where the random bytes of nonces come from.
    rng: Rng,
    /// What a datagram held that was let in.
    pub(super) opened: Vec<u8>,
    /// Whether the node has listened to what it was given last.
    pub(super) has_listened: bool,
}

impl Keys {
    pub(super) fn new(files: SealSetup, rng: Rng) -> Self {
        let began = files.clone();
        Self { files, seal: None, began, rng, opened: Vec::new(), has_listened: false }
    }

    /// What goes over the network; nothing where it cannot be sealed.
    pub(super) fn seal<'a>(&'a mut self, plain: &'a [u8]) -> Option<&'a [u8]> {
        match &mut self.seal {
            None => Some(plain),
            Some(seal) => seal.seal(plain),
        }
    }

    /// What the endpoint is to read of what came, in `opened`.
    pub(super) fn open(&mut self, received: &[u8]) -> Result<(), DropReason> {
        let plain = match &mut self.seal {
            None => received,
            Some(seal) => seal.open(received)?,
        };
        self.opened.clear();
        self.opened.extend_from_slice(plain);
        Ok(())
    }

    /// A step is over, of a host that may have none: whether the node has listened to what it was given.
    pub(super) fn note(keys: Option<&mut Self>, sender: Option<NodeKey>) {
        if let Some(keys) = keys {
            keys.has_listened = sender.is_some();
        }
    }

    /// The process is gone, and its nonces with it.
    pub(super) fn end(&mut self) {
        self.seal = None;
    }

    /// What its process seals and lets in.
    pub(super) fn mode(&self) -> Option<SealMode> {
        self.began.mode
    }

    /// Whether its process is one that its configuration does not ask for any more.
    pub(super) fn is_outdated(&self) -> bool {
        self.began.mode != self.files.mode
    }
}

impl World {
    /// The rules of a host under a plan, and what it seals.
    pub(super) fn rules_of(&self, index: usize, plan: usize) -> Option<Arc<Rules>> {
        let host = &self.hosts[index];
        let rules = &self.rules.get(plan)?[host.identity];
        let Some(mode) = host.keys.as_ref().and_then(|keys| keys.files.mode) else { return Some(Arc::clone(rules)) };
        let mut settings = self.setup.plans[plan].settings(host.identity, &self.setup).ok()?;
        settings.seal = Some(mode);
        settings.check().ok().map(Arc::new)
    }

    /// A process begins, with a seal of its own.
    pub(super) fn start_seal(&mut self, index: usize) {
        let Some(keys) = &mut self.hosts[index].keys else { return };
        let (ids, keyring) = self.secrets.keyring(&keys.files.keys);
        let mode = keys.files.mode;
        if mode == Some(SealMode::Require) && keys.began.mode != mode {
            self.monitor.marks.reach(Mark::SealRequired);
        }
        keys.began = keys.files.clone();
        keys.seal = mode.map(|mode| Seal::new(keyring, mode, draw_prefix(&mut keys.rng)));
        self.monitor.oracles.seals.started(index, mode, &ids);
    }

    /// A key changes in the file of a host, and in its process as soon as that makes progress.
    pub(super) fn change_keys(&mut self, index: usize, change: KeyChange, key: u8) {
        if let Some(keys) = self.hosts.get_mut(index).and_then(|host| host.keys.as_mut()) {
            keys.files.change(change, key);
            self.read_files(index);
        }
    }

    /// The configuration of a host says so, and its process does so as soon as that makes progress.
    pub(super) fn change_mode(&mut self, index: usize, mode: Option<SealMode>) {
        if let Some(keys) = self.hosts.get_mut(index).and_then(|host| host.keys.as_mut()) {
            keys.files.mode = mode;
            self.read_files(index);
        }
    }

    /// The process of a host goes by its files from now on. It keeps its secret until it is started again (S4).
    pub(super) fn read_files(&mut self, index: usize) {
        let host = &mut self.hosts[index];
        let reads = host.machine.endpoint.is_some() && host.machine.progress != Progress::Frozen;
        let Some(keys) = host.keys.as_mut().filter(|_| reads) else { return };
        let Some(mode) = keys.files.mode else { return };
        let (ids, keyring) = self.secrets.keyring(&keys.files.keys);
        let is_other = keys.began.mode != Some(mode);
        match &mut keys.seal {
            None => {
                keys.seal = Some(Seal::new(keyring, mode, draw_prefix(&mut keys.rng)));
                self.monitor.oracles.seals.started(index, Some(mode), &ids);
            }
            Some(seal) => {
                if !seal.keyring().ids().eq(ids.iter().copied()) {
                    self.monitor.marks.reach(Mark::KeysChanged);
                }
                seal.set_keyring(keyring);
                seal.set_mode(mode);
                self.monitor.oracles.seals.changed(index, mode, &ids);
            }
        }
        keys.began = keys.files.clone();
        if is_other {
            if mode == SealMode::Require {
                self.monitor.marks.reach(Mark::SealRequired);
            }
            self.step(index, Input::SealChanged(mode));
        }
    }
}
