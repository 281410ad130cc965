//! Different rules keep apart, changed rules keep their promises, and voters are replaced by way of both lists (scenarios 19,
//! 36, 37, and E9, E14, E20).

use qcluster_core::{
    DropReason, Durability, Incarnation, Message, NodeInput, Notification, Session, Settings, SharedSettings, Span,
};

use crate::dice::Dice;
use crate::world::{Disk, World, hello_of, id, is, ms, voters};

/// What `n` was told of `peer` going by other rules.
fn told(world: &World, n: usize, peer: usize) -> Vec<Option<SharedSettings>> {
    let told = world.transcript.notifications().filter_map(|(_, who, what)| match what {
        Notification::ConfigMismatch { key, theirs, .. } if who == n && key == id(peer).key() => Some(theirs),
        _ => None,
    });
    told.collect()
}

/// Whether `n` was told that `peer` goes by other rules, and how often.
fn mismatches(world: &World, n: usize, peer: usize) -> usize {
    told(world, n, peer).len()
}

/// What it is called, what it does to the settings of one, and what the others say is different.
type Change = (&'static str, fn(&mut Settings), [&'static str; 3]);

#[test]
fn scenario_19_a_node_with_other_rules_is_refused_and_surfaced_on_both_sides() {
    let strange: [Change; 4] = [
        ("another list", |settings| settings.voters = voters([0, 1, 2, 3]), ["voters", "3", "4"]),
        ("another priority", |settings| settings.voters[1].priority = 7, ["priority", "these", "others"]),
        ("another lease", |settings| settings.timing.lease = ms(200), ["timing.lease_ms", "150", "200"]),
        ("another drift bound", |settings| settings.timing.drift_ppm = 20_000, ["timing.drift_ppm", "10000", "20000"]),
    ];
    for (what, change, [setting, one, other]) in strange {
        for seed in 0..25 {
            // Given c with other rules than a and b, …
            let world = World::with(3, |n, settings| {
                if n == 2 {
                    change(settings);
                }
            });
            let mut world = world.seeded(seed);
            world.start_all();
            // … then a and b work together without it, …
            let leader = world.elect();
            world.run(ms(5_000));
            assert_eq!((world.leader(), world.elections()), (leader, 1), "{what}");
            assert_ne!(leader, 2);
            assert!(world.node(2).leader().is_none());
            // … and all three are told, once for each incarnation.
            for (n, peer) in [(0, 2), (1, 2), (2, 0), (2, 1)] {
                assert_eq!(mismatches(&world, n, peer), 1, "{what}: {n} of {peer}\n{}", world.story());
                assert!(world.node(n).counters().dropped[DropReason::ConfigMismatch] > 0);
                // Each knows both values.
                let theirs = told(&world, n, peer)[0].expect("the other one has said what it has");
                let differences = world.node(n).rules().shared().differences(&theirs);
                let swapped = n == 2 && setting != "priority";
                let (here, there) = if swapped { (other, one) } else { (one, other) };
                let told: Vec<[&str; 3]> =
                    differences.iter().map(|told| [told.setting, &*told.here, &*told.there]).collect();
                assert_eq!(told[0], [setting, here, there], "{what}");
            }
            assert_eq!(mismatches(&world, 0, 1) + mismatches(&world, 1, 0), 0);
            // When one of the two dies, then c does not help.
            world.crash(1 - leader);
            world.run(ms(3_000));
            assert!(world.leaders().is_empty());
        }
    }
}

#[test]
fn scenario_36_voters_that_restart_with_a_shorter_lease_wait_as_long_as_they_have_promised() {
    for durability in [Durability::Durable, Durability::Diskless] {
        for seed in 0..100 {
            // Given voters with a lease of 600 ms, …
            let world = World::with(3, |_, settings| {
                settings.timing.lease = ms(600);
                settings.durability = durability;
            });
            let mut world = world.seeded(seed);
            world.start_all();
            let old = world.elect();
            world.run(ms(2_000 + seed % 25));
            // … two of which restart with one of 150 ms, just after they have promised, …
            let followers = world.followers();
            for &n in &followers {
                world.crash(n);
                world.machines[n].settings.timing.lease = ms(150);
                if durability == Durability::Diskless {
                    world.machines[n].settings.previous_lease = ms(600);
                }
                world.start(n);
            }
            let restarted = world.now;
            // … then they elect nobody while the old lease may run; the judge looks at that.
            let new = world.elect_another(old);
            assert!(followers.contains(&new));
            assert!(world.now >= restarted + ms(600), "seed {seed}");
            // From then on they wait for the short lease only, where a disk remembers that the long one is over.
            if durability == Durability::Durable {
                world.run(ms(500));
                world.crash(new);
                world.start(new);
                world.run_till(ms(400), "a leader again", |world| !world.leaders().is_empty());
            }
        }
    }
}

