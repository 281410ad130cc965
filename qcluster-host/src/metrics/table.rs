//! Every metric, with its help: the names never change, and labels come from fixed tables.

mod registry;

use qcluster_api::{PeerSnapshot, View};
use qcluster_core::{Role, Span, Time};

use super::{Labels, Metric, MetricUnit, MetricValue, Sample, ServerCounters};
use crate::measures::{Histogram, Measures};

/// Under which key others are heard; nothing in a cluster without a secret.
fn sealing(view: &View<'_>) -> Option<Metric> {
    let keys = view.snapshot.keys.as_ref()?;
    let ids = keys.ids.iter().map(|id| (id.to_string(), Some(*id))).chain([("none".to_owned(), None)]);
    let heard = ids.map(|(name, key)| {
        let count = keys.heard.iter().filter(|(_, under)| *under == key).count();
        (vec![("key", name)], MetricValue::Gauge(count as u64))
    });
    Some(metric("nodes_heard", "Other nodes, by the id of the key that they were last heard under", heard.collect()))
}

/// All of them, in order.
pub fn metrics(view: &View<'_>, measures: &Measures, server: Option<&ServerCounters>) -> Vec<Metric> {
    let mut all = node(view);
    all.extend(elections(view));
    all.extend(datagrams(view));
    all.extend(sealing(view));
    all.extend(registry::metrics(view));
    all.extend(times(view, measures));
    all.extend(server.into_iter().flat_map(served));
    all
}

fn metric(name: &'static str, help: &'static str, samples: Vec<(Labels, MetricValue)>) -> Metric {
    let samples = samples.into_iter().map(|(labels, value)| Sample { labels, value }).collect();
    Metric { name, help, unit: None, samples }
}

fn counter(name: &'static str, help: &'static str, count: u64) -> Metric {
    metric(name, help, vec![(Vec::new(), MetricValue::Counter(count))])
}

fn gauge(name: &'static str, help: &'static str, level: u64) -> Metric {
    metric(name, help, vec![(Vec::new(), MetricValue::Gauge(level))])
}

/// A counter for each value of one label.
fn counters<'a>(
    name: &'static str,
    help: &'static str,
    label: &'static str,
    counts: impl Iterator<Item = (&'a str, u64)>,
) -> Metric {
    let values = counts.map(|(value, count)| (vec![(label, value.to_owned())], MetricValue::Counter(count)));
    metric(name, help, values.collect())
}

fn node(view: &View<'_>) -> Vec<Metric> {
    let (snapshot, rules) = (view.snapshot, &view.subject.rules);
    let role = match view.stopped {
        Some(_) => Some(Role::Stopped),
        None => snapshot.role,
    };
    let all_roles = [
        Role::Member,
        Role::Observer,
        Role::Booting,
        Role::Follower,
        Role::PreCandidate,
        Role::Candidate,
        Role::Leader,
        Role::Stopped,
    ];
    let is = |of: Role| (vec![("role", of.name().to_owned())], MetricValue::Gauge((role == Some(of)).into()));
    let build = [("version", env!("CARGO_PKG_VERSION").to_owned())];
    let named = [("identifier", rules.id().as_str().to_owned()), ("cluster", view.subject.cluster.clone())];
    let left = view.held().map_or(Span::ZERO, |lease| lease.valid_until.since(view.now));
    let failed = snapshot.storage.error().is_some();
    vec![
        metric("build_info", "The version that runs; always 1", vec![(build.to_vec(), MetricValue::Gauge(1))]),
        metric(
            "node_info",
            "The name of the node and of its cluster; always 1",
            vec![(named.to_vec(), MetricValue::Gauge(1))],
        ),
        metric("role", "1 for the role that the node has, 0 for all others", all_roles.map(is).into()),
        gauge("is_leader", "1 while the node holds the lease", view.held().is_some().into()),
        gauge("knows_leader", "1 while the node knows who leads, itself included", view.leader().is_some().into()),
        gauge("term", "The highest term that the node knows", snapshot.term),
        Metric {
            unit: Some(MetricUnit::Seconds),
            ..metric(
                "lease_remaining",
                "How long the lease lasts unless renewed; 0 while the node does not hold it",
                vec![(Vec::new(), MetricValue::Level(left.into()))],
            )
        },
        Metric {
            unit: Some(MetricUnit::Seconds),
            ..metric(
                "lease_length",
                "How long a promise is asked for, by this node or the leader that it follows; 0 without a vote",
                vec![(Vec::new(), MetricValue::Level(snapshot.lease_length.unwrap_or(Span::ZERO).into()))],
            )
        },
        gauge("storage_failed", "1 while state cannot be saved: the node does not vote", failed.into()),
        gauge("voters", "Voters of the configuration", rules.voters().len() as u64),
    ]
}

