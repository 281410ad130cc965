//! Schedules and faults as text: see `read` for the other direction.

use std::fmt;

use qcluster_core::{GossipPace, Span, Time};

use super::{Convergence, Schedule};
use crate::disk::DiskQuality;
use crate::engine::LinkQuality;
use crate::fault::{Fault, Memory, Place};
use crate::setup::sealing::name_of;
use crate::setup::{Assumption, ClockSetup, KeyChange, Plan, Setup};

/// Milliseconds, exact to the nanosecond.
struct Millis(u64);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / 1_000_000, self.0 % 1_000_000);
        if part == 0 {
            return write!(f, "{whole}ms");
        }
        let digits = format!("{part:06}");
        write!(f, "{whole}.{}ms", digits.trim_end_matches('0'))
    }
}

fn span(span: Span) -> Millis {
    Millis(span.as_nanos())
}

fn time(time: Time) -> Millis {
    Millis(time.as_nanos())
}

impl fmt::Display for LinkQuality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "delay {}..{}", span(self.delay_min), span(self.delay_max))?;
        for (name, ppm) in [
            ("loss", self.loss_ppm),
            ("duplicate", self.duplicate_ppm),
            ("straggler", self.straggler_ppm),
            ("corrupt", self.corrupt_ppm),
            ("truncate", self.truncate_ppm),
        ] {
            if ppm > 0 {
                write!(f, " {name} {ppm}")?;
            }
        }
        if self.straggle > Span::ZERO { write!(f, " straggle {}", span(self.straggle)) } else { Ok(()) }
    }
}

impl fmt::Display for DiskQuality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "delay {}..{}", span(self.delay_min), span(self.delay_max))?;
        if self.fail_ppm > 0 { write!(f, " fail {}", self.fail_ppm) } else { Ok(()) }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind();
        match self {
            Self::Crash { host } | Self::Freeze { host } | Self::Thaw { host } | Self::Shutdown { host } => {
                write!(f, "{kind} {host}")
            }
            Self::CrashDuring { host, outputs } => write!(f, "{kind} {host} after {outputs}"),
            Self::Restart { host, memory, place, plan } => {
                let memory = match memory {
                    Memory::Kept => "kept",
                    Memory::Lost => "lost",
                };
                let place = match place {
                    Place::Same => "same",
                    Place::Moved => "moved",
                };
                write!(f, "{kind} {host} {memory} {place} plan {plan}")
            }
            Self::Cut { from, to } | Self::Mend { from, to } => write!(f, "{kind} {from}>{to}"),
            Self::Split { group } => write!(f, "{kind} {group}"),
            Self::MendAll | Self::StepDown => f.write_str(kind),
            Self::Link { from, to, quality } => write!(f, "{kind} {from}>{to} {quality}"),
            Self::Rate { host, ppb } => write!(f, "{kind} {host} {ppb:+}"),
            Self::ClockJump { host, nanos } => write!(f, "{kind} {host} {nanos:+}"),
            Self::WallJump { host, ms } => write!(f, "{kind} {host} {ms:+}"),
            Self::Lag { host, lag } => write!(f, "{kind} {host} {}", span(*lag)),
            Self::Disk { host, quality } => write!(f, "{kind} {host} {quality}"),
            Self::Transfer { to: Some(host) } => write!(f, "{kind} {host}"),
            Self::Transfer { to: None } => write!(f, "{kind} any"),
            Self::Hostile { to, hostility } => write!(f, "{kind} {to} {}", hostility.name()),
            Self::Keys { host, change, key } => {
                let change = match change {
                    KeyChange::Add => "add",
                    KeyChange::Use => "use",
                    KeyChange::Remove => "remove",
                };
                write!(f, "{kind} {host} {change} {key}")
            }
            Self::Seal { host, mode } => write!(f, "{kind} {host} {}", name_of(*mode)),
            Self::Twin { host, of } => write!(f, "{kind} {host} of {of}"),
            Self::Heal { hosts } => write!(f, "{kind} {hosts}"),
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "voters {}", self.voters)?;
        if let Some(next) = self.next {
            write!(f, " next {next}")?;
        }
        let (heartbeat, lease, slot) = (span(self.heartbeat), span(self.lease), span(self.slot));
        write!(f, " heartbeat {heartbeat} lease {lease}")?;
        if self.max_lease > self.lease {
            write!(f, " to {}", span(self.max_lease))?;
        }
        write!(f, " slot {slot} drift {}", self.drift_ppm)?;
        if self.previous_lease > Span::ZERO {
            write!(f, " previous {}", span(self.previous_lease))?;
        }
        if !self.priorities.is_empty() {
            let priorities: Vec<String> = self.priorities.iter().map(ToString::to_string).collect();
            write!(f, " priorities {}", priorities.join(","))?;
        }
        Ok(())
    }
}

impl fmt::Display for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}", self.seed)?;
        writeln!(f, "hosts {}", self.hosts)?;
        for plan in &self.plans {
            writeln!(f, "plan {plan}")?;
        }
        if !self.durable.is_empty() {
            writeln!(f, "durable {}", self.durable)?;
        }
        for (host, ClockSetup { rate_ppb, wall_ms, local }) in self.clocks.iter().enumerate() {
            writeln!(f, "clock {host} rate {rate_ppb:+} wall {wall_ms:+} local {}", time(*local))?;
        }
        writeln!(f, "link {}", self.link)?;
        writeln!(f, "disk {}", self.disk)?;
        writeln!(f, "drain {}", span(self.drain))?;
        writeln!(f, "work {}", span(self.work))?;
        if let Some(GossipPace { probe, ack, tick, contact, suspicion_min, retention }) = self.gossip {
            write!(f, "gossip probe {} ack {} tick {}", span(probe), span(ack), span(tick))?;
            let (contact, suspicion, retention) = (span(contact), span(suspicion_min), span(retention));
            writeln!(f, " contact {contact} suspicion {suspicion} retention {retention}")?;
        }
        if let Some(files) = &self.seal {
            writeln!(f, "seal {files}")?;
        }
        let assumptions = [("rates", self.rates), ("walls", self.walls), ("identities", self.identities)];
        for (name, _) in assumptions.into_iter().filter(|(_, assumption)| *assumption == Assumption::Broken) {
            writeln!(f, "broken {name}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.setup)?;
        if let Some(Convergence { hosts, from, within }) = &self.converge {
            writeln!(f, "converge {hosts} from {} within {}", time(*from), span(*within))?;
        }
        if let Some(changes) = self.changes_max {
            writeln!(f, "changes {changes}")?;
        }
        writeln!(f, "end {}", time(self.end))?;
        for (at, fault) in &self.faults {
            writeln!(f, "{} {fault}", time(*at))?;
        }
        Ok(())
    }
}
