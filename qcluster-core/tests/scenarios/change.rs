//! The voters change while one of them is dead, and it comes back with what it knew (scenario 42, E20).

use qcluster_core::{
    Boot, BootError, Durability, ElectionMessage, HardState, Message, Node, Notification, Refusal, Session, Step, Time,
};

use crate::dice::Dice;
use crate::world::{Fate, LEASE, Law, World, id, is, ms, voters};

const OLD: [usize; 3] = [0, 1, 2];
const NEW: [usize; 3] = [1, 2, 3];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum File {
    Old,
    Joint,
    New,
}

fn take(world: &mut World, n: usize, file: File) {
    world.crash(n);
    let settings = &mut world.machines[n].settings;
    let (list, next) = match file {
        File::Old => (OLD, None),
        File::Joint => (OLD, Some(NEW)),
        File::New => (NEW, None),
    };
    settings.voters = voters(list);
    settings.next_voters = next.map(voters);
    world.start(n);
}

/// All of the old list start with that file.
fn all_take(world: &mut World, file: File) {
    for n in OLD {
        take(world, n, file);
    }
}

/// {0,1,2} becomes {1,2,3} since 0 is dead: all living ones are in the middle step, and a leader was elected there.
fn in_the_middle_step(seed: u64, durability: Durability) -> World {
    let mut world = World::with(4, |_, settings| settings.durability = durability).seeded(seed);
    all_take(&mut world, File::Old);
    world.elect();
    world.run(ms(500));
    world.crash(0);
    for n in [3, 1, 2] {
        take(&mut world, n, File::Joint);
        world.run(ms(500));
    }
    world.run_till(ms(3_000), "a joint leader", |world| !world.leaders().is_empty());
    world.run(ms(500));
    world
}

#[test]
fn scenario_42_a_dead_voter_that_returns_with_the_old_list_makes_no_second_leader() {
    for seed in 0..60 {
        let durability = if seed % 2 == 0 { Durability::Durable } else { Durability::Diskless };
        let mut world = in_the_middle_step(seed, durability);
        let mut dice = Dice::new(seed);
        // Given one voter in the middle step while the others take the last one, …
        let stays = 1 + dice.machine(2);
        for n in [1, 2, 3].into_iter().filter(|n| *n != stays) {
            take(&mut world, n, File::New);
            world.run(ms(dice.below(800)));
        }
        // … when the dead one comes back on its side of a cut, then the two are not a quorum of the old list (the judge looks).
        world.network.split(&[0, stays]);
        take(&mut world, 0, File::Old);
        world.run(ms(3_000));
        assert!(!world.leads(0) && !world.leads(stays), "seed {seed}\n{}", world.story());
        assert!(world.node(stays).counters().votes_refused[Refusal::EarlierStep] > 0, "seed {seed}");
        // And the new list goes on.
        world.leader();
    }
}

#[test]
fn a_voter_in_the_middle_step_promises_nothing_to_one_of_the_old_list() {
    for seed in 0..20 {
        let mut world = World::of(3).seeded(seed);
        all_take(&mut world, File::Old);
        let leader = world.elect();
        world.run(ms(500));
        let n = world.followers()[0];
        let acks = |world: &World| {
            world.transcript.messages().filter(|(from, _, message)| *from == n && is(message, "heartbeat_ack")).count()
        };
        let before = acks(&world);
        take(&mut world, n, File::Joint);
        world.run(ms(1_000));
        // It follows and says no word that could count, and the leader has its lease from the other one alone.
        assert_eq!(
            world.node(n).leader().map(|voter| voter.id.clone()),
            Some(world.machines[leader].settings.id.clone())
        );
        assert_eq!(acks(&world), before, "seed {seed}");
        let other = (0..3).find(|m| *m != n && *m != leader).unwrap();
        world.crash(other);
        world.run(ms(400));
        assert!(world.leaders().is_empty(), "seed {seed}\n{}", world.story());
    }
}

