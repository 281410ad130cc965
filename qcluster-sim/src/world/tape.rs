//! What went into one host and what came out of it, written down as an adapter writes it: a recording to replay.

use qcluster_core::recording::{Given, Line, RecordedInput, Snapshot, Start};
use qcluster_core::{EndpointBoot, Input, Output, Settings, Time};

use super::World;

/// The recording of one host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tape {
    /// What a node with `record` in its configuration would have written.
    pub lines: Vec<Line>,
    /// All that came out meanwhile, every byte of it, as text.
    pub outputs: Vec<String>,
}

impl Tape {
    pub(super) fn starts(&mut self, settings: Settings, boot: EndpointBoot<'_>) {
        self.lines.push(Line::Start(Start::new(Time::ZERO, settings, boot)));
    }

    pub(super) fn takes(&mut self, at: Time, input: &Input<'_>) {
        self.lines.push(Line::Input(Given { at, what: RecordedInput::from(input) }));
    }

    pub(super) fn gives(&mut self, output: &Output<'_>) {
        self.outputs.push(format!("{output:?}"));
    }
}

impl World {
    /// From now on what goes into the process of that host is written down, over restarts too. A process that runs is
    /// picked up with a snapshot; a second call starts over. Hosts that there are not are ignored.
    pub fn record(&mut self, host: usize) {
        let now = self.engine.now;
        let settings = self.settings_of(host);
        let Some(host) = self.hosts.get_mut(host) else { return };
        let mut tape = Tape::default();
        if let (Some(endpoint), Some(settings)) = (&host.endpoint, settings) {
            let snapshot = Snapshot::new(host.now(now), settings, endpoint.snapshot());
            tape.lines.push(Line::Snapshot(snapshot));
        }
        host.tape = Some(tape);
    }

    /// What was written down of that host, if it was asked for, with a snapshot of a running process at the end: a reader that
    /// replays it can see that it comes to the same.
    pub fn recorded(&self, index: usize) -> Option<Tape> {
        let host = self.hosts.get(index)?;
        let mut tape = host.tape.clone()?;
        if let (Some(endpoint), Some(settings)) = (&host.endpoint, self.settings_of(index)) {
            let snapshot = Snapshot::new(host.now(self.engine.now), settings, endpoint.snapshot());
            tape.lines.push(Line::Snapshot(snapshot));
        }
        Some(tape)
    }

    /// What the process of a host was, or is, configured with.
    pub(super) fn settings_of(&self, index: usize) -> Option<Settings> {
        let host = self.hosts.get(index)?;
        self.setup.plans[host.plan].settings(host.identity, &self.setup).ok()
    }
}
