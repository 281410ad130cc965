//! What `/leader` says on several nodes, asked of all of them again and again, and whether two said yes at once.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::Value;

use crate::observed::now_ns;
use crate::support::node::Node;
use crate::support::{http, namespace};

/// Between two questions to one node: a busy machine has to run the nodes as well.
const PAUSE: Duration = Duration::from_millis(3);

/// Questions that go on until this ends.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    is_over: Arc<AtomicBool>,
    askers: Vec<JoinHandle<Vec<Yes>>>,
}

/// An answer 200: at some moment between question and answer the node held the lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Yes {
    /// The order in which the watch was told of the node.
    node: usize,
    token: u64,
    asked: u64,
    answered: u64,
}

impl Watch {
    /// Asks that node too from now on. One that stands still is asked at the moment when it goes on.
    pub(crate) fn add(&mut self, node: &Node) {
        let (place, address, namespace) = (self.askers.len(), node.address, node.namespace.clone());
        let is_over = Arc::clone(&self.is_over);
        self.askers.push(thread::spawn(move || ask(place, address, namespace, &is_over)));
    }

    /// Ends the questions, and gives the answers 200.
    pub(crate) fn end(mut self) -> Vec<Yes> {
        self.is_over.store(true, Ordering::Relaxed);
        let answers = self.askers.drain(..).map(|asker| asker.join().expect("asking does not panic"));
        answers.flatten().collect()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // A test that fails does not come to its end.
        self.is_over.store(true, Ordering::Relaxed);
    }
}

fn ask(node: usize, address: SocketAddr, namespace: Option<PathBuf>, is_over: &AtomicBool) -> Vec<Yes> {
    if let Some(namespace) = namespace {
        namespace::enter(&namespace);
    }
    let mut all = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        let asked = now_ns();
        let answer = http::get(address, "/leader");
        let answered = now_ns();
        if let Some(answer) = answer.filter(|answer| answer.code == 200) {
            let body: Value = answer.json().expect("an answer 200 is JSON");
            let token = body["token"].as_u64().expect("the leader's own answer has its token");
            all.push(Yes { node, token, asked, answered });
        }
        thread::sleep(PAUSE);
    }
    all
}

/// Answers of one node that came between two of another one's, in one leadership of the latter: then two led at once.
pub(crate) fn at_once(all: &[Yes]) -> Vec<[Yes; 3]> {
    let mut leaderships: BTreeMap<(usize, u64), Vec<Yes>> = BTreeMap::new();
    for yes in all {
        leaderships.entry((yes.node, yes.token)).or_default().push(*yes);
    }
    let mut found = Vec::new();
    for (leadership, answers) in &leaderships {
        let (first, last) = (answers[0], answers[answers.len() - 1]);
        let others = all.iter().filter(|yes| (yes.node, yes.token) != *leadership);
        let within = others.filter(|yes| first.answered <= yes.asked && yes.answered <= last.asked);
        found.extend(within.map(|yes| [first, *yes, last]));
    }
    found
}

#[test]
fn two_at_once_are_one_that_says_yes_between_two_answers_of_another() {
    let yes = |node, token, asked| Yes { node, token, asked, answered: asked + 2 };
    let one = [yes(0, 7, 10), yes(0, 7, 20)];
    let found = |others: &[Yes]| at_once(&[&one, others].concat()).len();
    assert_eq!(found(&[yes(1, 8, 12)]), 1, "asked one, the other, and the first again");
    assert_eq!(
        found(&[yes(1, 8, 11), yes(1, 8, 19)]),
        0,
        "it may have begun after the one, and ended before the other"
    );
    assert_eq!(found(&[yes(1, 8, 23)]), 0, "one after the other");
    let between = at_once(&[yes(0, 7, 10), yes(1, 8, 20), yes(0, 9, 30)]);
    assert!(between.is_empty(), "two leaderships of one, and one between");
}
