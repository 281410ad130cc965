//! Timing as users choose it: a preset, or numbers of their own on top of one.

use alloc::format;

use serde::{Deserialize, Serialize};

use super::gossip::GossipPace;
use super::problem::Findings;
use super::timing::{Preset, Timing};
use crate::time::Span;

/// A preset, or values of one's own on top of a preset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum TimingChoice {
    /// One of the named timings.
    Preset(Preset),
    /// Values of one's own.
    Values(TimingValues),
}

/// Timing in numbers, each from the preset where it is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct TimingValues {
    /// What to start from; `lan` unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preset: Option<Preset>,
    /// h in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heartbeat_ms: Option<u64>,
    /// L in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lease_ms: Option<u64>,
    /// Lmax in milliseconds; eight times the lease unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_lease_ms: Option<u64>,
    /// The slot in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slot_ms: Option<u64>,
    /// How often a member probes another one, in milliseconds. Nodes may differ in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probe_ms: Option<u64>,
    /// ρ in parts per million.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift_ppm: Option<u32>,
}

impl TimingValues {
    /// The shortest interval between probes, in milliseconds: all else of membership is in proportion to it, and at least one.
    pub const PROBE_MS_MIN: u64 = 5;

    /// The same timing with that heartbeat interval, in milliseconds.
    #[must_use]
    pub fn with_heartbeat_ms(self, heartbeat_ms: u64) -> Self {
        Self { heartbeat_ms: Some(heartbeat_ms), ..self }
    }

    /// The same timing with that lease, in milliseconds.
    #[must_use]
    pub fn with_lease_ms(self, lease_ms: u64) -> Self {
        Self { lease_ms: Some(lease_ms), ..self }
    }

    /// The same timing with that longest lease, in milliseconds.
    #[must_use]
    pub fn with_max_lease_ms(self, max_lease_ms: u64) -> Self {
        Self { max_lease_ms: Some(max_lease_ms), ..self }
    }
}

impl TimingChoice {
    /// The pace of membership and registry. What is wrong with it is found, and a preset stands in for it.
    pub(super) fn pace(self, findings: &mut Findings) -> GossipPace {
        match self {
            Self::Values(TimingValues { probe_ms: Some(probe), .. }) if probe < TimingValues::PROBE_MS_MIN => {
                findings.add("timing.probe_ms", format!("must be at least {}", TimingValues::PROBE_MS_MIN));
                GossipPace::default()
            }
            Self::Values(_) | Self::Preset(_) => self.into(),
        }
    }
}

impl Default for TimingChoice {
    fn default() -> Self {
        Self::Preset(Preset::Lan)
    }
}

impl From<Preset> for TimingChoice {
    fn from(preset: Preset) -> Self {
        Self::Preset(preset)
    }
}

impl From<TimingValues> for TimingChoice {
    fn from(values: TimingValues) -> Self {
        Self::Values(values)
    }
}

/// By hand, so that a mistake inside names its field: whether it is a name or an object is plain from the first character.
impl<'de> Deserialize<'de> for TimingChoice {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Choice;

        impl<'de> serde::de::Visitor<'de> for Choice {
            type Value = TimingChoice;

            fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str("\"fast\", \"lan\", \"wan\" or an object")
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<TimingChoice, E> {
                Preset::deserialize(serde::de::value::StrDeserializer::new(name)).map(TimingChoice::Preset)
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<TimingChoice, A::Error> {
                let values = TimingValues::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                Ok(TimingChoice::Values(values))
            }
        }

        deserializer.deserialize_any(Choice)
    }
}

impl From<TimingChoice> for Timing {
    fn from(choice: TimingChoice) -> Self {
        match choice {
            TimingChoice::Preset(preset) => preset.into(),
            TimingChoice::Values(values) => {
                let TimingValues { preset, heartbeat_ms, lease_ms, max_lease_ms, slot_ms, drift_ppm, probe_ms: _ } =
                    values;
                let base = Self::from(preset.unwrap_or(Preset::Lan));
                let lease = lease_ms.map_or(base.lease, Span::from_millis);
                Self {
                    heartbeat: heartbeat_ms.map_or(base.heartbeat, Span::from_millis),
                    lease,
                    max_lease: max_lease_ms.map_or(Self::max_lease_default(lease), Span::from_millis),
                    slot: slot_ms.map_or(base.slot, Span::from_millis),
                    drift_ppm: drift_ppm.unwrap_or(base.drift_ppm),
                }
            }
        }
    }
}

impl From<TimingChoice> for GossipPace {
    fn from(choice: TimingChoice) -> Self {
        match choice {
            TimingChoice::Preset(preset) => preset.into(),
            TimingChoice::Values(TimingValues { preset, probe_ms, .. }) => {
                let base = Self::from(preset.unwrap_or(Preset::Lan));
                let Some(probe) = probe_ms.map(Span::from_millis) else { return base };
                // All of it in proportion, so that what holds of a preset holds of this.
                let scaled = |span: Span| Span::from_nanos(scale(span, probe, base.probe));
                Self {
                    probe,
                    ack: scaled(base.ack),
                    tick: scaled(base.tick),
                    suspicion_min: scaled(base.suspicion_min),
                    contact: scaled(base.contact),
                    retention: base.retention,
                }
            }
        }
    }
}

/// `span` · `to` / `from`, in nanoseconds.
fn scale(span: Span, to: Span, from: Span) -> u64 {
    let wide = u128::from(span.as_nanos()) * u128::from(to.as_nanos()) / u128::from(from.as_nanos().max(1));
    u64::try_from(wide).unwrap_or(u64::MAX)
}
