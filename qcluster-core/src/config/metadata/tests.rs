//! Metadata is what was written, or an error that names what would be lost.

use alloc::format;
use alloc::string::ToString as _;

use serde_json::{Value, json};

use super::ExactJson;
use crate::Service;
use crate::config::Config;

fn read(text: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(text).map(|ExactJson(value)| value)
}

#[test]
fn what_json_can_say_is_kept() {
    let text = format!(r#"[null, true, {}, {}, -1.5, 1e17, "a", [], {{"a": {{"b": {{}}}}}}]"#, u64::MAX, i64::MIN);
    let kept = json!([null, true, u64::MAX, i64::MIN, -1.5, 1e17, "a", [], {"a": {"b": {}}}]);
    assert_eq!(read(&text).unwrap(), kept);
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), kept);
}

#[test]
fn a_number_that_would_be_rounded_is_refused() {
    for text in ["18446744073709551616", "-9223372036854775809", "1e18", "123456789012345678901234567890"] {
        let error = read(&format!(r#"{{"deep": [{text}]}}"#)).unwrap_err().to_string();
        assert!(error.contains("too large to keep all its digits: write it as text"), "{text}: {error}");
    }
}

#[test]
fn a_key_stands_once_wherever_json_is_free() {
    let twice = r#"{"zone": "a", "zone": "b"}"#;
    let node = r#""identifier": "server_a", "listen_port": 7001"#;
    let peer = r#""identifier": "server_b", "host": "::1", "port": 7002"#;
    for config in [
        format!(r#"{{{node}, "metadata": {twice}}}"#),
        format!(r#"{{{node}, "metadata": {{"deep": [{twice}]}}}}"#),
        format!(r#"{{{node}, "peers": [{{{peer}, "metadata": {twice}}}]}}"#),
        format!(r#"{{{node}, "services": [{{"name": "web", "metadata": {twice}}}]}}"#),
        format!(r#"{{{node}, "services": [{{"name": "web", "zone": 1, "zone": 2}}]}}"#),
    ] {
        let error = Config::from_json(&config).unwrap_err().to_string();
        assert!(error.starts_with("duplicate key `zone` at line 1"), "{config}: {error}");
    }
    let error = serde_json::from_str::<Service>(&format!(r#"{{"name": "web", "metadata": {twice}}}"#)).unwrap_err();
    assert!(error.to_string().starts_with("metadata: duplicate key `zone`"), "{error}");
}