/// A crash in the middle of the long wait does not make the next one short.
#[test]
fn scenario_36_a_crash_during_the_wait_forgets_nothing() {
    for seed in 0..50 {
        let world = World::with(3, |_, settings| {
            settings.timing.lease = ms(600);
            settings.durability = Durability::Durable;
        });
        let mut world = world.seeded(seed);
        world.start_all();
        let old = world.elect();
        world.run(ms(2_000));
        for n in world.followers() {
            world.machines[n].settings.timing.lease = ms(150);
            world.crash(n);
            world.start(n);
        }
        world.run(ms(seed * 5));
        for n in (0..3).filter(|n| *n != old) {
            world.crash(n);
            world.start(n);
        }
        let restarted = world.now;
        world.elect_another(old);
        assert!(world.now >= restarted + ms(600), "seed {seed}");
    }
}

/// Its disk has failed, so its next incarnation knows of the shorter lease alone: started with the other configuration once
/// more, it would wait for less than it had promised.
#[test]
fn who_cannot_save_a_longer_lease_promises_nothing_for_it() {
    for seed in 0..20 {
        // Given voters with a lease of 600 ms, the first of them preferred, …
        let world = World::with(3, |_, settings| {
            settings.durability = Durability::Durable;
            settings.timing.lease = ms(600);
            settings.voters[0].priority = 1;
        });
        let mut world = world.seeded(seed);
        world.start_all();
        world.run_till(ms(20_000), "the preferred leader", |world| world.leads(0));
        // … of whom the two others have elected one with 150 ms meanwhile, so that their disks know of that lease, …
        restart_with_lease(&mut world, 1, ms(150));
        restart_with_lease(&mut world, 2, ms(150));
        world.run_till(ms(5_000), "another leader", |world| world.leads(1) || world.leads(2));
        restart_with_lease(&mut world, 1, ms(600));
        world.run_till(ms(20_000), "the preferred leader again", |world| world.leads(0));
        // … when the last one comes back as well and cannot save anything, …
        world.machines[2].disk = Disk::Broken;
        restart_with_lease(&mut world, 2, ms(600));
        let before = acks_of(&world);
        world.run(ms(3_000));
        // … then it follows and promises nothing, while the other one does.
        assert_eq!((world.leader(), world.node(2).abstains()), (0, true), "seed {seed}");
        assert!(world.node(2).leader().is_some());
        let acks = acks_of(&world);
        assert_eq!(acks[2], before[2], "seed {seed}\n{}", world.story());
        assert!(acks[1] > before[1], "seed {seed}");
    }
}

fn restart_with_lease(world: &mut World, n: usize, lease: Span) {
    world.crash(n);
    world.machines[n].settings.timing.lease = lease;
    world.start(n);
}

/// How many promises each machine has told.
fn acks_of(world: &World) -> [usize; 3] {
    let told =
        |n| world.transcript.messages().filter(|(from, _, what)| *from == n && is(what, "heartbeat_ack")).count();
    [0, 1, 2].map(told)
}

/// Restarts `n` with these lists.
fn reconfigure(world: &mut World, n: usize, list: &[usize], next: Option<&[usize]>) {
    world.crash(n);
    let settings = &mut world.machines[n].settings;
    settings.voters = voters(list.iter().copied());
    settings.next_voters = next.map(|next| voters(next.iter().copied()));
    world.start(n);
}

