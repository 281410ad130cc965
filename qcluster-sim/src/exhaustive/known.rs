//! A message, as the search sees it.

use qcluster_core::Envelope;

use super::change::Stage;

/// What is known of a message without looking into it.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) envelope: Envelope,
    pub(super) from: u8,
    pub(super) to: u8,
    /// What it says, without when and to which incarnation.
    pub(super) kind: u8,
    /// The step of a change that its sender was in.
    pub(super) stage: Stage,
}
