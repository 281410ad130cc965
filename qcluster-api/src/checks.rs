//! Health checks for load balancers and orchestrators: 200 or 503, nothing in between.
//!
//! | path | 200 while |
//! |---|---|
//! | `/`, `/leader` | this node holds the lease, at this instant |
//! | `/follower` | it knows another node as the leader, and its loop runs |
//! | `/health` | its loop runs, its state can be saved, it hears a leader, and what it sees of the others can be relied on: a working part of a working cluster |
//! | `/readiness` | its loop runs, its boot wait is over, its state can be saved, and it is not handing over |
//! | `/liveness` | it has not stopped, its loop has run within twenty leases, and ten seconds at least, and its storage has not failed for good |
//!
//! Readiness does not ask for a leader: an orchestrator that starts the nodes one by one, each after the last is ready,
//! would wait forever for the first. It does ask for the end of the boot wait, so that a rolling restart takes the next
//! voter only when the last one can vote again. One that has met no other voter yet is ready, although it does not vote (E17): it may
//! be the first to start.
//!
//! When most members have vanished at once (G9), `/health` says so, and `/readiness` does not: those that are left are all
//! that there is, and taking them out of service as well would make matters worse.
//!
//! Without a leader by design (`"mode": "masterless"`) `/leader` and `/follower` are always 503 `masterless`, and `/health`
//! asks for no leader. What is known of a leader from others alone (E19) is named in refusals, and makes no check pass.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use serde::Serialize;

use super::Outcome;
use super::call::Call;
use super::facts::{other_configuration, slowness};
use super::keys;
use super::response::{ErrorCode, Response};
use super::storage::StorageStatus;
use super::view::{NodeSnapshot, PeerSnapshot, ShownLeader, View, Whereabouts};
use qcluster_core::{Peer, Role, Seat, State, TransferRefused};

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
    /// What should not be, and takes nothing away from this node.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

pub(super) type CheckResult = Result<(), Response>;

pub(super) fn ping(_: &Call<'_>) -> Outcome {
    Outcome::Respond(Response::text(200, "pong"))
}

pub(super) fn leader(call: &Call<'_>) -> Outcome {
    let view = call.view;
    Outcome::Respond(match view.held() {
        Some(lease) => led(view, Some(lease.token.0)),
        None => not_leader(view),
    })
}

/// That this node does not lead, and who does, as far as it knows; 503.
pub(super) fn not_leader(view: &View<'_>) -> Response {
    if view.subject.is_masterless() {
        return masterless();
    }
    let shown = view.held().is_none().then(|| view.shown_leader()).flatten();
    if let Some(ShownLeader { peer, is_reported, .. }) = shown {
        let message = if is_reported {
            "this node hears no leader: others say that this one leads"
        } else {
            "another node leads, as far as this one knows"
        };
        return Response::error_naming(ErrorCode::NotLeader, message, peer);
    }
    without_leader(view, ErrorCode::NotLeader, "this node does not lead, and knows no leader")
}

/// 200 with the leader.
fn led(view: &View<'_>, token: Option<u64>) -> Response {
    match view.shown_leader() {
        Some(ShownLeader { peer, .. }) => Response::json(200, &LeaderBody { leader: &peer, token }),
        None => no_leader(view),
    }
}

fn masterless() -> Response {
    Response::error(ErrorCode::Masterless, "this cluster has no leader by design: all its nodes are members alike")
}

pub(super) fn follower(call: &Call<'_>) -> Outcome {
    let view = call.view;
    let follows = || match view.leader() {
        Some(_) if view.held().is_some() => {
            Err(Response::error(ErrorCode::NotFollower, "this node leads, so it follows nobody"))
        }
        Some(_) => Ok(led(view, None)),
        None => Err(no_leader(view)),
    };
    let verdict = runs(view).and_then(|()| follows());
    Outcome::Respond(verdict.unwrap_or_else(|refusal| refusal))
}

pub(super) fn health(call: &Call<'_>) -> Outcome {
    let view = call.view;
    let knows_leader = || match view.leader() {
        Some(_) => Ok(()),
        None if view.subject.is_masterless() => Ok(()),
        None => Err(no_leader(view)),
    };
    let verdict = runs(view).and_then(|()| saves(view)).and_then(|()| knows_leader()).and_then(|()| trusts(view));
    let warnings = warnings(view).chain(misled(view)).chain(keys::turned_away(view)).collect();
    Outcome::Respond(match verdict {
        Ok(()) => Response::json(200, &Fine { status: "ok", warnings }),
        Err(refusal) => refusal.with_warnings(warnings),
    })
}

pub(super) fn readiness(call: &Call<'_>) -> Outcome {
    let view = call.view;
    judged(runs(view).and_then(|()| saves(view)).and_then(|()| works(view)))
}

pub(super) fn liveness(call: &Call<'_>) -> Outcome {
    let view = call.view;
    // Only what a restart may cure: a save that is tried again does not count.
    let is_final = matches!(view.snapshot.storage, StorageStatus::Failed { .. });
    judged(not_stopped(view).and_then(|()| match (view.is_dead(), is_final) {
        (true, _) => Err(stalled(view)),
        (false, true) => saves(view),
        (false, false) => Ok(()),
    }))
}

fn judged(verdict: CheckResult) -> Outcome {
    let fine = |()| Response::json(200, &Fine { status: "ok", warnings: Vec::new() });
    Outcome::Respond(verdict.map_or_else(|refusal| refusal, fine))
}

