//! The disk of one machine: it takes its time, it fails, and a crash finds the last write done or not.

use qcluster_core::{PersistId, Span};

use crate::rng::Rng;

/// How a disk behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiskQuality {
    /// The shortest time that a write takes.
    pub delay_min: Span,
    /// The longest.
    pub delay_max: Span,
    /// How many of a million writes fail.
    pub fail_ppm: u32,
}

impl Default for DiskQuality {
    fn default() -> Self {
        Self { delay_min: Span::from_nanos(100_000), delay_max: Span::from_millis(2), fail_ppm: 0 }
    }
}

/// What a write came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    Synced(PersistId),
    Failed(PersistId),
    /// The process that asked is gone.
    Nothing,
}

/// What is on a disk, and what is on its way there.
#[derive(Clone, Debug)]
pub struct Disk {
    /// How it behaves from now on.
    pub quality: DiskQuality,
    synced: Vec<u8>,
    pending: Vec<u8>,
    under_way: Option<PersistId>,
    rng: Rng,
}

impl Disk {
    pub(crate) fn new(quality: DiskQuality, rng: Rng) -> Self {
        Self { quality, synced: Vec::new(), pending: Vec::new(), under_way: None, rng }
    }

    /// The record that would be found after a crash now, if any.
    pub fn synced(&self) -> Option<&[u8]> {
        (!self.synced.is_empty()).then_some(self.synced.as_slice())
    }

    /// Begins a write, and tells how long it takes.
    pub(crate) fn write(&mut self, id: PersistId, record: &[u8]) -> Span {
        self.pending.clear();
        self.pending.extend_from_slice(record);
        self.under_way = Some(id);
        let DiskQuality { delay_min, delay_max, .. } = self.quality;
        Span::from_nanos(self.rng.between(delay_min.as_nanos(), delay_max.as_nanos()))
    }

    pub(crate) fn finish(&mut self) -> Written {
        let Some(id) = self.under_way.take() else { return Written::Nothing };
        if self.rng.chance_ppm(self.quality.fail_ppm) {
            // What a failed write leaves behind is anybody's guess.
            self.settle();
            Written::Failed(id)
        } else {
            core::mem::swap(&mut self.synced, &mut self.pending);
            Written::Synced(id)
        }
    }

    /// The process is gone: what was under way has reached the disk, or has not. Tells whether there was something.
    pub(crate) fn crash(&mut self) -> bool {
        let under_way = self.under_way.take().is_some();
        if under_way {
            self.settle();
        }
        under_way
    }

    fn settle(&mut self) {
        if self.rng.one_in(2) {
            core::mem::swap(&mut self.synced, &mut self.pending);
        }
    }

    /// The machine comes back with an empty disk.
    pub(crate) fn wipe(&mut self) {
        self.synced.clear();
    }
}
