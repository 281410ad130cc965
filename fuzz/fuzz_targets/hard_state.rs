//! Bytes as a saved record.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| qcluster_fuzz::hard_state(data));
