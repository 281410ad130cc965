//! Text as a recording.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| qcluster_fuzz::recording(data));
