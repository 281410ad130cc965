//! Any order of events, times and messages among three voters and an observer: a script delivers, loses, repeats and reorders
//! datagrams one by one, calls nodes early and late, lets clocks differ as far as they may, fails saves, and ends and starts
//! processes. It keeps to what the argument about leases assumes; so whatever it does, the judge has to be content.

mod judge;
mod machine;
mod world;

use arbitrary::{Arbitrary, Unstructured};

use crate::memory;
use world::World;

/// What a cluster may hold on to beyond what it started with: all queues and tables of four nodes full, and the network.
const RETAINED_MAX: usize = 16 << 20;
/// The longest script. Longer ones find nothing that two short ones do not, and take longer.
const MOVES_MAX: usize = 4_096;

#[derive(Debug, Arbitrary)]
struct Story {
    memory: Memory,
    /// Whether there are membership and registry beside the election.
    gossips: bool,
    /// Whether it begins with a leader, or with the start of all nodes.
    led: bool,
    seed: u64,
    /// By node, in 78 parts in a million: the drift bound is 10,000.
    rates: [i8; machine::NODES],
    moves: Vec<Move>,
}

/// What voters remember over a restart. All alike: the argument takes each of them by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Arbitrary)]
enum Memory {
    /// Nothing.
    Diskless,
    /// What was saved.
    Disk,
}

#[derive(Clone, Copy, Debug, Arbitrary)]
enum Move {
    /// Time passes, and nobody is called.
    Wait {
        micros: u16,
    },
    /// Time passes up to the next deadline, and who has it is called.
    Due,
    /// A node is called, whether it wants to be or not.
    Call {
        node: u8,
    },
    /// One of the datagrams under way arrives, and perhaps does so again later.
    Arrives {
        which: u8,
        stays: bool,
    },
    /// One of them is lost.
    Lost {
        which: u8,
    },
    /// The save that is under way on a disk ends.
    Saved {
        node: u8,
        well: bool,
    },
    /// A process ends; what it was saving is on the disk, or is not.
    Crash {
        node: u8,
        saved: bool,
    },
    /// A process that has ended starts again.
    Start {
        node: u8,
    },
    /// The leader is to hand over.
    Transfer {
        node: u8,
        to: Option<u8>,
    },
    StepDown {
        node: u8,
    },
    Drained {
        node: u8,
    },
    Shutdown {
        node: u8,
    },
    /// A clock goes at another rate.
    Rate {
        node: u8,
        rate: i8,
    },
    /// For that many rounds everything arrives at once and in order, everybody is called in time and every save succeeds.
    Calm {
        rounds: u8,
    },
    /// The same, but this node hears nothing and nobody hears it.
    Apart {
        node: u8,
        rounds: u8,
    },
    /// For that many rounds nothing arrives, and everybody is called in time.
    Silence {
        rounds: u8,
    },
}

pub(crate) fn run(data: &[u8]) {
    let Ok(story) = Story::arbitrary_take_rest(Unstructured::new(data)) else { return };
    let mut world = World::new(&story);
    let before = memory();
    for step in story.moves.iter().take(MOVES_MAX) {
        world.takes(*step);
        let retained = memory().saturating_sub(before);
        assert!(retained <= RETAINED_MAX, "{retained} bytes are held on to after {step:?}");
    }
}
