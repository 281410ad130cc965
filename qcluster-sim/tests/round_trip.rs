//! Every schedule survives being written down: in the text that people keep, and as JSON.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use qcluster_core::{GossipPace, SealMode, Span, Time};
use qcluster_sim::swarm::{Limits, draw};
use qcluster_sim::{
    Assumption, ClockSetup, Convergence, DiskQuality, Fault, HostSet, Hostility, KeyChange, LinkQuality, Memory, Place,
    Plan, Schedule, SealSetup, Setup,
};

/// A year, the longest that a schedule may speak of.
const YEAR: Span = Span::from_millis(365 * 24 * 3_600 * 1_000);

fn span() -> impl Strategy<Value = Span> {
    // Round ones, as people write them, and any.
    let round = (0..100_000_u64).prop_map(Span::from_millis);
    prop_oneof![Just(Span::ZERO), round, (0..=YEAR.as_nanos()).prop_map(Span::from_nanos)]
}

fn time() -> impl Strategy<Value = Time> {
    span().prop_map(|span| Time::ZERO + span)
}

fn range() -> impl Strategy<Value = (Span, Span)> {
    (span(), span()).prop_map(|(one, other)| (one.min(other), one.max(other)))
}

/// The last host of a world is spare.
fn host(hosts: usize) -> impl Strategy<Value = usize> {
    0..hosts
}

fn hosts_of(hosts: usize) -> impl Strategy<Value = HostSet> {
    any::<u16>().prop_map(move |set| HostSet(set).and(HostSet::first(hosts)))
}

/// Some of them, and none of them spare.
fn voters_of(hosts: usize) -> impl Strategy<Value = HostSet> {
    hosts_of(hosts - 1).prop_map(|set| if set.is_empty() { HostSet::first(1) } else { set })
}

fn ppm() -> impl Strategy<Value = u32> {
    prop_oneof![Just(0), 0..=1_000_000_u32]
}