/// With its vote, one that comes back and knows of nothing could lead by the old list alone (E20).
#[test]
fn a_voter_in_the_middle_step_votes_for_nobody_of_the_old_list() {
    let mut world = in_the_middle_step(1, Durability::Diskless);
    world.network.isolate(0);
    take(&mut world, 0, File::Old);
    let term = world.fresh_term();
    for n in [1, 2] {
        let [ElectionMessage::PreVoteReply { refusal, .. }] =
            world.ask(0, n, ElectionMessage::PreVoteRequest { round: 1, term, consent: None })[..]
        else {
            panic!("no answer\n{}", world.story())
        };
        assert_eq!(refusal, Some(Refusal::EarlierStep));
        let [ElectionMessage::VoteReply { refusal, .. }] =
            world.ask(0, n, ElectionMessage::VoteRequest { term, lease: LEASE, released: None })[..]
        else {
            panic!("no answer\n{}", world.story())
        };
        assert_eq!(refusal, Some(Refusal::EarlierStep));
    }
}

/// {0,1,2} becomes {1,2,3}, and one of the two that are left of the old list has taken the last step already: the other
/// one is not a majority of the old list, whatever the new list says.
#[test]
fn an_answer_from_the_last_step_counts_in_the_new_list_only() {
    let mut world = in_the_middle_step(1, Durability::Diskless);
    take(&mut world, 2, File::New);
    world.network.only(&[(1, 2)]);
    // Given that only 1 asks for votes, …
    world.network.rule(|from, _, message| (from == 2 && is(message, "pre_vote_request")).then_some(Fate::Lose));
    let granted = |world: &World| world.sent("pre_vote_reply");
    let before = granted(&world);
    world.run(ms(5_000));
    assert!(granted(&world) > before, "2 answers it");
    assert!(world.leaders().is_empty(), "{}", world.story());
    // … then 2 once it asks as well: two of the three new ones are a majority of the new list alone.
    world.network.clear_rules();
    world.run(ms(5_000));
    assert!(world.leads(2), "{}", world.story());
}

#[test]
fn who_is_in_the_middle_step_knows_when_the_last_one_may_be_taken() {
    let mut world = World::of(4);
    all_take(&mut world, File::Old);
    world.elect();
    take(&mut world, 3, File::Joint);
    take(&mut world, 1, File::Joint);
    world.run(ms(1_000));
    assert_eq!(world.node(1).step_is_established(), Some(false));
    assert_eq!([1, 2, 3].map(|n| world.node(n).is_in_middle_step()), [true, false, true]);
    take(&mut world, 2, File::Joint);
    world.run_till(ms(3_000), "a joint leader", |world| world.leaders().iter().any(|n| *n != 0));
    world.run(ms(200));
    for n in [1, 2, 3] {
        assert_eq!(world.node(n).step_is_established(), Some(true), "{n}\n{}", world.story());
        assert_eq!(world.count(|who, told| who == n && told == Notification::StepEstablished), 1);
        // Each tells all others: some may follow nobody.
        for other in [0, 1, 2, 3].into_iter().filter(|other| *other != n) {
            let tells = |message: &Message| *message == Message::Session(Session::Step { established: true });
            let mut told = world.transcript.messages().filter(|(.., message)| tells(message));
            assert!(told.any(|(from, to, _)| (from, to) == (n, other)), "{n} to {other}");
        }
    }
}

#[test]
fn who_takes_the_last_step_too_early_is_told() {
    let mut world = World::of(4);
    // It breaks the operator's rule, and what that may cost is on him.
    world.judge.waive(Law::OneLease);
    all_take(&mut world, File::Old);
    world.elect();
    take(&mut world, 1, File::Joint);
    take(&mut world, 3, File::New);
    world.run(ms(1_000));
    let told = |world: &World| world.count(|n, told| n == 3 && matches!(told, Notification::StepTooEarly { .. }));
    assert_eq!(told(&world), 1, "{}", world.story());
    // And who takes it in time is not.
    let mut world = in_the_middle_step(1, Durability::Diskless);
    take(&mut world, 3, File::New);
    world.run(ms(1_000));
    assert_eq!(told(&world), 0, "{}", world.story());
}

