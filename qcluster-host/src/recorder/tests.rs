//! A recording replays to the very state that the node has, or says where something is missing.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use qcluster_core::recording::{Given, Line, RecordedInput, Start};
use qcluster_core::{Endpoint, EndpointBoot, NodeId, RecordTo, Settings, Span, Time, VoterSettings};
use tempfile::{TempDir, tempdir};
use tokio::sync::watch;

use super::files::Files;
use super::writer::Writer;
use super::{Entry, Recorder, WAITING_MAX};

fn start_line() -> Start {
    let id = NodeId::new("server_a").unwrap();
    let settings = Settings::voter(id.clone(), vec![VoterSettings::new(id)]);
    Start::new(Time::ZERO, settings, EndpointBoot { seed: 7, stamp_ms: 1, saved: None })
}

/// A node that is given its own timer and garbage.
struct Node {
    endpoint: Endpoint,
    now: Time,
}

impl Node {
    fn new() -> Self {
        Self { endpoint: start_line().endpoint().unwrap(), now: Time::ZERO }
    }

    /// What it will be given next.
    fn next(&mut self) -> RecordedInput {
        self.now = self.now + Span::from_millis(5);
        if self.now >= self.endpoint.deadline() {
            return RecordedInput::Timeout;
        }
        RecordedInput::Datagram { from: "127.0.0.1:9".parse().unwrap(), bytes: vec![1; 100] }
    }

    fn step(&mut self, what: &RecordedInput) {
        let mut outputs = self.endpoint.step(self.now, what.as_input());
        while outputs.next().is_some() {}
    }
}

/// The thread's side without a thread, and a loop that gives it snapshots when it wants them.
struct Desk {
    writer: Writer,
    wants_snapshot: Arc<AtomicBool>,
    node: Node,
}

impl Desk {
    fn new(path: &Path, max_bytes: u64) -> Self {
        let wants_snapshot = Arc::new(AtomicBool::new(false));
        let files = Files::new(path, max_bytes);
        let writer = Writer::new(files, start_line().settings, Arc::clone(&wants_snapshot), Duration::ZERO);
        let mut desk = Self { writer, wants_snapshot, node: Node::new() };
        desk.writer.take(Entry::Start(start_line()));
        desk
    }

    fn run(&mut self, steps: usize) {
        for _ in 0..steps {
            let what = self.node.next();
            let at = self.node.now;
            if self.wants_snapshot.swap(false, Ordering::Relaxed) {
                self.writer.take(Entry::Snapshot { at, state: self.node.endpoint.snapshot(), lost: 0 });
            }
            self.writer.take(Entry::Input(Given { at, what: what.clone() }));
            self.writer.write_out();
            self.node.step(&what);
        }
    }
}

fn place() -> (TempDir, PathBuf) {
    let dir = tempdir().unwrap();
    let path = dir.path().join("node.rec");
    (dir, path)
}

fn before(path: &Path) -> PathBuf {
    path.with_extension("rec.1")
}

fn read(path: &Path) -> Vec<Line> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| Line::from_json(line).unwrap()).collect()
}

/// What a recording comes to.
#[derive(Default)]
struct Replayed {
    endpoint: Option<Endpoint>,
    inputs: usize,
    lost: u64,
}

fn replay(lines: impl IntoIterator<Item = Line>) -> Replayed {
    let mut replayed = Replayed::default();
    for line in lines {
        match line {
            Line::Start(start) => replayed.endpoint = Some(start.endpoint().unwrap()),
            Line::Snapshot(snapshot) => {
                if let Some(endpoint) = &replayed.endpoint {
                    assert_eq!(endpoint.snapshot(), snapshot.state, "it was replayed to another state");
                }
                replayed.endpoint = Some(snapshot.endpoint().unwrap());
            }
            Line::Gap(gap) => {
                replayed.endpoint = None;
                replayed.lost += gap.lost;
            }
            Line::Input(Given { at, what }) => {
                let mut outputs = replayed.endpoint.as_mut().expect("a beginning").step(at, what.as_input());
                while outputs.next().is_some() {}
                replayed.inputs += 1;
            }
        }
    }
    replayed
}

#[track_caller]
fn assert_state(replayed: &Replayed, node: &Node) {
    assert_eq!(replayed.endpoint.as_ref().map(Endpoint::snapshot), Some(node.endpoint.snapshot()));
}

#[test]
fn both_files_stay_within_bounds_and_replay_alone_or_together() {
    let (_dir, path) = place();
    let max_bytes = RecordTo::BYTES_MIN;
    let mut desk = Desk::new(&path, max_bytes);
    for _ in 0..40 {
        desk.run(100);
        let len = |path: &Path| fs::metadata(path).map_or(0, |file| file.len());
        assert!(len(&path) + len(&before(&path)) <= max_bytes);
    }
    let (older, newer) = (read(&before(&path)), read(&path));
    assert!(matches!(newer[0], Line::Snapshot(_)), "it was not rotated");
    assert_state(&replay(newer.clone()), &desk.node);
    let all = replay(older.into_iter().chain(newer));
    assert_state(&all, &desk.node);
    assert_eq!(all.lost, 0);
    assert!(all.inputs > 300, "little is kept: {} inputs", all.inputs);
}

