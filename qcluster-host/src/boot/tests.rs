//! What is warned of before a node runs, and how its configuration is shown.

use std::fs;

use qcluster_core::seal::Keyring;
use qcluster_core::{Config, Peer, SealMode, Secret};

use super::{me, seal, voters};

/// With the addresses of a configuration that brackets them.
fn in_brackets() -> Config {
    let mut config = Config::new("server_a", "[::]", 7001).with_peers([Peer::new("server_b", "[2001:db8::2]", 7002)]);
    (config.advertise_host, config.insecure) = (Some("[2001:db8::1]".into()), true);
    config
}

/// Clients put an IPv6 address in brackets themselves.
#[test]
fn hosts_are_shown_without_brackets() {
    let config = in_brackets();
    let rules = config.settings().unwrap().check().unwrap();
    let me = me(&config, 7001);
    assert_eq!(me.host, "2001:db8::1");
    let hosts: Vec<String> = voters(&config, &me, &rules).iter().map(|voter| voter.host.clone()).collect();
    assert_eq!(hosts, ["2001:db8::1", "2001:db8::2"]);
}

#[test]
fn every_address_of_a_machine_is_shown_as_none() {
    for host in ["0.0.0.0", "::", "[::]", "::ffff:0.0.0.0"] {
        assert_eq!(me(&Config::new("server_a", host, 7001), 7001).host, "");
    }
}

#[cfg(unix)]
mod token_file {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Metadata, Subscriber};

    use super::super::read_token;

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
            let token = tracing::subscriber::with_default(subscriber, || read_token(file.to_str().unwrap())).unwrap();
            assert_eq!(token.reveal(), "0123456789abcdef");
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
        let error = read_token(file.to_str().unwrap()).unwrap_err().to_string();
        assert!(error.contains("token") && error.contains("a variable in it that was not replaced"), "{error}");
    }
}

#[test]
fn secrets_are_read_from_a_file_line_by_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("secrets");
    let (one, other) = (Secret::new([1; Secret::LEN]), Secret::new([2; Secret::LEN]));
    fs::write(&path, format!("{}\n\n  {}  \r\n", other.reveal(), one.reveal())).unwrap();
    let mut config = Config::new("server_a", "localhost", 7_001);
    config.secret_file = Some(path.display().to_string());
    let ids = |secrets: [&Secret; 2]| Keyring::new(&config.cluster, secrets).unwrap().ids().collect::<Vec<_>>();
    // The first one seals.
    let sealed = seal(&config).unwrap().expect("there are secrets");
    assert_eq!(sealed.keyring().ids().collect::<Vec<_>>(), ids([&other, &one]));
    assert_eq!(sealed.mode(), SealMode::Require);
    for (text, told) in [("\n", "there is no secret"), ("AAAA", "line 1: a secret has 32 bytes")] {
        fs::write(&path, text).unwrap();
        let error = seal(&config).unwrap_err().to_string();
        assert!(error.starts_with(&format!("secret_file: {}: {told}", path.display())), "{error}");
    }
}

#[test]
fn without_a_secret_there_is_no_seal() {
    assert!(seal(&Config::new("server_a", "localhost", 7_001)).unwrap().is_none());
}
