//! The network of a crowd: all links are alike, and cuts are a rule. A matrix of thousands of hosts would be large.

use std::fmt;

use crate::engine::{Arrival, Damage, Link, LinkQuality, Links, place};
use crate::rng::Rng;

/// Tells of a sending and a receiving host whether nothing passes.
type Cut = Box<dyn Fn(usize, usize) -> bool>;

pub(super) struct Alike {
    pub(super) link: Link,
    pub(super) cut: Option<Cut>,
}

impl Alike {
    pub(super) fn new(quality: LinkQuality, seed: u64) -> Self {
        Self { link: Link::new(quality, Rng::for_part(seed, 1)), cut: None }
    }
}

impl Links for Alike {
    /// Each copy of a datagram meets its own damage.
    fn treat(&mut self, from: usize, to: usize, len: usize) -> [Option<Arrival>; 2] {
        let Self { link, cut } = self;
        if cut.as_ref().is_some_and(|cut| cut(from, to)) || link.loses() {
            return [None; 2];
        }
        let is_doubled = link.doubles();
        let mut copy = || {
            let delay = link.delay();
            let flip = |rng: &mut Rng| Damage::Flip { at: place(rng, len), bit: place(rng, 8) };
            Arrival { delay, damage: link.damage(flip, |rng| place(rng, len)) }
        };
        [Some(copy()), is_doubled.then(copy)]
    }
}

impl fmt::Debug for Alike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alike").field("link", &self.link).field("is_cut", &self.cut.is_some()).finish()
    }
}
