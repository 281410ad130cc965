//! Where outputs of the endpoint go.

use std::io;
use std::net::SocketAddr;

use qcluster_api::StorageStatus;
use qcluster_core::seal::{Keyring, NONCE_PREFIX_LEN, Seal};
use qcluster_core::{Command, DropReason, Input, Notification, PersistId, SealMode, Slow, Span, Time};

use super::heard::Heard;
use crate::disk::Disk;
use crate::event::EventKind;
use crate::log;
use crate::measures::Measures;
use crate::process::Process;
use crate::publisher::Publisher;
use crate::recorder::Recorder;
use crate::sockets::{DatagramSocket, Sockets};

/// Where outputs go.
pub(super) struct Effects<S> {
    pub(super) sockets: Sockets<S>,
    /// What is between the sockets and the endpoint, in a cluster that has a secret.
    pub(super) seal: Option<Seal>,
    pub(super) disk: Option<Disk>,
    /// Where inputs go, too.
    pub(super) recorder: Option<Recorder>,
    pub(super) publisher: Publisher,
    pub(super) measures: Measures,
    pub(super) drain: Drain,
    /// A save that could not even begin.
    pub(super) failed: Option<PersistId>,
    pub(super) storage: StorageStatus,
    /// What the core calls a slow save, and was one that had failed on its way: it hears of the end alone (E16).
    pub(super) disbelieved: Option<Slow>,
    /// Who is heard under which key, where there are keys.
    pub(super) heard: Heard,
    /// The one that may send.
    pub(super) process: Process,
}

/// Whether a hand-over waits for work to end (E10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Drain {
    None,
    Waiting,
}

impl<S: DatagramSocket> Effects<S> {
    /// Sends a datagram, or counts why not.
    pub(super) fn transmit(&mut self, to: SocketAddr, plain: &[u8]) {
        if !self.process.is_current() {
            return self.sockets.not_sent();
        }
        match &mut self.seal {
            None => self.sockets.send(to, plain),
            Some(seal) => match seal.seal(plain) {
                Some(sealed) => self.sockets.send(to, sealed),
                None => self.sockets.not_sent(),
            },
        }
    }
}

impl<S> Effects<S> {
    /// The plain datagram for what was received, which may be in `opened` then.
    pub(super) fn open<'a>(&mut self, received: &'a [u8], opened: &'a mut Vec<u8>) -> Result<&'a [u8], DropReason> {
        let Some(seal) = &mut self.seal else { return Ok(received) };
        opened.clear();
        opened.extend_from_slice(seal.open(received)?);
        Ok(opened)
    }

    /// Tells whether the mode has changed, of which the endpoint has to hear.
    pub(super) fn set_seal(&mut self, keyring: Keyring, mode: SealMode, nonce_prefix: [u8; NONCE_PREFIX_LEN]) -> bool {
        self.heard.changed();
        match &mut self.seal {
            None => {
                self.seal = Some(Seal::new(keyring, mode, nonce_prefix));
                true
            }
            // Its nonces and the windows of its peers go on.
            Some(seal) => {
                let is_other = seal.mode() != mode;
                seal.set_keyring(keyring);
                seal.set_mode(mode);
                is_other
            }
        }
    }

    pub(super) fn save(&mut self, id: PersistId, record: &[u8]) {
        let result = match &mut self.disk {
            Some(disk) => disk.save(id, record),
            None => Err(io::Error::other("there is no data_dir")),
        };
        if let Err(error) = result {
            self.storage = StorageStatus::Failed { error: self.sentence(&error) };
            self.failed = Some(id);
        }
    }

    /// A save has failed, and is tried again. The first time that is an event.
    pub(super) fn is_failing(&mut self, error: &io::Error) {
        if let StorageStatus::Failed { .. } = self.storage {
            return;
        }
        let error = self.sentence(error);
        if self.storage.error().is_none() {
            self.publisher.tell(EventKind::SaveFailing { error: error.clone() });
        }
        self.storage = StorageStatus::Failing { error };
    }

    /// Nothing is saved any more, whatever is tried: the thread that does so has gone.
    pub(super) fn cannot_save(&mut self) {
        let error = self.sentence(&io::Error::other("the thread that saves has ended"));
        self.storage = StorageStatus::Failed { error };
    }

    /// A save is done, after so long. Comes before the step in which the core hears of it, and so before what follows from it.
    pub(super) fn tell_of_recovery(&self, took: Span) {
        if let StorageStatus::Failing { .. } = self.storage {
            self.publisher.tell(EventKind::SaveRecovered { after: took.into() });
        }
    }

    /// A save is done, and the core, which has heard of it, calls that too slow.
    pub(super) fn can_save(&mut self, now: Time, slow: Option<Slow>) {
        let slow = slow.filter(|slow| matches!(slow, Slow::Save { .. }));
        if let StorageStatus::Failing { .. } = self.storage {
            self.storage = StorageStatus::Durable;
            self.disbelieved = slow.or(self.disbelieved);
        } else if self.disbelieved.take().is_some()
            && let Some(slow) = slow
        {
            // The core tells of the first of several slow saves, and that one was kept back.
            self.notify(now, Notification::TooSlow(slow));
        }
    }

    /// Whether something is as slow as the core says: a longer lease does not mend a disk that fails.
    pub(super) fn believes(&self, slow: Slow) -> bool {
        match slow {
            Slow::RoundTrip { .. } => true,
            Slow::Save { .. } => self.storage.error().is_none() && self.disbelieved != Some(slow),
        }
    }

    fn sentence(&self, error: &io::Error) -> String {
        let path = self.disk.as_ref().map(|disk| disk.path().display().to_string()).unwrap_or_default();
        format!("{path}: {error}")
    }

    pub(super) fn notify(&mut self, now: Time, notification: Notification) {
        if let Notification::TooSlow(slow) = notification
            && !self.believes(slow)
        {
            self.disbelieved = Some(slow);
            return;
        }
        if let Notification::Draining { .. } = notification {
            self.drain = Drain::Waiting;
        }
        if let Notification::Lost { .. } = notification {
            self.drain = Drain::None;
        }
        let was_known = self.publisher.knows_leader();
        self.publisher.notify(now, notification, self.storage.error());
        let took = self.measures.leader_is_known(now, self.publisher.knows_leader(), was_known);
        if let Some(took) = took {
            log::fail_over(self.publisher.id(), took);
        }
    }

    /// What the endpoint has to be told at once about its own outputs.
    pub(super) fn follow_up(&mut self) -> Option<Input<'static>> {
        if let Some(id) = self.failed.take() {
            return Some(Input::PersistFailed(id));
        }
        // Nothing runs, so there is nothing to wait for.
        if self.drain == Drain::Waiting && self.publisher.works.is_idle() {
            self.drain = Drain::None;
            return Some(Input::Command(Command::Drained));
        }
        None
    }
}
