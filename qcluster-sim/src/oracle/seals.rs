//! Seals: what leaves a host, and what is let in (S2 to S5).
//!
//! A model of its own, without any cipher: it is told of each datagram which process has sealed it under which key, and so knows of
//! every one that arrives whether it has to be let in. One that was changed on its way, or that no node has sealed, never is.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use qcluster_core::{DropReason, SealMode};

use super::{Breach, Rule};
use crate::origin::{NOBODY, Origin, fingerprint, unsealed};

/// What is in clear before the nonce: version, cluster tag and key id.
const CLEAR_LEN: usize = 6;
const KEY_ID_AT: usize = CLEAR_LEN - 1;
const PREFIX_LEN: usize = 16;
const NONCE_LEN: usize = 24;
/// The nonce and the tag, less the checksum that a plain datagram has.
const OVERHEAD: usize = 36;
const PLAIN_VERSION: u8 = 1;
const SEALED_VERSION: u8 = 2;
/// Who is this far behind the newest datagram of its sender is too old to be told from a repetition (S3).
const WINDOW: u64 = 1_024;

/// Which incarnation of its receiver a datagram names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    ThisOne,
    AnotherOne,
}

/// The process on a host, if it has keys.
#[derive(Debug)]
struct Process {
    number: u32,
    mode: SealMode,
    /// The ids of its keys.
    ids: Vec<u8>,
    /// By process: what it has opened of that one.
    opened: BTreeMap<u32, Opened>,
}

/// What was opened of one process: the newest counter, and those within the window.
#[derive(Debug, Default)]
struct Opened {
    newest: u64,
    counters: BTreeSet<u64>,
}

#[derive(Debug)]
pub(crate) struct Seals {
    /// By host.
    processes: Vec<Option<Process>>,
    /// How many there were.
    count: u32,
    /// By the random bytes of their nonces: who has them, and the counter of its last datagram.
    nonces: HashMap<[u8; PREFIX_LEN], (u32, u64)>,
}

impl Seals {
    pub(super) fn new(hosts: usize) -> Self {
        Self { processes: (0..hosts).map(|_| None).collect(), count: 0, nonces: HashMap::new() }
    }

    /// A process with those keys has begun; without a mode it has no seal.
    pub(crate) fn started(&mut self, host: usize, mode: Option<SealMode>, ids: &[u8]) {
        self.count += 1;
        let process = |mode| Process { number: self.count, mode, ids: ids.to_vec(), opened: BTreeMap::new() };
        self.processes[host] = mode.map(process);
    }

    pub(crate) fn changed(&mut self, host: usize, mode: SealMode, ids: &[u8]) {
        if let Some(process) = &mut self.processes[host] {
            (process.mode, process.ids) = (mode, ids.to_vec());
        }
    }

    /// Whether the process of a host takes nothing but sealed datagrams.
    pub(crate) fn requires(&self, host: usize) -> bool {
        self.processes[host].as_ref().is_some_and(|process| process.mode == SealMode::Require)
    }

    /// A host sends what it wants to say, `plain`, as `sent`.
    pub(crate) fn sealed(&mut self, host: usize, to: u16, plain: &[u8], sent: &[u8]) -> Result<Origin, Breach> {
        let unsealed = unsealed(to, plain);
        let process = self.processes[host].as_ref();
        let Some(Process { number, ids, .. }) = process.filter(|process| process.mode != SealMode::Accept) else {
            return if sent == plain {
                Ok(unsealed)
            } else {
                Err(as_told("is to send plain datagrams, and changes one"))
            };
        };
        let is_framed = sent.first() == Some(&SEALED_VERSION)
            && sent.get(1..KEY_ID_AT) == plain.get(1..KEY_ID_AT)
            && sent.len() == plain.len() + OVERHEAD;
        if !is_framed {
            return Err(as_told("is to seal, and sends something else"));
        }
        if sent.get(KEY_ID_AT) != ids.first() {
            return Err(as_told("seals with another key than its first one"));
        }
        let Some((prefix, counter)) = nonce_of(sent) else { return Err(as_told("sends less than a nonce")) };
        let used = self.nonces.entry(prefix).or_insert((*number, 0));
        if used.0 != *number || counter <= used.1 {
            let detail = format!("{counter} comes after {} of process {} with the same random bytes", used.1, used.0);
            return Err(Breach::new(Rule::NonceOnce, detail));
        }
        used.1 = counter;
        Ok(Origin { process: *number, counter, key_id: sent[KEY_ID_AT], ..unsealed })
    }