#[test]
fn a_later_incarnation_is_written_behind_the_earlier_one() {
    let (_dir, path) = place();
    Desk::new(&path, RecordTo::BYTES_DEFAULT).run(10);
    let mut desk = Desk::new(&path, RecordTo::BYTES_DEFAULT);
    desk.run(20);
    let lines = read(&path);
    assert_eq!(lines.iter().filter(|line| matches!(line, Line::Start(_))).count(), 2);
    let replayed = replay(lines);
    assert_state(&replayed, &desk.node);
    assert_eq!(replayed.inputs, 30);
}

#[test]
fn a_file_that_cannot_be_begun_is_tried_again_and_the_gap_is_said() {
    // Given a folder in the place of the older file, so that the newer one cannot be rotated,
    let (_dir, path) = place();
    fs::create_dir(before(&path)).unwrap();
    let mut desk = Desk::new(&path, RecordTo::BYTES_MIN);
    desk.run(1_000);
    let first = replay(read(&path));
    assert!(first.inputs < 1_000);
    // when it goes away,
    fs::remove_dir(before(&path)).unwrap();
    desk.run(10);
    // then the recording goes on in another file, and says how much is missing.
    let second = replay(read(&path));
    assert_state(&second, &desk.node);
    assert_eq!(first.inputs + second.inputs + usize::try_from(second.lost).unwrap(), 1_010);
}

#[test]
fn a_path_in_no_folder_is_used_once_the_folder_is_there() {
    let (dir, _) = place();
    let path = dir.path().join("later").join("node.rec");
    let mut desk = Desk::new(&path, RecordTo::BYTES_DEFAULT);
    desk.run(5);
    fs::create_dir(path.parent().unwrap()).unwrap();
    desk.run(5);
    let replayed = replay(read(&path));
    assert_state(&replayed, &desk.node);
    assert_eq!(replayed.inputs + usize::try_from(replayed.lost).unwrap(), 10);
    assert!(replayed.inputs > 0 && replayed.lost >= 5);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_ends_nothing_but_the_recording() {
    let (_dir, path) = place();
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    let mut desk = Desk::new(&path, RecordTo::BYTES_DEFAULT);
    desk.run(300);
    fs::remove_file(&path).unwrap();
    assert!(desk.node.endpoint.node().is_leader(desk.node.now));
}

#[test]
fn the_loop_never_waits_and_what_overflows_is_said() {
    // Given a thread that is stuck: here nobody takes anything.
    let (entries, mut queue) = tokio::sync::mpsc::channel(WAITING_MAX);
    let mut recorder = Recorder { entries, wants_snapshot: Arc::default(), lost: 0 };
    let mut node = Node::new();
    let mut give = |recorder: &mut Recorder, steps: usize| {
        for _ in 0..steps {
            let what = node.next();
            recorder.note(node.now, &what.as_input(), &node.endpoint);
            node.step(&what);
        }
        node.endpoint.snapshot()
    };
    give(&mut recorder, WAITING_MAX + 10);
    assert_eq!(recorder.lost, 10);
    // When it has taken a few, that is not enough to start over,
    assert!(matches!(queue.try_recv().unwrap(), Entry::Input(_)));
    give(&mut recorder, 1);
    assert_eq!(recorder.lost, 11);
    // and when it has taken all, the rest follows on a snapshot.
    while queue.try_recv().is_ok() {}
    let state = give(&mut recorder, 3);
    let Ok(Entry::Snapshot { lost: 11, state: begun, at }) = queue.try_recv() else { panic!("no snapshot") };
    let start = start_line();
    let mut lines = vec![Line::Snapshot(qcluster_core::recording::Snapshot::new(at, start.settings, begun))];
    while let Ok(Entry::Input(given)) = queue.try_recv() {
        lines.push(Line::Input(given));
    }
    let replayed = replay(lines);
    assert_eq!(replayed.inputs, 3);
    assert_eq!(replayed.endpoint.map(|endpoint| endpoint.snapshot()), Some(state));
    // When the thread is gone, nothing is asked of the node at all.
    drop(queue);
    give(&mut recorder, 3);
    assert_eq!(recorder.lost, 3);
}

#[tokio::test]
async fn the_thread_writes_all_that_waits_before_it_ends() {
    let (_dir, path) = place();
    let (alive, mut released) = watch::channel(());
    let to = RecordTo::new(path.to_str().unwrap());
    let mut recorder = Recorder::start(&to, start_line(), alive).unwrap();
    let mut node = Node::new();
    for _ in 0..500 {
        let what = node.next();
        recorder.note(node.now, &what.as_input(), &node.endpoint);
        node.step(&what);
    }
    drop(recorder);
    crate::test_support::in_time(async { while released.changed().await.is_ok() {} }).await;
    let replayed = replay(read(&path));
    assert_eq!((replayed.inputs, replayed.lost), (500, 0));
    assert_state(&replayed, &node);
}
