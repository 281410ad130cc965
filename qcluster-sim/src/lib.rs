//! Years of partitions, drifting clocks and crashes in a minute, replayed by one number.
//!
//! A [`World`] runs real [`Endpoint`](qcluster_core::Endpoint)s — the bytes-level state machine that applications run, not a
//! model of it — in one thread, over a simulated network, clocks and disks. Time jumps from one event to the next. One
//! `u64` decides everything, and oracles judge every event: see [`Rule`] for what they hold nodes to.
//!
//! A scenario of one's own:
//!
//! ```
//! use qcluster_core::{Preset, Span};
//! use qcluster_sim::{Fault, Memory, Place, Setup, World};
//!
//! let mut world = World::new(Setup::voters(3).seed(7).preset(Preset::Lan))?;
//! world.run_for(Span::from_millis(1_000))?;
//! let first = world.leader().ok_or("somebody leads by now")?;
//!
//! // The leader hears nobody any more: it loses its lease before another one gets it, whatever the clocks say.
//! for other in (0..3).filter(|other| *other != first) {
//!     world.apply(Fault::Cut { from: other, to: first });
//! }
//! world.run_for(Span::from_millis(500))?;
//! let second = world.leader().ok_or("the others have elected one")?;
//! assert_ne!(first, second);
//!
//! world.apply(Fault::Crash { host: second });
//! world.apply(Fault::MendAll);
//! world.apply(Fault::Restart { host: second, memory: Memory::Kept, place: Place::Moved, plan: 0 });
//! world.run_for(Span::from_millis(500))?;
//! assert!(world.leader().is_some());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A [`Schedule`] is the same as plain data, with a text form that people can read and keep; [`swarm::draw`] makes one from a
//! seed. Where an oracle objects, the run ends with a [`Violation`].
//!
//! What is simulated and what is not: real time is exact to the nanosecond, and so are clock rates; a process takes no time
//! to compute; a frozen process keeps its socket, which holds 256 datagrams; a disk writes all of a record or nothing.

#![forbid(unsafe_code)]

pub mod campaign;
pub mod crowd;
mod disk;
mod engine;
pub mod exhaustive;
mod fault;
mod marks;
mod minimize;
mod oracle;
mod origin;
pub mod replay;
mod report;
mod rng;
mod schedule;
mod secrets;
mod setup;
pub mod svg;
pub mod swarm;
mod tape;
mod trace;
pub mod wire;
mod world;

pub use disk::{Disk, DiskQuality};
pub use engine::{Carrier, Clock, LinkQuality, Network};
pub use fault::{Fault, Hostility, Memory, Place};
pub use marks::{Mark, Marks};
pub use minimize::{Minimized, minimize};
pub use oracle::{Rule, Violation};
pub use report::{Report, in_words};
pub use rng::Rng;
pub use schedule::{BadSchedule, Convergence, Outcome, Schedule, Worked};
pub use setup::{Assumption, ClockSetup, HostSet, KeyChange, Plan, SealSetup, Setup};
pub use tape::Tape;
pub use trace::{Happening, Record, Trace, TraceHash};
pub use world::{Recording, Stats, World};
