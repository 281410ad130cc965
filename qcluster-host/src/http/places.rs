//! Who has a connection: a bounded number, a share of them for each address, and some kept for the node's own machine. When all are
//! taken, a new one displaces the one that has waited longest for its client, at the address with most of them first.
//!
//! Idle is whatever waits for its client: for a request, for the rest of one, or for somebody who reads the answer. What the node is
//! working on, and streams and long polls, which are limited by themselves, are left alone. So no number of clients that send nothing,
//! or read nothing, keeps a health check from being answered.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

/// Connections at once.
pub(super) const CONNECTIONS_MAX: usize = 256;

/// More of them, for the node's own machine alone.
pub(super) const KEPT_FOR_LOOPBACK: usize = 16;

/// Connections of one address at once, and likewise of one IPv6 network of 64 bits, which one client may have whole.
pub(super) const CONNECTIONS_OF_ADDRESS_MAX: usize = CONNECTIONS_MAX / 2;

/// The places, taken and free.
#[derive(Debug)]
pub(super) struct Places {
    start: Instant,
    taken: Mutex<BTreeMap<u64, Arc<Seat>>>,
    /// The number of the next place.
    next: AtomicU64,
    /// A place was given back.
    given_back: Notify,
}

/// A place that somebody has.
#[derive(Debug)]
struct Seat {
    from: IpAddr,
    /// When a byte last came or went, in milliseconds.
    moved_ms: AtomicU64,
    /// How much the node works on for this client.
    busy: AtomicUsize,
    told_to_leave: Notify,
}

/// Held by a connection; given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    number: u64,
    seat: Arc<Seat>,
    places: Arc<Places>,
}

/// What becomes of a client that comes.
#[derive(Debug)]
pub(super) enum Admission {
    /// There was room.
    Admitted(Place),
    /// There is room, since another one, which was idle, has to leave.
    InPlaceOf(Place),
    /// All are taken by clients that are served.
    Full,
}

impl Places {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            taken: Mutex::default(),
            next: AtomicU64::new(0),
            given_back: Notify::new(),
        })
    }

    /// A place for who comes from that address.
    pub(super) fn admit(self: &Arc<Self>, from: IpAddr) -> Admission {
        let from = share_of(from);
        let mut taken = self.taken();
        let all = if from.is_loopback() { CONNECTIONS_MAX + KEPT_FOR_LOOPBACK } else { CONNECTIONS_MAX };
        let own = taken.values().filter(|seat| seat.from == from).count();
        let idle = if own >= CONNECTIONS_OF_ADDRESS_MAX {
            Some(longest_idle(&taken, |seat| seat.from == from))
        } else if taken.len() >= all {
            Some(longest_idle(&taken, |_| true))
        } else {
            None
        };
        let makes_room = match idle {
            None => false,
            Some(None) => return Admission::Full,
            Some(Some(number)) => {
                tell_to_leave(&mut taken, number);
                true
            }
        };
        let seat = Arc::new(Seat {
            from,
            moved_ms: AtomicU64::new(self.now_ms()),
            busy: AtomicUsize::new(0),
            told_to_leave: Notify::new(),
        });
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        taken.insert(number, Arc::clone(&seat));
        drop(taken);
        let place = Place { number, seat, places: Arc::clone(self) };
        if makes_room { Admission::InPlaceOf(place) } else { Admission::Admitted(place) }
    }

    /// Has the client leave that was idle longest: the system has no room for another, whatever room there is here. Tells whether there
    /// was one.
    pub(super) fn make_room(&self) -> bool {
        // A place that was given back before is no news.
        let _ = pin!(self.given_back.notified()).enable();
        let mut taken = self.taken();
        let idle = longest_idle(&taken, |_| true);
        idle.inspect(|number| tell_to_leave(&mut taken, *number)).is_some()
    }

    /// Waits until somebody has given a place back. For one waiter.
    pub(super) async fn one_given_back(&self) {
        self.given_back.notified().await;
    }

    /// Waits until nobody has a place. For one waiter.
    pub(super) async fn all_given_back(&self) {
        while !self.taken().is_empty() {
            self.given_back.notified().await;
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn taken(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Seat>>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// A byte has come from the client, or gone to it.
    pub(super) fn moved(&self) {
        self.seat.moved_ms.store(self.places.now_ms(), Ordering::Relaxed);
    }

    /// The node works for this client until what this gives is dropped.
    pub(super) fn busy(&self) -> Busy {
        self.seat.busy.fetch_add(1, Ordering::Relaxed);
        Busy(Arc::clone(&self.seat))
    }

    /// Whether the node does nothing for this client now.
    pub(super) fn is_idle(&self) -> bool {
        self.seat.busy.load(Ordering::Relaxed) == 0
    }

    /// Waits until the place is wanted for somebody else.
    pub(super) async fn told_to_leave(&self) {
        self.seat.told_to_leave.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // One that was told to leave has none any more.
        self.places.taken().remove(&self.number);
        self.places.given_back.notify_one();
    }
}

/// Something that the node does for a client.
#[derive(Debug)]
pub(super) struct Busy(Arc<Seat>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

fn tell_to_leave(taken: &mut BTreeMap<u64, Arc<Seat>>, number: u64) {
    if let Some(seat) = taken.remove(&number) {
        seat.told_to_leave.notify_one();
    }
}

/// The number of the place that was idle longest, first of all at the address that has most of those asked for: one client that takes
/// what it can loses its own first.
fn longest_idle(taken: &BTreeMap<u64, Arc<Seat>>, is_asked_for: impl Fn(&Seat) -> bool) -> Option<u64> {
    let mut counts: BTreeMap<IpAddr, usize> = BTreeMap::new();
    for seat in taken.values() {
        *counts.entry(seat.from).or_default() += 1;
    }
    let idle = taken.iter().filter(|(_, seat)| is_asked_for(seat) && seat.busy.load(Ordering::Relaxed) == 0);
    let longest = idle.min_by_key(|(number, seat)| {
        let count = counts.get(&seat.from).copied().unwrap_or_default();
        (usize::MAX - count, seat.moved_ms.load(Ordering::Relaxed), **number)
    });
    longest.map(|(number, _)| *number)
}

/// The address that a client shares its places with.
pub(super) fn share_of(address: IpAddr) -> IpAddr {
    let address = address.to_canonical();
    if address.is_loopback() {
        // All of 127.0.0.0/8 is the node's own machine too.
        return IpAddr::V6(Ipv6Addr::LOCALHOST);
    }
    match address {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
        IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests;
