//! The network: who reaches whom, what single messages meet with, and what the test holds back.

use std::collections::{BTreeMap, BTreeSet};

use qcluster_core::{Envelope, Message, Span, Time};

use super::machine::Machine;

/// How long a message takes unless a test says otherwise.
const DELAY: Span = Span::from_millis(1);

/// What the network does with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Deliver(Span),
    Lose,
    /// Delivered after both delays.
    Twice(Span, Span),
}

type Rule = Box<dyn FnMut(usize, usize, &Message) -> Option<Fate>>;
type Catch = Box<dyn Fn(usize, usize, &Message) -> bool>;

#[derive(Default)]
pub struct Network {
    /// The pairs (from, to) that are cut.
    cut: BTreeSet<(usize, usize)>,
    rules: Vec<Rule>,
    /// Messages on their way, by arrival and number.
    in_flight: BTreeMap<(Time, u64), (usize, Envelope)>,
    sequence: u64,
    /// Messages that the test holds back, to deliver when it likes.
    pub caught: Vec<(usize, Envelope)>,
    catch: Option<Catch>,
}

impl Network {
    /// More machines than any scenario has.
    const MACHINES: usize = 16;

    /// Cuts one direction.
    pub fn cut_one_way(&mut self, from: usize, to: usize) {
        self.cut.insert((from, to));
    }

    pub fn cut(&mut self, a: usize, b: usize) {
        self.cut.extend([(a, b), (b, a)]);
    }

    pub fn join(&mut self, a: usize, b: usize) {
        self.cut.retain(|pair| *pair != (a, b) && *pair != (b, a));
    }

    pub fn isolate(&mut self, n: usize) {
        for other in 0..Self::MACHINES {
            self.cut(n, other);
        }
    }

    /// Only the given pairs can talk, both ways.
    pub fn only(&mut self, pairs: &[(usize, usize)]) {
        for n in 0..Self::MACHINES {
            self.isolate(n);
        }
        for &(a, b) in pairs {
            self.join(a, b);
        }
    }

    /// Two sides that do not hear each other.
    pub fn split(&mut self, one: &[usize]) {
        for &inside in one {
            for outside in (0..Self::MACHINES).filter(|n| !one.contains(n)) {
                self.cut(inside, outside);
            }
        }
    }

    /// Ends all cuts; rules and what is caught stay.
    pub fn heal(&mut self) {
        self.cut.clear();
    }

    /// Adds a rule for single messages; the first that says something decides.
    pub fn rule(&mut self, rule: impl FnMut(usize, usize, &Message) -> Option<Fate> + 'static) {
        self.rules.push(Box::new(rule));
    }

    pub fn clear_rules(&mut self) {
        self.rules.clear();
    }

    /// From now on, keeps such messages in [`Network::caught`] instead of delivering them.
    pub fn catch(&mut self, which: impl Fn(usize, usize, &Message) -> bool + 'static) {
        self.catch = Some(Box::new(which));
    }

    pub fn stop_catching(&mut self) {
        self.catch = None;
    }

    /// Takes a message, and tells whether it will arrive.
    pub(super) fn carry(&mut self, now: Time, from: usize, to: usize, envelope: Envelope) -> bool {
        if self.catch.as_ref().is_some_and(|which| which(from, to, &envelope.message)) {
            self.caught.push((to, envelope));
            return false;
        }
        if self.cut.contains(&(from, to)) {
            return false;
        }
        let said = self.rules.iter_mut().find_map(|rule| rule(from, to, &envelope.message));
        match said.unwrap_or(Fate::Deliver(DELAY)) {
            Fate::Lose => return false,
            Fate::Deliver(delay) => self.put(now + delay, to, envelope),
            Fate::Twice(first, second) => {
                self.put(now + first, to, envelope.clone());
                self.put(now + second, to, envelope);
            }
        }
        true
    }

    fn put(&mut self, arrival: Time, to: usize, envelope: Envelope) {
        self.sequence += 1;
        self.in_flight.insert((arrival, self.sequence), (to, envelope));
    }

    /// When the next message can be taken by a machine that is not frozen.
    pub(super) fn next_arrival(&self, machines: &[Machine]) -> Option<Time> {
        self.in_flight.iter().map(|((time, _), (to, _))| (*time).max(machines[*to].frozen_until)).min()
    }

    /// Takes out a message that is due.
    pub(super) fn arrival(&mut self, now: Time, machines: &[Machine]) -> Option<(usize, Envelope)> {
        let due = |(time, _): &(Time, u64), to: usize| (*time).max(machines[to].frozen_until) <= now;
        let key = self.in_flight.iter().find(|(key, (to, _))| due(key, *to)).map(|(key, _)| *key)?;
        self.in_flight.remove(&key)
    }
}
