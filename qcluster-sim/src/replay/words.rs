//! Replays in words, for people.

use std::fmt;

use qcluster_core::Durability;
use qcluster_core::recording::{Snapshot, Start, VERSION};

use super::{Done, Step, Told};

/// How an incarnation begins.
pub(super) fn start(start: &Start) -> String {
    let settings = &start.settings;
    let memory = match (settings.durability, &start.saved) {
        (Durability::Diskless, _) => "diskless".to_owned(),
        (Durability::Durable, None) => "with an empty disk".to_owned(),
        (Durability::Durable, Some(record)) => format!("with a saved state of {} bytes", record.len()),
    };
    format!(
        "{} of cluster {} starts, {memory}, at Unix time {} ms, one of {} voters, lease {}",
        settings.id,
        settings.cluster,
        start.stamp_ms,
        settings.voters.len(),
        settings.timing.lease
    )
}

/// How an incarnation is picked up.
pub(super) fn snapshot(snapshot: &Snapshot) -> String {
    let settings = &snapshot.settings;
    format!("{} of cluster {} goes on from a snapshot", settings.id, settings.cluster)
}

/// Text that is aligned under a time.
const INDENT: &str = "                    ";

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Begins { at, about, other_version } => {
                write!(f, "{:>16}  == {about}", at.to_string())?;
                match other_version {
                    None => Ok(()),
                    Some(version) => write!(
                        f,
                        "\n{INDENT}!! recorded by version {version}; this is {VERSION}, and may decide otherwise"
                    ),
                }
            }
            Self::Compared { at, agrees: true } => {
                write!(f, "{:>16}  == the recorded snapshot agrees with the replay", at.to_string())
            }
            Self::Compared { at, agrees: false } => write!(
                f,
                "{:>16}  !! the recorded snapshot is another state than the replay has come to; going on from the snapshot",
                at.to_string()
            ),
            Self::Step(step) => step.fmt(f),
            Self::Gap { lost } => write!(f, "{:>16}  !! {lost} inputs are missing here", ""),
            Self::Skipped => write!(f, "{:>16}  !! given to nobody: no beginning before it", ""),
            Self::CannotBegin(why) => write!(f, "{:>16}  !! cannot begin here: {why}", ""),
            Self::Panicked(words) => write!(f, "{:>16}  !! the node panics: {words}", ""),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>16}  {}", self.at.to_string(), self.input)?;
        match self.messages.as_slice() {
            [] => {}
            [only] => write!(f, "  {only}")?,
            several => several.iter().try_for_each(|message| write!(f, "\n{INDENT}{message}"))?,
        }
        self.outputs.iter().try_for_each(|done| write!(f, "\n{INDENT}{done}"))?;
        self.changes.iter().try_for_each(|change| write!(f, "\n{INDENT}{change}"))
    }
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sent(words) => write!(f, "-> {words}"),
            Self::Saves(words) => write!(f, "saves: {words}"),
            Self::Tells(words) => write!(f, "tells: {words}"),
        }
    }
}
