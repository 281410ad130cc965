//! What went into one host and what came out of it, written down as an adapter writes it: a recording to replay.

use qcluster_core::recording::{Given, Line, RecordedInput, Start};
use qcluster_core::{EndpointBoot, Input, Output, Settings, Time};

/// The recording of one host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tape {
    /// What a node with `record` in its configuration would have written.
    pub lines: Vec<Line>,
    /// All that came out meanwhile, every byte of it, as text.
    pub outputs: Vec<String>,
}

impl Tape {
    pub(crate) fn starts(&mut self, settings: Settings, boot: EndpointBoot<'_>) {
        self.lines.push(Line::Start(Start::new(Time::ZERO, settings, boot)));
    }

    pub(crate) fn takes(&mut self, at: Time, input: &Input<'_>) {
        self.lines.push(Line::Input(Given { at, what: RecordedInput::from(input) }));
    }

    pub(crate) fn gives(&mut self, output: &Output<'_>) {
        self.outputs.push(format!("{output:?}"));
    }
}
