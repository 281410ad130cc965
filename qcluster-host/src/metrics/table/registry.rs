//! The metrics of members and services.

use qcluster_api::View;

use super::{Metric, MetricValue, counter, gauge, metric};

pub(super) fn metrics(view: &View<'_>) -> Vec<Metric> {
    let mut all = levels(view);
    all.extend(counts(view));
    all
}

fn levels(view: &View<'_>) -> Vec<Metric> {
    let directory = view.directory;
    let members = directory.member_counts().map(|(state, count)| {
        (vec![("state", state.name().to_owned())], MetricValue::Gauge(u64::try_from(count).unwrap_or(u64::MAX)))
    });
    let level = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let mut all = vec![
        metric("members", "Members by state, the node itself among them", members.into()),
        gauge("services", "Instances of services on nodes that are there", level(directory.service_count())),
        gauge(
            "view_trusted",
            "1 while what the node sees of the others can be relied on, 0 after most members vanished at once",
            directory.is_trusted().into(),
        ),
        gauge(
            "local_health",
            "How much slower than usual the node judges others: 0 is healthy, 8 the worst",
            view.snapshot.local_health.into(),
        ),
    ];
    if let Some(counts) = &view.snapshot.registry {
        all.extend([
            gauge("own_services", "Services of the node itself", level(counts.own)),
            gauge("records", "Records of all nodes, those of deleted services included", level(counts.records)),
            gauge("tombstones", "What is left of deleted services", level(counts.tombstones)),
            gauge("rumors", "Records that are still being told", level(counts.rumors)),
            counter(
                "records_given_up",
                "Records owed to peers and given up for want of room: the next comparison finds them again",
                counts.given_up,
            ),
        ]);
    }
    all
}

fn counts(view: &View<'_>) -> Vec<Metric> {
    let counted = &view.snapshot.counters;
    vec![
        counter("probes", "Probes of members begun", counted.probes),
        counter("probes_failed", "Probes that nobody answered, directly or for others", counted.probes_failed),
        counter(
            "late_probes",
            "Times that the node stood still for so long that it took back what it waited for",
            counted.late_probes,
        ),
        counter("suspicions", "Suspicions begun, by the node and by others", counted.suspicions),
        counter("refutations", "Times that the node contradicted what was said of it", counted.refutations),
        counter(
            "members_met",
            "Members met for the first time, or again after they were forgotten",
            counted.members_met,
        ),
        counter("members_found_down", "Members that the node itself found down", counted.members_down),
        counter("members_refused", "Members that were not taken in", counted.members_refused),
        counter("distrusts", "Times that most members vanished at once", counted.distrusts),
        counter("comparisons", "Comparisons of tables begun", counted.comparisons),
        counter("records_received", "Records received, whatever became of them", counted.records_received),
        counter("records_news", "Records received that were news", counted.records_news),
        counter("records_known", "Records received that were known or overtaken", counted.records_known),
        counter("own_claims", "Records of the node that others had otherwise, put right", counted.own_claims),
        counter(
            "services_lapsed",
            "Services of the node that became critical because no heartbeat came in time",
            counted.services_lapsed,
        ),
        counter(
            "services_expired",
            "Services of the node that ended because no heartbeat came for long",
            counted.services_expired,
        ),
        counter(
            "services_refused",
            "Calls to register or change something that were refused",
            counted.services_refused,
        ),
    ]
}
