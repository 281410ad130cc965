//! The worlds that are searched by default, each made so that certain mistakes would show in it.

use super::change::{Change, Operator, Stage};
use super::world::{Arrivals, Memory, SmallWorld, Start};
use crate::setup::HostSet;

const NOBODY: HostSet = HostSet(0);
const ANYBODY: HostSet = HostSet(0b1_1111);
/// Of five, two that share nothing but the one in the middle.
const BOTH_ENDS: HostSet = HostSet(0b1_0001);
/// ρ where clocks are off: 20 %, the most that may be configured.
const DRIFT: u32 = 200_000;

/// Three voters without disks and with perfect clocks.
const BASE: SmallWorld = SmallWorld {
    voters: 3,
    memory: Memory::None,
    drift_ppm: 0,
    rates_ppm: &[],
    start: Start::Fresh,
    punctual: ANYBODY,
    late: NOBODY,
    kept: 1,
    arrivals: Arrivals::Any,
    delay: 2,
    longest: 1,
    crashes: (0, NOBODY),
    change: None,
    reach: &[],
    quick_rounds: false,
    commands: 0,
    terms: 3,
    states_max: usize::MAX,
};

/// {a,b,c} becomes {b,c,d}, and a is dead.
const CHANGE: Change = Change {
    old: HostSet(0b0111),
    new: HostSet(0b1110),
    dead: HostSet(0b0001),
    from: &[],
    to: Stage::New,
    operator: Operator::Waits,
};
/// a and b hear each other, and so do c and d.
const IN_HALVES: &[HostSet] = &[HostSet(0b0011), HostSet(0b1100)];
/// a and b hear each other, and so do b, c and d.
const OVER_B: &[HostSet] = &[HostSet(0b0011), HostSet(0b1110)];

impl SmallWorld {
    /// The worlds that are searched by default, each with a name, and each up to `states_max` states.
    pub fn usual(states_max: usize) -> Vec<(&'static str, Self)> {
        let fresh = Self { states_max, ..BASE };
        let led = Self { start: Start::Led, ..fresh.clone() };
        let late = Self { late: ANYBODY, ..led.clone() };
        let crash = Self { crashes: (1, ANYBODY), ..led.clone() };
        let four = Self { voters: 4, ..fresh.clone() };
        let five = Self { voters: 5, punctual: BOTH_ENDS, ..fresh.clone() };
        let mut worlds = Self::whole();
        for (_, world) in &mut worlds {
            world.states_max = states_max;
        }
        worlds.extend([
            // Votes, terms, promises, all at one moment.
            ("3 voters, first election", fresh.clone()),
            ("3 voters, first election, late timers", Self { late: ANYBODY, ..fresh.clone() }),
            (
                "3 voters, first election, all clocks differ",
                Self { drift_ppm: DRIFT, rates_ppm: &[-200_000, 200_000, 0], ..fresh.clone() },
            ),
            ("3 voters, first election, old messages", Self { kept: 2, terms: 2, ..fresh.clone() }),
            // How a lease ends, and what comes after it.
            ("3 voters, a leader", led.clone()),
            ("3 voters, a leader, late timers", late.clone()),
            ("3 voters, a leader with a slow clock", late.drifting(&[-200_000, 200_000, 200_000])),
            ("3 voters, a leader with a fast clock", late.drifting(&[200_000, -200_000, -200_000])),
            ("3 voters, a leader, two commands", Self { commands: 2, ..led.clone() }),
            // Forgetting.
            ("3 voters, a leader, a crash", crash.clone()),
            ("3 voters, a leader with a slow clock, a crash", crash.drifting(&[-200_000, 200_000, 200_000])),
            ("3 voters, first election, a crash", Self { start: Start::Fresh, ..crash.clone() }),
            ("3 voters, a leader, disks, two crashes", Self { memory: Memory::Prompt, crashes: (2, ANYBODY), ..crash }),
            (
                "3 voters, first election, slow disks, a crash",
                Self { memory: Memory::Slow, crashes: (1, ANYBODY), start: Start::Asked, ..fresh },
            ),
            // Leases of two lengths (E23): late timers and late answers make them longer.
            ("3 voters, a leader, longer leases", Self { longest: 2, ..late.clone() }),
            (
                "3 voters, a leader with a slow clock, longer leases",
                Self { longest: 2, ..late.drifting(&[-200_000, 200_000, 200_000]) },
            ),
            ("3 voters, a leader, longer leases, a crash", Self { longest: 2, crashes: (1, ANYBODY), ..late.clone() }),
            (
                "3 voters, a leader, longer leases, slow disks, a crash",
                Self { longest: 2, memory: Memory::Slow, crashes: (1, ANYBODY), ..late.clone() },
            ),
            // Where half is not a majority, and where two are not.
            ("4 voters, first election", four.clone()),
            ("4 voters, a leader", Self { start: Start::Led, ..four }),
            ("5 voters, first election", Self { states_max: states_max.saturating_mul(4), ..five.clone() }),
            ("5 voters, a leader, a crash", Self { start: Start::Led, crashes: (1, HostSet(0b0_0110)), ..five }),
        ]);
        worlds.extend(Self::changing(states_max));
        worlds
    }

