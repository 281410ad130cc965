//! Reading a configuration from a file, with errors that name the file as well as the field.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use qcluster_core::{Config, ConfigError};

/// Gives [`Config`] its `from_file`: the core itself touches no file.
pub trait ConfigFile: Sized {
    /// Reads a configuration from a JSON file and checks it.
    ///
    /// # Errors
    /// The file cannot be read, is not a configuration, or has mistakes in it: all of them are reported.
    fn from_file(path: impl AsRef<Path>) -> Result<Self, ConfigFileError>;
}

impl ConfigFile for Config {
    fn from_file(path: impl AsRef<Path>) -> Result<Self, ConfigFileError> {
        let path = path.as_ref();
        let failed = |problem| ConfigFileError { path: path.to_owned(), problem };
        let text = fs::read_to_string(path).map_err(|error| failed(ConfigFileProblem::Unreadable(error)))?;
        let config = parse(&text).map_err(|error| failed(ConfigFileProblem::Malformed(error)))?;
        config.check().map_err(|error| failed(ConfigFileProblem::Invalid(error)))?;
        Ok(config)
    }
}

/// Parses JSON, with errors that name the field: by itself the parser tells line and column only.
fn parse(text: &str) -> Result<Config, String> {
    // Editors of another system begin a text with it.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if !text.trim_start().starts_with('{') {
        return Err("a configuration is one JSON object, from `{` to `}`".into());
    }
    let mut json = serde_json::Deserializer::from_str(text);
    let config = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let (path, inner) = (error.path().to_string(), error.inner());
        // What is wrong with the whole has no path, and a syntax error none that could be told.
        if path == "." || path.contains('?') { explained(inner) } else { format!("{path}: {}", explained(inner)) }
    })?;
    json.end().map_err(|error| explained(&error))?;
    Ok(config)
}

fn explained(error: &serde_json::Error) -> String {
    if error.is_syntax() {
        format!("{error}; it is JSON, without comments and trailing commas")
    } else {
        with_nearest(error.to_string())
    }
}

/// An unknown name with the known one that is nearest to it, if one is near, in place of all of them.
fn with_nearest(message: String) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let (Some(unknown), true) = (quoted.next(), message.starts_with("unknown ")) else { return message };
    let distance = |known: &str| strsim::damerau_levenshtein(unknown, known);
    let is_name = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let near = quoted.filter(|known| is_name(known) && distance(known) <= known.len().div_ceil(3));
    let Some(nearest) = near.min_by_key(|known| distance(known)) else { return message };
    let (what, place) = (message.split(" `").next().unwrap_or_default(), message.rfind(" at line "));
    let place = place.map_or("", |at| &message[at..]);
    format!("{what} `{unknown}`{place}: did you mean `{nearest}`?")
}

/// A configuration file that cannot be used. Nothing was started.
///
/// Debug output is the sentences too: that is what a `main` that returns an error prints.
#[non_exhaustive]
pub struct ConfigFileError {
    /// Which file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: ConfigFileProblem,
}

/// What is wrong with a configuration file.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConfigFileProblem {
    /// It cannot be read.
    Unreadable(io::Error),
    /// It is not JSON, or has a field that is unknown, missing or of the wrong type; with line and column.
    Malformed(String),
    /// Its values cannot be used.
    Invalid(ConfigError),
}

impl fmt::Display for ConfigFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.path.display();
        match &self.problem {
            ConfigFileProblem::Unreadable(error) => write!(f, "{file}: cannot be read: {error}"),
            ConfigFileProblem::Malformed(error) => write!(f, "{file}: {error}"),
            ConfigFileProblem::Invalid(error) => {
                for (index, problem) in error.problems().iter().enumerate() {
                    let separator = if index == 0 { "" } else { "\n" };
                    write!(f, "{separator}{file}: {}: {}", problem.field, problem.reason)?;
                }
                Ok(())
            }
        }
    }
}

impl fmt::Debug for ConfigFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ConfigFileError {}

#[cfg(test)]
mod tests;