fn elections(view: &View<'_>) -> Vec<Metric> {
    let counters_of = &view.snapshot.counters;
    let lost = counters_of.lost.iter().map(|(reason, count)| (reason.name(), count));
    let refused = counters_of.votes_refused.iter().map(|(reason, count)| (reason.name(), count));
    vec![
        counter("pre_vote_rounds", "Rounds of pre-votes begun", counters_of.pre_votes),
        counter("candidacies", "Elections in which the node stood", counters_of.candidacies),
        counter(
            "candidacies_expired",
            "Candidacies and leaderships that ended without a lease",
            counters_of.expired_candidacies,
        ),
        counter("elections_won", "Leaderships begun", counters_of.elected),
        counters("leases_lost", "Leaderships ended, by reason", "reason", lost),
        counter("votes_granted", "Votes given", counters_of.votes_granted),
        counters("votes_refused", "Votes and pre-votes refused, by reason", "reason", refused),
        counter("candidacies_yielded", "Pre-votes given up in favour of a voter that goes first", counters_of.yielded),
        counter("promises_released", "Promises that ended before their time", counters_of.releases_honoured),
        counter("transfers", "Hand-overs begun", counters_of.transfers),
        counter("transfers_refused", "Hand-overs asked for and refused", counters_of.transfers_refused),
        counter(
            "preferred_attempts",
            "Hand-overs to a voter of higher priority that were begun by asking it",
            counters_of.preferred_attempts,
        ),
        counter(
            "lease_lengthened",
            "Times that a longer promise was asked for because something was late",
            counters_of.lease_lengthened,
        ),
        counter("late_timers", "Timers that fired more than a heartbeat late", counters_of.late_timers),
        counter("persists", "Records given to the disk", counters_of.persists),
        counter("persist_failures", "Records that could not be saved", counters_of.persist_failures),
        counter("clock_regressions", "Times that the clock went back", counters_of.clock_regressions),
        counter("duplicates_seen", "Signs of a second live node of one identifier", counters_of.duplicates),
        counter("observers_refused", "Observers refused because there are too many", counters_of.observers_refused),
    ]
}

fn datagrams(view: &View<'_>) -> Vec<Metric> {
    let (counted, transport) = (&view.snapshot.counters, &view.snapshot.transport);
    let sent = counted.sent_by_kind.iter().map(|(kind, count)| (kind.name(), count));
    let received = counted.received_by_kind.iter().map(|(kind, count)| (kind.name(), count));
    let dropped = counted.dropped.iter().map(|(reason, count)| (reason.name(), count));
    let unsent = [
        ("no_room", transport.not_sent),
        ("send_error", transport.send_errors),
        ("no_address", transport.unaddressed),
        ("overflow", counted.overflowed),
    ];
    let bytes = |name, help, count| Metric { unit: Some(MetricUnit::Bytes), ..counter(name, help, count) };
    vec![
        counters("messages_sent", "Messages given out, by kind", "kind", sent),
        counters("messages_received", "Messages given in, by kind", "kind", received),
        counters("messages_dropped", "Messages and datagrams dropped without effect, by reason", "reason", dropped),
        counter("datagrams_sent", "Datagrams that the system took", transport.sent),
        counter("datagrams_received", "Datagrams that arrived", transport.received),
        bytes("datagrams_sent", "UDP payload that the system took", transport.sent_bytes),
        bytes("datagrams_received", "UDP payload that arrived", transport.received_bytes),
        counters("datagrams_unsent", "Datagrams that were not sent, by reason", "reason", unsent.into_iter()),
        metric(
            "configuration_differences",
            "1 for each setting of which a voter was last heard with another value; no setting where it has not said which",
            differences(view),
        ),
        counter("datagram_receive_errors", "Errors in place of a datagram", transport.receive_errors),
        counter("lookup_failures", "Lookups of host names that gave no address", transport.lookup_failures),
    ]
}

