//! Files with tokens and secrets, read and written.

use std::fs;
use std::path::Path;

use qcluster_api::{KeyChange, KeyRefused};
use qcluster_core::config::{ApiRole, ApiToken, TokenConfig};
use qcluster_core::seal::Keyring;
use qcluster_core::{Config, Secret};

use super::Sources;

fn secret(byte: u8) -> Secret {
    Secret::new([byte; Secret::LEN])
}

fn id(secret: &Secret) -> u8 {
    Keyring::new("default", [secret]).unwrap().ids().next().unwrap()
}

fn with_secrets(path: &Path, secrets: &[&Secret]) -> Sources {
    let lines: String = secrets.iter().map(|secret| secret.reveal() + "\n").collect();
    fs::write(path, lines).unwrap();
    let mut config = Config::new("server_a", "localhost", 7_001);
    config.secret_file = Some(path.display().to_string());
    Sources::of(&config)
}

fn written(path: &Path) -> Vec<String> {
    fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect()
}

/// The way of a rotation: what is written is what a restart would find, and what is used.
#[test]
fn keys_are_changed_in_their_file_and_the_first_one_seals() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("secrets");
    let (old, new) = (secret(1), secret(2));
    let credentials = with_secrets(&path, &[&old]);
    let steps = [
        (KeyChange::Add { secret: new.clone() }, vec![&old, &new]),
        (KeyChange::Add { secret: new.clone() }, vec![&old, &new]),
        (KeyChange::Use { id: id(&new) }, vec![&new, &old]),
        (KeyChange::Use { id: id(&new) }, vec![&new, &old]),
        (KeyChange::Remove { id: id(&old), force: false }, vec![&new]),
    ];
    for (change, secrets) in steps {
        let keyring = credentials.write(change, &[]).unwrap();
        assert_eq!(keyring.ids().collect::<Vec<_>>(), secrets.iter().map(|secret| id(secret)).collect::<Vec<_>>());
        assert_eq!(written(&path), secrets.iter().map(|secret| secret.reveal()).collect::<Vec<_>>());
    }
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn a_change_that_makes_no_sense_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("secrets");
    let (one, other) = (secret(1), secret(2));
    let credentials = with_secrets(&path, &[&one, &other]);
    let before = written(&path);
    // One of 255 has the same id by chance.
    let candidates = (3..=u8::MAX).flat_map(|byte| (0..=u8::MAX).map(move |last| (byte, last)));
    let with_last = |(byte, last)| {
        let mut bytes = [byte; Secret::LEN];
        bytes[Secret::LEN - 1] = last;
        Secret::new(bytes)
    };
    let twin = candidates.map(with_last).find(|secret| id(secret) == id(&other)).expect("one of them has");
    let unknown = (1..=u8::MAX).find(|other_id| ![id(&one), id(&other)].contains(other_id)).unwrap();
    for (change, refused) in [
        (KeyChange::Add { secret: twin.clone() }, KeyRefused::IsThere { id: id(&other) }),
        (KeyChange::Use { id: unknown }, KeyRefused::Unknown { id: unknown }),
        (KeyChange::Remove { id: unknown, force: true }, KeyRefused::Unknown { id: unknown }),
        (KeyChange::Remove { id: id(&one), force: true }, KeyRefused::Seals { id: id(&one) }),
    ] {
        assert_eq!(credentials.write(change, &[]).unwrap_err(), refused);
        assert_eq!(written(&path), before);
    }
    fs::remove_file(&path).unwrap();
    let Err(KeyRefused::File { reason }) = credentials.write(KeyChange::Use { id: id(&other) }, &[]) else {
        panic!("there is no file")
    };
    assert!(reason.starts_with(&format!("secret_file: {}: ", path.display())), "{reason}");
}

/// Two nodes with one file, or a change that was cut short after the file was written: the node takes up what the file says.
#[test]
fn what_the_file_has_already_is_taken_up() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("secrets");
    let (one, other) = (secret(1), secret(2));
    let credentials = with_secrets(&path, &[&one]);
    let removed = KeyChange::Remove { id: id(&other), force: false };
    let keyring = credentials.write(removed.clone(), &[id(&one), id(&other)]).unwrap();
    assert_eq!(keyring.ids().collect::<Vec<_>>(), [id(&one)]);
    assert_eq!(credentials.write(removed, &[id(&one)]).unwrap_err(), KeyRefused::Unknown { id: id(&other) });
}

#[test]
fn secrets_that_stand_in_no_file_stay_as_they_are() {
    let mut config = Config::new("server_a", "localhost", 7_001);
    let change = || KeyChange::Use { id: 1 };
    assert_eq!(Sources::of(&config).write(change(), &[]).unwrap_err(), KeyRefused::NotSealed);
    config.secret = Some(secret(1));
    assert_eq!(Sources::of(&config).write(change(), &[]).unwrap_err(), KeyRefused::NotInAFile);
}