/// Pair by pair they may work together, and nobody meant it: d has the one change, c another one, and both listen to a and b, who have
/// the old list.
#[test]
fn voters_in_different_changes_are_told_of_by_those_who_work_with_both() {
    let mut world = World::of(5);
    all_take(&mut world, File::Old);
    world.elect();
    world.run(ms(500));
    let differ = |world: &World, n: usize| {
        let told = world.transcript.notifications().filter_map(|(_, who, told)| match told {
            Notification::StepsDiffer { one, other } if who == n => {
                let mut names = [one, other].map(|voter| world.node(n).rules().at(voter).id.clone());
                names.sort();
                Some(names)
            }
            _ => None,
        });
        told.collect::<Vec<_>>()
    };
    // Given one that goes towards a list with d, …
    take(&mut world, 2, File::Joint);
    world.run(ms(1_000));
    assert!(differ(&world, 0).is_empty() && differ(&world, 1).is_empty());
    assert_eq!(world.node(0).differing_steps(), None);
    // … when another one goes towards a list with e, then those who listen to both are told, once, …
    take(&mut world, 1, File::Old);
    world.crash(1);
    world.machines[1].settings.next_voters = Some(voters([0, 1, 4]));
    world.start(1);
    world.run(ms(2_000));
    assert_eq!(differ(&world, 0), [[id(1), id(2)]], "{}", world.story());
    assert!(world.node(0).differing_steps().is_some());
    // … and those two know of each other as of any node with another configuration.
    let mismatched =
        |n: usize| world.count(|who, told| who == n && matches!(told, Notification::ConfigMismatch { .. }));
    assert!(mismatched(1) >= 1 && mismatched(2) >= 1, "{}", world.story());
    // When one of them goes back, then all is well, …
    take(&mut world, 1, File::Old);
    world.run(ms(2_000));
    assert_eq!(world.node(0).differing_steps(), None, "{}", world.story());
    // … and the next time is told again.
    world.crash(1);
    world.machines[1].settings.next_voters = Some(voters([0, 1, 4]));
    world.start(1);
    world.run(ms(2_000));
    assert_eq!(differ(&world, 0).len(), 2, "{}", world.story());
}

fn boot(world: &World, n: usize, saved: &HardState) -> Result<Node, BootError> {
    let rules = world.machines[n].settings().check().unwrap();
    Node::new(rules, Boot::new(1, 1_764_000_000_000).with_saved(saved.clone()), Time::ZERO)
}

#[test]
fn nobody_goes_back_a_step_that_its_disk_knows_of_unless_told_to() {
    let mut world = in_the_middle_step(1, Durability::Durable);
    let joint = world.machines[2].saved.clone().unwrap();
    take(&mut world, 2, File::New);
    world.run(ms(1_000));
    let new = world.machines[2].saved.clone().unwrap();
    let start = |world: &mut World, file, rollback, saved| {
        let settings = &mut world.machines[2].settings;
        let (list, next) = match file {
            File::Old => (OLD, None),
            File::Joint => (OLD, Some(NEW)),
            File::New => (NEW, None),
        };
        (settings.voters, settings.next_voters, settings.rollback) = (voters(list), next.map(voters), rollback);
        boot(world, 2, saved).err()
    };
    for (file, saved, refused) in [
        (File::Old, &joint, true),
        (File::Joint, &joint, false),
        (File::New, &joint, false),
        (File::Old, &new, true),
        (File::Joint, &new, true),
        (File::New, &new, false),
    ] {
        let expected = if refused { Some(BootError::StepBack) } else { None };
        assert_eq!(start(&mut world, file, false, saved), expected, "{file:?}");
        assert_eq!(start(&mut world, file, true, saved), None, "{file:?} with rollback");
    }
}

/// Who has taken a middle step may not take that of another change instead: others may have gone on to the list that it would no
/// longer stand behind.
#[test]
fn nobody_turns_from_one_change_to_another_in_the_middle_unless_told_to() {
    let mut world = in_the_middle_step(1, Durability::Durable);
    let joint = world.machines[2].saved.clone().unwrap();
    let settings = &mut world.machines[2].settings;
    (settings.voters, settings.next_voters) = (voters(OLD), Some(voters([0, 1, 2, 4])));
    assert_eq!(boot(&world, 2, &joint).err(), Some(BootError::StepBack));
    world.machines[2].settings.rollback = true;
    assert_eq!(boot(&world, 2, &joint).err(), None);
    // The next change begins where this one ends, whether or not its last step was taken alone.
    let settings = &mut world.machines[2].settings;
    (settings.voters, settings.next_voters, settings.rollback) = (voters(NEW), Some(voters([2, 3, 4])), false);
    assert_eq!(boot(&world, 2, &joint).err(), None);
}

