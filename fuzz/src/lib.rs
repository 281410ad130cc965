//! The bodies of the fuzz targets: each takes any bytes and panics where something is not as it has to be. They need no
//! fuzzing engine, so that a plain test replays what one has found.

use std::alloc::System;

use cap::Cap;

mod cluster;
mod config;
mod datagram;
mod hard_state;
mod http;
mod recording;
mod said;
mod schedule;
mod sealed;
mod steps;

/// Whatever comes in, the process never holds more than this: a length field that is believed would.
const MEMORY_MAX: usize = 64 << 20;

#[global_allocator]
static MEMORY: Cap<System> = Cap::new(System, usize::MAX);

/// Bytes allocated from Rust at the moment.
fn memory() -> usize {
    MEMORY.allocated()
}

/// A target's name and its body.
pub type Target = (&'static str, fn(&[u8]));

/// The public function of each target, which is its body within the bounds of memory, and the table of all.
macro_rules! targets {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        $(
            $(#[$doc])*
            ///
            /// # Panics
            /// A promise about it is not kept.
            pub fn $name(data: &[u8]) {
                $name::run(data);
                let most = MEMORY.max_allocated();
                assert!(most <= MEMORY_MAX, "{most} bytes were held at one time");
            }
        )*

        /// All targets.
        pub const TARGETS: &[Target] = &[$((stringify!($name), $name),)*];
    };
}

targets! {
    /// Any text as a configuration.
    config,
    /// Any datagrams, plain and sealed, into an endpoint.
    datagram,
    /// Any bytes as a saved record.
    hard_state,
    /// Any request to the HTTP API.
    http,
    /// Any bytes as a recording.
    recording,
    /// Any text as a schedule of the simulator.
    schedule,
    /// Any order of events, times and messages among nodes.
    steps,
}
