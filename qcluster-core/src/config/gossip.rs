//! The pace of membership and registry: how often nodes look after one another, and how fast news spreads.

use alloc::format;
use core::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::problem::Findings;
use super::timing::Preset;
use crate::time::Span;

/// How a node takes part in membership and registry. Nodes of one cluster may differ in it; views then agree at the pace of
/// the slower.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gossip {
    /// The pace.
    pub pace: GossipPace,
    /// Where others reach this node. Left out, the first node that it joins tells it from where it was heard.
    pub advertise: Option<SocketAddr>,
}

/// The times of membership and registry (G2, G7, G8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GossipPace {
    /// Each node probes another one this often.
    pub probe: Span,
    /// How long an answer may take before others are asked to try; at most half of `probe`.
    pub ack: Span,
    /// While there is news, each node tells some to a few others this often.
    pub tick: Span,
    /// How often a node tries the address of a seed, or of a member that is down, as long as there is one.
    pub contact: Span,
    /// A suspicion ages at least this long before its subject counts as down; in large clusters longer.
    pub suspicion_min: Span,
    /// How long members that are down or have left, and deleted services, are remembered.
    pub retention: Span,
}

impl From<Preset> for GossipPace {
    fn from(preset: Preset) -> Self {
        let (probe, ack, tick, suspicion_min) = match preset {
            Preset::Fast | Preset::Lan => (500, 150, 100, 1_500),
            Preset::Wan => (1_000, 500, 200, 4_000),
        };
        Self {
            probe: Span::from_millis(probe),
            ack: Span::from_millis(ack),
            tick: Span::from_millis(tick),
            contact: Span::from_millis(5_000),
            suspicion_min: Span::from_millis(suspicion_min),
            retention: Self::RETENTION,
        }
    }
}

impl Default for GossipPace {
    fn default() -> Self {
        Preset::Lan.into()
    }
}

impl From<GossipPace> for Gossip {
    fn from(pace: GossipPace) -> Self {
        Self { pace, advertise: None }
    }
}

impl GossipPace {
    /// The retention of every preset: a day.
    pub const RETENTION: Span = Span::from_millis(24 * 3_600_000);
    /// The shortest time that any of them can be: a millisecond.
    pub const SPAN_MIN: Span = Span::from_millis(1);

    pub(super) fn check(&self, findings: &mut Findings) {
        let Self { probe, ack, tick, contact, suspicion_min, retention } = *self;
        let spans = [
            ("probe", probe),
            ("ack", ack),
            ("tick", tick),
            ("contact", contact),
            ("suspicion_min", suspicion_min),
            ("retention", retention),
        ];
        for (name, span) in spans {
            findings.require(span >= Self::SPAN_MIN, &format!("gossip.pace.{name}"), || "must be at least 1 ms".into());
        }
        findings.require(ack.times(2) <= probe, "gossip.pace.ack", || {
            format!("{ack} is more than half of the probe interval of {probe}: no time is left to ask others")
        });
    }
}
