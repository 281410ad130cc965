//! Sealed worlds: keys that change, the way from plain to sealed, and strangers who are not heard (S2 to S5). That each datagram is let in
//! or refused as it has to be is held to by oracles at every event; these are the stories around it.

use qcluster_core::{SealMode, Span};
use qcluster_sim::swarm::{Limits, draw};
use qcluster_sim::{Fault, Hostility, KeyChange, Mark, Memory, Place, Schedule, SealSetup, Setup, World};

const ALL_MODES: [SealMode; 3] = [SealMode::Accept, SealMode::Send, SealMode::Require];

fn world(setup: Setup) -> World {
    let mut world = World::new(setup).unwrap();
    pass(&mut world, 1_000);
    assert!(world.leader().is_some(), "nobody leads after a second");
    world
}

fn pass(world: &mut World, ms: u64) {
    world.run_for(Span::from_millis(ms)).unwrap_or_else(|violation| panic!("{violation}"));
}

/// Whether these hosts see one leader.
fn agree(world: &World, hosts: &[usize]) -> bool {
    let seen: Vec<_> = hosts.iter().map(|host| world.leader_seen_by(*host)).collect();
    seen[0].is_some() && seen.iter().all(|other| *other == seen[0])
}

fn change(world: &mut World, hosts: &[usize], change: KeyChange, key: u8) {
    for host in hosts {
        world.apply(Fault::Keys { host: *host, change, key });
        pass(world, 60);
    }
}

fn restart_into(world: &mut World, host: usize, mode: SealMode) {
    world.apply(Fault::Seal { host, mode: Some(mode) });
    world.apply(Fault::Crash { host });
    world.apply(Fault::Restart { host, memory: Memory::Kept, place: Place::Same, plan: 0 });
    pass(world, 500);
}

#[test]
fn s5_a_key_takes_the_place_of_another_and_no_leadership_is_lost() {
    let mut world = world(Setup::voters(5).sealed(SealSetup::required()));
    let all = [0, 1, 2, 3, 4];
    for (step, key) in [(KeyChange::Add, 1), (KeyChange::Use, 1), (KeyChange::Remove, 0)] {
        change(&mut world, &all, step, key);
        assert!(agree(&world, &all), "{step:?}");
    }
    assert_eq!(world.stats().changes, 1, "the first leader stays");
    assert_eq!(world.marks().count(Mark::KeysChanged), 15);
}

#[test]
fn s5_a_node_that_was_away_hears_nobody_until_it_is_given_the_key() {
    let mut world = world(Setup::voters(5).sealed(SealSetup::required()));
    let others = [0, 1, 2, 3];
    world.apply(Fault::Crash { host: 4 });
    for (step, key) in [(KeyChange::Add, 1), (KeyChange::Use, 1), (KeyChange::Remove, 0)] {
        change(&mut world, &others, step, key);
    }
    world.apply(Fault::Restart { host: 4, memory: Memory::Kept, place: Place::Same, plan: 0 });
    pass(&mut world, 2_000);
    assert_eq!(world.leader_seen_by(4), None);
    assert!(agree(&world, &others));
    assert!(world.marks().count(Mark::UnknownKey) > 0);
    change(&mut world, &[4], KeyChange::Add, 1);
    change(&mut world, &[4], KeyChange::Use, 1);
    pass(&mut world, 1_000);
    assert!(agree(&world, &[0, 1, 2, 3, 4]));
}

#[test]
fn s5_a_key_in_use_stays_and_a_frozen_node_finds_the_new_one_when_it_goes_on() {
    let mut world = world(Setup::voters(3).sealed(SealSetup::required()));
    world.apply(Fault::Freeze { host: 2 });
    change(&mut world, &[0, 1, 2], KeyChange::Add, 1);
    change(&mut world, &[0, 1, 2], KeyChange::Use, 1);
    // It is refused: that is what all of them seal with.
    change(&mut world, &[0, 1, 2], KeyChange::Remove, 1);
    change(&mut world, &[0, 1, 2], KeyChange::Remove, 0);
    world.apply(Fault::Thaw { host: 2 });
    pass(&mut world, 1_000);
    assert!(agree(&world, &[0, 1, 2]));
}

#[test]
fn s4_five_nodes_go_from_plain_to_sealed_and_nobody_is_locked_out() {
    let plain = SealSetup { mode: None, ..SealSetup::required() };
    let mut world = world(Setup::voters(5).sealed(plain));
    for mode in ALL_MODES {
        for host in 0..5 {
            restart_into(&mut world, host, mode);
            assert!(agree(&world, &[0, 1, 2, 3, 4]), "{mode:?} of host {host}");
        }
    }
    assert_eq!(world.marks().count(Mark::SealRequired), 5);
    let refused = world.marks().count(Mark::NotSealed);
    for to in 0..5 {
        world.apply(Fault::Hostile { to, hostility: Hostility::Plain });
    }
    pass(&mut world, 100);
    assert_eq!(world.marks().count(Mark::NotSealed), refused + 5);
}