/// Whether there is a quorum that works together: of the old voters from before the step, of both lists in the middle, or of the
/// new ones. Between the restart of half of the old ones and the next there is none (E20).
fn can_lead(world: &World, old: &[usize], new: &[usize]) -> bool {
    let lists = |n: &usize| {
        let settings = &world.machines[*n].settings;
        (settings.voters == voters(old.iter().copied()), settings.next_voters.is_some())
    };
    let many = |list: &[usize], is: &dyn Fn(&usize) -> bool| 2 * list.iter().filter(|n| is(n)).count() > list.len();
    let joint = |n: &usize| lists(n) == (true, true);
    let any_new = new.iter().any(|n| !lists(n).0);
    many(old, &|n| lists(n) == (true, false)) || (many(old, &joint) && many(new, &joint)) || any_new
}

/// Takes voters of `old` through the joint step to `new`, with trouble in between.
fn replace(seed: u64, durability: Durability, old: &[usize], new: &[usize]) {
    let all: Vec<usize> = (0..6).filter(|n| old.contains(n) || new.contains(n)).collect();
    let world = World::with(6, |_, settings| settings.durability = durability);
    let mut world = world.seeded(seed);
    let mut dice = Dice::new(seed);
    for &n in old {
        reconfigure(&mut world, n, old, None);
    }
    world.elect();
    // Each step is a rolling restart: nobody goes on before all are there.
    for (list, next, those) in [(old, Some(new), &all[..]), (new, None, new)] {
        // The new ones come before the old ones need them.
        let mut turn: Vec<usize> = those.to_vec();
        for at in (1..turn.len()).rev() {
            turn.swap(at, dice.machine(at + 1));
        }
        turn.sort_by_key(|n| old.contains(n));
        for n in turn {
            reconfigure(&mut world, n, list, next);
            trouble(&mut world, &mut dice, &all);
            if dice.chance(50) && can_lead(&world, old, new) {
                world.heal();
                world.run_till(ms(3_000), "a leader between two restarts", |world| !world.leaders().is_empty());
            }
        }
        world.heal();
        for &n in those {
            if world.machines[n].node.is_none() {
                world.start(n);
            }
        }
        world.run_till(ms(3_000), "a leader after a step", |world| !world.leaders().is_empty());
    }
    for n in all.iter().filter(|n| !new.contains(n)) {
        world.crash(*n);
    }
    world.run(ms(2_000));
    assert!(new.contains(&world.leader()), "seed {seed}\n{}", world.story());
}

fn trouble(world: &mut World, dice: &mut Dice, all: &[usize]) {
    world.run(ms(dice.below(500)));
    let (a, b) = (all[dice.machine(all.len())], all[dice.machine(all.len())]);
    match dice.below(5) {
        0 => world.isolate(a),
        1 => world.network.cut(a, b),
        2 => world.network.cut_one_way(a, b),
        3 if world.machines[a].node.is_some() => world.start(a),
        _ => world.heal(),
    }
    world.run(ms(dice.below(500)));
}

#[test]
fn scenario_37_voters_are_replaced_by_way_of_both_lists_without_a_second_leader() {
    let changes: [(&[usize], &[usize]); 5] = [
        (&[0, 1, 2], &[1, 2, 3]),
        (&[0, 1, 2], &[3, 4, 5]),
        (&[0, 1, 2], &[0, 1, 2, 3, 4]),
        (&[0, 1, 2, 3, 4], &[0, 1, 2]),
        (&[0], &[1, 2, 3]),
    ];
    for (old, new) in changes {
        for seed in 0..60 {
            let durability = if seed % 2 == 0 { Durability::Durable } else { Durability::Diskless };
            replace(seed, durability, old, new);
        }
    }
}

#[test]
fn scenario_37_in_the_joint_step_a_majority_of_one_list_is_not_enough() {
    for seed in 0..25 {
        let mut world = World::with(6, |_, settings| {
            settings.voters = voters(0..3);
            settings.next_voters = Some(voters(3..6));
        });
        world = world.seeded(seed);
        world.network.split(&[0, 1, 2]);
        world.start_all();
        world.run(ms(3_000));
        assert_eq!(world.elections(), 0, "seed {seed}");
        world.heal();
        let leader = world.elect();
        // And a leader loses its lease with one of its majorities.
        world.run(ms(1_000));
        world.crash(if leader == 4 { 3 } else { 4 });
        world.crash(if leader == 5 { 3 } else { 5 });
        world.run(ms(200));
        assert!(world.leaders().is_empty());
    }
}

