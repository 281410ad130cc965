//! Text as a configuration.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| qcluster_fuzz::config(data));
