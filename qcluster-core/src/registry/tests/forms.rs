//! Services as JSON and as bytes, their limits, and the registry as bytes.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use core::time::Duration;

use super::{World, record_of, service};
use crate::registry::{Health, Message, Registry, Service, ServiceError, ServiceField};

fn parse(json: &str) -> Result<Service, String> {
    serde_json::from_str(json).map_err(|error| error.to_string())
}

fn full() -> Service {
    Service::new("billing", 8_001)
        .with_id("billing-1")
        .with_host("10.0.0.1")
        .with_tags(["blue", "eu"])
        .with_metadata([("weight", 0.1.into()), ("deep", serde_json::json!({"a": [1, null, "x"]}))])
        .with_health(Health::Warning)
        .with_ttl(Duration::from_secs(10))
}

#[test]
fn json_needs_no_more_than_a_name() {
    assert_eq!(parse(r#"{"name": "billing"}"#), Ok(Service::new("billing", 0)));
    assert_eq!(serde_json::to_string(&full()).map(|json| parse(&json)).unwrap(), Ok(full()));
    let unknown = parse(r#"{"name": "a", "prot": 1}"#).unwrap_err();
    assert!(unknown.contains("`prot`"), "{unknown}");
    let health = parse(r#"{"name": "a", "health": "fine"}"#).unwrap_err();
    assert!(health.contains("passing"), "{health}");
}

/// As a configuration takes it.
#[test]
fn a_port_is_a_number_or_its_digits() {
    assert_eq!(parse(r#"{"name": "a", "port": "8080"}"#), Ok(Service::new("a", 8_080)));
    for wrong in [r#""http""#, r#""""#, r#""+7""#, r#""65536""#, "65536", "-1", "7.5", "null"] {
        let error = parse(&format!(r#"{{"name": "a", "port": {wrong}}}"#)).unwrap_err();
        assert!(error.starts_with("port: ") && error.contains("a port: a number from 0 to 65535"), "{error}");
    }
}

#[test]
fn a_value_of_the_wrong_kind_is_told_with_its_field_and_its_place() {
    for (field, value) in [
        ("id", "7"),
        ("host", "7"),
        ("port", "[]"),
        ("tags", r#""v1""#),
        ("tags", "[7]"),
        ("metadata", "7"),
        ("metadata", r#"{"a": 1, "a": 2}"#),
        ("health", r#""fine""#),
        ("health", "7"),
        ("ttl_ms", r#""10s""#),
        ("ttl_ms", "-1"),
    ] {
        let error = parse(&format!(r#"{{"name": "a", "{field}": {value}}}"#)).unwrap_err();
        assert!(error.starts_with(&format!("{field}: ")), "{error}");
        assert_eq!(error.matches(" at line 1 column ").count(), 1, "{error}");
    }
    let name = parse(r#"{"name": 7}"#).unwrap_err();
    assert!(name.starts_with("name: "), "{name}");
}

#[test]
fn bytes_hold_the_same_as_json() {
    let bytes = postcard::to_allocvec(&full()).unwrap();
    assert_eq!(postcard::from_bytes::<Service>(&bytes), Ok(full()));
}

#[test]
fn every_limit_is_named_with_its_field() {
    let long = |len| "x".repeat(len);
    let cases = [
        (Service { id: String::new(), ..full() }, "id: "),
        (Service { id: "a/b".into(), ..full() }, "id: "),
        (Service { id: "..".into(), ..full() }, "id: "),
        (Service { name: long(65), ..full() }, "name: "),
        (Service { name: "bücher".into(), ..full() }, "name: "),
        (Service { host: Some(String::new()), ..full() }, "host: "),
        (Service { host: Some(long(254)), ..full() }, "host: "),
        (Service { host: Some("::ffff:0.0.0.0".into()), ..full() }, "host: "),
        (Service { tags: vec!["t".into(); 17], ..full() }, "tags: 17 are too many: at most 16"),
        (Service { tags: vec!["t".into(), long(65)], ..full() }, "tags[1]: "),
        (Service { tags: vec!["a\n".into()], ..full() }, "tags[0]: "),
        (Service { metadata: [("a".into(), long(600).into())].into(), ..full() }, "metadata: is 608 bytes"),
        (full().with_ttl(Duration::ZERO), "ttl_ms: "),
        (full().with_ttl(Duration::from_nanos(999_999)), "ttl_ms: "),
        (full().with_ttl(Service::TTL_MAX + Duration::from_millis(1)), "ttl_ms: "),
        (full().with_ttl(Duration::MAX), "ttl_ms: "),
    ];
    for (service, start) in cases {
        let error = service.check().unwrap_err().to_string();
        assert!(error.starts_with(start), "{error}");
    }
    assert_eq!(Service { id: String::new(), ..full() }.check(), Err(ServiceError::Text(ServiceField::Id)));
    // Only whole milliseconds count.
    assert_eq!(full().with_ttl(Service::TTL_MAX + Duration::from_nanos(999_999)).check(), Ok(()));
}

#[test]
fn an_address_in_brackets_is_kept_without_them() {
    let mut world = World::new(2);
    for (id, host, kept) in [
        ("a", "[2001:db8::1]", "2001:db8::1"),
        ("b", "2001:db8::1", "2001:db8::1"),
        ("c", "[10.0.0.1]", "10.0.0.1"),
        ("d", "[fe80::1%eth0]", "fe80::1%eth0"),
        ("e", "a.example", "a.example"),
    ] {
        world.register(0, &service(id, 1).with_host(host));
        let key = world.key(0);
        let instance = world.nodes[0].registry.get(key, id).unwrap();
        assert_eq!(instance.service.host.as_deref(), Some(kept));
    }
    for refused in ["[[::1]]", "[a.example]", "[::1", "[]"] {
        assert!(world.try_register(0, &service("f", 1).with_host(refused)).is_err(), "{refused}");
    }
}

#[test]
fn metadata_nested_too_deeply_is_refused_rather_than_lost() {
    let deep = (0..200).fold(serde_json::Value::Null, |inner, _| serde_json::Value::Array(vec![inner]));
    let service = Service { metadata: [("a".into(), deep)].into(), ..full() };
    assert_eq!(service.check(), Err(ServiceError::UnreadableMetadata));
}

#[test]
fn the_largest_service_fits_and_one_byte_more_does_not() {
    let with = |len: usize| Service {
        id: "i".repeat(64),
        name: "n".repeat(64),
        host: Some(["h"; 127].join(".")),
        tags: vec!["t".repeat(64); 8],
        metadata: [("a".into(), "m".repeat(len).into())].into(),
        ..full()
    };
    let largest = (0..500).rev().find(|len| with(*len).check().is_ok()).expect("some length fits");
    assert!(largest > 100);
    assert_eq!(with(largest + 1).check(), Err(ServiceError::TooLong { len: Service::RECORD_LEN_MAX + 1 }));
    let mut world = World::new(1);
    world.register(0, &with(largest));
    let bytes = postcard::to_allocvec(&Message::Record(record_of(&mut world, 0, &"i".repeat(64)))).unwrap();
    assert!(bytes.len() <= Service::RECORD_LEN_MAX + 1);
}

/// A node may go on elsewhere: a snapshot is all that there is to it.
#[test]
fn a_registry_survives_its_bytes() {
    let mut world = World::new(2);
    world.register(0, &full());
    world.register(0, &service("gone", 1));
    world.deregister(0, "gone");
    world
        .at(0, |registry, cx| registry.set_metadata(cx, &[("ratio".into(), 0.123_456_789_012_345_68.into())].into()))
        .unwrap();
    world.compare(0, 1);
    while world.nodes[1].registry.next_change().is_some() {}
    world.register(0, &service("new", 1));
    for n in [0, 1] {
        let registry = &world.nodes[n].registry;
        let bytes = postcard::to_allocvec(registry).unwrap();
        assert_eq!(postcard::from_bytes::<Registry>(&bytes).as_ref(), Ok(registry));
    }
}

/// What travels is what the owner wrote, to the letter, so that all nodes have one stamp for it.
#[test]
fn metadata_is_passed_on_as_it_was_written() {
    let mut world = World::new(3);
    world.register(0, &service("a", 1));
    let mut record = record_of(&mut world, 0, "a");
    record.version += 1;
    if let crate::registry::RecordBody::Service(facts) = &mut record.body {
        facts.metadata = r#"{ "z": 1.50, "a": 1e2 }"#.into();
    }
    world.deliver(0, 1, &Message::Record(record.clone()));
    let key = world.key(0);
    let passed_on = world.rumors(1, 1);
    assert_eq!(passed_on, [Message::Record(record)]);
    let instance = world.nodes[1].registry.get(key, "a").unwrap();
    assert_eq!(format!("{}", instance.service.metadata["z"]), "1.5");
}
