//! Disks that fail: a voter that cannot save abstains, says so, and goes on when it can (E16), and what is damaged is never taken for
//! new.

use std::fs;
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;
use serde_json::Value;

use crate::skipped;
use crate::support::cluster::{Agreement, Cluster, Setup, Storage};
use crate::support::descriptors::{Crowd, descriptors_left, few_descriptors};
use crate::support::disk::{fill, small_disk};
use crate::support::node::run_to_end;

fn durable() -> Setup {
    Setup { storage: Storage::DataDir, ..Setup::unhurried() }
}

/// Whether a node says that it cannot save, and where.
fn says_that_it_cannot_save(cluster: &Cluster, index: usize) -> Option<()> {
    let status = cluster.nodes[index].status()?;
    let error = status["storage"]["error"].as_str().unwrap_or_default();
    (status["storage"]["state"] == "failing" && error.contains(&cluster.data_dir(index))).then_some(())
}

#[test]
fn a_voter_on_a_read_only_disk_says_so_and_the_others_lead() {
    let mut cluster = Cluster::new(&durable());
    match small_disk(&cluster.data_dir(2), "ro,size=64k") {
        Ok(prefix) => cluster.nodes[2].prefix = prefix,
        Err(reason) => return skipped("a voter on a read-only disk", &reason),
    }
    for node in &mut cluster.nodes {
        node.start();
    }
    let agreement = cluster.agreed("a leader whom the third follows", |_| true);
    assert_ne!(agreement.leader, 2, "a voter that cannot save was elected\n{}", cluster.trace());

    // When the leader goes, one voter that can save is left: no majority, whatever the third would like.
    cluster.nodes[agreement.leader].kill();
    cluster.eventually("the third says that it cannot save", || says_that_it_cannot_save(&cluster, 2));
    assert!(cluster.nodes[2].is_running(), "it ended by itself\n{}", cluster.trace());

    // When the old leader is back, there is a leader again, and it is not the third.
    cluster.nodes[agreement.leader].start();
    let healed = cluster.agreed("a leader again", |now| now.token > agreement.token);
    assert_ne!(healed.leader, 2, "a voter that cannot save was elected\n{}", cluster.trace());
    assert!(cluster.leaderships().iter().all(|leadership| leadership.node != 2), "{}", cluster.trace());
    // A disk that fails is no reason for a longer lease.
    assert!(!cluster.nodes[2].log().contains("a save took"), "{}", cluster.trace());
    cluster.assert_history();
}

#[test]
fn a_voter_whose_disk_is_full_votes_with_the_room_that_it_has_kept() {
    let mut cluster = Cluster::new(&durable());
    match small_disk(&cluster.data_dir(2), "size=64k") {
        Ok(prefix) => cluster.nodes[2].prefix = prefix,
        Err(reason) => return skipped("a voter whose disk is full", &reason),
    }
    // Given two that lead and follow, a third that joins them, and no room on its disk, …
    cluster.nodes[0].start();
    cluster.nodes[1].start();
    cluster.agreed("a leader of two", |_| true);
    cluster.nodes[2].start();
    let before = led_by_another(&mut cluster, 2);
    fill(&cluster, 2);
    // … when the leader dies, then the other two elect one, which takes the votes of both.
    cluster.nodes[before.leader].kill();
    let after = cluster.agreed("a leader of the two that are left", |now| now.token > before.token);
    let status = cluster.nodes[2].status().expect("it answers");
    assert_eq!(status["storage"]["state"], "durable", "{status:#}");
    assert_whole_again(&mut cluster, before, after);
}