/// What cannot be written is as it was: the name that the new file would have is taken.
#[test]
fn a_file_that_cannot_be_replaced_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("secrets");
    let (one, other) = (secret(1), secret(2));
    let credentials = with_secrets(&path, &[&one, &other]);
    let before = written(&path);
    // Where the new one would have to be, there is a directory.
    fs::create_dir(dir.path().join(format!("secrets.{}.new", std::process::id()))).unwrap();
    assert!(matches!(credentials.write(KeyChange::Use { id: id(&other) }, &[]), Err(KeyRefused::File { .. })));
    assert_eq!(written(&path), before);
}

#[cfg(unix)]
#[test]
fn what_a_link_leads_to_is_replaced_with_its_rights() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let dir = tempfile::tempdir().unwrap();
    let (target, link) = (dir.path().join("target"), dir.path().join("link"));
    let (one, other) = (secret(1), secret(2));
    let credentials = with_secrets(&target, &[&one, &other]);
    fs::set_permissions(&target, fs::Permissions::from_mode(0o640)).unwrap();
    symlink(&target, &link).unwrap();
    drop(credentials);
    let mut config = Config::new("server_a", "localhost", 7_001);
    config.secret_file = Some(link.display().to_string());
    Sources::of(&config).write(KeyChange::Use { id: id(&other) }, &[]).unwrap();
    assert_eq!(written(&target), [other.reveal(), one.reveal()]);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o640);
}

#[test]
fn tokens_come_from_the_configuration_and_from_files_with_several_each() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tokens");
    fs::write(&path, "old-reader-012345\n\n new-reader-012345 \r\n").unwrap();
    let token = |text| ApiToken::new(text).unwrap();
    let mut config = Config::new("server_a", "localhost", 7_001);
    config.api.token = Some(token("administers-01234"));
    config.api.tokens = vec![
        TokenConfig::new(token("registers-0123456"), ApiRole::Register),
        TokenConfig::in_file(path.display().to_string(), ApiRole::Read),
    ];
    let expected = [
        (token("administers-01234"), ApiRole::Admin),
        (token("registers-0123456"), ApiRole::Register),
        (token("old-reader-012345"), ApiRole::Read),
        (token("new-reader-012345"), ApiRole::Read),
    ];
    let credentials = Sources::of(&config);
    assert_eq!(credentials.tokens().unwrap(), expected);
    for (text, told) in [("", "it has no token in it"), ("0123456789abcdef\nshort", "line 2: must be 16 to 256 ")] {
        fs::write(&path, text).unwrap();
        let error = credentials.tokens().unwrap_err().to_string();
        assert!(error.starts_with(&format!("api.tokens[1].token_file: {}: {told}", path.display())), "{error}");
    }
}

#[cfg(unix)]
mod token_file {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use qcluster_core::ApiToken;
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Metadata, Subscriber};

    use super::super::file;

    /// Keeps the names of events.
    #[derive(Default)]
    struct Names {
        names: std::sync::Arc<Mutex<Vec<&'static str>>>,
        spans: AtomicUsize,
    }

    impl Subscriber for Names {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }

        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1 + self.spans.fetch_add(1, Ordering::Relaxed) as u64)
        }

        fn record(&self, _: &Id, _: &Record<'_>) {}

        fn record_follows_from(&self, _: &Id, _: &Id) {}

        fn event(&self, event: &Event<'_>) {
            self.names.lock().unwrap().push(event.metadata().name());
        }

        fn enter(&self, _: &Id) {}

        fn exit(&self, _: &Id) {}
    }

    #[test]
    fn one_that_everybody_may_read_is_warned_of_and_read() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        fs::write(&file, "0123456789abcdef\n").unwrap();
        for (mode, is_warned_of) in [(0o604, true), (0o644, true), (0o600, false), (0o640, false)] {
            fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            let subscriber = Names::default();
            let names = std::sync::Arc::clone(&subscriber.names);
            let read = || file::tokens("api.token_file", file.to_str().unwrap());
            let tokens = tracing::subscriber::with_default(subscriber, read).unwrap();
            assert_eq!(tokens, [ApiToken::new("0123456789abcdef").unwrap()]);
            let warned = names.lock().unwrap().contains(&"qcluster.private_file_open");
            assert_eq!(warned, is_warned_of, "{mode:o}");
        }
    }

    #[test]
    fn one_with_a_variable_for_a_token_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        fs::write(&file, "${QCLUSTER_API_TOKEN}\n").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        let error = file::tokens("api.token_file", file.to_str().unwrap()).unwrap_err().to_string();
        assert!(error.contains("token") && error.contains("a variable in it that was not replaced"), "{error}");
    }
}
