//! Faults from text, one a line.

use super::{Read, Words, number, read_disk_quality, read_link_quality, read_mode};
use crate::fault::{Fault, Hostility, Memory, Place};
use crate::setup::KeyChange;

/// One fault, behind its time.
pub(super) fn read_fault(kind: &str, words: &mut Words<'_>) -> Read<Fault> {
    Ok(match kind {
        "crash" => Fault::Crash { host: words.number()? },
        "crash-during" => {
            let host = words.number()?;
            words.expect("after")?;
            Fault::CrashDuring { host, outputs: words.number()? }
        }
        "restart" => read_restart(words)?,
        "freeze" => Fault::Freeze { host: words.number()? },
        "thaw" => Fault::Thaw { host: words.number()? },
        "cut" => words.link().map(|(from, to)| Fault::Cut { from, to })?,
        "mend" => words.link().map(|(from, to)| Fault::Mend { from, to })?,
        "split" => Fault::Split { group: words.hosts()? },
        "mend-all" => Fault::MendAll,
        "link" => {
            let (from, to) = words.link()?;
            Fault::Link { from, to, quality: read_link_quality(words)? }
        }
        "rate" => Fault::Rate { host: words.number()?, ppb: words.number()? },
        "clock-jump" => Fault::ClockJump { host: words.number()?, nanos: words.number()? },
        "wall-jump" => Fault::WallJump { host: words.number()?, ms: words.number()? },
        "lag" => Fault::Lag { host: words.number()?, lag: words.span()? },
        "disk" => Fault::Disk { host: words.number()?, quality: read_disk_quality(words)? },
        "transfer" => match words.next()? {
            "any" => Fault::Transfer { to: None },
            host => Fault::Transfer { to: Some(number(host)?) },
        },
        "step-down" => Fault::StepDown,
        "shutdown" => Fault::Shutdown { host: words.number()? },
        "hostile" => {
            let to = words.number()?;
            let name = words.next()?;
            let hostility = Hostility::ALL.into_iter().find(|hostility| hostility.name() == name).ok_or_else(|| {
                let names = Hostility::ALL.map(Hostility::name).join(", ");
                format!("a stranger sends one of {names}, not `{name}`")
            })?;
            Fault::Hostile { to, hostility }
        }
        "twin" => {
            let host = words.number()?;
            words.expect("of")?;
            Fault::Twin { host, of: words.number()? }
        }
        "keys" => {
            let host = words.number()?;
            let change = match words.next()? {
                "add" => KeyChange::Add,
                "use" => KeyChange::Use,
                "remove" => KeyChange::Remove,
                other => return Err(format!("keys are changed by add, use or remove, not `{other}`")),
            };
            Fault::Keys { host, change, key: words.number()? }
        }
        "seal" => Fault::Seal { host: words.number()?, mode: read_mode(words)? },
        "heal" => Fault::Heal { hosts: words.hosts()? },
        other => return Err(format!("there is no fault `{other}`")),
    })
}

fn read_restart(words: &mut Words<'_>) -> Read<Fault> {
    let host = words.number()?;
    let memory = match words.next()? {
        "kept" => Memory::Kept,
        "lost" => Memory::Lost,
        other => return Err(format!("a memory is kept or lost, not `{other}`")),
    };
    let place = match words.next()? {
        "same" => Place::Same,
        "moved" => Place::Moved,
        other => return Err(format!("a place is same or moved, not `{other}`")),
    };
    words.expect("plan")?;
    Ok(Fault::Restart { host, memory, place, plan: words.number()? })
}