#[test]
fn a_voter_that_cannot_save_abstains_until_it_can() {
    let mut cluster = Cluster::start(&durable());
    let before = led_by_another(&mut cluster, 2);
    // Given something in the way of what it would save, which stops the superuser too, …
    let obstacle = Path::new(&cluster.data_dir(2)).join("hard_state.new");
    fs::remove_file(&obstacle).expect("there is room for the next record");
    fs::create_dir(&obstacle).expect("a folder can be made");
    // … when the leader dies, then it says that it cannot save, gives no vote, and nobody leads.
    cluster.nodes[before.leader].kill();
    cluster.eventually("the third says that it cannot save", || says_that_it_cannot_save(&cluster, 2));
    assert!(cluster.nodes[2].is_running(), "it ended by itself\n{}", cluster.trace());
    let told = |index: usize, path: &str| cluster.nodes[index].get(path).map(|answer| answer.code);
    assert_eq!((told(2, "/health"), told(2, "/readiness"), told(2, "/liveness")), (Some(503), Some(503), Some(200)));
    let all = cluster.leaderships();
    assert!(all.iter().all(|leadership| leadership.token <= before.token), "{}", cluster.trace());

    // When it can save again, the two that are left elect a leader by themselves.
    fs::remove_dir(&obstacle).expect("the folder can be removed");
    let after = cluster.agreed("a leader of the two that are left", |now| now.token > before.token);
    let state = || cluster.nodes[2].status().filter(|status| status["storage"]["state"] == "durable").map(|_| ());
    cluster.eventually("the third has saved", state);
    assert_whole_again(&mut cluster, before, after);
}

#[test]
fn voters_whose_descriptors_clients_have_taken_save_with_the_one_that_they_have_kept() {
    let mut cluster = Cluster::new(&durable());
    for node in &mut cluster.nodes {
        node.prefix = few_descriptors();
        node.start();
    }
    let before = cluster.agreed("a leader", |_| true);
    let others: Vec<usize> = (0..3).filter(|index| *index != before.leader).collect();
    // Given two followers that can open nothing more, and have to open a file for the next record, since theirs was tidied away, …
    let clients: Vec<_> = others.iter().map(|index| Crowd::at(cluster.nodes[*index].address)).collect();
    for index in &others {
        let has_none = || (descriptors_left(&cluster.nodes[*index]) == 0).then_some(());
        cluster.eventually("clients have taken all descriptors", has_none);
        let next = Path::new(&cluster.data_dir(*index)).join("hard_state.new");
        fs::remove_file(&next).expect("there is room for the next record");
    }
    // … when the leader dies, then they elect another one, and no save fails.
    cluster.nodes[before.leader].kill();
    let successor = cluster.eventually("a leader of the two that are left", || cluster.successor(before.token));
    for index in others {
        let log = cluster.nodes[index].log();
        assert!(!log.contains("does not vote until it is saved"), "{}", cluster.trace());
    }
    drop(clients);
    let after = Agreement { leader: successor.node, token: successor.token };
    assert_whole_again(&mut cluster, before, after);
}

#[test]
fn a_data_dir_that_is_removed_is_made_again() {
    let mut cluster = Cluster::start(&durable());
    let before = cluster.agreed("a leader", |_| true);
    for index in 0..3 {
        fs::remove_dir_all(cluster.data_dir(index)).expect("a folder can be removed");
    }
    cluster.nodes[before.leader].kill();
    let after = cluster.agreed("another leader", |now| now.token > before.token);
    let record = Path::new(&cluster.data_dir(after.leader)).join("hard_state");
    cluster.eventually("it has saved its vote", || record.exists().then_some(()));
    cluster.assert_history();
}

/// Waits for a leader other than that node. On a busy machine it may have been elected; then it is made to follow.
fn led_by_another(cluster: &mut Cluster, index: usize) -> Agreement {
    loop {
        let agreement = cluster.agreed("a leader of three", |_| true);
        if agreement.leader != index {
            return agreement;
        }
        cluster.nodes[index].kill();
        cluster.nodes[index].start();
    }
}

/// Starts the leader of before, and all follow one leader.
fn assert_whole_again(cluster: &mut Cluster, before: Agreement, after: Agreement) {
    cluster.nodes[before.leader].start();
    cluster.agreed("all three", |now| now.token >= after.token);
    cluster.assert_history();
}

