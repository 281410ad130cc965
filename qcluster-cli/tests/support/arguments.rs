//! The arguments of a bench: `--name value`, and nothing else.

use std::env;

/// What stands behind `--` on the command line.
#[derive(Debug)]
pub(crate) struct Arguments(Vec<String>);

impl Arguments {
    pub(crate) fn read() -> Self {
        Self(env::args().skip(1).collect())
    }

    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|argument| argument == name)?;
        Some(self.0.get(at + 1).unwrap_or_else(|| panic!("{name} needs a value")).clone())
    }

    pub(crate) fn number(&self, name: &str, default: u32) -> u32 {
        let parse = |text: String| text.parse().unwrap_or_else(|_| panic!("{name} {text}: not a number"));
        self.text(name).map_or(default, parse)
    }
}
