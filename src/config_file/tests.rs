//! Every mistake in a configuration file is told with the file and the field.

use std::path::PathBuf;

use super::{ConfigFile as _, ConfigFileProblem};
use qcluster_core::Config;

fn read(text: &str) -> Result<Config, (PathBuf, super::ConfigFileError)> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("server_a.json");
    std::fs::write(&path, text).unwrap();
    Config::from_file(&path).map_err(|error| (path, error))
}

#[test]
fn the_examples_are_good_configurations() {
    for name in ["server_a", "server_b", "server_c"] {
        let path = format!("{}/examples/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let config = Config::from_file(path).unwrap();
        assert_eq!(config.identifier, name);
        assert_eq!(config.peers.len(), 2);
    }
}

#[test]
fn several_mistakes_are_reported_together_each_with_file_and_field() {
    let (path, error) = read(
        r#"{ "identifier": "server_a", "listen_port": 7001,
             "peers": [ {"identifier": "server_b", "host": "localhost", "port": 0},
                        {"identifier": "server_a", "host": "localhost", "port": 7003} ] }"#,
    )
    .unwrap_err();
    let text = error.to_string();
    let file = path.display().to_string();
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(text.lines().all(|line| line.starts_with(&file)), "{text}");
    assert!(text.contains("peers[0].port: "), "{text}");
    assert!(text.contains("peers[1].identifier: "), "{text}");
    assert_eq!(format!("{error:?}"), text, "what a `main` prints reads like the rest");
}

#[test]
fn an_unknown_field_is_named() {
    let (_, error) = read(r#"{ "identifier": "server_a", "listen_port": 7001, "listen_prot": 1 }"#).unwrap_err();
    assert!(matches!(error.problem, ConfigFileProblem::Malformed(_)));
    assert!(error.to_string().contains("unknown field `listen_prot`"), "{error}");
}

#[test]
fn a_mistyped_name_is_told_with_the_nearest_one() {
    for (text, mistake, hint) in [
        (r#""listen_prot": 1"#, "unknown field `listen_prot` at line 1", ": did you mean `listen_port`?"),
        (r#""datadir": "x""#, "unknown field `datadir` at line 1", ": did you mean `data_dir`?"),
        (r#""timings": "lan""#, "unknown field `timings` at line 1", ": did you mean `timing`?"),
        (r#""peers": [{ "identifer": "b" }]"#, "peers[0].identifer: unknown field", ": did you mean `identifier`?"),
        (r#""mode": "masterles""#, "mode: unknown variant `masterles` at line 1", ": did you mean `masterless`?"),
    ] {
        let text = format!(r#"{{ "identifier": "server_a", "listen_port": 7001, {text} }}"#);
        let (_, error) = read(&text).unwrap_err();
        let told = error.to_string();
        assert!(told.contains(mistake) && told.ends_with(hint), "{told}");
    }
    // What is like none of them is told with all of them.
    let (_, error) = read(r#"{ "identifier": "server_a", "listen_port": 7001, "colour": 1 }"#).unwrap_err();
    assert!(error.to_string().contains("unknown field `colour`, expected one of `identifier`, "), "{error}");
    let (_, error) = read(r#"{ "identifier": "server_a", "listen_port": 7001, "mode": "quorum" }"#).unwrap_err();
    assert!(error.to_string().contains("unknown variant `quorum`, expected `leader` or `masterless`"), "{error}");
}

#[test]
fn a_missing_field_is_named() {
    let (path, error) = read(r#"{ "listen_port": 7001 }"#).unwrap_err();
    assert_eq!(error.to_string(), format!("{}: missing field `identifier` at line 1 column 23", path.display()));
}

#[test]
fn a_value_of_the_wrong_kind_is_told_with_its_field() {
    for (text, field) in [
        (r#"{ "identifier": "server_a", "listen_port": 70001 }"#, "listen_port: "),
        (
            r#"{ "identifier": "server_a", "listen_port": 7001, "peers": [ { "identifier": "b", "host": 7 } ] }"#,
            "peers[0].host: ",
        ),
        (r#"{ "identifier": "server_a", "listen_port": 7001, "timing": "quick" }"#, "timing: "),
    ] {
        let (path, error) = read(text).unwrap_err();
        let expected = format!("{}: {field}", path.display());
        assert!(error.to_string().starts_with(&expected), "{error}");
    }
}

#[test]
fn what_is_no_json_or_more_than_that_is_refused() {
    for (text, reason) in [
        ("", "one JSON object"),
        ("[]", "one JSON object"),
        ("identifier = server_a", "one JSON object"),
        (r#"{ "identifier": "server_a", "listen_port": 7001 } }"#, "trailing characters at line 1 column 51"),
        (r#"{ "identifier": "server_a", "listen_port": 7001, }"#, "at line 1 column 50; it is JSON, without comments"),
        (r#"{ "identifier": "server_a", // me"#, "at line 1 column 29; it is JSON, without comments"),
        (r#"{ "identifier": "server_a", "peers": [ { "port": 1, } ]"#, "at line 1 column 53; it is JSON"),
        (r#"{ "identifier": "server_a""#, "EOF while parsing an object at line 1 column 26"),
    ] {
        let (_, error) = read(text).unwrap_err();
        assert!(matches!(error.problem, ConfigFileProblem::Malformed(_)), "{error}");
        assert!(error.to_string().contains(reason), "{error}");
        assert!(!error.to_string().contains("?:"), "{error}");
    }
}

#[test]
fn a_byte_order_mark_is_read_over() {
    let config = read("\u{feff}{ \"identifier\": \"server_a\", \"listen_port\": 7001 }").unwrap();
    assert_eq!(config, Config::new("server_a", "localhost", 7001));
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Config::from_file("no such folder/server_a.json").unwrap_err();
    assert!(matches!(error.problem, ConfigFileProblem::Unreadable(_)));
    assert!(error.to_string().starts_with("no such folder/server_a.json: cannot be read: "), "{error}");
}
