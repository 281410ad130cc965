//! An incarnation and its boot wait: who was replaced before it was over neither ends that unasked nor goes above its
//! replacement (E24), and who leads already is not renamed without a word (E17).

use qcluster_core::{
    Durability, ElectionMessage, Envelope, GossipPace, Incarnation, IncarnationsDigest, IncarnationsReport,
    KnownIncarnation, LostReason, Message, NodeInput, Notification, Refusal, Role, Session, Term,
};

use crate::world::{Disk, Fate, Law, World, hello_of, id, ms};

/// Of five, one that it can count on has not met its replacement. In its boot wait it had promised nothing, and what it promises
/// afterwards counts with nobody whose quorum knows better.
#[test]
fn a_node_that_stood_still_in_its_boot_wait_counts_with_nobody_whose_quorum_knows_better() {
    for seed in 0..20 {
        let mut world = World::of(5).seeded(seed);
        let settings = world.machines[0].settings.clone();
        let replacement = world.add(settings);
        (0..5).for_each(|n| world.start(n));
        world.elect();
        world.run(ms(1_000));
        world.crash(0);
        world.start(0);
        world.run(ms(5));
        // Given a replacement that 1 has never heard, nor 1 it, …
        world.freeze(0, ms(8_600));
        world.run(ms(500));
        world.network.cut(1, replacement);
        world.start(replacement);
        world.run(ms(8_000));
        // … and a cut, a moment before it goes on, that leaves it with 1, and 1 with 2, which knows better, …
        world.network.split(&[0, 1, 2]);
        world.network.cut(0, 2);
        // … then the judge sees one lease.
        world.run(ms(8_000));
        assert!(!world.leads(0) && !world.leads(1) && !world.leads(2), "seed {seed}\n{}", world.story());
        world.leader();
        // And once it reaches somebody who knows, it stops.
        world.heal();
        world.run(ms(1_000));
        assert_eq!(world.role(0), Role::Stopped, "seed {seed}\n{}", world.story());
    }
}

/// It waits for its disk, and so long that a later incarnation has begun and takes part: it does not go above that one.
#[test]
fn a_node_whose_boot_wait_was_long_enough_for_a_replacement_does_not_go_above_it() {
    for (stands_still, seed) in [(true, 1), (true, 2), (false, 3), (false, 4)] {
        let world = World::with(3, |_, settings| settings.durability = Durability::Durable);
        let mut world = world.seeded(seed);
        let settings = world.machines[0].settings.clone();
        let replacement = world.add(settings);
        (0..3).for_each(|n| world.start(n));
        world.elect();
        world.run(ms(1_000));
        world.crash(0);
        world.machines[0].disk = Disk::Held;
        if stands_still {
            // Given one that has met nobody and stands still, …
            world.isolate(0);
            world.start(0);
            world.freeze(0, ms(5_000));
        } else {
            // … or one that was cut off since it met the others, …
            world.start(0);
            world.run(ms(100));
            world.isolate(0);
        }
        world.run(ms(500));
        world.start(replacement);
        world.run(ms(4_000));
        world.heal();
        world.network.split(&[0, 1]);
        world.run(ms(2_000));
        world.sync(0);
        world.run(ms(10_000));
        // … then the judge sees one lease.
        assert_eq!(world.role(0), Role::Stopped, "seed {seed}\n{}", world.story());
        let superseded = |who, told: Notification| who == 0 && matches!(told, Notification::Superseded { .. });
        assert_eq!(world.count(superseded), 1);
        world.heal();
        world.run(ms(2_000));
        assert_ne!(world.role(replacement), Role::Stopped, "seed {seed}\n{}", world.story());
        world.leader();
    }
}

/// Each other voter says in its first hello which incarnation of this node it knows. One that was elected without any
/// hello keeps the incarnation in which it was.
#[test]
fn a_leader_is_not_renamed_by_a_late_hello() {
    let mut world = World::with(3, |_, settings| settings.voters[0].priority = 1).seeded(1);
    world.judge.waive(Law::TokensGrow);
    // Given that 2 alone knows an incarnation of 0 whose clock was an hour ahead,
    world.start(0);
    world.start(2);
    world.run_till(ms(10_000), "the preferred one leads", |world| world.leads(0));
    world.run(ms(1_000));
    world.crash(0);
    world.isolate(2);
    world.machines[0].wall_ms -= 3_600_000;
    world.machines[1].wall_ms -= 3_600_000;
    world.start(1);
    world.run(ms(1_000));
    // and that 0 leads with 1, whose answering hellos were lost,
    world.network.cut(0, 1);
    world.start(0);
    world.run(ms(200));
    world.network.rule(|from, to, message| {
        let is_answer = matches!(message, Message::Session(Session::Hello { answer: true, .. }));
        (is_answer && (from, to) == (1, 0)).then_some(Fate::Lose)
    });
    world.network.join(0, 1);
    world.run_till(ms(10_000), "0 leads", |world| world.leads(0));
    world.run(ms(500));
    let incarnation = world.node(0).incarnation();
    // when it hears 2, then it says that it has lost the lead before anything else.
    world.heal();
    world.run(ms(6_000));
    assert!(world.node(0).incarnation() == incarnation || world.role(0) == Role::Stopped, "{}", world.story());
}

