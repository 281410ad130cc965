//! One host of a crowd: a machine, and what is known of the process on it.

use std::sync::Arc;

use qcluster_core::{Notification, Rules, Span, Time};

use super::Job;
use super::traffic::Traffic;
use crate::engine::{Clock, Machine, Progress};

/// What its process is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Not started yet, or crashed.
    Off,
    /// It runs.
    Running,
    /// Its loop stands still, while its clock goes on and its socket fills.
    Stalled,
    /// It has said goodbye and ended.
    Left,
}

#[derive(Debug)]
pub(super) struct Host {
    /// The host whose name its process bears.
    pub(super) name: usize,
    pub(super) machine: Machine<Job>,
    pub(super) rules: Option<Arc<Rules>>,
    /// Its last process has said goodbye.
    pub(super) has_left: bool,
    pub(super) sent: Traffic,
    /// What its process has told, where somebody listens.
    pub(super) told: Vec<Notification>,
}

impl Host {
    /// `origin` is what its clock shows when the crowd begins: clocks of different hosts have nothing in common.
    pub(super) fn new(name: usize, origin: Span, wall_ms: i64) -> Self {
        Self {
            name,
            machine: Machine::new(name, Clock::new(Time::ZERO + origin, 0), wall_ms),
            rules: None,
            has_left: false,
            sent: Traffic::default(),
            told: Vec::new(),
        }
    }

    pub(super) fn condition(&self) -> Condition {
        match (&self.machine.endpoint, self.machine.progress) {
            (None, _) if self.has_left => Condition::Left,
            (None, _) => Condition::Off,
            (Some(_), Progress::Running | Progress::Stopping) => Condition::Running,
            (Some(_), Progress::Frozen) => Condition::Stalled,
        }
    }
}
