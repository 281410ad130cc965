//! What a node has counted, by name, for its status.

use alloc::borrow::ToOwned as _;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;

use super::view::NodeSnapshot;

/// Every counter under its name; those by reason or kind only where they are not zero.
pub(super) fn named(snapshot: &NodeSnapshot) -> BTreeMap<String, u64> {
    let NodeSnapshot { counters, transport, .. } = snapshot;
    let plain = [
        ("received", counters.received),
        ("sent", counters.sent),
        ("pre_votes", counters.pre_votes),
        ("candidacies", counters.candidacies),
        ("expired_candidacies", counters.expired_candidacies),
        ("elected", counters.elected),
        ("votes_granted", counters.votes_granted),
        ("releases_honoured", counters.releases_honoured),
        ("yielded", counters.yielded),
        ("late_timers", counters.late_timers),
        ("lease_lengthened", counters.lease_lengthened),
        ("transfers", counters.transfers),
        ("transfers_refused", counters.transfers_refused),
        ("preferred_attempts", counters.preferred_attempts),
        ("persists", counters.persists),
        ("persist_failures", counters.persist_failures),
        ("clock_regressions", counters.clock_regressions),
        ("duplicates", counters.duplicates),
        ("observers_refused", counters.observers_refused),
        ("overflowed", counters.overflowed),
        ("probes", counters.probes),
        ("probes_failed", counters.probes_failed),
        ("late_probes", counters.late_probes),
        ("suspicions", counters.suspicions),
        ("refutations", counters.refutations),
        ("members_met", counters.members_met),
        ("members_down", counters.members_down),
        ("members_refused", counters.members_refused),
        ("distrusts", counters.distrusts),
        ("comparisons", counters.comparisons),
        ("records_received", counters.records_received),
        ("records_news", counters.records_news),
        ("records_known", counters.records_known),
        ("own_claims", counters.own_claims),
        ("services_lapsed", counters.services_lapsed),
        ("services_expired", counters.services_expired),
        ("services_refused", counters.services_refused),
        ("unaddressed", transport.unaddressed),
        ("lookup_failures", transport.lookup_failures),
        ("udp_sent", transport.sent),
        ("udp_received", transport.received),
        ("udp_sent_bytes", transport.sent_bytes),
        ("udp_received_bytes", transport.received_bytes),
        ("udp_not_sent", transport.not_sent),
        ("udp_send_errors", transport.send_errors),
        ("udp_receive_errors", transport.receive_errors),
    ];
    let dropped = counters.dropped.iter().map(|(reason, count)| ("dropped", reason.name(), count));
    let refused = counters.votes_refused.iter().map(|(reason, count)| ("votes_refused", reason.name(), count));
    let lost = counters.lost.iter().map(|(reason, count)| ("lost", reason.name(), count));
    let sent = counters.sent_by_kind.iter().map(|(kind, count)| ("sent", kind.name(), count));
    let received = counters.received_by_kind.iter().map(|(kind, count)| ("received", kind.name(), count));
    let by_reason = dropped.chain(refused).chain(lost).chain(sent).chain(received).filter(|(_, _, count)| *count > 0);
    let by_reason = by_reason.map(|(what, reason, count)| (format!("{what}.{reason}"), count));
    plain.into_iter().map(|(name, count)| (name.to_owned(), count)).chain(by_reason).collect()
}
