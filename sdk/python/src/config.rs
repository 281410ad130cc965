//! A configuration as Python gives it, with all of its mistakes: those of form, which end the reading of a value, beside those of content.

use qcluster::{Config, Problem};
use serde_json::{Map, Value, json};
use serde_path_to_error::{Error, Segment};

/// One mistake.
pub(crate) struct Mistake {
    /// The field, as a path: `peers[1].port`.
    pub(crate) field: String,
    /// What is wrong with it.
    pub(crate) reason: String,
}

impl From<&Problem> for Mistake {
    fn from(problem: &Problem) -> Self {
        Self { field: problem.field.clone(), reason: problem.reason.clone() }
    }
}

/// More mistakes of form than this are not looked for.
const MISTAKES_MAX: usize = 100;

/// Reads a configuration.
///
/// A value of the wrong form is noted and replaced by one that no check objects to, and then the rest is read, so that one look shows all
/// mistakes.
///
/// # Errors
/// All mistakes.
pub(crate) fn read(text: &str) -> Result<Config, Vec<Mistake>> {
    let whole = |reason: String| Mistake { field: "configuration".into(), reason };
    let mut value: Value = serde_json::from_str(text).map_err(|error| vec![whole(error.to_string())])?;
    let mut mistakes = Vec::new();
    while mistakes.len() < MISTAKES_MAX {
        match serde_path_to_error::deserialize::<_, Config>(&value) {
            Ok(config) => {
                check(&config, &mut mistakes);
                return if mistakes.is_empty() { Ok(config) } else { Err(mistakes) };
            }
            Err(error) => {
                let place = Place::of(&error);
                let is_mended = place.mend(&mut value);
                let field = if place.names.is_empty() { "configuration".into() } else { place.names.join("") };
                mistakes.push(Mistake { field, reason: place.reason });
                if !is_mended {
                    break;
                }
            }
        }
    }
    Err(mistakes)
}

/// Adds the mistakes of content, but for those that are in what stands for a mistake of form.
fn check(config: &Config, mistakes: &mut Vec<Mistake>) {
    let Err(error) = config.check() else { return };
    // `peers[1]` has `peers[1].port` in it, and `secret` has nothing to do with `secrets`.
    let is_in = |field: &str, outer: &str| {
        field.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    let is_new = |problem: &&Problem| !mistakes.iter().any(|known| is_in(&problem.field, &known.field));
    let found: Vec<Mistake> = error.problems().iter().filter(is_new).map(Mistake::from).collect();
    mistakes.extend(found);
}

/// Where a mistake of form is.
struct Place {
    /// The steps to it, the missing or unknown field included.
    steps: Vec<Step>,
    /// The same as text.
    names: Vec<String>,
    reason: String,
    kind: Kind,
}

enum Step {
    Key(String),
    Index(usize),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Missing,
    Unknown,
    Wrong,
}

impl Place {
    fn of(error: &Error<serde_json::Error>) -> Self {
        let message = error.inner().to_string();
        let kind = match () {
            () if message.starts_with("missing field `") => Kind::Missing,
            () if message.starts_with("unknown field `") => Kind::Unknown,
            () => Kind::Wrong,
        };
        let mut steps: Vec<Step> = error.path().iter().filter_map(Step::of).collect();
        let quoted = message.split('`').nth(1).filter(|_| kind != Kind::Wrong);
        let stands_last = |name: &str| matches!(steps.last(), Some(Step::Key(last)) if last == name);
        if let Some(name) = quoted.filter(|name| !stands_last(name)) {
            steps.push(Step::Key(name.to_owned()));
        }
        let names = steps.iter().enumerate().map(|(at, step)| match step {
            Step::Key(key) if at == 0 => key.clone(),
            Step::Key(key) => format!(".{key}"),
            Step::Index(index) => format!("[{index}]"),
        });
        let names = names.collect();
        let reason = match kind {
            Kind::Missing => "is missing, and has no default".to_owned(),
            Kind::Unknown => unknown(&message),
            Kind::Wrong => message,
        };
        Self { steps, names, reason, kind }
    }

    /// Puts something there that can be read. Tells whether there was anything to mend.
    fn mend(&self, value: &mut Value) -> bool {
        let Some((Step::Key(last), parents)) = self.steps.split_last() else {
            // An entry of a list, which has to be an object or a text.
            return self.replace(value);
        };
        let parent = parents.iter().try_fold(&mut *value, |value, step| match step {
            Step::Key(key) => value.get_mut(key),
            Step::Index(index) => value.get_mut(index),
        });
        let Some(Value::Object(fields)) = parent else { return self.replace(value) };
        let stand_in = stand_in(last, &self.entry());
        match (self.kind, stand_in) {
            (Kind::Missing | Kind::Wrong, Some(stand_in)) => {
                fields.insert(last.clone(), stand_in);
                true
            }
            (Kind::Missing, None) => false,
            (Kind::Unknown | Kind::Wrong, _) => fields.remove(last).is_some(),
        }
    }

    /// Replaces the entry of `peers` that the place is in, or takes away the whole field.
    fn replace(&self, value: &mut Value) -> bool {
        let Some(fields) = value.as_object_mut() else { return false };
        match self.steps.as_slice() {
            [Step::Key(list), Step::Index(index), ..] if list == "peers" || list == "next_peers" => {
                let entry = fields.get_mut(list).and_then(|list| list.get_mut(index));
                let has_entry = entry.is_some();
                if let Some(entry) = entry {
                    let field = |name| stand_in(name, &self.entry());
                    *entry = json!({ "identifier": field("identifier"), "host": field("host"), "port": field("port") });
                }
                has_entry
            }
            [Step::Key(field), ..] => remove(fields, field),
            _ => false,
        }
    }

    /// The entry of a list that it is in: `peers[1]`.
    fn entry(&self) -> String {
        self.names.iter().take(2).map(String::as_str).collect()
    }
}

/// What is told of an unknown field: the known one that is nearest to it, or else all of them.
fn unknown(message: &str) -> String {
    let mut names = message.split('`').skip(1).step_by(2);
    let unknown = names.next().unwrap_or_default();
    let distance = |known: &str| strsim::damerau_levenshtein(unknown, known);
    let near = names.filter(|known| distance(known) <= known.len().div_ceil(3));
    match near.min_by_key(|known| distance(known)) {
        Some(nearest) => format!("there is no such field: did you mean `{nearest}`?"),
        None => message.replacen("unknown field", "there is no field", 1),
    }
}

impl Step {
    fn of(segment: &Segment) -> Option<Self> {
        match segment {
            Segment::Map { key } => Some(Self::Key(key.clone())),
            Segment::Seq { index } => Some(Self::Index(*index)),
            Segment::Enum { .. } | Segment::Unknown => None,
        }
    }
}

/// Takes a field away, or gives it what it needs where it has no default.
fn remove(fields: &mut Map<String, Value>, field: &str) -> bool {
    let removed = fields.remove(field).is_some();
    if removed && let Some(value) = stand_in(field, field) {
        fields.insert(field.to_owned(), value);
    }
    removed
}

/// What stands in for a field that has no default, in that entry of a list: who reads of it in another mistake finds it.
fn stand_in(field: &str, entry: &str) -> Option<Value> {
    match field {
        "identifier" => Some(entry.into()),
        "host" => Some("localhost".into()),
        "port" | "listen_port" => Some(1.into()),
        _ => None,
    }
}