fn link() -> impl Strategy<Value = LinkQuality> {
    (range(), ppm(), ppm(), ppm(), span(), (ppm(), ppm())).prop_map(
        |((delay_min, delay_max), loss_ppm, duplicate_ppm, straggler_ppm, straggle, (corrupt_ppm, truncate_ppm))| {
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
    (range(), ppm()).prop_map(|((delay_min, delay_max), fail_ppm)| DiskQuality { delay_min, delay_max, fail_ppm })
}

fn process_fault(hosts: usize, plans: usize) -> impl Strategy<Value = Fault> {
    let memory = select(&[Memory::Kept, Memory::Lost][..]);
    let place = select(&[Place::Same, Place::Moved][..]);
    let restart = (host(hosts), memory, place, 0..plans);
    prop_oneof![
        host(hosts).prop_map(|host| Fault::Crash { host }),
        (host(hosts), any::<u8>()).prop_map(|(host, outputs)| Fault::CrashDuring { host, outputs }),
        restart.prop_map(|(host, memory, place, plan)| Fault::Restart { host, memory, place, plan }),
        host(hosts).prop_map(|host| Fault::Freeze { host }),
        host(hosts).prop_map(|host| Fault::Thaw { host }),
        option::of(host(hosts)).prop_map(|to| Fault::Transfer { to }),
        Just(Fault::StepDown),
        host(hosts).prop_map(|host| Fault::Shutdown { host }),
        host(hosts).prop_map(move |of| Fault::Twin { host: hosts - 1, of }),
    ]
}

fn network_fault(hosts: usize) -> impl Strategy<Value = Fault> {
    let hostility = select(&Hostility::ALL[..]);
    prop_oneof![
        (host(hosts), host(hosts)).prop_map(|(from, to)| Fault::Cut { from, to }),
        (host(hosts), host(hosts)).prop_map(|(from, to)| Fault::Mend { from, to }),
        hosts_of(hosts).prop_map(|group| Fault::Split { group }),
        Just(Fault::MendAll),
        (host(hosts), host(hosts), link()).prop_map(|(from, to, quality)| Fault::Link { from, to, quality }),
        (host(hosts), hostility).prop_map(|(to, hostility)| Fault::Hostile { to, hostility }),
        hosts_of(hosts).prop_map(|hosts| Fault::Heal { hosts }),
    ]
}

fn mode() -> impl Strategy<Value = Option<SealMode>> {
    select(&[None, Some(SealMode::Accept), Some(SealMode::Send), Some(SealMode::Require)][..])
}

fn files() -> impl Strategy<Value = SealSetup> {
    let all: Vec<u8> = (0..SealSetup::KEYS_MAX).collect();
    let keys = (Just(all).prop_shuffle(), 1..=usize::from(SealSetup::KEYS_MAX));
    (mode(), keys).prop_map(|(mode, (mut keys, count))| {
        keys.truncate(count);
        SealSetup { mode, keys }
    })
}

fn seal_fault(hosts: usize) -> impl Strategy<Value = Fault> {
    let change = select(&[KeyChange::Add, KeyChange::Use, KeyChange::Remove][..]);
    prop_oneof![
        (host(hosts), change, 0..SealSetup::KEYS_MAX).prop_map(|(host, change, key)| Fault::Keys { host, change, key }),
        (host(hosts), mode()).prop_map(|(host, mode)| Fault::Seal { host, mode }),
    ]
}

fn rate() -> impl Strategy<Value = i64> {
    -900_000_000..=900_000_000_i64
}

fn wall() -> impl Strategy<Value = i64> {
    -31_536_000_000..=31_536_000_000_i64
}

fn machine_fault(hosts: usize) -> impl Strategy<Value = Fault> {
    let year = i64::try_from(YEAR.as_nanos()).unwrap_or(i64::MAX);
    prop_oneof![
        (host(hosts), rate()).prop_map(|(host, ppb)| Fault::Rate { host, ppb }),
        (host(hosts), -year..=year).prop_map(|(host, nanos)| Fault::ClockJump { host, nanos }),
        (host(hosts), wall()).prop_map(|(host, ms)| Fault::WallJump { host, ms }),
        (host(hosts), span()).prop_map(|(host, lag)| Fault::Lag { host, lag }),
        (host(hosts), disk()).prop_map(|(host, quality)| Fault::Disk { host, quality }),
    ]
}

fn fault(hosts: usize, plans: usize) -> impl Strategy<Value = Fault> {
    prop_oneof![
        9 => process_fault(hosts, plans),
        7 => network_fault(hosts),
        5 => machine_fault(hosts),
        2 => seal_fault(hosts),
    ]
}

fn plan(hosts: usize) -> impl Strategy<Value = Plan> {
    let priorities = vec(any::<u32>(), 0..hosts);
    let heartbeat = 1_000_000..200_000_000_u64;
    let timing = (heartbeat, 8..20_u64, 1..9_u64, 1..4_u64).prop_map(|(heartbeat, leases, longest, slots)| {
        let heartbeat = Span::from_nanos(heartbeat);
        let lease = heartbeat.times(leases);
        (heartbeat, lease, lease.times(longest), heartbeat.split(slots).max(Span::from_millis(1)))
    });
    let previous = (0..3_600_000_u64).prop_map(Span::from_millis);
    (voters_of(hosts), option::of(voters_of(hosts)), timing, 0..=200_000_u32, previous, priorities).prop_map(
        |(voters, next, (heartbeat, lease, max_lease, slot), drift_ppm, previous_lease, priorities)| Plan {
            voters,
            // A change to the same list is refused.
            next: next.filter(|next| *next != voters),
            heartbeat,
            lease,
            max_lease,
            slot,
            drift_ppm,
            previous_lease,
            priorities,
        },
    )
}

fn gossip() -> impl Strategy<Value = GossipPace> {
    let pace = || (1_000_000..YEAR.as_nanos()).prop_map(Span::from_nanos);
    let times = (1..1_000_u64, pace(), pace(), pace(), pace());
    times.prop_map(|(ack_ms, tick, contact, suspicion_min, retention)| {
        let ack = Span::from_millis(ack_ms);
        GossipPace { probe: ack.times(3), ack, tick, contact, suspicion_min, retention }
    })
}

fn setup(hosts: usize) -> impl Strategy<Value = Setup> {
    let clock = (rate(), wall(), time());
    let clock = clock.prop_map(|(rate_ppb, wall_ms, local)| ClockSetup { rate_ppb, wall_ms, local });
    let clocks = vec(clock, 0..=hosts);
    let assumption = || select(&[Assumption::Kept, Assumption::Broken][..]);
    let assumptions = (assumption(), assumption(), assumption());
    let (work, plans) = ((span(), span(), option::of(gossip())), vec(plan(hosts), 1..4));
    let work = (work, option::of(files())).prop_map(|((drain, work, gossip), seal)| (drain, work, gossip, seal));
    (any::<u64>(), plans, hosts_of(hosts), clocks, link(), disk(), work, assumptions).prop_map(
        move |(seed, plans, durable, clocks, link, disk, (drain, work, gossip, seal), (rates, walls, identities))| {
            Setup {
                seed,
                hosts,
                plans,
                durable,
                clocks,
                link,
                disk,
                drain,
                work,
                rates,
                walls,
                identities,
                gossip,
                seal,
            }
        },
    )
}

/// Takes out what breaks an assumption that it says to keep, what needs keys where there are none, and priorities of hosts that never vote.
fn tamed(mut schedule: Schedule) -> Schedule {
    let Schedule { setup, faults, converge, .. } = &mut schedule;
    let voters = setup.plans.iter().fold(HostSet::default(), |all, plan| all.or(plan.all_voters()));
    let most = voters.iter().last().map_or(0, |host| host + 1);
    setup.plans.iter_mut().for_each(|plan| plan.priorities.truncate(most));
    if setup.rates == Assumption::Kept {
        setup.clocks.iter_mut().for_each(|clock| clock.rate_ppb = 0);
        faults.retain(|(_, fault)| !matches!(fault, Fault::Rate { .. } | Fault::ClockJump { .. }));
    }
    if setup.walls == Assumption::Kept {
        setup.clocks.iter_mut().for_each(|clock| clock.wall_ms = 0);
        faults.retain(|(_, fault)| !matches!(fault, Fault::WallJump { .. }));
    }
    if setup.seal.is_none() {
        faults.retain(|(_, fault)| !matches!(fault, Fault::Hostile { hostility, .. } if !of_any_world(*hostility)));
    }
    // Who is to agree has to understand each other in the end.
    if setup.seal.is_none() || converge.is_some() {
        faults.retain(|(_, fault)| !matches!(fault, Fault::Keys { .. } | Fault::Seal { .. }));
    }
    schedule
}

/// Whether strangers do that where nothing is sealed, too.
fn of_any_world(hostility: Hostility) -> bool {
    matches!(hostility, Hostility::Noise | Hostility::Replay | Hostility::Mutant)
}

fn schedule() -> impl Strategy<Value = Schedule> {
    let of_setup = |setup: Setup| {
        let (hosts, plans) = (setup.hosts, setup.plans.len());
        let converge = option::of((voters_of(hosts), time(), span()));
        (Just(setup), vec((time(), fault(hosts, plans)), 0..20), time(), converge, option::of(any::<u64>()))
    };
    let setup = (2..=HostSet::CAPACITY).prop_flat_map(setup);
    setup.prop_flat_map(of_setup).prop_map(|(setup, faults, end, converge, changes_max)| {
        let converge = converge.map(|(hosts, from, within)| Convergence { hosts, from, within });
        let last = faults.iter().map(|(at, _)| *at).chain(converge.map(|converge| converge.from)).max();
        let end = end.max(last.unwrap_or(Time::ZERO)).max(Time::from_millis(1));
        tamed(Schedule { setup, faults, end, converge, changes_max })
    })
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

    #[test]
    fn what_a_seed_draws_is_accepted(seed in any::<u64>(), voters in option::of(1..=Limits::VOTERS_MAX)) {
        let schedule = draw(seed, Limits { voters });
        prop_assert_eq!(schedule.to_string().parse(), Ok(schedule));
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
