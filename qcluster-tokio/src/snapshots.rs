//! What the loop writes down for everybody to read: the reader never makes the writer wait.
//!
//! A lock would: a reader that is put to sleep with it in its hands would hold up a heartbeat.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use qcluster_api::NodeSnapshot;

use crate::measures::Measures;

/// All that is written down at once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notes {
    pub(crate) snapshot: NodeSnapshot,
    pub(crate) measures: Measures,
}

/// Where the notes hang.
#[derive(Debug, Default)]
pub(crate) struct SnapshotCell(ArcSwap<Notes>);

impl SnapshotCell {
    /// The latest notes. Later ones do not change these.
    pub(crate) fn read(&self) -> Guard<Arc<Notes>> {
        self.0.load()
    }
}

/// The writing side. Nothing is allocated in steady state: the notes before the last are written over, unless somebody
/// still reads them.
#[derive(Debug)]
pub(crate) struct Writer {
    snapshots: Arc<SnapshotCell>,
    spare: Arc<Notes>,
}

impl Writer {
    pub(crate) fn new(snapshots: Arc<SnapshotCell>) -> Self {
        Self { snapshots, spare: Arc::default() }
    }

    pub(crate) fn read(&self) -> Guard<Arc<Notes>> {
        self.snapshots.read()
    }

    /// Hangs up new notes. `write` is given old ones, and has to write everything.
    pub(crate) fn write(&mut self, write: impl FnOnce(&mut Notes)) {
        write(Arc::make_mut(&mut self.spare));
        self.spare = self.snapshots.0.swap(Arc::clone(&self.spare));
    }
}
