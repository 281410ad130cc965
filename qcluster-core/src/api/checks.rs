//! Health checks for load balancers and orchestrators: 200 or 503, nothing in between.
//!
//! | path | 200 while |
//! |---|---|
//! | `/`, `/leader` | this node holds the lease, at this instant |
//! | `/follower` | it knows another node as the leader, and its loop runs |
//! | `/health` | its loop runs, its state can be saved, and it knows a leader: a working part of a working cluster |
//! | `/readiness` | its loop runs, its boot wait is over, its state can be saved, and it is not handing over |
//! | `/liveness` | it has not stopped, and its loop has run within twenty leases, and ten seconds at least |
//!
//! Readiness does not ask for a leader: an orchestrator that starts the nodes one by one, each after the last is ready,
//! would wait for ever for the first. It does ask for the end of the boot wait, so that a rolling restart takes the next
//! voter only when the last one can vote again.

use serde::Serialize;

use super::Outcome;
use super::response::{ErrorCode, Response};
use super::routes::Call;
use super::status::StorageStatus;
use super::view::View;
use crate::config::Peer;
use crate::node::Role;

/// Who leads, as `/leader` and `/follower` show it with their 200.
#[derive(Serialize)]
struct LeaderBody<'a> {
    leader: &'a Peer,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<u64>,
}

#[derive(Serialize)]
struct Fine {
    status: &'static str,
}

type Verdict = Result<(), Response>;

pub(super) fn ping(_: &Call<'_>) -> Outcome {
    Outcome::Respond(Response::text(200, "pong"))
}

pub(super) fn leader(call: &Call<'_>) -> Outcome {
    let view = call.view;
    Outcome::Respond(match view.held() {
        Some(lease) => Response::json(200, &LeaderBody { leader: &view.subject.me, token: Some(lease.token.0) }),
        None => not_leader(view),
    })
}

/// That this node does not lead, and who does; 503.
pub(super) fn not_leader(view: &View<'_>) -> Response {
    if view.follows.is_some() {
        let message = "another node leads, as far as this one knows";
        return Response::error_naming(ErrorCode::NotLeader, message, view.follows);
    }
    let message = alloc::format!("this node does not lead, and knows no leader: {}", view.facts());
    Response::error(ErrorCode::NotLeader, &message)
}

pub(super) fn follower(call: &Call<'_>) -> Outcome {
    let view = call.view;
    let follows = || match view.leader() {
        Some(_) if view.held().is_some() => {
            Err(Response::error(ErrorCode::NotFollower, "this node leads, so it follows nobody"))
        }
        Some(leader) => Ok(Response::json(200, &LeaderBody { leader, token: None })),
        None => Err(no_leader(view)),
    };
    let verdict = runs(view).and_then(|()| follows());
    Outcome::Respond(verdict.unwrap_or_else(|refusal| refusal))
}

pub(super) fn health(call: &Call<'_>) -> Outcome {
    let view = call.view;
    let knows_leader = || view.leader().map(|_| ()).ok_or_else(|| no_leader(view));
    judged(runs(view).and_then(|()| saves(view)).and_then(|()| knows_leader()))
}

pub(super) fn readiness(call: &Call<'_>) -> Outcome {
    let view = call.view;
    judged(runs(view).and_then(|()| saves(view)).and_then(|()| works(view)))
}

pub(super) fn liveness(call: &Call<'_>) -> Outcome {
    let view = call.view;
    judged(not_stopped(view).and_then(|()| if view.is_dead() { Err(stalled(view)) } else { Ok(()) }))
}

fn judged(verdict: Verdict) -> Outcome {
    Outcome::Respond(verdict.map_or_else(|refusal| refusal, |()| Response::json(200, &Fine { status: "ok" })))
}

fn not_stopped(view: &View<'_>) -> Verdict {
    view.stopped.map_or(Ok(()), |why| Err(Response::error(ErrorCode::Stopped, why)))
}

fn runs(view: &View<'_>) -> Verdict {
    not_stopped(view)?;
    if view.is_stalled() { Err(stalled(view)) } else { Ok(()) }
}

fn stalled(view: &View<'_>) -> Response {
    let message = alloc::format!(
        "the node's loop has not run for {} ms: something blocks its runtime, or the machine has stood still",
        view.unseen().as_millis()
    );
    Response::error(ErrorCode::Stalled, &message)
}

fn saves(view: &View<'_>) -> Verdict {
    match &view.snapshot.storage {
        StorageStatus::Diskless | StorageStatus::Durable => Ok(()),
        StorageStatus::Failed { error } => {
            let message = alloc::format!("this node could not save its state and abstains until its restart: {error}");
            Err(Response::error(ErrorCode::StorageFailed, &message))
        }
    }
}

fn works(view: &View<'_>) -> Verdict {
    match view.snapshot.role {
        None => Err(Response::error(ErrorCode::Starting, "the node has not begun yet")),
        Some(Role::Booting) => Err(Response::error(
            ErrorCode::Starting,
            "the node sits out its boot wait: until what an earlier life may have promised is over, it does not vote",
        )),
        Some(Role::Stopped) => Err(Response::error(ErrorCode::Stopped, "the node has stopped")),
        Some(_) if view.draining && view.held().is_some() => {
            Err(Response::error(ErrorCode::Draining, "the node hands over its leadership"))
        }
        Some(Role::Member | Role::Observer | Role::Follower | Role::PreCandidate | Role::Candidate | Role::Leader) => {
            Ok(())
        }
    }
}

fn no_leader(view: &View<'_>) -> Response {
    let message = alloc::format!("this node knows no leader: {}", view.facts());
    Response::error(ErrorCode::NoLeader, &message)
}
