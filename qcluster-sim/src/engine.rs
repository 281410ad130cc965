//! What [`World`](crate::World) and [`Crowd`](crate::crowd::Crowd) run on: time that jumps from one event to the next, machines
//! with a clock and a process each, the links between them, and the datagrams that are under way.
//!
//! An engine decides nothing about nodes and judges nothing. Its driver steps the endpoints, hands it what they send, and has
//! events of its own in the same queue: faults, disks, what applications do.

mod address;
mod clock;
mod machine;
mod network;
mod packets;
mod queue;

use std::net::SocketAddr;

use qcluster_core::{Endpoint, Span, Time};

use packets::Packets;
use queue::Queue;

pub use clock::Clock;
pub(crate) use clock::RATE_PPB_MAX;
pub(crate) use machine::{Machine, Progress, SOCKET_MAX};
pub(crate) use network::{Arrival, Damage, Link, Links, place};
pub use network::{Carrier, LinkQuality, Network};
pub(crate) use packets::{Label, Place};

/// Something that will happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event<J> {
    /// That datagram arrives.
    Arrival(u32),
    /// The deadline of a host may have come.
    Wake(u16),
    /// What only the driver knows.
    Job(J),
}

/// Whether a process can take an event now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    Now,
    /// When it goes on.
    Later,
    Never,
}

/// Time, and what is under way in it. `L` are the links, and `J` the events that only the driver knows.
#[derive(Debug)]
pub(crate) struct Engine<L, J> {
    /// Real time.
    pub(crate) now: Time,
    pub(crate) links: L,
    hosts: usize,
    queue: Queue<Event<J>>,
    packets: Packets,
}

/// Events in order.
impl<L: Links, J: Copy> Engine<L, J> {
    pub(crate) fn new(links: L, hosts: usize) -> Self {
        Self { now: Time::ZERO, links, hosts, queue: Queue::new(), packets: Packets::default() }
    }

    /// The next event, unless it lies beyond `end`; its time is now.
    pub(crate) fn next_until(&mut self, end: Time) -> Option<Event<J>> {
        let (at, event) = self.queue.pop_until(end)?;
        self.now = at;
        Some(event)
    }

    /// Nothing more happens until `end`, if that lies ahead.
    pub(crate) fn rest_until(&mut self, end: Time) {
        self.now = self.now.max(end);
    }

    pub(crate) fn plan(&mut self, at: Time, job: J) {
        self.queue.push(at, Event::Job(job));
    }

    /// The same for what is planned long before it happens.
    pub(crate) fn plan_ahead(&mut self, at: Time, job: J) {
        self.queue.push_ahead(at, Event::Job(job));
    }

    pub(crate) fn plan_after(&mut self, pause: Span, job: J) {
        self.plan(self.now + pause, job);
    }
}

/// What happens to the process on a machine.
impl<L: Links, J: Copy> Engine<L, J> {
    /// Whether the process on that machine can take the event now; if it stands still, it finds it when it goes on.
    pub(crate) fn is_ready(machine: &mut Machine<J>, event: Event<J>) -> bool {
        machine.take(event) == Taken::Now
    }

    /// The same for a datagram that arrives where that machine is, or was.
    pub(crate) fn arrives(&mut self, slot: u32, machine: &mut Machine<J>) -> bool {
        let is_there = self.label(slot).to.generation == machine.generation();
        let taken = if is_there { machine.take(Event::Arrival(slot)) } else { Taken::Never };
        if taken == Taken::Never {
            self.packets.release(slot);
        }
        taken == Taken::Now
    }

    /// Whether a wake-up finds that the deadline of a process has come. If it has not, another one is planned.
    pub(crate) fn is_due(&mut self, index: usize, machine: &mut Machine<J>) -> bool {
        // Another one was planned since, and only the last counts.
        if machine.wake_at != self.now || !Self::is_ready(machine, Event::Wake(short(index))) {
            return false;
        }
        machine.forget_wake();
        let is_due = machine.deadline <= machine.now(self.now);
        if !is_due {
            self.plan_wake(index, machine);
        }
        is_due
    }

    /// The process on a machine has taken a step: plans the next wake-up, where none is planned that comes early enough.
    pub(crate) fn stepped(&mut self, index: usize, machine: &mut Machine<J>) {
        let Some(endpoint) = &machine.endpoint else { return };
        machine.deadline = endpoint.deadline();
        self.plan_wake(index, machine);
    }

    fn plan_wake(&mut self, index: usize, machine: &mut Machine<J>) {
        if machine.deadline >= machine.wake_for {
            return;
        }
        let at = machine.clock.when_after(self.now, machine.on_machine(machine.deadline)).max(self.now) + machine.lag;
        if at < machine.wake_at {
            (machine.wake_for, machine.wake_at) = (machine.deadline, at);
            self.queue.push(at, Event::Wake(short(index)));
        }
    }

    /// The process on a machine is gone, and with it what waited in its socket.
    pub(crate) fn end(&mut self, machine: &mut Machine<J>) -> Option<Endpoint> {
        for event in machine.backlog.drain(..) {
            if let Event::Arrival(slot) = event {
                self.packets.release(slot);
            }
        }
        machine.end()
    }
}

/// Datagrams.
impl<L: Links, J: Copy> Engine<L, J> {
    /// Which host is, or was, at an address.
    pub(crate) fn find(&self, address: SocketAddr) -> Option<Place> {
        address::place_at(address).filter(|place| usize::from(place.host) < self.hosts)
    }

    /// A host gives out a datagram. Tells when it arrives first, if it does.
    pub(crate) fn send(&mut self, label: &Label, bytes: &[u8]) -> Option<Time> {
        let (from, to) = (usize::from(label.sender?), usize::from(label.to.host));
        let [first, second] = self.links.treat(from, to, bytes.len());
        let first = first?;
        self.put_copy(label, bytes, first);
        if let Some(second) = second {
            self.put_copy(label, bytes, second);
        }
        Some(self.now + first.delay)
    }

    fn put_copy(&mut self, label: &Label, bytes: &[u8], Arrival { delay, damage }: Arrival) {
        match damage {
            None => self.put(label, bytes, delay),
            Some(damage) => self.put(&Label { heard: None, origin: None, ..*label }, &damage.done_to(bytes), delay),
        }
    }

    /// A stranger's datagram is under way.
    pub(crate) fn inject(&mut self, label: &Label, bytes: &[u8]) {
        self.put(label, bytes, network::DELAY_MIN);
    }

    fn put(&mut self, label: &Label, bytes: &[u8], delay: Span) {
        let slot = self.packets.put(label, bytes);
        self.queue.push(self.now + delay, Event::Arrival(slot));
    }

    pub(crate) fn label(&self, slot: u32) -> &Label {
        self.packets.label(slot)
    }

    /// Lends the bytes of a datagram that has arrived, until [`Engine::give_back`].
    pub(crate) fn lend(&mut self, slot: u32) -> Vec<u8> {
        self.packets.lend(slot)
    }

    pub(crate) fn give_back(&mut self, slot: u32, bytes: Vec<u8>) {
        self.packets.give_back(slot, bytes);
    }
}

/// The number of a host as events and datagrams carry it.
pub(crate) fn short(host: usize) -> u16 {
    u16::try_from(host).unwrap_or(u16::MAX)
}
