//! Where outputs of the endpoint go.

use std::io;

use qcluster_api::StorageStatus;
use qcluster_core::{Command, Input, Notification, PersistId, Span, Time};

use crate::disk::Disk;
use crate::event::EventKind;
use crate::log;
use crate::measures::Measures;
use crate::publisher::Publisher;
use crate::recorder::Recorder;
use crate::sockets::Sockets;

/// Where outputs go.
pub(super) struct Effects<S> {
    pub(super) sockets: Sockets<S>,
    pub(super) disk: Option<Disk>,
    /// Where inputs go, too.
    pub(super) recorder: Option<Recorder>,
    pub(super) publisher: Publisher,
    pub(super) measures: Measures,
    pub(super) drain: Drain,
    /// A save that could not even begin.
    pub(super) failed: Option<PersistId>,
    pub(super) storage: StorageStatus,
}

/// Whether a hand-over waits for work to end (E10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Drain {
    None,
    Waiting,
}

impl<S> Effects<S> {
    pub(super) fn save(&mut self, id: PersistId, record: &[u8]) {
        let result = match &self.disk {
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

    /// A save is done, after so long.
    pub(super) fn can_save(&mut self, took: Span) {
        if let StorageStatus::Failing { .. } = self.storage {
            self.storage = StorageStatus::Durable;
            self.publisher.tell(EventKind::SaveRecovered { after: took.into() });
        }
    }

    fn sentence(&self, error: &io::Error) -> String {
        let path = self.disk.as_ref().map(|disk| disk.path().display().to_string()).unwrap_or_default();
        format!("{path}: {error}")
    }

    pub(super) fn notify(&mut self, now: Time, notification: Notification) {
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
