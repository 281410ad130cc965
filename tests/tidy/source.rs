//! Reads the project's files, and blanks out comments and literals so that rules see code alone.

use std::fmt;
use std::fs;
use std::path::Path;

/// One text file of the project.
pub(crate) struct Source {
    /// Relative to the root, with `/` between the parts.
    pub(crate) path: String,
    /// As it stands in the file.
    pub(crate) text: String,
    /// For Rust: the same lines and columns, with spaces in place of comments and the insides of literals.
    pub(crate) code: String,
}

/// A breach of a rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    pub(crate) path: String,
    pub(crate) line: usize,
    pub(crate) message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

impl Source {
    pub(crate) fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        let (path, text) = (path.into(), text.into());
        let code = if has_extension(&path, "rs") { blank(&text) } else { String::new() };
        Self { path, text, code }
    }

    pub(crate) fn is_rust(&self) -> bool {
        has_extension(&self.path, "rs")
    }

    /// A finding at a byte offset of the text or the code.
    pub(crate) fn finding(&self, offset: usize, message: impl Into<String>) -> Finding {
        let line = 1 + self.text.bytes().take(offset).filter(|&byte| byte == b'\n').count();
        Finding { path: self.path.clone(), line, message: message.into() }
    }
}

/// The offsets at which `word` stands in `code` as a word of its own.
pub(crate) fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).map(|(at, _)| at).filter(move |&at| {
        let (before, after) = (&code[..at], &code[at + word.len()..]);
        let joins = |edge: Option<char>, next: Option<char>| edge.is_some_and(is_part) && next.is_some_and(is_part);
        !joins(word.chars().next(), before.chars().next_back())
            && !joins(word.chars().next_back(), after.chars().next())
    })
}

/// Every text file below `root` but what builds and tools leave behind.
pub(crate) fn read_project(root: &Path) -> Vec<Source> {
    let mut sources = Vec::new();
    read_folder(root, "", &mut sources);
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}

fn read_folder(folder: &Path, prefix: &str, sources: &mut Vec<Source>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("cannot list {}: {error}", folder.display()));
    for entry in entries {
        let entry = entry.unwrap_or_else(|error| panic!("cannot list {}: {error}", folder.display()));
        let name = entry.file_name().to_string_lossy().into_owned();
        let (path, full) = (format!("{prefix}{name}"), entry.path());
        let hidden = name.starts_with('.') && name != ".ci";
        let left_behind = full.join("CACHEDIR.TAG").exists() || ["target", "corpus", "artifacts"].contains(&&*name);
        if hidden || left_behind || full.is_symlink() {
            continue;
        }
        if full.is_dir() {
            read_folder(&full, &format!("{path}/"), sources);
        } else if let Ok(text) = fs::read_to_string(&full) {
            sources.push(Source::new(path, text));
        }
    }
}

pub(crate) fn has_extension(path: &str, extension: &str) -> bool {
    Path::new(path).extension().is_some_and(|found| found == extension)
}

/// Replaces comments, and what literals hold, by spaces; every other character keeps its place.
fn blank(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    let mut previous = ' ';
    while let Some(first) = rest.chars().next() {
        let len = opaque_len(rest, previous).unwrap_or(0);
        if len == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
            previous = first;
        } else {
            // One space a byte, so that offsets into the code are offsets into the text.
            code.extend(rest[..len].bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
            rest = &rest[len..];
            previous = ' ';
        }
    }
    code
}

/// The length of the comment or literal that `rest` begins with, if it does.
fn opaque_len(rest: &str, previous: char) -> Option<usize> {
    let inside_word = previous.is_alphanumeric() || previous == '_';
    let raw = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r')).filter(|_| !inside_word);
    if rest.starts_with("//") {
        Some(rest.find('\n').unwrap_or(rest.len()))
    } else if rest.starts_with("/*") {
        Some(block_comment_len(rest))
    } else if let Some(len) = raw.and_then(raw_string_len) {
        Some(len + if rest.starts_with('b') { 2 } else { 1 })
    } else if rest.starts_with('"') {
        Some(quoted_len(rest, '"'))
    } else if rest.starts_with('\'') {
        char_len(rest)
    } else {
        None
    }
}

/// Block comments nest.
fn block_comment_len(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        let here = &rest.as_bytes()[at..];
        let step = if here.starts_with(b"/*") {
            depth += 1;
            2
        } else if here.starts_with(b"*/") {
            depth -= 1;
            2
        } else {
            1
        };
        at += step;
        if depth == 0 {
            break;
        }
    }
    at
}

/// What follows the `r` of a raw string; a raw identifier is none.
fn raw_string_len(rest: &str) -> Option<usize> {
    let hashes = rest.len() - rest.trim_start_matches('#').len();
    let body = rest[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    Some(hashes + 1 + body.find(&end).map_or(body.len(), |at| at + end.len()))
}

fn quoted_len(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        if !escaped && c == quote {
            return at + 1;
        }
        escaped = !escaped && c == '\\';
    }
    rest.len()
}

/// A character literal, as opposed to a lifetime.
fn char_len(rest: &str) -> Option<usize> {
    let mut chars = rest.chars().skip(1);
    let (first, second) = (chars.next()?, chars.next()?);
    (first == '\\' || second == '\'').then(|| quoted_len(rest, '\''))
}

#[cfg(test)]
#[path = "source/tests.rs"]
mod tests;