#[test]
fn scenario_37_without_the_joint_step_a_changed_list_is_refused_and_surfaced() {
    for seed in 0..50 {
        // Given three voters, when one restarts with a list that has another in the place of a third, …
        let mut world = World::with(4, |_, settings| settings.voters = voters(0..3)).seeded(seed);
        for n in 0..3 {
            world.machines[n].settings.voters = voters(0..3);
            world.start(n);
        }
        world.elect();
        world.run(ms(1_000));
        world.transcript.begin(world.now);
        reconfigure(&mut world, 1, &[1, 2, 3], None);
        world.run(ms(5_000));
        // … then it joins nobody, and is surfaced on it and on everybody that speaks to it or is spoken to.
        assert_ne!(world.leader(), 1);
        assert!(mismatches(&world, 1, 2) == 1 && mismatches(&world, 2, 1) == 1, "{}", world.story());
        let spoke_to_it = world.transcript.messages().any(|(from, to, _)| (from, to) == (0, 1));
        assert!(mismatches(&world, 0, 1) == 1 || !spoke_to_it, "seed {seed}\n{}", world.story());
    }
}

/// The other side is to see it as well, and to say what it has, however often a message is lost; an answer is not answered, and what is
/// meant for another is left to that one.
#[test]
fn who_greets_with_other_rules_is_answered_each_time() {
    let mut world = World::with(3, |n, settings| settings.timing.lease = ms(if n == 1 { 200 } else { 150 }));
    world.network.isolate(1);
    world.start_all();
    world.run(ms(500));
    let key = |n: usize| id(n).key();
    for (to, answer, is_answered) in
        [(key(2), false, false), (key(0), false, true), (key(0), false, true), (key(0), true, false)]
    {
        let hello = hello_of(to, answer, false, Incarnation::UNKNOWN);
        let greeting = world.envelope(1, 0, Message::Session(hello));
        let said = world.transcript.messages().count();
        world.give(0, NodeInput::Message(greeting));
        let answers: Vec<Message> = world.transcript.messages().skip(said).map(|(.., message)| message).collect();
        let is_told = matches!(answers[..], [Message::Session(Session::Configuration { answer: false, .. })]);
        assert_eq!((is_told, answers.is_empty()), (is_answered, !is_answered), "{answers:?}");
    }
    assert_eq!(world.node(0).counters().dropped[DropReason::ConfigMismatch], 4);
    // Once it has said what it has, it is told without being asked.
    let shared = *world.node(0).rules().shared();
    for (answer, is_answered) in [(false, true), (true, false)] {
        let theirs = world.envelope(1, 0, Message::Session(Session::Configuration { answer, shared }));
        let said = world.transcript.messages().count();
        world.give(0, NodeInput::Message(theirs));
        let answers: Vec<Message> = world.transcript.messages().skip(said).map(|(.., message)| message).collect();
        let is_told = matches!(answers[..], [Message::Session(Session::Configuration { answer: true, .. })]);
        assert_eq!((is_told, answers.is_empty()), (is_answered, !is_answered), "{answers:?}");
    }
}

/// Two that go from {a, b, c} to {a, b, d}, one that goes to all four from the one, and one that goes from all four to the other: each
/// step could be meant, and not all of them together (E20).
#[test]
fn of_four_voters_with_steps_that_do_not_follow_each_other_two_lead_and_say_so() {
    let steps = |n: usize| match n {
        0 | 1 => (voters([0, 1, 2]), voters([0, 1, 3])),
        2 => (voters([0, 1, 2]), voters(0..4)),
        _ => (voters(0..4), voters([0, 1, 3])),
    };
    for seed in 0..20 {
        let mut world = World::with(4, |n, settings| {
            let (list, next) = steps(n);
            (settings.voters, settings.next_voters) = (list, Some(next));
        })
        .seeded(seed);
        world.start_all();
        let leader = world.elect();
        world.run(ms(5_000));
        // A majority of both lists is a and b, whatever c and d do.
        assert!(leader < 2);
        assert_eq!((world.leader(), world.elections()), (leader, 1), "{}", world.story());
        for (n, other) in [(0, 2), (0, 3), (1, 2), (1, 3), (2, 0), (2, 1), (3, 0), (3, 1), (2, 3), (3, 2)] {
            assert!(mismatches(&world, n, other) >= 1, "{n} of {other}\n{}", world.story());
        }
    }
}
