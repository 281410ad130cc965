//! An events file has whole lines, and one that takes nothing holds up nobody.

use super::*;

/// A disk that is always full: the line waits, the node does not, and it is said once.
#[test]
#[cfg(target_os = "linux")]
fn an_events_file_that_takes_nothing_keeps_nobody_waiting() {
    struct Heard(std::sync::mpsc::Sender<String>);
    impl Sink for Heard {
        fn write(&mut self, line: &str) {
            let _ = self.0.send(line.to_owned());
        }

        fn missing(&self, count: u64) -> String {
            count.to_string()
        }
    }
    let (heard, sentences) = std::sync::mpsc::channel();
    let errors = Outlet::start("test", Heard(heard)).unwrap();
    let events = events_file(Path::new("/dev/full"), |count| count.to_string(), &errors).unwrap();
    (0..10).for_each(|_| events.push("{}".into()));
    let sentence = sentences.recv_timeout(Duration::from_secs(60)).unwrap();
    assert!(sentence.contains("/dev/full cannot be written, and is tried again"), "{sentence}");
    assert!(!events.flush(Duration::ZERO));
    assert!(sentences.try_recv().is_err(), "it is said once");
}

#[test]
fn lines_of_events_are_appended_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.jsonl");
    std::fs::write(&path, "earlier\nhal").unwrap();
    let errors = errors().unwrap();
    let events = events_file(&path, |count| count.to_string(), &errors).unwrap();
    for line in ["one", "two"] {
        events.push(line.into());
    }
    assert!(events.flush(Duration::from_secs(60)));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "earlier\nhal\none\ntwo\n");
    let nowhere = dir.path().join("nowhere").join("events.jsonl");
    let refused = events_file(&nowhere, |count| count.to_string(), &errors).map(|_| ()).unwrap_err();
    assert!(refused.contains("cannot be opened"), "{refused}");
}