    /// Worlds whose voters change while one of them is dead, which comes back at any moment with its old file (E20). The hosts are a
    /// to d, and none has more crashes behind it than the restarts that the change takes, unless the world says so.
    ///
    /// A whole change takes more steps than a search can go through in every order. So some worlds begin where a part of it
    /// is over, and in some the network is cut for good: who hears whom then is what an unlucky network may do in the
    /// others. Rounds of pre-votes are quick in all of them.
    fn changing(states_max: usize) -> Vec<(&'static str, Self)> {
        let from_old =
            Self { voters: 4, start: Start::Led, quick_rounds: true, change: Some(CHANGE), states_max, ..BASE };
        let from = |from: &'static [Stage]| Some(Change { from, ..CHANGE });
        let from_both = Self { change: from(&[Stage::Old, Stage::Both, Stage::Both, Stage::Both]), ..from_old.clone() };
        let half_way = Self {
            change: from(&[Stage::Old, Stage::Old, Stage::Both, Stage::Both]),
            start: Start::Fresh,
            punctual: HostSet(0b0110),
            ..from_old.clone()
        };
        vec![
            // Old and both lists side by side.
            ("{a,b,c} becomes {b,c,d}, a dead and back", from_old.clone()),
            (
                "{a,b,c} becomes {b,c,d}, a dead and back, cut off with b, disks",
                Self { reach: IN_HALVES, ..from_old.with_disks() },
            ),
            // The old list has to elect nobody, and b has yet to leave it.
            ("{a,b,c} becomes {b,c,d}, a dead and back, b is last", half_way.clone()),
            ("{a,b,c} becomes {b,c,d}, a dead and back, b is last, disks", half_way.with_disks()),
            // All three lists side by side.
            ("{a,b,c} becomes {b,c,d}, a dead and back late", from_both.clone()),
            (
                "{a,b,c} becomes {b,c,d}, a dead and back late, disks, a crash",
                Self { crashes: (1, HostSet(0b0111)), ..from_both.with_disks() },
            ),
            ("{a,b,c} becomes {b,c,d}, a dead and back late, heard by b", Self { reach: OVER_B, ..from_both.clone() }),
            (
                "{a,b,c} becomes {b,c,d}, a dead and back late, cut off with b, disks",
                Self { reach: IN_HALVES, ..from_both.with_disks() },
            ),
        ]
    }

    fn with_disks(&self) -> Self {
        Self { memory: Memory::Prompt, ..self.clone() }
    }

    /// The worlds of them that are small enough to be seen whole every time.
    pub fn whole() -> Vec<(&'static str, Self)> {
        vec![
            ("2 voters, first elections", Self { voters: 2, ..BASE }),
            ("3 voters, one leadership from its lease to its end", Self { start: Start::Led, terms: 0, ..BASE }),
        ]
    }

    fn drifting(&self, rates_ppm: &'static [i32]) -> Self {
        Self { drift_ppm: DRIFT, rates_ppm, ..self.clone() }
    }
}
