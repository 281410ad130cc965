//! What is wrong with a configuration: every mistake at once, each with the field that it is in.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// One mistake in a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The field, written as a path: `peers[1].port`.
    pub field: String,
    /// What is wrong with it and what would be right, as one sentence without a full stop.
    pub reason: String,
}

/// A configuration that cannot be used, with every mistake that was found. Nothing was started.
///
/// Debug output is the sentences too: that is what a `main` that returns an error prints.
#[derive(Clone, PartialEq, Eq)]
pub struct ConfigError {
    problems: Vec<Problem>,
}

impl ConfigError {
    /// `Ok` where nothing is wrong.
    pub(crate) fn unless_empty(problems: Vec<Problem>) -> Result<(), Self> {
        if problems.is_empty() { Ok(()) } else { Err(Self { problems }) }
    }

    /// The mistakes of both.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.problems.extend(other.problems);
        self
    }

    /// The mistakes, in the order of the fields; at least one.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{}: {}", problem.field, problem.reason)?;
        }
        Ok(())
    }
}

impl core::error::Error for ConfigError {}

/// Collects problems while a configuration is checked.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Problem>);

impl Findings {
    pub(super) fn add(&mut self, field: impl Into<String>, reason: impl Into<String>) {
        self.0.push(Problem { field: field.into(), reason: reason.into() });
    }

    /// Adds the problem unless `fine` holds.
    pub(super) fn require(&mut self, fine: bool, field: &str, reason: impl FnOnce() -> String) {
        if !fine {
            self.add(field, reason());
        }
    }

    pub(super) fn merge(&mut self, error: ConfigError) {
        self.0.extend(error.problems);
    }

    /// `Ok` where nothing was found.
    pub(super) fn finish(self) -> Result<(), ConfigError> {
        ConfigError::unless_empty(self.0)
    }
}
