//! Files that are for this user alone: tokens and secrets, one on each line.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use qcluster_core::config::{ApiToken, BadSecret, Secret};
use zeroize::Zeroizing;

use crate::error::CredentialError;
use crate::log::TARGET;

/// What is read of such a file. They are much shorter.
const LEN_MAX: usize = 4_096;

/// The tokens in the file that `field` names, at least one. Blocks.
pub(super) fn tokens(field: &str, path: &str) -> Result<Vec<ApiToken>, CredentialError> {
    let unusable = |reason: String| CredentialError::TokenFile { field: field.into(), path: path.into(), reason };
    let text = read(Path::new(path), "tokens of the API").map_err(|error| unusable(error.to_string()))?;
    let token = |(number, line)| ApiToken::new(line).map_err(|reason| unusable(format!("line {number}: {reason}")));
    let tokens: Vec<ApiToken> = lines(&text).map(token).collect::<Result<_, _>>()?;
    if tokens.is_empty() { Err(unusable("it has no token in it".into())) } else { Ok(tokens) }
}

/// The secrets in the file, at least one. Blocks.
pub(super) fn secrets(path: &Path) -> Result<Vec<Secret>, CredentialError> {
    let unusable = |reason: String| CredentialError::SecretFile { path: path.into(), reason };
    let text = read(path, "the secret of the cluster").map_err(|error| unusable(error.to_string()))?;
    let secret = |(number, line): (usize, &str)| {
        line.parse().map_err(|error: BadSecret| unusable(format!("line {number}: {error}")))
    };
    let secrets: Vec<Secret> = lines(&text).map(secret).collect::<Result<_, _>>()?;
    if secrets.is_empty() { Err(unusable("it has no secret in it".into())) } else { Ok(secrets) }
}

/// Puts these secrets in place of those in the file, all or nothing. Blocks.
pub(super) fn write_secrets(path: &Path, secrets: &[Secret]) -> io::Result<()> {
    // What a link leads to is replaced, and not the link.
    let path = fs::canonicalize(path)?;
    let mut text = Zeroizing::new(String::with_capacity(LEN_MAX));
    for secret in secrets {
        text.push_str(&Zeroizing::new(secret.reveal()));
        text.push('\n');
    }
    if text.len() > LEN_MAX {
        return Err(io::Error::other(format!("it would be longer than {LEN_MAX} bytes")));
    }
    let new = beside(&path);
    let written = write_beside(&path, &new, text.as_bytes()).and_then(|()| fs::rename(&new, &path));
    written.inspect_err(|_| _ = fs::remove_file(&new))?;
    if let Err(error) = sync_dir(&path) {
        // It is done all the same: the file says so to its next reader, unless the machine goes down before.
        let path = path.display();
        tracing::warn!(name: "qcluster.secrets_not_synced", target: TARGET, %path, %error, "a crash of the machine may undo the change");
    }
    Ok(())
}

/// Of this process alone: another node may have the same file.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    path.with_file_name(name)
}

/// A file at `new` with the rights of that at `path`, which nobody else could read meanwhile.
fn write_beside(path: &Path, new: &Path, bytes: &[u8]) -> io::Result<()> {
    let rights = fs::metadata(path)?.permissions();
    if let Err(error) = fs::remove_file(new)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(new)?;
    file.write_all(bytes)?;
    give_away(path, &file)?;
    file.set_permissions(rights)?;
    file.sync_all()
}

/// To the owner of the file at `path`, as far as this user may: else the node that reads it next would be kept out.
#[cfg(unix)]
fn give_away(path: &Path, file: &File) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    let (old, new) = (fs::metadata(path)?, file.metadata()?);
    if (old.uid(), old.gid()) == (new.uid(), new.gid()) {
        return Ok(());
    }
    std::os::unix::fs::fchown(file, Some(old.uid()), Some(old.gid()))
}

#[cfg(not(unix))]
fn give_away(_: &Path, _: &File) -> io::Result<()> {
    Ok(())
}

/// A rename is safe only once the directory that says so is.
#[cfg(unix)]
fn sync_dir(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all())
}

#[cfg(not(unix))]
fn sync_dir(_: &Path) -> io::Result<()> {
    Ok(())
}

/// The lines that are not empty, by number.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().map(str::trim).enumerate().map(|(index, line)| (index + 1, line));
    lines.filter(|(_, line)| !line.is_empty())
}

/// Warns of a file that others may read; `what` is in it.
pub(super) fn warn_if_open(path: &Path, what: &str) {
    if is_open_to_all(path) {
        let path = path.display();
        tracing::warn!(name: "qcluster.private_file_open", target: TARGET, %path, "every user may read {what}: chmod o-r");
    }
}

/// The text of the file; `what` is in it.
fn read(path: &Path, what: &str) -> io::Result<Zeroizing<String>> {
    warn_if_open(path, what);
    // It does not grow, so that nothing of it stays behind.
    let mut text = Zeroizing::new(String::with_capacity(LEN_MAX + 1));
    File::open(path)?.take(LEN_MAX as u64 + 1).read_to_string(&mut text)?;
    if text.len() > LEN_MAX {
        return Err(io::Error::other(format!("it is longer than {LEN_MAX} bytes")));
    }
    Ok(text)
}

/// Whether every user of this machine may read a file.
#[cfg(unix)]
fn is_open_to_all(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).is_ok_and(|about| about.permissions().mode() & 0o004 != 0)
}

#[cfg(not(unix))]
fn is_open_to_all(_: &Path) -> bool {
    false
}
