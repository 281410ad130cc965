//! Secrets as they are written, and what is said of those that are none.

use alloc::format;
use alloc::string::{String, ToString as _};

use super::{BadSecret, SealMode, Secret};
use crate::config::Config;

fn secret(byte: u8) -> Secret {
    Secret::new([byte; Secret::LEN])
}

/// Each mistake as `field: sentence`.
fn mistakes(change: impl FnOnce(&mut Config)) -> String {
    let mut config = Config::new("server_a", "localhost", 7001);
    change(&mut config);
    config.settings().map_or_else(|error| error.to_string(), |_| String::new())
}

#[test]
fn a_secret_reads_back_in_each_encoding() {
    let bytes: [u8; Secret::LEN] = core::array::from_fn(|place| 251_u8.wrapping_add(u8::try_from(place).unwrap()));
    let secret = Secret::new(bytes);
    let hex = data_encoding::HEXUPPER.encode(&bytes);
    let base64 = secret.reveal();
    let url = base64.replace('+', "-").replace('/', "_");
    assert_ne!(base64, url, "the two alphabets differ in it");
    for text in [&base64, &url, &hex, &hex.to_lowercase(), base64.trim_end_matches('='), url.trim_end_matches('=')] {
        assert_eq!(text.parse(), Ok(secret.clone()), "{text}");
    }
    let json = serde_json::to_string(&secret).unwrap();
    assert_eq!(serde_json::from_str::<Secret>(&json).unwrap(), secret);
}

#[test]
fn what_is_no_secret_is_refused_without_being_repeated() {
    for (text, why) in [
        ("", BadSecret::Length),
        ("correct horse battery staple", BadSecret::Alphabet),
        ("c2VjcmV0", BadSecret::Length),
        ("00", BadSecret::Length),
        ("${SECRET}", BadSecret::Variable),
        ("$SECRET", BadSecret::Variable),
    ] {
        assert_eq!(text.parse::<Secret>(), Err(why), "{text}");
        assert!(text.is_empty() || !why.to_string().contains(text));
    }
}

#[test]
fn a_secret_is_not_shown() {
    let mut config = Config::new("server_a", "localhost", 7001);
    (config.secret, config.secrets) = (Some(secret(7)), [secret(8)].into());
    let shown = format!("{config:?}");
    assert!(!shown.contains(&secret(7).reveal()) && !shown.contains("7, 7") && shown.contains("Secret(…)"), "{shown}");
}

#[test]
fn a_secret_seals_all_unless_something_else_is_said() {
    let mut config = Config::new("server_a", "localhost", 7001);
    assert_eq!(config.settings().unwrap().seal, None);
    config.secret = Some(secret(1));
    assert_eq!(config.settings().unwrap().seal, Some(SealMode::Require));
    config.seal = Some(SealMode::Accept);
    assert_eq!(config.settings().unwrap().seal, Some(SealMode::Accept));
}

#[test]
fn secrets_come_from_one_place_and_are_different() {
    assert!(mistakes(|config| config.seal = Some(SealMode::Send)).contains("seal: only means something together with"));
    let both = mistakes(|config| (config.secret, config.secret_file) = (Some(secret(1)), Some("key".into())));
    assert!(both.contains("secret_file: cannot be there together with secret"), "{both}");
    let twice = mistakes(|config| config.secrets = [secret(1), secret(2), secret(1)].into());
    assert!(twice.contains("secrets: number 3 is there twice"), "{twice}");
    assert!(mistakes(|config| config.secret_file = Some(String::new())).contains("secret_file: cannot be empty"));
}

#[test]
fn beyond_loopback_nothing_is_taken_without_a_seal_unless_the_network_is_trusted() {
    let on_all = |seal: Option<SealMode>, has_secret: bool, insecure: bool| {
        mistakes(|config| {
            config.listen_host = "0.0.0.0".into();
            (config.seal, config.insecure) = (seal, insecure);
            config.secret = has_secret.then(|| secret(1));
        })
    };
    assert!(on_all(None, false, false).contains("listen_host: `0.0.0.0` can be reached from other machines"));
    assert_eq!(on_all(None, true, false), "");
    assert_eq!(on_all(Some(SealMode::Require), true, false), "");
    for seal in [SealMode::Accept, SealMode::Send] {
        assert!(on_all(Some(seal), true, false).contains("datagrams without a seal are let in"));
        assert_eq!(on_all(Some(seal), true, true), "");
    }
}

#[test]
fn a_secret_at_the_wrong_place_is_not_repeated() {
    let secret = secret(9).reveal();
    for (field, value, told) in [
        ("secret", format!("[\"{secret}\"]"), "this is neither"),
        ("secret", "1234567890123".into(), "this is neither"),
        ("secrets", format!("\"{secret}\""), "must be a list of at least one secret"),
        ("secrets", "[]".into(), "must be a list of at least one secret"),
        ("secrets", format!("[\"{secret}\", \"{secret}x\"]"), "number 2: "),
        ("seal", format!("\"{secret}\""), "must be \"accept\", \"send\" or \"require\""),
    ] {
        let text = format!(r#"{{"identifier": "a", "listen_port": 7001, "{field}": {value}}}"#);
        let error = serde_json::from_str::<Config>(&text).unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
        assert!(!error.contains(&secret) && !error.contains("1234567890123"), "{error}");
    }
    let file = mistakes(|config| config.secret_file = Some(secret.clone()));
    assert!(file.contains("secret_file: this is a secret, and no path") && !file.contains(&secret), "{file}");
}
