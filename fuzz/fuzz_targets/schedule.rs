//! Text as a schedule of the simulator.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| qcluster_fuzz::schedule(data));
