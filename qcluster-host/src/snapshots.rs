//! What the loop writes down for everybody to read: the reader never makes the writer wait.
//!
//! A lock would: a reader that is put to sleep with it in its hands would hold up a heartbeat.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use qcluster_api::NodeSnapshot;

use crate::measures::Measures;

/// All that is written down at once.
#[derive(Clone, Debug, Default)]
pub struct Notes {
    /// What the API tells of the node.
    pub snapshot: NodeSnapshot,
    /// What was measured.
    pub measures: Measures,
}

/// Where the notes hang.
#[derive(Debug, Default)]
pub struct SnapshotCell(ArcSwap<Notes>);

impl SnapshotCell {
    /// The latest notes. Later ones do not change these.
    pub fn read(&self) -> Guard<Arc<Notes>> {
        self.0.load()
    }
}

/// The writing side. Nothing is allocated in steady state: the notes before the last are written over, unless somebody
/// still reads them.
#[derive(Debug)]
pub struct Writer {
    snapshots: Arc<SnapshotCell>,
    spare: Arc<Notes>,
}

impl Writer {
    /// The one writer of a cell.
    pub fn new(snapshots: Arc<SnapshotCell>) -> Self {
        Self { snapshots, spare: Arc::default() }
    }

    /// The notes that were written last.
    pub fn read(&self) -> Guard<Arc<Notes>> {
        self.snapshots.read()
    }

    /// Hangs up new notes. `write` is given old ones, and has to write everything.
    pub fn write(&mut self, write: impl FnOnce(&mut Notes)) {
        write(Arc::make_mut(&mut self.spare));
        self.spare = self.snapshots.0.swap(Arc::clone(&self.spare));
    }
}
