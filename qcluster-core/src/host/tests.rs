//! What names a host, and what does not.

use alloc::string::{String, ToString};

use super::{BadHost, Host};

#[test]
fn names_and_addresses_are_told_apart() {
    for name in
        ["localhost", "db-1", "db_1.internal", "a.example.", "xn--mnchen-3ya.example", "1password", "fe80::1%eth0"]
    {
        assert_eq!(Host::parse(name), Ok(Host::Name(name)));
    }
    for (text, address) in [("10.0.0.1", "10.0.0.1"), ("::1", "::1"), ("[2001:db8::1]", "2001:db8::1")] {
        assert_eq!(Host::parse(text), Ok(Host::Address(address.parse().unwrap())));
    }
    assert_eq!(Host::parse("[fe80::1%eth0]"), Ok(Host::Name("fe80::1%eth0")));
}

#[test]
fn what_is_no_host_is_refused_with_the_reason() {
    let long_label = "a".repeat(64);
    let long = ["a"; 128].join(".");
    let cases = [
        ("", BadHost::Empty),
        (&long, BadHost::TooLong),
        ("http://me", BadHost::Url),
        ("u:p@h", BadHost::Url),
        ("a/b", BadHost::Url),
        ("10.0.0.1:80", BadHost::WithPort),
        ("a.example:7001", BadHost::WithPort),
        ("[::1]:80", BadHost::WithPort),
        ("${HOSTNAME}", BadHost::Variable),
        ("$HOST", BadHost::Variable),
        ("{{ host }}", BadHost::Variable),
        ("two words", BadHost::NotAName),
        ("münchen.example", BadHost::NotAName),
        ("10.0.0.256", BadHost::NotAName),
        ("7001", BadHost::NotAName),
        ("a..b", BadHost::NotAName),
        (".", BadHost::NotAName),
        ("-a", BadHost::NotAName),
        ("a-.b", BadHost::NotAName),
        (&long_label, BadHost::NotAName),
        ("[a]", BadHost::NotAName),
        ("[10.0.0.1", BadHost::NotAName),
        ("a:b", BadHost::NotAName),
        ("\u{202e}a", BadHost::NotAName),
        ("a\u{9b}", BadHost::NotAName),
        ("fe80::1%", BadHost::NotAName),
    ];
    for (text, reason) in cases {
        assert_eq!(Host::parse(text), Err(reason), "{text:?}");
    }
}

#[test]
fn only_an_address_loses_its_brackets() {
    for (text, bare) in [
        ("[2001:db8::1]", "2001:db8::1"),
        ("[fe80::1%eth0]", "fe80::1%eth0"),
        ("[10.0.0.1]", "10.0.0.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("a.example", "a.example"),
        ("[a.example]", "[a.example]"),
        ("[[::1]]", "[[::1]]"),
        ("[]", "[]"),
        ("[", "["),
        ("", ""),
    ] {
        assert_eq!(Host::without_brackets(text), bare);
    }
}

#[test]
fn nobody_connects_to_every_address() {
    for text in ["0.0.0.0", "::", "[::]", "::ffff:0.0.0.0", "[::ffff:0.0.0.0]", "[0.0.0.0]"] {
        assert!(Host::parse(text).is_ok(), "good for listening");
        assert_eq!(Host::parse_reachable(text), Err(BadHost::Unspecified));
    }
    assert!(Host::parse_reachable("::ffff:10.0.0.1").is_ok());
    assert_eq!(Host::parse_reachable("a.example"), Ok(Host::Name("a.example")));
}

#[test]
fn loopback_has_many_spellings_and_is_one_host() {
    let loopback = ["localhost", "LOCALHOST", "127.0.0.1", "127.3.2.1", "::1", "[::1]", "::ffff:127.0.0.1"];
    for one in loopback.map(|text| Host::parse(text).unwrap()) {
        assert!(one.is_loopback());
        for other in loopback.map(|text| Host::parse(text).unwrap()) {
            assert!(one.is_same(other), "{one} {other}");
        }
        assert!(!one.is_same(Host::Name("a.example")) && !Host::Name("a.example").is_same(one));
    }
    let same = |one, other| Host::parse(one).unwrap().is_same(Host::parse(other).unwrap());
    assert!(same("A.example", "a.EXAMPLE") && same("[2001:db8::1]", "2001:db8:0::1"));
    assert!(same("10.0.0.1", "::ffff:10.0.0.1"));
    assert!(!same("a.example", "b.example") && !same("10.0.0.1", "10.0.0.2"));
}

#[test]
fn it_prints_as_it_stands_before_a_port() {
    let printed: [String; 4] =
        ["a.example", "10.0.0.1", "2001:db8::1", "fe80::1%eth0"].map(|text| Host::parse(text).unwrap().to_string());
    assert_eq!(printed, ["a.example", "10.0.0.1", "[2001:db8::1]", "[fe80::1%eth0]"]);
}
