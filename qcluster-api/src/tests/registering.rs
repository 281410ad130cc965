//! `PUT /v1/services/{id}`: what is a registration, what is said of one that is none, and how the service is shown then.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use serde_json::{Value, json};

use super::registry::{change, directory, node, query, told, wanted, with};
use super::{NOW, respond};
use crate::{Method, Outcome, Request, Then, answer, conclude};
use qcluster_core::{Command, NodeInput, Service};

#[test]
fn a_registration_names_its_service_in_the_path() {
    let put = |body| wanted(&change(Method::Put, "/v1/services/web-1", body));
    let service = Service::new("web", 80).with_id("web-1").with_ttl(Duration::from_secs(10));
    let registers = Ok((Command::Register(service), Then::Service { id: "web-1".into() }));
    assert_eq!(put(r#"{"name": "web", "port": 80, "ttl_ms": 10000}"#), registers);
    assert_eq!(put(r#"{"id": "web-1", "name": "web", "port": 80, "ttl_ms": 10000}"#), registers);
    assert_eq!(put(r#"{"name": "web", "port": "80", "ttl_ms": 10000}"#), registers);
    for bad in [
        "",
        "nonsense",
        "[]",
        "{}",
        r#"{"name": "web", "id": "web-2"}"#,
        r#"{"name": "web", "id": 1}"#,
        r#"{"name": "web", "port": 70000}"#,
        r#"{"name": "web", "port": "http"}"#,
        r#"{"name": "web", "health": "fine"}"#,
        r#"{"name": "web", "ttl_ms": -1}"#,
        r#"{"name": "web", "colour": "blue"}"#,
        r#"{"name": "web", "tags": "blue"}"#,
        r#"{"name": "web", "name": "batch"}"#,
        r#"{"name": "web", "metadata": {"zone": "a", "zone": "b"}}"#,
        r#"{"name": "web", "metadata": {"number": 18446744073709551616}}"#,
    ] {
        assert_eq!(put(bad), Err((400, json!("bad_request"))), "{bad}");
    }
}

#[test]
fn a_refused_registration_names_the_field() {
    let message = |body| {
        let request = change(Method::Put, "/v1/services/web-1", body);
        let Outcome::Respond(response) = with(&directory(&node(), 0), |view| answer(&request, view).outcome) else {
            panic!("{body} was taken")
        };
        let error: Value = serde_json::from_slice(&response.body).unwrap();
        error["message"].as_str().map(String::from).unwrap()
    };
    for (body, told) in [
        (
            r#"{"name": "web", "port": "http"}"#,
            "the body is not a service: port: invalid value: string \"http\", expected a port",
        ),
        (
            r#"{"name": "web", "port": 70000}"#,
            "the body is not a service: port: invalid value: integer `70000`, expected a port",
        ),
        (r#"{"name": "web", "tags": "blue"}"#, "the body is not a service: tags: "),
        (r#"{"name": "web", "colour": "blue"}"#, "the body is not a service: unknown field `colour`"),
    ] {
        assert!(message(body).starts_with(told), "{}", message(body));
    }
}

/// Clients put an IPv6 address in brackets themselves: with those of the registration there would be two pairs.
#[test]
fn a_service_is_shown_without_the_brackets_around_its_host() {
    let mut node = node();
    let web = Service::new("web", 80).with_id("web-6").with_host("[2001:db8::1]");
    let _ = node.step(NOW, NodeInput::Command(Command::Register(web)));
    let directory = directory(&node, 0);
    with(&directory, |view| {
        let (_, put) = told(&conclude(&Then::Service { id: "web-6".into() }, &Ok(None), view));
        assert_eq!(put["host"], json!("2001:db8::1"));
        let (_, listed) = told(&respond(&Request::get("/v1/services/web"), view));
        let hosts: Vec<&Value> =
            listed["services"].as_array().unwrap().iter().map(|service| &service["host"]).collect();
        assert_eq!(hosts, [&json!("192.0.2.1"), &json!("2001:db8::1"), &json!("2001:db8::1")]);
        let (_, targets) = told(&respond(&query("/v1/sd/prometheus", "service=web"), view));
        assert_eq!(
            targets.as_array().unwrap().iter().filter(|group| group["targets"] == json!(["[2001:db8::1]:80"])).count(),
            1
        );
    });
}
