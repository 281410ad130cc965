//! Why something was not done, on its way to Python. It becomes an exception once somebody holds the interpreter.

use pyo3::call::PyCallArgs;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use qcluster::{CommandError, JoinError, ReloadError, StartError, Stopped};
use qcluster_api::ErrorCode;

use crate::config::Mistake;

/// Where the exceptions are defined.
const EXCEPTIONS: &str = "qcluster._errors";

/// Why something was not done.
pub(crate) enum Failure {
    /// The configuration has mistakes: all of them.
    Config(Vec<Mistake>),
    /// The node did not start, for another reason.
    Start(String),
    /// The node has refused.
    Refused {
        /// The code that the API has for it.
        code: &'static str,
        /// What happened, for people.
        message: String,
    },
    /// The node has stopped.
    Stopped(Stopped),
    /// The interpreter ends.
    Exiting,
    /// The binding is not used as it has to be.
    Misused(&'static str),
}

impl Failure {
    /// As an exception.
    pub(crate) fn into_exception(self, py: Python<'_>) -> PyErr {
        match self {
            Self::Config(mistakes) => {
                let mistakes: Vec<_> = mistakes.into_iter().map(|Mistake { field, reason }| (field, reason)).collect();
                exception(py, "ConfigError", (mistakes,))
            }
            Self::Start(message) => exception(py, "StartError", (message,)),
            Self::Refused { code, message } => exception(py, "RefusedError", (code, message)),
            Self::Stopped(Stopped::Forked) => exception(py, "ForkedError", (Stopped::Forked.to_string(),)),
            Self::Stopped(why) => exception(py, "StoppedError", (why.name(), why.to_string())),
            Self::Exiting => exception(py, "StoppedError", ("exiting", "the interpreter ends")),
            Self::Misused(how) => PyRuntimeError::new_err(how),
        }
    }
}

fn exception<'py>(py: Python<'py>, name: &str, arguments: impl PyCallArgs<'py>) -> PyErr {
    let made = py.import(EXCEPTIONS).and_then(|module| module.getattr(name)?.call1(arguments));
    made.map_or_else(|error| error, PyErr::from_value)
}

impl From<CommandError> for Failure {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Refused(refused) => {
                Self::Refused { code: ErrorCode::of_refusal(&refused).name(), message: refused.to_string() }
            }
            CommandError::Stopped(why) => Self::Stopped(why),
            // From a facade that is newer than this binding.
            other => Self::Refused { code: ErrorCode::Internal.name(), message: other.to_string() },
        }
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Config(error) => Self::Config(error.problems().iter().map(Mistake::from).collect()),
            other => Self::Start(other.to_string()),
        }
    }
}

impl From<JoinError> for Failure {
    fn from(error: JoinError) -> Self {
        match error {
            JoinError::Stopped(why) => Self::Stopped(why),
            other => Self::Refused { code: "too_many", message: other.to_string() },
        }
    }
}

impl From<ReloadError> for Failure {
    fn from(error: ReloadError) -> Self {
        match error {
            ReloadError::Stopped(why) => Self::Stopped(why),
            other => Self::Refused { code: ErrorCode::FileFailed.name(), message: other.to_string() },
        }
    }
}

impl From<Stopped> for Failure {
    fn from(why: Stopped) -> Self {
        Self::Stopped(why)
    }
}
