//! What is warned of before a node runs, and how its configuration is shown.

use std::fs;

use qcluster_core::seal::{Keyring, Seal};
use qcluster_core::{Config, Peer, SealMode, Secret};

use super::{me, seal, voters};
use crate::credentials::Sources;
use crate::error::StartError;

fn sealed(config: &Config) -> Result<Option<Seal>, StartError> {
    seal(&Sources::of(config))
}

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
    let seal = sealed(&config).unwrap().expect("there are secrets");
    assert_eq!(seal.keyring().ids().collect::<Vec<_>>(), ids([&other, &one]));
    assert_eq!(seal.mode(), SealMode::Require);
    for (text, told) in [("\n", "it has no secret in it"), ("AAAA", "line 1: a secret has 32 bytes")] {
        fs::write(&path, text).unwrap();
        let error = sealed(&config).unwrap_err().to_string();
        assert!(error.starts_with(&format!("secret_file: {}: {told}", path.display())), "{error}");
    }
}

#[test]
fn without_a_secret_there_is_no_seal() {
    assert!(sealed(&Config::new("server_a", "localhost", 7_001)).unwrap().is_none());
}
