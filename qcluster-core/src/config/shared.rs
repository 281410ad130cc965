//! What all voters have to agree on, in short: two nodes of different configurations tell each other theirs, so that each
//! can say what differs (E14).

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use super::settings::VoterSettings;
use super::timing::Timing;
use crate::id::stable_hash;
use crate::time::Span;

/// A configuration as another node compares it with its own. It decides nothing: the [digests](super::Digests) do. It fits the
/// shortest datagram, so that everybody may be told (E18); so lists of voters are hashes here, and short ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SharedSettings {
    /// The shortest lease.
    pub lease: Span,
    /// The longest lease (E23).
    pub max_lease: Span,
    /// The largest error of any clock's rate, in parts per million.
    pub drift_ppm: u32,
    /// How many voters there are in the current list.
    pub voters: u8,
    /// How many there are in the coming one; 0 if no change is under way (E20).
    pub next_voters: u8,
    voters_hash: u16,
    next_voters_hash: u16,
    priorities_hash: u16,
}

/// One setting that two nodes have different values of.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SettingDifference {
    /// Its name in a configuration file.
    pub setting: &'static str,
    /// Its value at this node.
    pub here: String,
    /// Its value at the other one.
    pub there: String,
}

/// `timing.lease_ms: 150 here, 300 there`.
impl fmt::Display for SettingDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { setting, here, there } = self;
        write!(f, "{setting}: {here} here, {there} there")
    }
}

impl SettingDifference {
    /// All of them in one line.
    pub fn list(all: &[Self]) -> String {
        let all: Vec<String> = all.iter().map(ToString::to_string).collect();
        all.join("; ")
    }
}

impl SharedSettings {
    pub(super) fn new(voters: &[VoterSettings], next: Option<&[VoterSettings]>, timing: &Timing) -> Self {
        let next = next.unwrap_or_default();
        let hash_of = |list: &[VoterSettings], of: &dyn Fn(&VoterSettings) -> u64| {
            let mut parts: Vec<[u8; 8]> = list.iter().map(|voter| of(voter).to_le_bytes()).collect();
            parts.sort_unstable();
            let parts: Vec<&[u8]> = parts.iter().map(<[u8; 8]>::as_slice).collect();
            (stable_hash(&parts) >> 48) as u16
        };
        let key = |voter: &VoterSettings| voter.id.key().0;
        let priority =
            |voter: &VoterSettings| stable_hash(&[voter.id.as_str().as_bytes(), &voter.priority.to_le_bytes()]);
        let count = |list: &[VoterSettings]| u8::try_from(list.len()).unwrap_or(u8::MAX);
        Self {
            lease: timing.lease,
            max_lease: timing.max_lease,
            drift_ppm: timing.drift_ppm,
            voters: count(voters),
            next_voters: count(next),
            voters_hash: hash_of(voters, &key),
            next_voters_hash: hash_of(next, &key),
            priorities_hash: hash_of(voters, &priority) ^ hash_of(next, &priority).rotate_left(1),
        }
    }

    /// Where another node's settings differ from these. Which voters another list names is not known, only how many, and that
    /// they are others.
    pub fn differences(&self, theirs: &Self) -> Vec<SettingDifference> {
        let of = |setting, here: String, there: String| SettingDifference { setting, here, there };
        let mut all = Vec::new();
        if self.lease != theirs.lease {
            all.push(of("timing.lease_ms", millis(self.lease), millis(theirs.lease)));
        }
        if self.max_lease != theirs.max_lease {
            all.push(of("timing.max_lease_ms", millis(self.max_lease), millis(theirs.max_lease)));
        }
        if self.drift_ppm != theirs.drift_ppm {
            all.push(of("timing.drift_ppm", self.drift_ppm.to_string(), theirs.drift_ppm.to_string()));
        }
        for (setting, (here, mine), (there, other)) in [
            ("voters", (self.voters, self.voters_hash), (theirs.voters, theirs.voters_hash)),
            ("next voters", (self.next_voters, self.next_voters_hash), (theirs.next_voters, theirs.next_voters_hash)),
        ] {
            if here != there {
                all.push(of(setting, here.to_string(), there.to_string()));
            } else if mine != other {
                all.push(of(setting, here.to_string(), alloc::format!("{there} others")));
            }
        }
        if all.is_empty() && self.priorities_hash != theirs.priorities_hash {
            all.push(of("priority", "these".into(), "others".into()));
        }
        all
    }
}

/// In milliseconds, as in a configuration file, with what is left over.
fn millis(span: Span) -> String {
    let (millis, rest) = (span.as_millis(), span.as_nanos() % 1_000_000);
    if rest == 0 { millis.to_string() } else { alloc::format!("{millis}.{rest:06}") }
}

#[cfg(test)]
mod tests;