#[test]
fn s4_who_is_two_steps_ahead_hears_nobody() {
    let plain = SealSetup { mode: None, ..SealSetup::required() };
    let mut world = world(Setup::voters(3).sealed(plain));
    restart_into(&mut world, 2, SealMode::Send);
    pass(&mut world, 1_000);
    assert!(agree(&world, &[0, 1]), "the others cannot read it");
    restart_into(&mut world, 2, SealMode::Require);
    pass(&mut world, 1_000);
    assert_eq!(world.leader_seen_by(2), None, "what they say is not sealed");
}

#[test]
fn s3_datagrams_of_ended_incarnations_count_nowhere() {
    let mut world = world(Setup::voters(3).sealed(SealSetup::required()).durable());
    for host in [1, 2] {
        world.apply(Fault::Crash { host });
        world.apply(Fault::Restart { host, memory: Memory::Kept, place: Place::Same, plan: 0 });
        pass(&mut world, 500);
    }
    let elections = world.stats().elections;
    for round in 0..300 {
        world.apply(Fault::Hostile { to: round % 3, hostility: Hostility::Replay });
        pass(&mut world, 10);
    }
    let marks = world.marks();
    assert!(marks.count(Mark::Replayed) > 50, "{}", marks.count(Mark::Replayed));
    assert!(marks.count(Mark::OtherIncarnation) > 50, "{}", marks.count(Mark::OtherIncarnation));
    assert_eq!(world.stats().elections, elections);
}

#[test]
fn s2_what_strangers_seal_or_change_is_refused_with_its_reason_and_costs_nothing() {
    let mut world = world(Setup::voters(3).sealed(SealSetup { keys: vec![0, 1], ..SealSetup::required() }));
    for round in 0..400 {
        let made = [Hostility::Forged, Hostility::Foreign, Hostility::Rekeyed, Hostility::Plain];
        world.apply(Fault::Hostile { to: round % 3, hostility: made[round / 3 % 4] });
        pass(&mut world, 7);
    }
    let marks = world.marks();
    for mark in [Mark::Forged, Mark::ForeignCluster, Mark::UnknownKey, Mark::NotSealed] {
        assert!(marks.count(mark) > 10, "{}: {}", mark.name(), marks.count(mark));
    }
    assert_eq!((world.stats().elections, world.stats().changes), (1, 1));
}

#[test]
fn one_run_in_eight_is_sealed_and_of_these_many_change_keys_or_modes() {
    let schedules: Vec<Schedule> = (0..2_000).map(|seed| draw(seed, Limits::default())).collect();
    let sealed: Vec<_> = schedules.iter().filter(|schedule| schedule.setup.seal.is_some()).collect();
    let of = |kind: &str| {
        sealed.iter().filter(|schedule| schedule.faults.iter().any(|(_, fault)| fault.kind() == kind)).count()
    };
    assert!((200..=300).contains(&sealed.len()), "{}", sealed.len());
    assert!(of("keys") > sealed.len() / 3, "{}", of("keys"));
    assert!(of("seal") > sealed.len() / 5, "{}", of("seal"));
    assert!(of("hostile") > sealed.len() / 2, "{}", of("hostile"));
}

#[test]
fn hosts_that_do_not_understand_each_other_in_the_end_are_not_asked_to_agree() {
    let text = |lines: &str| {
        format!("hosts 3\nplan voters 0,1,2\nend 9s\nconverge 0,1,2 from 8s within 1s\nseal require keys 0\n{lines}")
    };
    for lines in [
        "1s keys 0 add 1\n2s keys 0 use 1",
        "1s seal 0 plain",
        "1s keys 0 add 1\n1s keys 0 use 1\n1s keys 1 add 1\n1s keys 2 add 1\n1s keys 2 use 1\n2s keys 2 remove 0",
    ] {
        let error = text(lines).parse::<Schedule>().expect_err(lines);
        assert!(error.line == 4 && error.reason.contains("does not hear"), "{lines}: {error}");
    }
    let complete = "1s keys 0 add 1\n1s keys 1 add 1\n1s keys 2 add 1\n2s keys 0 use 1\n3s seal 1 send";
    assert!(text(complete).parse::<Schedule>().is_ok());
}