/// What a member says to 0 in that incarnation.
fn stranger_of(world: &World, incarnation: Incarnation, message: Message) -> Envelope {
    Envelope {
        from: id(9).key(),
        from_incarnation: Incarnation(7),
        to: id(0).key(),
        to_incarnation: incarnation,
        digests: world.node(0).rules().digests(),
        message,
    }
}

/// The one voter of a cluster has nobody to be told by which incarnation it had, but members.
#[test]
fn the_only_voter_says_that_it_leads_no_more_before_it_is_renamed() {
    let mut world = World::with(1, |_, settings| settings.gossip = Some(GossipPace::default().into())).seeded(1);
    world.start(0);
    world.elect();
    let incarnation = world.node(0).incarnation();
    // Given a member that has known an incarnation of it whose clock was ahead,
    let ahead = Incarnation(incarnation.0 + (1 << 40));
    let hello = hello_of(id(0).key(), true, false, ahead);
    let stranger = stranger_of(&world, incarnation, Message::Session(hello));
    // when it says so, then the node has another name, leads no more, and will lead again.
    world.give(0, NodeInput::Message(stranger));
    assert!(world.node(0).incarnation() > ahead);
    let reason = LostReason::ClockWentBack;
    let lost = world.count(|_, told| matches!(told, Notification::Lost { reason: told, .. } if told == reason));
    assert_eq!((lost, world.leads(0)), (1, false), "{}", world.story());
    world.run(ms(5_000));
    assert!(world.leads(0), "{}", world.story());
}

/// Whatever a voter says that knows of this incarnation is as good as a hello (E17).
#[test]
fn who_hears_no_hello_takes_part_by_what_else_it_hears() {
    let mut world = World::of(3).seeded(1);
    world.start_all();
    world.elect();
    world.run(ms(1_000));
    let n = world.followers()[0];
    world.network.rule(move |_, to, message| {
        let is_hello = matches!(message, Message::Session(Session::Hello { .. }));
        (is_hello && to == n).then_some(Fate::Lose)
    });
    world.crash(n);
    world.start(n);
    world.run(ms(1_000));
    assert!(world.node(n).takes_part(), "{}", world.story());
}

/// As if it had crashed: its vote for itself is void, and it begins with a boot wait.
#[test]
fn the_only_voter_ends_its_candidacy_before_it_is_renamed() {
    let mut world = World::with(1, |_, settings| {
        settings.gossip = Some(GossipPace::default().into());
        settings.durability = Durability::Durable;
    });
    world.start(0);
    world.run(ms(100));
    world.machines[0].disk = Disk::Held;
    world.run_till(ms(1_000), "it has a vote to save", |world| world.role(0) == Role::Candidate);
    let (incarnation, ahead) = (world.node(0).incarnation(), Incarnation(world.node(0).incarnation().0 + (1 << 40)));
    let hello = Message::Session(hello_of(id(0).key(), true, false, ahead));
    let stranger = stranger_of(&world, incarnation, hello);
    world.give(0, NodeInput::Message(stranger));
    world.sync(0);
    world.sync(0);
    assert_eq!((world.role(0), world.leads(0)), (Role::Booting, false), "{}", world.story());
    world.run(ms(149));
    assert_eq!(world.role(0), Role::Booting, "{}", world.story());
}

/// Of three, disks that failed have kept what each of the first two knew of the other, and not what it was itself; and both wall
/// clocks have gone back since. Neither counts for the other.
fn apart(seed: u64) -> World {
    let world = World::with(3, |_, settings| settings.durability = Durability::Durable);
    let mut world = world.seeded(seed);
    world.start_all();
    world.elect();
    world.run(ms(1_000));
    (0..3).for_each(|n| world.crash(n));
    let ahead = |incarnation: Incarnation| Incarnation(incarnation.0 + (1 << 40));
    for (n, other) in [(0, 1), (1, 0)] {
        let saved = world.machines[n].saved.as_mut().expect("it has a disk");
        let known = saved.incarnations.iter_mut().find(|known| known.node == id(other).key()).expect("they have met");
        known.incarnation = ahead(known.incarnation);
    }
    world
}