/// A series for each voter with another configuration, and each setting (E14).
fn differences(view: &View<'_>) -> Vec<(Labels, MetricValue)> {
    let mismatched = view.snapshot.peers.iter().filter(|peer| peer.is_mismatched());
    let of_peer = |peer: &PeerSnapshot| {
        let settings: Vec<_> = peer.differences(&view.subject.rules).into_iter().map(|one| one.setting).collect();
        let settings = if settings.is_empty() { vec![""] } else { settings };
        let name = view.subject.name_of(peer.position);
        let series =
            move |setting: &str| (vec![("peer", name.clone()), ("setting", setting.to_owned())], MetricValue::Gauge(1));
        settings.into_iter().map(series).collect::<Vec<_>>()
    };
    mismatched.flat_map(of_peer).collect()
}

fn times(view: &View<'_>, measures: &Measures) -> Vec<Metric> {
    let plain = |name, help, histogram: &Histogram| Metric {
        unit: Some(MetricUnit::Seconds),
        ..metric(name, help, vec![(Vec::new(), MetricValue::Histogram(*histogram))])
    };
    let voters = view.subject.voters.iter().zip(&measures.round_trips);
    let others = voters.filter(|(voter, _)| voter.identifier != view.subject.me.identifier);
    let trips = others.map(|(voter, trips)| (vec![("peer", voter.identifier.clone())], MetricValue::Histogram(*trips)));
    let uptime = MetricValue::Seconds(view.now.since(Time::ZERO).into());
    vec![
        plain("fail_over", "From losing sight of a leader to knowing the next", &measures.fail_over),
        plain("timer_lateness", "From a deadline to the step that it called for", &measures.timer_lateness),
        plain("persist", "From the wish to save a record to the report of the disk", &measures.persist),
        Metric {
            unit: Some(MetricUnit::Seconds),
            ..metric("round_trip", "While leading: from sending a heartbeat to its echo", trips.collect())
        },
        Metric {
            unit: Some(MetricUnit::Seconds),
            ..metric("uptime", "Since the start of the node", vec![(Vec::new(), uptime)])
        },
    ]
}

fn served(http: &ServerCounters) -> Vec<Metric> {
    let requests = http.requests.iter().map(|((route, status), count)| {
        (vec![("route", (*route).to_owned()), ("code", status.to_string())], MetricValue::Counter(*count))
    });
    let durations = http
        .durations
        .iter()
        .map(|(route, durations)| (vec![("route", (*route).to_owned())], MetricValue::Histogram(*durations)));
    vec![
        metric("http_requests", "Requests answered, by route and status", requests.collect()),
        Metric {
            unit: Some(MetricUnit::Seconds),
            ..metric(
                "http_request_duration",
                "From a request to its answer, or to the beginning of a stream",
                durations.collect(),
            )
        },
        counter("http_connections", "Connections accepted", http.accepted),
        gauge("http_watchers", "Long polls and streams of events that wait now", http.watchers),
        counter(
            "http_connections_displaced",
            "Connections closed in favour of another one, having been idle",
            http.displaced,
        ),
        counter("http_connections_refused", "Connections turned away because there were too many", http.refused),
    ]
}
