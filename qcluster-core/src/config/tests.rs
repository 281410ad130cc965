//! Mistakes in a configuration: all of them are found at once, and each names its field.

use super::{ApiRole, ApiToken, Config, Peer, Preset, RecordTo, SealMode, Settings, Timing};
use crate::config::{Seat, VoterSettings};
use crate::id::NodeId;
use crate::time::Span;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use serde_json::json;

/// The example of the README.
const SERVER_A: &str = r#"{
    "identifier": "server_a", "listen_host": "localhost", "listen_port": 7001, "metadata": {"server_port": 8001},
    "peers": [
        {"host": "localhost", "port": 7002, "identifier": "server_b", "metadata": {"server_port": 8002}},
        {"host": "localhost", "port": 7003, "identifier": "server_c", "metadata": {"server_port": 8003}}
    ]
}"#;

fn server_a() -> Config {
    Config::from_json(SERVER_A).unwrap()
}

/// The fields that are complained about.
fn fields(config: &Config) -> Vec<String> {
    let error = config.settings().expect_err("the configuration is wrong");
    error.problems().iter().map(|problem| problem.field.clone()).collect()
}

#[test]
fn the_example_is_fine() {
    let settings = server_a().settings().unwrap();
    let rules = settings.check().unwrap();
    let names: Vec<&str> = rules.voters().iter().map(|voter| voter.id.as_str()).collect();
    assert_eq!(names, ["server_a", "server_b", "server_c"]);
    assert_eq!(rules.seat(), Seat::Voter);
    assert_eq!(*rules.timing(), Timing::from(Preset::Lan));
}

#[test]
fn it_survives_being_written() {
    let text = serde_json::to_string(&server_a()).unwrap();
    assert_eq!(Config::from_json(&text).unwrap(), server_a());
}

/// What a running node takes is not named, and all else is, each by its name in the file.
#[test]
fn what_waits_for_a_restart_is_named() {
    let before = server_a();
    let mut live = before.clone();
    live.secret_file = Some("secret".into());
    live.seal = Some(SealMode::Accept);
    live.insecure = true;
    live.api.token_file = Some("token".into());
    live.api.protect_reads = true;
    assert_eq!(before.fields_for_restart(&live), Vec::<&str>::new());
    let mut next = live.clone();
    next.cluster = "other".into();
    next.listen_host = "10.0.0.7".into();
    next.api.enabled = false;
    assert_eq!(before.with_live_fields_of(&next), live, "what waits for a restart is as it was");
    let text = serde_json::to_value(&before).unwrap();
    for (name, other) in [
        ("identifier", json!("other")),
        ("listen_port", json!(7_009)),
        ("peers", json!([])),
        ("timing", json!("wan")),
        ("metadata", json!({ "zone": "b" })),
        ("data_dir", json!("/data")),
        ("join", json!(["h:1"])),
        ("priority", json!(3)),
        ("services", json!([{ "id": "web", "name": "web" }])),
    ] {
        let mut changed = text.clone();
        changed[name] = other;
        let changed: Config = serde_json::from_value(changed).unwrap();
        assert_eq!(before.fields_for_restart(&changed), [name]);
    }
    let mut elsewhere = before.clone();
    elsewhere.api.listen = Some("localhost:8001".into());
    assert_eq!(before.fields_for_restart(&elsewhere), ["api.listen"]);
}

#[test]
fn an_unknown_field_is_named() {
    let text = SERVER_A.replace("listen_port", "listen_prot");
    let error = Config::from_json(&text).unwrap_err().to_string();
    assert!(error.contains("listen_prot"), "{error}");
}