/// Each says what the other has to be above.
#[test]
fn two_that_know_of_later_incarnations_of_each_other_go_above_them() {
    for seed in 0..10 {
        let mut world = apart(seed);
        world.start(0);
        world.start(1);
        world.run_till(ms(5_000), "one of the two leads", |world| world.leads(0) || world.leads(1));
    }
}

/// Each may have been replaced while it stood still, and is told so by the other: it stops, and goes above when it is started
/// again.
#[test]
fn two_that_know_of_later_incarnations_of_each_other_and_stood_still_are_not_stuck() {
    for seed in 0..10 {
        let mut world = apart(seed);
        world.network.cut(0, 1);
        for n in [0, 1] {
            world.start(n);
            world.run(ms(50));
            world.freeze(n, ms(400));
        }
        world.run(ms(600));
        world.heal();
        // An operator looks after them.
        for _ in 0..2 {
            world.run(ms(2_000));
            for n in [0, 1] {
                if world.role(n) == Role::Stopped {
                    world.start(n);
                }
            }
        }
        let told = world.count(|_, told| matches!(told, Notification::Superseded { .. }));
        assert!(told > 0, "seed {seed}\n{}", world.story());
        world.run_till(ms(5_000), "one of the two leads", |world| world.leads(0) || world.leads(1));
    }
}

/// The next incarnation could not go above one that no disk knows of: such a one never takes part, and nobody takes it to (E24).
#[test]
fn who_could_not_save_that_it_began_never_takes_part() {
    let mut world = World::with(3, |_, settings| settings.durability = Durability::Durable).seeded(1);
    world.start_all();
    let leader = world.elect();
    world.run(ms(1_000));
    let broken = world.followers()[0];
    let known = world.incarnations(leader);
    for (disk, takes_part) in [(Disk::Broken, false), (Disk::Quick, true)] {
        world.crash(broken);
        world.machines[broken].disk = disk;
        world.start(broken);
        world.run(ms(3_000));
        assert_eq!(world.role(broken) == Role::Follower, takes_part, "{}", world.story());
        assert_eq!(world.incarnations(leader) != known, takes_part, "{}", world.story());
        assert_eq!(world.leader(), leader, "{}", world.story());
    }
}

/// What only an incarnation after its boot wait says shows that it takes part (E9, E24). A refusal does not, nor a
/// greeting from within the boot wait.
#[test]
fn an_incarnation_takes_part_with_the_first_thing_that_says_so() {
    let voter = 2;
    let digest = |known: &[KnownIncarnation]| known.iter().copied().collect::<IncarnationsDigest>();
    let (term, stamp, incarnations) = (Term(0), Term(0), IncarnationsDigest::default());
    let hello = |booting| hello_of(id(voter).key(), true, booting, Incarnation::UNKNOWN);
    let vote = |refusal| ElectionMessage::VoteReply { asked: term, refusal, term, stamp, incarnations };
    let pre_vote = |refusal| ElectionMessage::PreVoteReply { round: 1, refusal, term, stamp, incarnations };
    let request = ElectionMessage::PreVoteRequest { round: 1, term, consent: None };
    for (message, shows_it) in [
        (Message::Session(hello(true)), false),
        (Message::Session(hello(false)), true),
        (Message::Session(Session::ProbeAck { nonce: 1, booting: true }), false),
        (Message::Session(Session::ProbeAck { nonce: 1, booting: false }), true),
        (Message::Session(Session::Step { established: true }), false),
        (Message::Election(ElectionMessage::StaleTerm { term }), false),
        (Message::Election(vote(Some(Refusal::BootWait))), false),
        (Message::Election(vote(None)), true),
        (Message::Election(pre_vote(Some(Refusal::BootWait))), false),
        (Message::Election(pre_vote(None)), true),
        (Message::Election(request), true),
        (Message::Incarnations(Box::new(IncarnationsReport { answer: true, incarnations: Vec::new() })), false),
    ] {
        // Given a voter that has met others in their boot wait alone, …
        let mut world = World::of(3);
        world.start_all();
        world.run(ms(100));
        (0..3).for_each(|n| world.network.isolate(n));
        world.run(ms(100));
        let known = |n: usize| KnownIncarnation { node: id(n).key(), incarnation: world.node(n).incarnation() };
        let (before, after) = (digest(&[known(voter)]), digest(&[known(voter), known(1)]));
        assert_eq!(world.incarnations(voter), before);
        // … when one of them says that, then it is among those that take part, or is not.
        let said = world.envelope(1, voter, message.clone());
        world.give(voter, NodeInput::Message(said));
        assert_eq!(world.incarnations(voter), if shows_it { after } else { before }, "{message:?}");
    }
}
