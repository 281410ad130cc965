//! Recording a host of the world, over its restarts.

use qcluster_core::Settings;
use qcluster_core::recording::{Line, Snapshot};

use super::World;
use crate::tape::Tape;

impl World {
    /// From now on what goes into the process of that host is written down, over restarts too. A process that runs is
    /// picked up with a snapshot; a second call starts over. Hosts that there are not are ignored.
    pub fn record(&mut self, host: usize) {
        let now = self.engine.now;
        let settings = self.settings_of(host);
        let Some(host) = self.hosts.get_mut(host) else { return };
        let mut tape = Tape::default();
        if let (Some(endpoint), Some(settings)) = (&host.machine.endpoint, settings) {
            let snapshot = Snapshot::new(host.machine.now(now), settings, endpoint.snapshot());
            tape.lines.push(Line::Snapshot(snapshot));
        }
        host.tape = Some(tape);
    }

    /// What was written down of that host, if it was asked for, with a snapshot of a running process at the end: a reader that
    /// replays it can see that it comes to the same.
    pub fn recorded(&self, index: usize) -> Option<Tape> {
        let host = self.hosts.get(index)?;
        let mut tape = host.tape.clone()?;
        if let (Some(endpoint), Some(settings)) = (&host.machine.endpoint, self.settings_of(index)) {
            let snapshot = Snapshot::new(host.machine.now(self.engine.now), settings, endpoint.snapshot());
            tape.lines.push(Line::Snapshot(snapshot));
        }
        Some(tape)
    }

    /// What the process of a host was, or is, configured with.
    pub(super) fn settings_of(&self, index: usize) -> Option<Settings> {
        let host = self.hosts.get(index)?;
        let mut settings = self.setup.plans[host.plan].settings(host.identity, &self.setup).ok()?;
        settings.seal = host
            .keys
            .as_ref()
            .and_then(|keys| if host.machine.endpoint.is_some() { keys.mode() } else { keys.files.mode });
        Some(settings)
    }
}
