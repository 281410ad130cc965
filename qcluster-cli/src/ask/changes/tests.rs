//! Times to live and metadata: nothing that was asked for is lost in silence.

use std::time::Duration;

use serde_json::json;

use super::{key_and_value, time_to_live};

#[test]
fn a_time_to_live_is_of_whole_milliseconds() {
    for (text, ms) in [("3", 3_000), ("1ms", 1), ("1500us", 0), ("2000us", 2), ("1m 5s", 65_000), ("0s", 0)] {
        assert_eq!(time_to_live(text).unwrap_or_default(), Duration::from_millis(ms), "{text}");
    }
    for bad in
        ["0", "1us", "1ms 1ns", "-1", "-1s", "", "soon", "--health", "99999999999999999999", "18446744073709551615"]
    {
        assert!(time_to_live(bad).is_err_and(|sentence| sentence.starts_with("has to be a time")), "{bad}");
    }
}

#[test]
fn a_value_is_json_or_text() {
    for (text, value) in [
        ("k=3", json!(3)),
        ("k=18446744073709551615", json!(u64::MAX)),
        ("k=eu-1", json!("eu-1")),
        ("k=", json!("")),
        ("k=a=b", json!("a=b")),
        (r#"k={"a": [1, null]}"#, json!({"a": [1, null]})),
    ] {
        assert_eq!(key_and_value(text), Ok(("k".to_owned(), value)), "{text}");
    }
}

#[test]
fn a_value_that_would_lose_something_is_refused() {
    for (text, part) in
        [("k", "KEY=VALUE"), ("k=18446744073709551616", "too large"), (r#"k={"a": 1, "a": 2}"#, "duplicate key `a`")]
    {
        let refusal = key_and_value(text).unwrap_err();
        assert!(refusal.contains(part), "{text}: {refusal}");
    }
}
