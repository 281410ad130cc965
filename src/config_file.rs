//! Reading a configuration from a file, with errors that name the file as well as the field.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use qcluster_core::{Config, ConfigError};
use zeroize::Zeroizing;

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
        let text = read(path).map_err(|error| failed(ConfigFileProblem::Unreadable(error)))?;
        let config = parse(&text).map_err(|error| failed(ConfigFileProblem::Malformed(error)))?;
        config.check().map_err(|error| failed(ConfigFileProblem::Invalid(error)))?;
        Ok(config)
    }
}

/// What is read of a file. A configuration is much shorter.
const LEN_MAX: usize = 1 << 20;

/// Secrets may be in it.
fn read(path: &Path) -> io::Result<Zeroizing<String>> {
    let file = File::open(path)?;
    let len = file.metadata().map_or(LEN_MAX as u64, |about| about.len());
    let len = usize::try_from(len).unwrap_or(LEN_MAX).min(LEN_MAX);
    // It seldom grows, so that nothing of it stays behind.
    let mut text = Zeroizing::new(String::with_capacity(len + 1));
    file.take(LEN_MAX as u64 + 1).read_to_string(&mut text)?;
    if text.len() > LEN_MAX {
        return Err(io::Error::other(format!("it is longer than {LEN_MAX} bytes")));
    }
    Ok(text)
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
        with_nearest(without_value(error.to_string()))
    }
}

/// Without a text that stands where something else belongs: it may be a secret.
fn without_value(message: String) -> String {
    const KINDS: [&str; 2] = ["invalid type: string \"", "invalid value: string \""];
    let Some(start) = KINDS.iter().find_map(|kind| message.find(kind).map(|at| at + kind.len())) else {
        return message;
    };
    let end = message.rfind("\", expected ").filter(|end| *end >= start);
    end.map_or(message.clone(), |end| format!("{}…{}", &message[..start], &message[end..]))
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
