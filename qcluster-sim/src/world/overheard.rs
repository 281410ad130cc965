//! What strangers have overheard, and what they make of it.

use std::net::SocketAddr;

use crate::engine::{Label, Place};
use crate::origin::Origin;
use crate::rng::Rng;
use crate::wire::Heard;

/// A datagram that strangers have seen.
#[derive(Clone, Debug)]
pub(super) struct Caught {
    pub(super) from: SocketAddr,
    pub(super) bytes: Vec<u8>,
    /// Who has sealed it, in a world with keys.
    pub(super) origin: Option<Origin>,
    /// What is in it, in a world with keys.
    pub(super) heard: Option<Heard>,
}

/// Datagrams that strangers have seen.
#[derive(Debug)]
pub(super) struct Overheard {
    kept: Vec<Caught>,
    seen: usize,
    /// What is remembered beside these in a world with keys.
    pub(super) sealed: Option<Sealed>,
}

/// Strangers who have seen much, and know what nodes said.
#[derive(Debug)]
pub(super) struct Sealed {
    /// From the whole run.
    old: Vec<Caught>,
    rng: Rng,
    /// By receiver: the last datagram, before it was sealed.
    last: Vec<Option<Caught>>,
    /// By receiver: whether the next datagram is to be preceded by a forgery of it.
    pub(super) forges: Vec<bool>,
}

impl Overheard {
    const MAX: usize = 64;
    /// One in this many is kept.
    const EVERY: usize = 13;

    pub(super) fn new(sealed: Option<Sealed>) -> Self {
        Self { kept: Vec::new(), seen: 0, sealed }
    }

    pub(super) fn hear(&mut self, from: SocketAddr, bytes: &[u8], origin: Option<Origin>, heard: Option<&Heard>) {
        self.seen += 1;
        if !self.seen.is_multiple_of(Self::EVERY) {
            return;
        }
        let heard = heard.filter(|_| self.sealed.is_some()).copied();
        let count = self.seen / Self::EVERY;
        keep(&mut self.kept, count % Self::MAX, from, bytes, (origin, heard));
        if let Some(sealed) = &mut self.sealed {
            // Each of the run is as likely to be there (Vitter's algorithm R).
            let place = if count <= Self::MAX { count - 1 } else { place_below(&mut sealed.rng, count) };
            if place < Self::MAX {
                keep(&mut sealed.old, place, from, bytes, (origin, heard));
            }
        }
    }

    /// The same in a world with keys, of what is about to be sent: plain and as it is sent. Gives what a stranger sends before it.
    pub(super) fn hear_before(
        &mut self,
        from: SocketAddr,
        to: Option<Place>,
        (plain, bytes): (&[u8], &[u8]),
        (origin, heard): (Option<Origin>, Option<&Heard>),
    ) -> Option<(Label, Vec<u8>)> {
        self.hear(from, bytes, origin, heard);
        let (to, sealed) = (to?, self.sealed.as_mut()?);
        let host = usize::from(to.host);
        sealed.hear(host, from, plain, heard);
        if !core::mem::take(&mut sealed.forges[host]) {
            return None;
        }
        let mut forged = bytes.to_vec();
        // Half of them have the nonce of what they are a forgery of.
        let first = if sealed.rng.one_in(2) { 0 } else { bytes.len() / 2 };
        let at = first + place_below(&mut sealed.rng, bytes.len() - first);
        *forged.get_mut(at)? ^= 1 << sealed.rng.below(8);
        Some((Label { from, sender: None, to, heard: None, origin: None }, forged))
    }

    /// One of the last; in a world with keys sometimes one from any time before.
    pub(super) fn pick(&self, rng: &mut Rng) -> Option<&Caught> {
        let kept = match &self.sealed {
            Some(sealed) if rng.one_in(2) => &sealed.old,
            Some(_) | None => &self.kept,
        };
        kept.get(place_below(rng, kept.len()))
    }
}

impl Sealed {
    pub(super) fn new(hosts: usize, rng: Rng) -> Self {
        Self { old: Vec::new(), rng, last: vec![None; hosts], forges: vec![false; hosts] }
    }

    /// What a host was sent, before it was sealed.
    fn hear(&mut self, to: usize, from: SocketAddr, plain: &[u8], heard: Option<&Heard>) {
        let heard = heard.copied();
        match &mut self.last[to] {
            Some(caught) => {
                (caught.from, caught.heard) = (from, heard);
                caught.bytes.clear();
                caught.bytes.extend_from_slice(plain);
            }
            last @ None => *last = Some(Caught { from, bytes: plain.to_vec(), origin: None, heard }),
        }
    }

    /// What a host was sent last, before it was sealed.
    pub(super) fn last_to(&self, to: usize) -> Option<&Caught> {
        self.last.get(to)?.as_ref()
    }
}

/// Puts a datagram into a place, if need be one that there is not yet.
fn keep(
    kept: &mut Vec<Caught>,
    place: usize,
    from: SocketAddr,
    bytes: &[u8],
    (origin, heard): (Option<Origin>, Option<Heard>),
) {
    match kept.get_mut(place) {
        Some(caught) => {
            (caught.from, caught.origin, caught.heard) = (from, origin, heard);
            caught.bytes.clear();
            caught.bytes.extend_from_slice(bytes);
        }
        None => kept.push(Caught { from, bytes: bytes.to_vec(), origin, heard }),
    }
}

fn place_below(rng: &mut Rng, count: usize) -> usize {
    usize::try_from(rng.below(count as u64)).unwrap_or(0)
}