    /// A host with a seal was given a datagram, and has let in something or nothing.
    pub(crate) fn opened(
        &mut self,
        host: usize,
        received: &[u8],
        origin: Option<&Origin>,
        outcome: Result<&[u8], DropReason>,
    ) -> Result<(), Breach> {
        let Some(process) = &mut self.processes[host] else { return Ok(()) };
        let expected = match origin {
            Some(origin) => process.expects(origin),
            // What claims no seal is for those inside to judge.
            None if received.first() == Some(&PLAIN_VERSION) && process.mode != SealMode::Require => return Ok(()),
            None if outcome.is_ok() => return Err(once("lets in what no node has sent".into())),
            None => return Ok(()),
        };
        let found = outcome.map(fingerprint);
        if found != expected {
            let words = |outcome: Result<u64, DropReason>| match outcome {
                Ok(print) => format!("let in, as {print:x}"),
                Err(reason) => format!("refused ({})", reason.name()),
            };
            return Err(once(format!("{} what was to be {}: {origin:?}", words(found), words(expected))));
        }
        if let (Ok(_), Some(origin)) = (found, origin)
            && origin.is_sealed()
        {
            process.opened.entry(origin.process).or_default().note(origin.counter);
        }
        Ok(())
    }

    /// A host has listened to a datagram, which named that incarnation of it, or another one.
    pub(crate) fn listened(host: usize, origin: &Origin, named: Named) -> Result<(), Breach> {
        let is_for_it = origin.to == NOBODY || usize::from(origin.to) == host;
        if !origin.is_sealed() || (is_for_it && named == Named::ThisOne) {
            return Ok(());
        }
        let detail = format!("listens to what was sent to host {}, and names {named:?}", origin.to);
        Err(Breach::new(Rule::HeardByAddressee, detail))
    }
}

impl Process {
    /// What has to come of a datagram that nobody has changed: a fingerprint of what is let in, or why nothing is.
    fn expects(&self, origin: &Origin) -> Result<u64, DropReason> {
        if !origin.is_sealed() {
            return if self.mode == SealMode::Require { Err(DropReason::NotSealed) } else { Ok(origin.print) };
        }
        if !self.ids.contains(&origin.key_id) {
            return Err(DropReason::UnknownKey);
        }
        let opened = self.opened.get(&origin.process);
        if opened.is_some_and(|opened| opened.has(origin.counter)) {
            return Err(DropReason::Replayed);
        }
        Ok(origin.print)
    }
}

impl Opened {
    fn has(&self, counter: u64) -> bool {
        self.counters.contains(&counter) || counter + WINDOW <= self.newest
    }

    fn note(&mut self, counter: u64) {
        self.newest = self.newest.max(counter);
        self.counters.insert(counter);
        while self.counters.first().is_some_and(|oldest| *oldest + WINDOW <= self.newest) {
            self.counters.pop_first();
        }
    }
}

/// The random bytes of its nonce, and the counter.
fn nonce_of(sealed: &[u8]) -> Option<([u8; PREFIX_LEN], u64)> {
    let (prefix, counter) = sealed.get(CLEAR_LEN..CLEAR_LEN + NONCE_LEN)?.split_first_chunk()?;
    Some((*prefix, u64::from_be_bytes(*counter.first_chunk()?)))
}

fn as_told(detail: &str) -> Breach {
    Breach::new(Rule::SealedAsTold, detail.into())
}

fn once(detail: String) -> Breach {
    Breach::new(Rule::OpenedOnce, detail)
}
