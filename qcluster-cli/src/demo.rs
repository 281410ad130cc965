//! `qcluster demo`: three nodes in one process, over real sockets. The leader is killed again and again, without a word to
//! the others, and the time until another holds the lease is shown.

mod summary;
mod trio;

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use qcluster::Timing;
use qcluster::{Config, Preset};

use crate::style::{BAD, FAINT, GOOD, NEWS, PLAIN, TITLE};
use crate::{DemoTiming, Failure, Format, exit};
use summary::{Summary, whole_ms};
use trio::{Elected, Trio};

/// So that a person can follow.
const PAUSE_ON_A_TERMINAL: Duration = Duration::from_millis(400);

/// The longest bar of a round, in characters.
const BAR_LEN_MAX: usize = 30;

pub(crate) async fn demo(rounds: u32, timing: DemoTiming, format: Format) -> Result<(), Failure> {
    let preset = match timing {
        DemoTiming::Fast => Preset::Fast,
        DemoTiming::Lan => Preset::Lan,
    };
    let failed = |message: String| Failure::new(exit::FAILED, &message);
    let stage = Stage { format, timing: preset.into() };
    let mut trio = Trio::start(preset).await.map_err(failed)?;
    stage.opening(trio.configs());
    let mut leader = trio.first_leader().await.map_err(failed)?;
    stage.first(&leader, trio.configs());
    let mut summary = Summary::new(preset);
    for round in 1..=rounds {
        stage.pause(round).await;
        let lease_left = trio.lease_left(leader.node);
        let killed = leader;
        leader = trio.kill(killed.node).await.map_err(failed)?;
        summary.add(leader.after);
        stage.round(round, &killed, lease_left, &leader, trio.configs());
        trio.restart(killed.node).await.map_err(failed)?;
    }
    trio.shutdown().await;
    stage.closing(&summary);
    Ok(())
}

/// What the audience sees.
struct Stage {
    format: Format,
    timing: Timing,
}

impl Stage {
    fn opening(&self, configs: &[Config]) {
        let (heartbeat, lease) = (self.timing.heartbeat.as_millis(), self.timing.lease.as_millis());
        self.say(&format!("{TITLE}Three voters in one process, over real sockets{PLAIN}"));
        self.say(&format!("{FAINT}heartbeat {heartbeat} ms, lease {lease} ms{PLAIN}\n"));
        for config in configs {
            self.say(&format!("  {} {FAINT}localhost:{}{PLAIN}", config.identifier, config.listen_port));
        }
        self.say("");
    }

    fn first(&self, leader: &Elected, configs: &[Config]) {
        let name = &configs[leader.node].identifier;
        let after = whole_ms(leader.after);
        self.say(&format!("{GOOD}{name}{PLAIN} is elected {after} ms after the start, token {}\n", leader.token));
        self.say(&format!("{FAINT}round  killed    lease left  takes over   after{PLAIN}"));
    }

    fn round(&self, round: u32, killed: &Elected, lease_left: Duration, leader: &Elected, configs: &[Config]) {
        let (dead, heir) = (&configs[killed.node].identifier, &configs[leader.node].identifier);
        let (left, after) = (format!("{} ms", whole_ms(lease_left)), format!("{} ms", whole_ms(leader.after)));
        let bar = "━".repeat(bar_len(leader.after, &self.timing));
        self.say(&format!(
            "{FAINT}{round:>5}{PLAIN}  {BAD}{dead:<8}{PLAIN}  {left:>10}  {GOOD}{heir:<10}{PLAIN}  {after:>6}  {NEWS}{bar}{PLAIN}"
        ));
    }

    fn closing(&self, summary: &Summary) {
        match self.format {
            Format::Text => self.say(&format!("\n{TITLE}Fail-over{PLAIN}  {summary}")),
            Format::Json => print(&summary.json()),
        }
    }

    /// Moves the next kill to another place between two heartbeats, so that the rounds are a fair sample.
    async fn pause(&self, round: u32) {
        let on_stage = self.format == Format::Text && std::io::stdout().is_terminal();
        let base = if on_stage { PAUSE_ON_A_TERMINAL } else { Duration::ZERO };
        // Multiples of the golden section are spread evenly, however many there are.
        let place = (f64::from(round) * 0.618_034).fract();
        tokio::time::sleep(base + Duration::from(self.timing.heartbeat).mul_f64(place)).await;
    }

    fn say(&self, line: &str) {
        match self.format {
            Format::Text => print(line),
            Format::Json => {}
        }
    }
}

/// Prints a line. Who closes the pipe has seen enough, which is not a failure of the cluster.
fn print(line: &str) {
    let mut stdout = anstream::stdout();
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}

/// Two leases fill the bar.
fn bar_len(duration: Duration, timing: &Timing) -> usize {
    let full = Duration::from(timing.lease.times(2)).as_micros().max(1);
    let len = duration.as_micros().saturating_mul(BAR_LEN_MAX as u128) / full;
    usize::try_from(len).unwrap_or(BAR_LEN_MAX).clamp(1, BAR_LEN_MAX)
}
