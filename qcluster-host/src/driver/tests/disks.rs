//! What a node says of its disk: one that fails is not called slow, and one that is gone is told at once (E16).

use std::io;
use std::sync::mpsc::{Sender, channel};

use qcluster_core::Slow;
use tokio::sync::broadcast;

use super::super::Arrival;
use super::*;
use crate::disk::Disk;
use crate::event::{Event, EventKind};

/// A node alone whose saves end as `save` says, its clock at the first of them, and what it tells.
struct Durable {
    driver: Driver<Witness>,
    events: broadcast::Receiver<Event>,
    now: Time,
    /// Were it dropped, nobody could ask the node for anything, and it would stop.
    _requests: mpsc::Sender<Request>,
}

impl Durable {
    fn new(save: impl FnMut(&[u8]) -> io::Result<()> + Send + 'static) -> Self {
        let (mut driver, requests) = driver_of(&config(0).with_peers([]).with_data_dir("data"));
        driver.effects.disk = Some(Disk::saving("data/hard_state".into(), save, ()).unwrap());
        driver.effects.storage = StorageStatus::Durable;
        let (events, now) = (driver.effects.publisher.changes.subscribe(), driver.clock.now());
        let mut durable = Self { driver, events, now, _requests: requests };
        durable.pass_until("it saves", |node| node.counters().persists == 1);
        durable
    }

    fn pass_until(&mut self, what: &str, done: impl Fn(&qcluster_core::Node) -> bool) {
        let end = self.now + Span::from_millis(3_600_000);
        while !done(self.driver.endpoint.node()) {
            self.now = self.driver.endpoint.deadline();
            assert!(self.now < end, "not within an hour: {what}");
            step(&mut self.driver.endpoint, &mut self.driver.effects, self.now, Input::Timeout).unwrap();
        }
    }

    /// Takes the next report of the disk, at the present time.
    async fn hear(&mut self) {
        let arrival = in_time(self.driver.waits().inbox.next()).await;
        assert!(matches!(arrival, Arrival::Disk(_)), "{arrival:?}");
        self.driver.clock = Clock::showing(self.now);
        self.driver.take(arrival);
    }

    /// What it has told of its disk since the last call.
    fn told(&mut self) -> Vec<&'static str> {
        let name = |event: Event| match event.kind {
            EventKind::SaveFailing { .. } => Some("failing"),
            EventKind::SaveRecovered { .. } => Some("recovered"),
            EventKind::StorageFailed { .. } => Some("failed"),
            EventKind::TooSlow { voter: None, .. } => Some("too slow"),
            _ => None,
        };
        std::iter::from_fn(|| self.events.try_recv().ok()).filter_map(name).collect()
    }

    fn snapshot(&mut self) -> NodeSnapshot {
        self.driver.write_snapshot();
        self.driver.effects.publisher.snapshots.read().snapshot.clone()
    }
}

/// A disk that answers each attempt as the test says.
fn answered() -> (Durable, Sender<io::Result<()>>) {
    let (answers, next) = channel();
    // A test that has ended lets go of it.
    let durable = Durable::new(move |_| next.recv().unwrap_or(Ok(())));
    (durable, answers)
}

fn is_slow_save(slow: Option<Slow>) -> bool {
    matches!(slow, Some(Slow::Save { .. }))
}

#[tokio::test]
async fn a_disk_that_fails_is_not_told_as_a_slow_one() {
    let (mut node, answers) = answered();
    // Given a save that fails, and for longer than a save may take, …
    answers.send(Err(io::ErrorKind::ReadOnlyFilesystem.into())).unwrap();
    node.hear().await;
    node.pass_until("the core finds it slow", |node| is_slow_save(node.slow()));
    // … then it is told to fail, and not to be slow, …
    assert_eq!((node.told(), node.snapshot().slow), (vec!["failing"], None));
    // … nor is it once it is saved, for it was not the disk that was slow.
    answers.send(Ok(())).unwrap();
    node.hear().await;
    assert!(is_slow_save(node.driver.endpoint.node().slow()));
    assert_eq!((node.told(), node.snapshot().slow), (vec!["recovered"], None));
    assert_eq!(node.snapshot().storage, StorageStatus::Durable);
}

#[tokio::test]
async fn a_save_that_is_slow_after_one_that_failed_is_told() {
    let (mut node, answers) = answered();
    answers.send(Err(io::ErrorKind::ReadOnlyFilesystem.into())).unwrap();
    node.hear().await;
    node.pass_until("the core finds it slow", |node| is_slow_save(node.slow()));
    answers.send(Ok(())).unwrap();
    node.hear().await;
    let before = node.driver.endpoint.node().slow();
    // Given another save, which merely takes as long, …
    let saves = node.driver.endpoint.node().counters().persists;
    node.pass_until("it saves again", |node| node.counters().persists > saves);
    node.told();
    node.pass_until("the core finds it slow", |node| node.slow() != before);
    // … then its status says so while it lasts, and it is told when it is done.
    assert!(is_slow_save(node.snapshot().slow));
    answers.send(Ok(())).unwrap();
    node.hear().await;
    assert_eq!(node.told(), ["too slow"]);
    assert!(is_slow_save(node.snapshot().slow));
}

#[tokio::test]
async fn a_save_that_is_merely_slow_is_told_while_it_lasts() {
    let (mut node, _answers) = answered();
    node.pass_until("the core finds it slow", |node| is_slow_save(node.slow()));
    assert_eq!(node.told(), ["too slow"]);
    assert!(is_slow_save(node.snapshot().slow));
}

/// The core asks for no second save while one is under way, so nothing else would show it.
#[tokio::test]
async fn the_end_of_the_disk_thread_fails_the_save_that_is_under_way() {
    let mut node = Durable::new(|_| panic!("as a store that is broken may"));
    node.hear().await;
    assert_eq!(node.told(), ["failed"]);
    assert_eq!(node.driver.endpoint.node().counters().persist_failures, 1);
    let StorageStatus::Failed { error } = node.snapshot().storage else { panic!("{:?}", node.snapshot().storage) };
    assert_eq!(error, "data/hard_state: the thread that saves has ended");
}

/// Who ends a process bounds its own wait for the disk: the node has said all that it has to say.
#[tokio::test]
async fn the_end_of_a_node_waits_for_no_disk() {
    let (node, _answers) = answered();
    let Durable { driver, mut events, .. } = node;
    driver.end();
    in_time(async { while events.recv().await.is_ok() {} }).await;
}