#[test]
fn a_data_dir_that_is_no_folder_is_named() {
    let cluster = Cluster::new(&durable());
    let path = cluster.data_dir(0);
    fs::write(&path, "in the way").expect("a file can be written");
    assert_does_not_start(&cluster, 0, &path);
}

#[test]
fn a_data_dir_that_cannot_be_made_is_named_with_the_reason() {
    let cluster = Cluster::new(&durable());
    let disk = cluster.data_dir(0);
    let prefix = match small_disk(&disk, "ro,size=64k") {
        Ok(prefix) => prefix,
        Err(reason) => return skipped("a data_dir that is to be made on a read-only disk", &reason),
    };
    let path = format!("{disk}/some/where");
    let mut config = read_config(&cluster, 0);
    config["data_dir"] = path.as_str().into();
    let file = cluster.nodes[0].config_path();
    fs::write(&file, config.to_string()).expect("a configuration can be written");
    // One that starts after all is not waited for.
    let program =
        ["timeout", "60", env!("CARGO_BIN_EXE_qcluster"), "run", file.to_str().expect("paths of tests are UTF-8")];
    let output = Command::new(&prefix[0]).args(&prefix[1..]).args(program).output().expect("it can be started");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains(&format!("{path}: Read-only file system")) && told.lines().count() == 1, "{told}");
}

#[test]
fn a_data_dir_that_another_node_uses_is_named() {
    let mut cluster = Cluster::new(&durable());
    cluster.nodes[0].start();
    cluster.eventually("the first node is there", || cluster.nodes[0].status());

    // When a second node is given the same folder, as happens when a file is copied.
    let mut config = read_config(&cluster, 1);
    config["data_dir"] = cluster.data_dir(0).into();
    fs::write(cluster.nodes[1].config_path(), config.to_string()).expect("a configuration can be written");

    assert_does_not_start(&cluster, 1, &cluster.data_dir(0));
}

#[test]
fn damaged_state_is_named_and_left_alone() {
    let mut cluster = Cluster::start(&durable());
    let agreement = cluster.agreed("a leader", |_| true);
    let record = Path::new(&cluster.data_dir(agreement.leader)).join("hard_state");
    cluster.eventually("the leader has saved its vote", || record.exists().then_some(()));
    cluster.nodes[agreement.leader].signal(Signal::TERM);
    cluster.nodes[agreement.leader].exited();
    let sound = fs::read(&record).expect("there is a record");

    let path = record.to_str().expect("paths of tests are UTF-8");
    let middle = sound.len() / 2;
    let mut flipped = sound.clone();
    flipped[middle] ^= 0x10;
    for damaged in [&flipped[..], &sound[..middle], &[][..], &[0; 8_192][..]] {
        fs::write(&record, damaged).expect("the record can be written");
        assert_does_not_start(&cluster, agreement.leader, path);
        assert_eq!(fs::read(&record).expect("it is still there"), damaged, "it was written over");
    }

    // And with the sound record, it goes on where it was.
    fs::write(&record, sound).expect("the record can be written");
    cluster.nodes[agreement.leader].start();
    cluster.agreed("all three again", |now| now.token > agreement.token);
    cluster.assert_history();
}

/// One sentence that names the path, and exit code 1.
#[track_caller]
fn assert_does_not_start(cluster: &Cluster, index: usize, path: &str) {
    let config = cluster.nodes[index].config_path();
    let ended = run_to_end(&["run", config.to_str().expect("paths of tests are UTF-8")]);
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    assert!(ended.stderr.contains(path), "the path is not named\n{ended:#?}");
    assert_eq!(ended.stderr.lines().count(), 1, "{ended:#?}");
}

fn read_config(cluster: &Cluster, index: usize) -> Value {
    let text = fs::read_to_string(cluster.nodes[index].config_path()).expect("there is a configuration");
    serde_json::from_str(&text).expect("it is JSON")
}
