//! Every schedule survives being written down: in the text that people keep, and as JSON.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use qcluster_core::{GossipPace, Span, Time};
use qcluster_sim::{
    Assumption, ClockSetup, Convergence, DiskQuality, Fault, HostSet, Hostility, LinkQuality, Memory, Place, Plan,
    Schedule, Setup,
};

fn span() -> impl Strategy<Value = Span> {
    // Round ones, as people write them, and any.
    let round = (0..100_000_u64).prop_map(Span::from_millis);
    prop_oneof![Just(Span::ZERO), round, any::<u64>().prop_map(Span::from_nanos)]
}

fn time() -> impl Strategy<Value = Time> {
    span().prop_map(|span| Time::ZERO + span)
}

fn host() -> impl Strategy<Value = usize> {
    0..HostSet::CAPACITY
}

fn hosts() -> impl Strategy<Value = HostSet> {
    any::<u16>().prop_map(HostSet)
}

fn ppm() -> impl Strategy<Value = u32> {
    prop_oneof![Just(0), any::<u32>()]
}

fn link() -> impl Strategy<Value = LinkQuality> {
    (span(), span(), ppm(), ppm(), ppm(), span(), (ppm(), ppm())).prop_map(
        |(delay_min, delay_max, loss_ppm, duplicate_ppm, straggler_ppm, straggle, (corrupt_ppm, truncate_ppm))| {
            LinkQuality {
                delay_min,
                delay_max,
                loss_ppm,
                duplicate_ppm,
                straggler_ppm,
                straggle,
                corrupt_ppm,
                truncate_ppm,
            }
        },
    )
}

fn disk() -> impl Strategy<Value = DiskQuality> {
    (span(), span(), ppm()).prop_map(|(delay_min, delay_max, fail_ppm)| DiskQuality { delay_min, delay_max, fail_ppm })
}

fn process_fault() -> impl Strategy<Value = Fault> {
    let memory = select(&[Memory::Kept, Memory::Lost][..]);
    let place = select(&[Place::Same, Place::Moved][..]);
    let restart = (host(), memory, place, any::<usize>());
    prop_oneof![
        host().prop_map(|host| Fault::Crash { host }),
        (host(), any::<u8>()).prop_map(|(host, outputs)| Fault::CrashDuring { host, outputs }),
        restart.prop_map(|(host, memory, place, plan)| Fault::Restart { host, memory, place, plan }),
        host().prop_map(|host| Fault::Freeze { host }),
        host().prop_map(|host| Fault::Thaw { host }),
        option::of(host()).prop_map(|to| Fault::Transfer { to }),
        Just(Fault::StepDown),
        host().prop_map(|host| Fault::Shutdown { host }),
        (host(), host()).prop_map(|(host, of)| Fault::Twin { host, of }),
    ]
}

fn network_fault() -> impl Strategy<Value = Fault> {
    let hostility = select(&[Hostility::Noise, Hostility::Replay, Hostility::Mutant][..]);
    prop_oneof![
        (host(), host()).prop_map(|(from, to)| Fault::Cut { from, to }),
        (host(), host()).prop_map(|(from, to)| Fault::Mend { from, to }),
        hosts().prop_map(|group| Fault::Split { group }),
        Just(Fault::MendAll),
        (host(), host(), link()).prop_map(|(from, to, quality)| Fault::Link { from, to, quality }),
        (host(), hostility).prop_map(|(to, hostility)| Fault::Hostile { to, hostility }),
        hosts().prop_map(|hosts| Fault::Heal { hosts }),
    ]
}

fn machine_fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        (host(), any::<i64>()).prop_map(|(host, ppb)| Fault::Rate { host, ppb }),
        (host(), any::<i64>()).prop_map(|(host, nanos)| Fault::ClockJump { host, nanos }),
        (host(), any::<i64>()).prop_map(|(host, ms)| Fault::WallJump { host, ms }),
        (host(), span()).prop_map(|(host, lag)| Fault::Lag { host, lag }),
        (host(), disk()).prop_map(|(host, quality)| Fault::Disk { host, quality }),
    ]
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![9 => process_fault(), 7 => network_fault(), 5 => machine_fault()]
}

fn plan() -> impl Strategy<Value = Plan> {
    let priorities = vec(any::<u32>(), 0..=HostSet::CAPACITY);
    (hosts(), option::of(hosts()), (span(), span(), span()), any::<u32>(), span(), priorities).prop_map(
        |(voters, next, (heartbeat, lease, slot), drift_ppm, previous_lease, priorities)| Plan {
            voters,
            next,
            heartbeat,
            lease,
            slot,
            drift_ppm,
            previous_lease,
            priorities,
        },
    )
}

fn setup() -> impl Strategy<Value = Setup> {
    let clock = (any::<i64>(), any::<i64>(), time());
    let clock = clock.prop_map(|(rate_ppb, wall_ms, local)| ClockSetup { rate_ppb, wall_ms, local });
    let clocks = vec(clock, 0..=HostSet::CAPACITY);
    let assumption = || select(&[Assumption::Kept, Assumption::Broken][..]);
    let assumptions = (assumption(), assumption(), assumption());
    let times = (span(), span(), span(), span(), span(), span());
    let gossip = option::of(times.prop_map(|(probe, ack, tick, contact, suspicion_min, retention)| GossipPace {
        probe,
        ack,
        tick,
        contact,
        suspicion_min,
        retention,
    }));
    let work = (span(), span());
    let work = (work, gossip);
    (any::<u64>(), any::<usize>(), vec(plan(), 0..4), hosts(), clocks, (link(), disk()), work, assumptions).prop_map(
        |(seed, hosts, plans, durable, clocks, (link, disk), ((drain, work), gossip), (rates, walls, identities))| {
            Setup { seed, hosts, plans, durable, clocks, link, disk, drain, work, rates, walls, identities, gossip }
        },
    )
}

fn schedule() -> impl Strategy<Value = Schedule> {
    let converge = (hosts(), time(), span());
    let converge = option::of(converge.prop_map(|(hosts, from, within)| Convergence { hosts, from, within }));
    (setup(), vec((time(), fault()), 0..20), time(), converge, option::of(any::<u64>()))
        .prop_map(|(setup, faults, end, converge, changes_max)| Schedule { setup, faults, end, converge, changes_max })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn text_reads_back(schedule in schedule()) {
        prop_assert_eq!(schedule.to_string().parse(), Ok(schedule));
    }

    #[test]
    fn json_reads_back(schedule in schedule()) {
        let text = serde_json::to_string(&schedule).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(serde_json::from_str::<Schedule>(&text).ok(), Some(schedule));
    }

    /// A mistake is named with its line, and never a panic.
    #[test]
    fn a_changed_text_is_read_or_refused(
        schedule in schedule(),
        at in any::<prop::sample::Index>(),
        character in any::<char>(),
    ) {
        let mut text: Vec<char> = schedule.to_string().chars().collect();
        let at = at.index(text.len());
        text[at] = character;
        let text: String = text.into_iter().collect();
        if let Err(error) = text.parse::<Schedule>() {
            prop_assert!((1..=text.lines().count()).contains(&error.line), "{}", error);
        }
    }
}
