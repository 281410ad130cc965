//! Which path is answered by what. To add an endpoint, add a line to [`ROUTES`] and its handler.

use alloc::string::String;

use qcluster_core::ApiRole::{self, Admin, Read, Register};

use super::call::Call;
use super::request::{Method, Request, segments};
use super::response::{ErrorCode, Response};
use super::view::View;
use super::{Answer, Outcome, checks, discovery, keys, leader, members, services, transfer, watching};

type Handler = fn(&Call<'_>) -> Outcome;

/// A path with what each method does there, and who may have it done. In a pattern `{}` stands for any one segment, which the handler reads by
/// [`Request::segment`].
struct Route {
    pattern: &'static str,
    handlers: &'static [(Verb, ApiRole, Handler)],
}

/// The methods that have a handler. `HEAD` is answered like `GET`, and so is `OPTIONS`: a health check is answered alike
/// whichever of the three asks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Get,
    Post,
    Put,
    Delete,
}

const ROUTES: &[Route] = &[
    Route { pattern: "/ping", handlers: &[(Verb::Get, Read, checks::ping)] },
    Route { pattern: "/", handlers: &[(Verb::Get, Read, checks::leader)] },
    Route { pattern: "/leader", handlers: &[(Verb::Get, Read, checks::leader)] },
    Route { pattern: "/follower", handlers: &[(Verb::Get, Read, checks::follower)] },
    Route { pattern: "/health", handlers: &[(Verb::Get, Read, checks::health)] },
    Route { pattern: "/readiness", handlers: &[(Verb::Get, Read, checks::readiness)] },
    Route { pattern: "/liveness", handlers: &[(Verb::Get, Read, checks::liveness)] },
    Route { pattern: "/metrics", handlers: &[(Verb::Get, Read, |_| Outcome::Metrics)] },
    Route { pattern: "/v1/status", handlers: &[(Verb::Get, Read, leader::status)] },
    Route { pattern: "/v1/leader", handlers: &[(Verb::Get, Read, leader::leader)] },
    Route { pattern: "/v1/transfer", handlers: &[(Verb::Post, Admin, transfer::transfer)] },
    Route { pattern: "/v1/members", handlers: &[(Verb::Get, Read, members::members)] },
    Route { pattern: "/v1/owners/{}", handlers: &[(Verb::Get, Read, members::owners)] },
    Route { pattern: "/v1/leave", handlers: &[(Verb::Post, Admin, members::leave)] },
    Route { pattern: "/v1/keys", handlers: &[(Verb::Get, Read, keys::keys), (Verb::Post, Admin, keys::change)] },
    Route { pattern: "/v1/services", handlers: &[(Verb::Get, Read, services::all)] },
    Route {
        pattern: "/v1/services/{}",
        handlers: &[
            (Verb::Get, Read, services::of_name),
            (Verb::Put, Register, services::register),
            (Verb::Delete, Register, services::deregister),
        ],
    },
    Route { pattern: "/v1/services/{}/heartbeat", handlers: &[(Verb::Put, Register, services::heartbeat)] },
    Route { pattern: "/v1/watch", handlers: &[(Verb::Get, Read, watching::watch)] },
    Route { pattern: "/v1/sd/prometheus", handlers: &[(Verb::Get, Read, discovery::prometheus)] },
];

/// What stands in metrics for every path that is none of the table.
const NO_ROUTE: &str = "other";

/// Answers a request, or says what has to be done to answer it.
///
/// It looks at nothing but its arguments and never waits, so a loop that stands still hangs no answer. `HEAD` is answered
/// like `GET`: the server leaves the body out.
pub fn answer(request: &Request<'_>, view: &View<'_>) -> Answer {
    let Some(route) = ROUTES.iter().find(|route| matches(route.pattern, request.path)) else {
        let response = Response::error(ErrorCode::NotFound, "there is nothing at this path");
        return Answer { route: NO_ROUTE, outcome: Outcome::Respond(response) };
    };
    Answer { route: route.pattern, outcome: route.answer(&Call { request, view }) }
}

impl Route {
    fn answer(&self, call: &Call<'_>) -> Outcome {
        let allowed =
            |verb| self.handlers.iter().find(|(of, ..)| *of == verb).map(|(_, role, handler)| (role, handler));
        let (verb, asks) = match call.request.method {
            Method::Get | Method::Head => (Some(Verb::Get), false),
            Method::Options => (Some(Verb::Get), true),
            Method::Post => (Some(Verb::Post), false),
            Method::Put => (Some(Verb::Put), false),
            Method::Delete => (Some(Verb::Delete), false),
            Method::Other => (None, false),
        };
        match (verb, verb.and_then(allowed)) {
            (Some(_), Some((role, handler))) => {
                let access = call.view.access;
                let checked = match role {
                    Read if self.is_health_check() => Ok(()),
                    Read => access.check_read(call.request),
                    role => access.check(call.request, *role),
                };
                if let Err(refusal) = checked {
                    return Outcome::Respond(refusal);
                }
                match handler(call) {
                    Outcome::Respond(response) if asks => Outcome::Respond(self.with_allow(response)),
                    // Nothing is waited for by who wants to hear no more than that it could be.
                    Outcome::Poll { .. } | Outcome::Stream { .. } if asks => {
                        Outcome::Respond(self.with_allow(Response::text(204, "")))
                    }
                    Outcome::Stream { .. } if call.request.method == Method::Head => {
                        Outcome::Respond(Response::events())
                    }
                    outcome @ (Outcome::Respond(_)
                    | Outcome::Metrics
                    | Outcome::Perform { .. }
                    | Outcome::ChangeKeys(_)
                    | Outcome::Poll { .. }
                    | Outcome::Stream { .. }) => outcome,
                }
            }
            // What has nothing to be read is asked what it allows.
            _ if asks => Outcome::Respond(self.with_allow(Response::text(204, ""))),
            _ => Outcome::Respond(self.with_allow(Response::error(
                ErrorCode::MethodNotAllowed,
                "this path does not take that method: Allow lists those that it does",
            ))),
        }
    }

    /// Load balancers ask for it by whatever name they have been given.
    fn is_health_check(&self) -> bool {
        !self.pattern.starts_with("/v1/") && self.pattern != "/metrics"
    }

    fn with_allow(&self, response: Response) -> Response {
        let mut allow = String::new();
        for (verb, ..) in self.handlers {
            allow.push_str(match verb {
                Verb::Get => "GET, HEAD, ",
                Verb::Post => "POST, ",
                Verb::Put => "PUT, ",
                Verb::Delete => "DELETE, ",
            });
        }
        allow.push_str("OPTIONS");
        Response { allow: Some(allow), ..response }
    }
}

fn matches(pattern: &str, path: &str) -> bool {
    let mut path = segments(path);
    segments(pattern).all(|part| path.next().is_some_and(|segment| part == "{}" || part == segment))
        && path.next().is_none()
}