/// One sentence for each voter that is not listened to, because its configuration is another one (E14), one for voters in
/// different changes (E20), and one for what is too slow for the next election (E5, E7): a save that hangs shows nowhere else while
/// another node leads.
fn warnings(view: &View<'_>) -> impl Iterator<Item = String> {
    let View { subject, snapshot, .. } = *view;
    let mismatched = snapshot.peers.iter().filter(|peer| peer.is_mismatched());
    let mismatch = move |peer: &PeerSnapshot| {
        let (name, what) = (subject.name_of(peer.position), other_configuration(subject, peer));
        alloc::format!("{name} {what}: neither node listens to the other")
    };
    let differing = snapshot.differing_steps.map(|two| {
        let [one, other] = two.map(|position| subject.name_of(position));
        alloc::format!("{one} and {other} are in different changes of voters: see voters_change in their status")
    });
    let slow = snapshot.slow.map(|slow| slowness(subject, slow));
    mismatched.map(mismatch).chain(differing).chain(slow)
}

/// One sentence for each name of the configuration that leads nowhere, where this node goes on without it.
fn misled(view: &View<'_>) -> impl Iterator<Item = String> {
    let NodeSnapshot { own_name, joins_itself, .. } = view.snapshot;
    let has_none = match own_name {
        Whereabouts::Nowhere => Some("has no address"),
        Whereabouts::OutOfReach => Some("has no address that anybody can connect to"),
        Whereabouts::Unknown | Whereabouts::Found | Whereabouts::Itself => None,
    };
    let host = view.subject.me.host.as_str();
    let unnamed = has_none.map(|has_none| {
        alloc::format!(
            "advertise_host: `{host}` {has_none}: it is looked up again, and others go by the address that they see"
        )
    });
    let alone = "join: all names lead to this node itself, so it meets nobody: they are looked up again";
    let rules = &view.subject.rules;
    let leads_alone = rules.seat() == Seat::Voter && rules.voters().len() == 1 && view.subject.expects_others;
    let only_voter =
        "peers: there are none, so this node is the only voter and leads alone, although `join` names others";
    let warnings = [joins_itself.then_some(alone), leads_alone.then_some(only_voter)];
    unnamed.into_iter().chain(warnings.into_iter().flatten().map(String::from))
}

fn not_stopped(view: &View<'_>) -> CheckResult {
    view.stopped.map_or(Ok(()), |why| Err(Response::error(ErrorCode::Stopped, why)))
}

/// That what this node passes on about the cluster is worth something: it has not stopped, and its loop runs.
pub(super) fn runs(view: &View<'_>) -> CheckResult {
    not_stopped(view)?;
    if view.is_stalled() { Err(stalled(view)) } else { Ok(()) }
}

/// That most members have not vanished at once (G9).
pub(super) fn trusts(view: &View<'_>) -> CheckResult {
    if view.directory.is_trusted() {
        return Ok(());
    }
    let message = alloc::format!(
        "most members vanished at once, so the fault is probably here: what this node says of members and services is not to be \
         relied on{}",
        vanished(view)
    );
    Err(Response::error(ErrorCode::Untrusted, &message))
}

/// Which members are down, some by name, and for how long each has been.
fn vanished(view: &View<'_>) -> String {
    const NAMED_MAX: usize = 5;
    let mut down = view.directory.members(view.now).filter(|member| member.state == State::Down.name());
    let named = down.by_ref().take(NAMED_MAX);
    let named: Vec<_> =
        named.map(|member| alloc::format!("{} for {} s", member.identifier, member.state_age_ms / 1_000)).collect();
    match (named.is_empty(), down.count()) {
        (true, _) => String::new(),
        (false, 0) => alloc::format!(" (down: {})", named.join(", ")),
        (false, more) => alloc::format!(" (down: {}, and {more} more)", named.join(", ")),
    }
}

fn stalled(view: &View<'_>) -> Response {
    let message = alloc::format!(
        "the node's loop has not run for {} ms: something blocks its runtime, or the machine has stood still",
        view.unseen().as_millis()
    );
    Response::error(ErrorCode::Stalled, &message)
}

fn saves(view: &View<'_>) -> CheckResult {
    let message = match &view.snapshot.storage {
        StorageStatus::Diskless | StorageStatus::Durable => return Ok(()),
        StorageStatus::Failing { error } => {
            alloc::format!("this node cannot save its state, and does not vote until it can: {error}")
        }
        StorageStatus::Failed { error } => {
            alloc::format!("this node could not save its state, and abstains until it is restarted: {error}")
        }
    };
    Err(Response::error(ErrorCode::StorageFailed, &message))
}

fn works(view: &View<'_>) -> CheckResult {
    match view.snapshot.role {
        None => Err(Response::error(ErrorCode::Starting, "the node has not begun yet")),
        Some(Role::Booting) => Err(Response::error(
            ErrorCode::Starting,
            "the node sits out its boot wait: until what an earlier incarnation may have promised is over, it does not vote",
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
    if view.subject.is_masterless() {
        return masterless();
    }
    without_leader(view, ErrorCode::NoLeader, "this node knows no leader")
}

/// Nobody could take over: says who is not heard.
pub(super) fn no_successor(view: &View<'_>) -> Response {
    without_leader(view, ErrorCode::NoSuccessor, &TransferRefused::NoSuccessor.to_string())
}

fn without_leader(view: &View<'_>, code: ErrorCode, what: &str) -> Response {
    let quorum = view.quorum();
    let message = alloc::format!("{what}: {}", view.facts(&quorum));
    Response::error_without_leader(code, &message, quorum)
}
