//! Datagrams into an endpoint, plain and sealed.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| qcluster_fuzz::datagram(data));
