//! The change of voters that docs/VOTERS.md shows: its files are read from there, and go through the whole change (E20).

use std::fs;

use qcluster_core::{Config, Notification, Rules, Settings, VoterIn};

use crate::world::{World, id, ms};

/// The place of each node in the world, by its identifier.
const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// The files with both lists as the page shows them, by identifier.
fn shown() -> Vec<Config> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/VOTERS.md");
    let page = fs::read_to_string(path).expect("the page is there");
    let section = page.split("### The files of one change").nth(1).expect("it shows files");
    let section = section.split("\n#").next().expect("a section");
    let blocks = section.split("```json\n").skip(1).map(|block| block.split("```").next().expect("it ends"));
    let mut files: Vec<Config> = blocks.map(|block| Config::from_json(block).expect(block)).collect();
    files.sort_by(|one, other| one.identifier.cmp(&other.identifier));
    files
}

/// The file with the old list, as the page says that it differs.
fn old(file: &Config) -> Config {
    let mut old = file.clone();
    (old.next_peers, old.voter_in) = (None, VoterIn::Both);
    old
}

/// The file with the new list, likewise.
fn new(file: &Config) -> Config {
    let mut new = old(file);
    new.peers = file.next_peers.clone().expect("it has both lists");
    new
}

/// What the election needs of a file.
fn settings(file: &Config) -> Settings {
    let mut settings = file.settings().expect("a good configuration");
    settings.gossip = None;
    settings
}

fn rules(file: &Config) -> Rules {
    settings(file).check().expect("a good configuration")
}

fn take(world: &mut World, n: usize, file: &Config) {
    world.crash(n);
    world.machines[n].settings = settings(file);
    world.start(n);
}

/// The identifiers of a list, sorted.
fn names(voters: &[qcluster_core::VoterSettings]) -> Vec<&str> {
    let mut names: Vec<&str> = voters.iter().map(|voter| voter.id.as_str()).collect();
    names.sort_unstable();
    names
}

#[test]
fn the_files_of_the_page_are_of_one_change() {
    let files = shown();
    let identifiers: Vec<&str> = files.iter().map(|file| file.identifier.as_str()).collect();
    assert_eq!(identifiers, NAMES);
    for (n, file) in files.iter().enumerate() {
        let settings = settings(file);
        assert_eq!(names(&settings.voters), ["a", "b", "c"], "{}", file.identifier);
        assert_eq!(names(settings.next_voters.as_deref().unwrap()), ["b", "c", "d"], "{}", file.identifier);
        assert_eq!(rules(file).digests(), rules(&files[0]).digests(), "{}", file.identifier);
        assert_eq!(settings.id, id(n));
        // Where each is is the same in all files.
        for peer in file.all_peers() {
            let itself = &files.iter().find(|other| other.identifier == peer.identifier).unwrap().as_peer();
            assert_eq!(peer, itself, "{}", file.identifier);
        }
    }
    // Those with one list are a step before and after.
    for file in &files[..3] {
        assert!(rules(&old(file)).digests().agree(&rules(&files[3]).digests()));
    }
    for file in &files[1..] {
        assert!(rules(&new(file)).digests().agree(&rules(&files[0]).digests()));
    }
}

/// Nobody else has it in the old list: that is why a node that joins says so.
#[test]
fn a_node_that_joins_as_one_that_stays_is_of_another_configuration() {
    let mut files = shown();
    files[3].voter_in = VoterIn::Both;
    assert!(files[..3].iter().all(|file| !rules(file).digests().agree(&rules(&files[3]).digests())));
}

#[test]
fn the_files_of_the_page_take_a_cluster_from_the_old_list_to_the_new_one() {
    for seed in 0..20 {
        let files = shown();
        let mut world = World::with(0, |_, _| {}).seeded(seed);
        for file in &files {
            world.add(settings(&old(file)));
        }
        // Given a leader of the old list, and that the first of its voters is dead in every other run, …
        for n in [0, 1, 2] {
            world.machines[n].settings = settings(&old(&files[n]));
            world.start(n);
        }
        world.elect();
        world.run(ms(500));
        let is_dead = seed % 2 == 0;
        if is_dead {
            world.crash(0);
        }
        // … when all that live are given both lists, one after the other, then a leader is elected with both, …
        let living = if is_dead { &[3, 2, 1][..] } else { &[3, 0, 2, 1] };
        for &n in living {
            take(&mut world, n, &files[n]);
            world.run(ms(700));
        }
        world.run_till(ms(5_000), "a leader of both lists", |world| {
            !world.leaders().is_empty() && living.iter().all(|n| world.node(*n).step_is_established() == Some(true))
        });
        let mismatches = world.count(|_, told| matches!(told, Notification::ConfigMismatch { .. }));
        assert_eq!(mismatches, 0, "seed {seed}\n{}", world.story());
        // … and with the new list the three of it go on without the first.
        for n in [3, 2, 1] {
            take(&mut world, n, &new(&files[n]));
            world.run(ms(700));
        }
        world.crash(0);
        world.run_till(ms(5_000), "a leader of the new list", |world| !world.leaders().is_empty());
        assert!([1, 2, 3].into_iter().all(|n| !world.node(n).is_in_middle_step()));
    }
}