#[test]
fn a_mistake_inside_timing_is_named() {
    for (timing, word) in [
        (r#""slow""#, "slow"),
        (r#"{"presett": "lan"}"#, "presett"),
        (r#"{"lease_ms": "150"}"#, "150"),
        ("7", "an object"),
    ] {
        let text = SERVER_A.replacen('{', &format!("{{\"timing\": {timing},"), 1);
        let error = Config::from_json(&text).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
}

#[test]
fn several_mistakes_are_reported_together() {
    let mut config = server_a();
    config.identifier = "two words".into();
    config.peers[0].port = 0;
    config.peers[1].identifier = "server_b".into();
    config.timing = serde_json::from_str(r#"{"lease_ms": 90}"#).unwrap();
    let fields = fields(&config);
    for field in ["identifier", "peers[0].port", "peers", "timing.lease_ms"] {
        assert!(fields.iter().any(|found| found == field), "{field} is missing in {fields:?}");
    }
}

#[test]
fn each_mistake_names_its_field() {
    type Spoil = fn(&mut Config);
    let cases: &[(&str, Spoil)] = &[
        ("identifier", |c| c.identifier.clear()),
        ("listen_host", |c| c.listen_host.clear()),
        ("listen_host", |c| c.listen_host = "0.0.0.0".into()),
        ("listen_host", |c| c.peers[0].host = "10.1.2.3".into()),
        ("listen_port", |c| c.listen_port = 0),
        ("advertise_port", |c| c.advertise_port = Some(0)),
        ("peers[0].identifier", |c| c.peers[0].identifier = "server_a".into()),
        ("peers[0].identifier", |c| c.peers[0].identifier.clear()),
        ("peers[1].port", |c| c.peers[1].port = 7_002),
        ("peers[0].port", |c| c.peers[0].port = 7_001),
        ("peers[0].port", |c| (c.peers[0].host, c.peers[0].port) = ("127.0.0.1".into(), 7_001)),
        ("peers[1].port", |c| (c.peers[1].host, c.peers[1].port) = ("[::1]".into(), 7_002)),
        ("peers[1].host", |c| c.peers[1].host.clear()),
        ("peers[1].host", |c| c.peers[1].host = "http://me".into()),
        ("peers[1].host", |c| c.peers[1].host = "0.0.0.0".into()),
        ("listen_host", |c| c.listen_host = "localhost:7001".into()),
        ("peers[1].host", |c| c.peers[1].host = "::ffff:0.0.0.0".into()),
        ("advertise_host", |c| c.advertise_host = Some("::".into())),
        ("advertise_host", |c| c.advertise_host = Some("::ffff:0.0.0.0".into())),
        ("join[0]", |c| c.join = ["[::ffff:0.0.0.0]:7001".into()].into()),
        ("advertise_host", |c| c.advertise_host = Some("${HOSTNAME}".into())),
        ("advertise_host", |c| c.advertise_host = Some(String::new())),
        ("join[0]", |c| c.join = ["nowhere".into()].into()),
        ("join[0]", |c| c.join = ["a/b:7001".into(), "localhost:7002".into()].into()),
        ("join", |c| c.join = ["127.0.0.1:7001".into(), "LOCALHOST:7001".into()].into()),
        ("data_dir", |c| c.data_dir = Some(String::new())),
        ("peers", |c| c.peers[1].identifier = "server_b".into()),
        ("metadata", |c| drop(c.metadata.insert("long".into(), "x".repeat(600).into()))),
        ("peers[0].metadata", |c| drop(c.peers[0].metadata.insert("long".into(), "x".repeat(600).into()))),
        ("cluster", |c| c.cluster.clear()),
        ("voter_in", |c| c.voter_in = super::VoterIn::Peers),
        ("previous_lease_ms", |c| c.previous_lease_ms = Some(u64::MAX)),
        ("record.path", |c| c.record = Some(RecordTo::new(""))),
        ("record.max_bytes", |c| c.record = Some(RecordTo { max_bytes: 1_000, ..RecordTo::new("node.rec") })),
        ("timing.heartbeat_ms", |c| c.timing = serde_json::from_str(r#"{"heartbeat_ms": 0}"#).unwrap()),
        ("timing.lease_ms", |c| c.timing = serde_json::from_str(r#"{"lease_ms": 99}"#).unwrap()),
        ("timing.lease_ms", |c| c.timing = serde_json::from_str(r#"{"lease_ms": 4000000}"#).unwrap()),
        ("timing.max_lease_ms", |c| c.timing = serde_json::from_str(r#"{"max_lease_ms": 149}"#).unwrap()),
        ("timing.max_lease_ms", |c| c.timing = serde_json::from_str(r#"{"max_lease_ms": 4000000}"#).unwrap()),
        ("timing.slot_ms", |c| c.timing = serde_json::from_str(r#"{"slot_ms": 0}"#).unwrap()),
        ("timing.drift_ppm", |c| c.timing = serde_json::from_str(r#"{"drift_ppm": 200001}"#).unwrap()),
    ];
    for (field, spoil) in cases {
        let mut config = server_a();
        spoil(&mut config);
        assert_eq!(fields(&config), [*field]);
    }
}

/// What would have replaced it did not run, and its text would be taken for what is meant, by every node of the cluster alike.
#[test]
fn a_variable_that_nothing_has_replaced_is_named_in_every_field() {
    type Spoil = fn(&mut Config);
    let cases: &[(&str, Spoil)] = &[
        ("identifier", |c| c.identifier = "node-${HOSTNAME}".into()),
        ("identifier", |c| c.identifier = "${HOSTNAME}".into()),
        ("peers[1].identifier", |c| c.peers[1].identifier = "${HOSTNAME}".into()),
        ("next_peers[0].identifier", |c| c.next_peers = Some([Peer::new("${HOSTNAME}", "localhost", 7_009)].into())),
        ("listen_host", |c| c.listen_host = "${HOSTNAME}".into()),
        ("peers[0].host", |c| c.peers[0].host = "${HOSTNAME}.example".into()),
        ("cluster", |c| c.cluster = "${HOSTNAME}".into()),
        ("data_dir", |c| c.data_dir = Some("/var/lib/${HOSTNAME}/state".into())),
        ("record.path", |c| c.record = Some(RecordTo::new("/var/log/${HOSTNAME}.rec"))),
        ("api.token_file", |c| c.api.token_file = Some("/run/${HOSTNAME}/token".into())),
        ("api.hosts[0]", |c| c.api.hosts = ["${HOSTNAME}".into()].into()),
        ("join[0]", |c| c.join = ["${HOSTNAME}:7002".into()].into()),
        ("services[0]", |c| c.services = [json!({ "name": "${HOSTNAME}" })].into()),
        ("services[0]", |c| c.services = [json!({ "name": "web", "id": "web-${HOSTNAME}" })].into()),
        ("services[0]", |c| c.services = [json!({ "name": "web", "host": "${HOSTNAME}" })].into()),
    ];
    for (field, spoil) in cases {
        let mut config = server_a();
        spoil(&mut config);
        let error = config.check().expect_err(field).to_string();
        assert_eq!(error.lines().count(), 1, "{error}");
        assert!(error.starts_with(&format!("{field}: ")), "{error}");
        assert!(
            error.contains("has a variable in it that was not replaced") && error.contains("${HOSTNAME}"),
            "{error}"
        );
    }
}

/// A token that everybody could guess; and a `$` that somebody meant.
#[test]
fn a_variable_is_refused_as_a_token_and_a_dollar_sign_alone_is_not() {
    for token in ["${QCLUSTER_API_TOKEN}", "${TOKEN}", "$QCLUSTER_API_TOKEN"] {
        let error = ApiToken::new(token).unwrap_err();
        assert_eq!(error, "has a variable in it that was not replaced");
    }
    assert!(ApiToken::new("0123$456789abcdef").is_ok());
    let mut config = server_a().with_data_dir("/srv/c$/$NAME");
    (config.identifier, config.cluster) = ("server$a".into(), "$5".into());
    assert_eq!(config.check().err(), None);
}

#[test]
fn what_is_wrong_with_an_address_to_join_is_one_sentence() {
    for (address, told) in [
        ("a/b:7001", "join[0]: `a/b` is not a host: give a name or an address, without `http://`, a path or a user"),
        ("[::]:7001", "join[0]: `::` means every address of a machine, and nobody can connect to that"),
        ("10.0.0.256:7001", "join[0]: `10.0.0.256` is neither an IP address nor a host name"),
        ("a", "join[0]: `a` is not an address: it reads like `host:7001`, or `[::1]:7001`"),
    ] {
        assert_eq!(server_a().with_join([address]).settings().unwrap_err().to_string(), told);
    }
}

/// The same file serves every node of a cluster, so a list may name the node itself among others.
#[test]
fn a_node_may_join_itself_and_others() {
    let config = server_a().with_join(["localhost:7001", "localhost:7002"]);
    assert!(config.settings().is_ok());
}

/// The Python QCluster takes both.
#[test]
fn a_port_is_a_number_or_its_digits() {
    let text = SERVER_A.replace("7001", r#""7001""#).replace("7002", r#""7002""#);
    assert_eq!(Config::from_json(&text).unwrap(), server_a());
    for wrong in [r#""""#, r#""http""#, r#""+7""#, r#""65536""#, "65536", "-1", "7.5", "null"] {
        let error = Config::from_json(&SERVER_A.replace("7002", wrong)).unwrap_err().to_string();
        assert!(error.contains("a port: a number from 0 to 65535"), "{wrong}: {error}");
    }
}

#[test]
fn a_service_of_a_configuration_has_a_port_alike_and_names_its_field() {
    let with = |port| Config { services: [json!({ "name": "web", "port": port })].into(), ..server_a() };
    assert_eq!(with(json!("80")).services().unwrap()[0].port, 80);
    for wrong in [json!("http"), json!(65_536), json!(null)] {
        let error = with(wrong).services().unwrap_err().to_string();
        assert!(error.starts_with("services[0]: port: "), "{error}");
    }
}

#[test]
fn the_voters_of_both_lists_must_fit_and_agree_on_priorities() {
    let voter = |n: usize| VoterSettings::new(NodeId::new(&format!("v{n}")).unwrap());
    let list = |range: core::ops::Range<usize>| range.map(voter).collect::<Vec<_>>();
    let settings = Settings::voter(voter(0).id, list(0..63));
    assert!(settings.check().is_ok());
    let changing = Settings { next_voters: Some(list(1..64)), ..settings.clone() };
    assert_eq!(changing.check().unwrap_err().problems()[0].field, "peers");

    let mut next = list(0..3);
    next[1].priority = 9;
    let changing = Settings { voters: list(0..3), next_voters: Some(next), ..settings };
    assert_eq!(changing.check().unwrap_err().problems()[0].field, "next_peers");
}

#[test]
fn an_observer_is_no_voter() {
    let config = Config { observer: true, ..server_a() };
    let rules = config.settings().unwrap().check().unwrap();
    assert_eq!(rules.seat(), Seat::Observer);
    assert_eq!(rules.voters().len(), 2);
}

#[test]
fn a_joining_node_is_in_the_next_list_only() {
    let mut config = server_a();
    config.next_peers = Some(config.peers.clone());
    config.voter_in = super::VoterIn::NextPeers;
    let settings = config.settings().unwrap();
    assert_eq!(settings.voters.len(), 2);
    assert_eq!(settings.next_voters.map(|voters| voters.len()), Some(3));
}

#[test]
fn digests_agree_where_a_list_is_shared() {
    let voter = |name: &str| VoterSettings::new(NodeId::new(name).unwrap());
    let old = || ["a", "b", "c"].map(voter).to_vec();
    let new = || ["b", "c", "d"].map(voter).to_vec();
    let digests = |voters, next| {
        let settings = Settings { next_voters: next, ..Settings::voter(voter("b").id, voters) };
        settings.check().unwrap().digests
    };
    let (only_old, joint, only_new) = (digests(old(), None), digests(old(), Some(new())), digests(new(), None));
    assert!(only_old.agree(&joint) && joint.agree(&only_old));
    assert!(only_new.agree(&joint) && joint.agree(&only_new));
    assert!(joint.agree(&joint) && only_old.agree(&only_old));
    assert!(!only_old.agree(&only_new) && !only_new.agree(&only_old));
}

#[test]
fn the_digest_covers_priority_lease_and_drift_and_not_the_order() {
    let voter = |name: &str, priority| VoterSettings::new(NodeId::new(name).unwrap()).with_priority(priority);
    let rules = |voters: &[VoterSettings], timing| {
        let settings = Settings { timing, ..Settings::voter(voter("a", 0).id, voters.to_vec()) };
        settings.check().unwrap().digests
    };
    let lan = Timing::default();
    let plain = rules(&[voter("a", 0), voter("b", 0)], lan);
    assert_eq!(plain, rules(&[voter("b", 0), voter("a", 0)], lan));
    assert_ne!(plain, rules(&[voter("a", 0), voter("b", 1)], lan));
    assert_ne!(plain, rules(&[voter("a", 0), voter("b", 0)], Timing { lease: Span::from_millis(151), ..lan }));
    assert_ne!(plain, rules(&[voter("a", 0), voter("b", 0)], Timing { max_lease: Span::from_millis(1_201), ..lan }));
    assert_ne!(plain, rules(&[voter("a", 0), voter("b", 0)], Timing { drift_ppm: 10_001, ..lan }));
    assert_eq!(plain, rules(&[voter("a", 0), voter("b", 0)], Timing { slot: Span::from_millis(11), ..lan }));
}

#[test]
fn equal_priorities_share_a_rank() {
    let voter = |name: &str, priority| VoterSettings::new(NodeId::new(name).unwrap()).with_priority(priority);
    let voters = [voter("a", 5), voter("b", 9), voter("c", 5), voter("d", 0)].to_vec();
    let rules = Settings::voter(voter("a", 0).id, voters).check().unwrap();
    let ranks: Vec<u32> = rules.voters().iter().map(|voter| voter.rank).collect();
    assert_eq!(ranks, [1, 0, 1, 2]);
}

#[test]
fn the_trusted_lease_is_rounded_down() {
    let timing = Timing { lease: Span::from_nanos(1_000), drift_ppm: 10_000, ..Timing::default() };
    // 1000 · 0.99 / 1.01 = 980.198…
    assert_eq!(timing.trusted_lease(), Span::from_nanos(980));
}

#[test]
fn the_api_section_takes_a_token_or_its_file_and_names_what_is_wrong() {
    let api = |section: &str| {
        let text = format!(r#"{{"identifier": "server_a", "listen_port": 7001, "api": {section}}}"#);
        Config::from_json(&text)
    };
    let config = api(r#"{"token": "0123456789abcdef", "hosts": ["a.example"]}"#).unwrap();
    config.settings().unwrap();
    assert!(!format!("{config:?}").contains("0123456789abcdef"), "a secret is not shown");
    assert!(api(r#"{"tokenz": "x"}"#).unwrap_err().to_string().contains("unknown field `tokenz`"));
    let roles =
        r#"{"tokens": [{"token": "0123456789abcdef", "role": "read"}, {"token_file": "t"}], "protect_reads": true}"#;
    let config = api(roles).unwrap();
    config.settings().unwrap();
    let tokens: Vec<_> = config.api.token_sources().map(|(_, source)| (source.token.is_some(), source.role)).collect();
    assert_eq!(tokens, [(false, ApiRole::Admin), (true, ApiRole::Read), (false, ApiRole::Admin)]);
    assert!(api(r#"{"tokens": [{"token": "0123456789abcdef", "role": "write"}]}"#).is_err());
    for (section, field) in [
        (r#"{"token": "short"}"#, "api.token"),
        (r#"{"token": "with a space in it"}"#, "api.token"),
        (r#"{"token": "0123456789abcdef", "token_file": "t"}"#, "api.token_file"),
        (r#"{"token_file": ""}"#, "api.token_file"),
        (r#"{"hosts": ["http://a.example"]}"#, "api.hosts[0]"),
        (r#"{"hosts": ["*", "*.example"]}"#, "api.hosts[1]"),
        (r#"{"require_token": true}"#, "api.require_token"),
        (r#"{"protect_reads": true}"#, "api.protect_reads"),
        (r#"{"tokens": [{"role": "read"}]}"#, "api.tokens[0]"),
        (r#"{"tokens": [{"token": "short"}]}"#, "api.tokens[0].token"),
        (r#"{"tokens": [{"token": "0123456789abcdef", "token_file": "t"}]}"#, "api.tokens[0].token_file"),
        (r#"{"token": "0123456789abcdef", "tokens": [{"token": "0123456789abcdef"}]}"#, "api.tokens[0].token"),
        (r#"{"listen": "0.0.0.0"}"#, "api.listen"),
        (r#"{"listen": "http://a:1"}"#, "api.listen"),
        (r#"{"listen": "${IP}:8001"}"#, "api.listen"),
        (r#"{"tls": {"key": "k"}}"#, "api.tls.cert"),
        (r#"{"tls": {"cert": "c", "key": "${KEY}"}}"#, "api.tls.key"),
        (r#"{"tls": {"cert": "c", "key": "k", "client_ca": ""}}"#, "api.tls.client_ca"),
    ] {
        assert_eq!(fields(&api(section).unwrap()), [field], "{section}");
    }
}
