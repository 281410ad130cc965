//! From a request to its answer: paths, methods, and errors with a code and a sentence.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Response, StatusCode};
use qcluster_core::Peer;
use serde::Serialize;

use crate::view::View;

/// An answer with its whole body.
pub(crate) type Answer = Response<Full<Bytes>>;

/// What each path allows.
const METHODS: &str = "GET, HEAD, OPTIONS";

/// `/leader`, whoever leads.
#[derive(Serialize)]
struct LeaderBody<'a> {
    leader: Option<&'a Peer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", flatten)]
    error: Option<ErrorBody<'a>>,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    code: &'a str,
    message: &'a str,
}

/// Answers a request. HEAD is answered like GET: the server leaves the body out.
pub(crate) fn answer(view: &View, method: &Method, path: &str) -> Answer {
    let respond: fn(&View) -> Answer = match path {
        "/ping" => |_| text(StatusCode::OK, "text/plain; charset=utf-8", "pong"),
        "/leader" => leader,
        "/v1/status" => |view| json(StatusCode::OK, &view.status()),
        _ => return error(StatusCode::NOT_FOUND, "not_found", "there is nothing at this path"),
    };
    // A health check is answered alike whichever of the three asks.
    if [Method::GET, Method::HEAD, Method::OPTIONS].contains(method) {
        let mut answer = respond(view);
        if method == Method::OPTIONS {
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static(METHODS));
        }
        answer
    } else {
        let mut answer = error(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this path can only be read");
        answer.headers_mut().insert(ALLOW, HeaderValue::from_static(METHODS));
        answer
    }
}

/// 200 on the node that holds the lease at this instant, 503 on every other.
fn leader(view: &View) -> Answer {
    // One reading decides both status and body.
    if let Some(lease) = view.lease() {
        let body = LeaderBody { leader: Some(view.me()), token: Some(lease.token.0), error: None };
        return json(StatusCode::OK, &body);
    }
    let leader = view.leader().filter(|leader| leader.identifier != view.me().identifier);
    let message = match &leader {
        Some(_) => "another node leads, as far as this one knows".to_owned(),
        None => format!("this node does not lead, and knows no leader: {}", view.facts()),
    };
    let error = ErrorBody { code: "not_leader", message: &message };
    json(StatusCode::SERVICE_UNAVAILABLE, &LeaderBody { leader: leader.as_deref(), token: None, error: Some(error) })
}

fn error(status: StatusCode, code: &str, message: &str) -> Answer {
    json(status, &ErrorBody { code, message })
}

fn json(status: StatusCode, body: &impl Serialize) -> Answer {
    match serde_json::to_string(body) {
        Ok(body) => text(status, "application/json", body),
        // Not reached: everything that is answered has string keys.
        Err(_) => {
            text(StatusCode::INTERNAL_SERVER_ERROR, "text/plain; charset=utf-8", "the answer could not be written")
        }
    }
}

fn text(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    // Whatever stands in between must not remember who led.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

#[cfg(test)]
mod tests;
