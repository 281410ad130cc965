//! An events file has whole lines, and one that takes nothing holds up nobody.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use super::*;

/// Longer than anything here takes on any machine.
const PATIENCE: Duration = Duration::from_secs(60);

struct Heard(Sender<String>);

impl Sink for Heard {
    fn write(&mut self, line: &str) {
        let _ = self.0.send(line.to_owned());
    }

    fn missing(&self, count: u64) -> String {
        count.to_string()
    }
}

/// An outlet, and what comes out of it.
fn heard() -> (Outlet, Receiver<String>) {
    let (heard, sentences) = channel();
    (Outlet::start("test", Heard(heard)).unwrap(), sentences)
}

/// A disk that is always full: the line waits, the node does not, and it is said once.
#[test]
#[cfg(target_os = "linux")]
fn an_events_file_that_takes_nothing_keeps_nobody_waiting() {
    let (errors, sentences) = heard();
    let events = events_file(Path::new("/dev/full"), |count| count.to_string(), &errors).unwrap();
    (0..10).for_each(|_| events.push("{}".into()));
    let sentence = sentences.recv_timeout(PATIENCE).unwrap();
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
    assert!(events.flush(PATIENCE));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "earlier\nhal\none\ntwo\n");
    let nowhere = dir.path().join("nowhere").join("events.jsonl");
    let refused = events_file(&nowhere, |count| count.to_string(), &errors).map(|_| ()).unwrap_err();
    assert!(refused.contains("cannot be opened"), "{refused}");
}

/// A disk with room for some bytes, and what is on it.
#[derive(Clone, Default)]
struct Disk(Arc<Mutex<(usize, Vec<u8>)>>);

impl Disk {
    fn make_room(&self, bytes: usize) {
        self.0.lock().unwrap().0 += bytes;
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().1.clone()).unwrap()
    }
}

impl Write for Disk {
    /// As systems do: what fits, and an error where nothing does.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut disk = self.0.lock().unwrap();
        let (room, written) = &mut *disk;
        if *room == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let fits = bytes.len().min(*room);
        *room -= fits;
        written.extend(&bytes[..fits]);
        Ok(fits)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_line_that_a_full_disk_took_half_of_is_completed_once_there_is_room() {
    let ((errors, sentences), disk) = (heard(), Disk::default());
    let (path, file) = (PathBuf::from("events.jsonl"), disk.clone());
    let sink = EventsFile { path, file, missing: Box::new(|count| count.to_string()), errors };
    let events = Outlet::start("test", sink).unwrap();
    // Given room for one line and a half, …
    disk.make_room(6);
    for line in ["one", "two", "three"] {
        events.push(line.into());
    }
    let sentence = sentences.recv_timeout(PATIENCE).unwrap();
    assert!(sentence.contains("events.jsonl cannot be written, and is tried again"), "{sentence}");
    assert_eq!(disk.text(), "one\ntw");
    // … when there is room again, then every line is there once and whole.
    disk.make_room(1_000);
    assert!(events.flush(PATIENCE));
    assert_eq!(disk.text(), "one\ntwo\nthree\n");
    let sentence = sentences.recv_timeout(PATIENCE).unwrap();
    assert!(sentence.contains("events.jsonl is written again"), "{sentence}");
}