/// The list that was left may come back, by a change of its own.
#[test]
fn a_change_back_by_its_own_middle_step_is_no_step_back() {
    let mut world = in_the_middle_step(1, Durability::Durable);
    take(&mut world, 2, File::New);
    world.run(ms(1_000));
    for (list, next) in [(NEW, Some(OLD)), (OLD, None)] {
        world.crash(2);
        let settings = &mut world.machines[2].settings;
        (settings.voters, settings.next_voters) = (voters(list), next.map(voters));
        world.start(2);
        world.run(ms(1_000));
    }
}

/// What a voter of the last step grants counts for the new list; what one of the old list grants, for nobody.
#[test]
fn a_vote_of_the_old_list_elects_nobody_in_the_middle_step() {
    let mut world = World::of(4);
    all_take(&mut world, File::Old);
    world.elect();
    world.run(ms(500));
    take(&mut world, 3, File::Joint);
    take(&mut world, 1, File::Joint);
    // Given two in the middle step and one of the old list alone that they reach,
    world.crash(0);
    world.run(ms(5_000));
    // then the one of the old list refuses nobody, and nobody leads.
    assert!(world.leaders().is_empty(), "{}", world.story());
    let granted = |message: &qcluster_core::Message| {
        matches!(message, qcluster_core::Message::Election(ElectionMessage::PreVoteReply { refusal: None, .. }))
    };
    assert!(world.transcript.messages().any(|(from, to, message)| from == 2 && to != 0 && granted(&message)));
}

/// Only in the last step is it too early or late for that: who has the old list alone, or both, has time (E20).
#[test]
fn nobody_but_who_has_taken_the_last_step_is_warned_of_it() {
    let mut world = in_the_middle_step(1, Durability::Diskless);
    let warned = |world: &World| world.count(|_, told| matches!(told, Notification::StepTooEarly { .. }));
    let say = |world: &mut World, from, to, established| {
        let step = world.envelope(from, to, Message::Session(Session::Step { established }));
        world.give(to, qcluster_core::NodeInput::Message(step));
    };
    take(&mut world, 0, File::Old);
    world.run(ms(500));
    say(&mut world, 1, 0, false);
    say(&mut world, 1, 2, false);
    assert_eq!(warned(&world), 0);
    // One that knows better already is not warned by one that has yet to hear of it.
    take(&mut world, 3, File::New);
    world.run(ms(500));
    assert_eq!(world.node(3).step_is_established(), Some(true));
    say(&mut world, 1, 3, false);
    assert_eq!(warned(&world), 0);
}

/// Who follows nobody hears of the leader of the middle step from others (E20).
#[test]
fn who_has_not_seen_the_leader_of_the_middle_step_is_told_of_it() {
    let mut world = World::of(4);
    all_take(&mut world, File::Old);
    world.elect();
    take(&mut world, 1, File::Joint);
    take(&mut world, 3, File::Joint);
    world.run(ms(500));
    for established in [false, true] {
        let step = world.envelope(3, 1, Message::Session(Session::Step { established }));
        world.give(1, qcluster_core::NodeInput::Message(step));
        assert_eq!(world.node(1).step_is_established(), Some(established));
    }
    assert_eq!(world.count(|n, told| n == 1 && told == Notification::StepEstablished), 1);
}

#[test]
fn each_voter_knows_in_which_step_the_others_are() {
    let mut world = World::of(3);
    all_take(&mut world, File::Old);
    world.elect();
    take(&mut world, 1, File::Joint);
    world.run(ms(1_000));
    let step = |of: usize, seen_by: usize| {
        let node = world.node(seen_by);
        node.step_of(node.rules().index_of(world.machines[of].settings.id.key()).unwrap())
    };
    assert_eq!([step(0, 2), step(1, 2), step(2, 1)], [Step::Same, Step::Later, Step::Earlier]);
}
