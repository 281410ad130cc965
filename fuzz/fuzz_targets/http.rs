//! Requests to the HTTP API.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| qcluster_fuzz::http(data));
