//! Lines come out in order, what has no room is counted where it is missing, and nobody waits for a writer that hangs.

use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

use super::*;

/// Long enough for a thread that has nothing to wait for, on any machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Takes a line when the test lets it.
struct Gate {
    begun: Sender<String>,
    may_go_on: Receiver<()>,
    written: Arc<Mutex<Vec<String>>>,
}

impl Sink for Gate {
    fn write(&mut self, line: &str) {
        self.begun.send(line.to_owned()).unwrap();
        // Once the test holds the gate no longer, it stands open.
        let _ = self.may_go_on.recv();
        self.written.lock().unwrap().push(line.to_owned());
    }

    fn missing(&self, count: u64) -> String {
        format!("{count} missing")
    }
}

struct Gated {
    outlet: Outlet,
    begun: Receiver<String>,
    gate: SyncSender<()>,
    written: Arc<Mutex<Vec<String>>>,
}

impl Gated {
    fn start() -> Self {
        let ((begun, has_begun), (gate, may_go_on)) = (channel(), sync_channel(0));
        let written = Arc::<Mutex<Vec<String>>>::default();
        let sink = Gate { begun, may_go_on, written: Arc::clone(&written) };
        Self { outlet: Outlet::start("test", sink).unwrap(), begun: has_begun, gate, written }
    }

    fn open(self) -> Vec<String> {
        drop(self.gate);
        assert!(self.outlet.flush(PATIENCE));
        self.written.lock().unwrap().clone()
    }
}

#[test]
fn lines_come_out_in_order_and_flush_waits_for_the_last() {
    let gated = Gated::start();
    for line in ["one", "two", "three"] {
        gated.outlet.push(line.into());
    }
    assert_eq!(gated.open(), ["one", "two", "three"]);
}

/// The one that is being written counts as well.
#[test]
fn who_flushes_waits_for_nobody_longer_than_asked() {
    let gated = Gated::start();
    gated.outlet.push("one".into());
    assert_eq!(gated.begun.recv_timeout(PATIENCE).unwrap(), "one");
    assert!(!gated.outlet.flush(Duration::ZERO));
    assert_eq!(gated.open(), ["one"]);
}

/// Given a writer that hangs, what does not fit is dropped; it is told of where it is missing.
#[test]
fn what_does_not_fit_is_counted_where_it_is_missing() {
    for more in [0, 1] {
        let gated = Gated::start();
        gated.outlet.push("first".into());
        assert_eq!(gated.begun.recv_timeout(PATIENCE).unwrap(), "first");
        (0..WAITING_MAX + 7).for_each(|n| gated.outlet.push(n.to_string()));
        // One more fits once one has been taken.
        if more > 0 {
            gated.gate.send(()).unwrap();
            assert_eq!(gated.begun.recv_timeout(PATIENCE).unwrap(), "0");
            gated.outlet.push("last".into());
        }
        let written = gated.open();
        let mut expected = vec!["first".to_owned()];
        expected.extend((0..WAITING_MAX).map(|n| n.to_string()));
        expected.push("7 missing".into());
        expected.extend((0..more).map(|_| "last".to_owned()));
        assert_eq!(written, expected);
    }
}
