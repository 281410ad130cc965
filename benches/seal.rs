//! What sealing costs: a datagram sealed, and one opened.
//!
//! `cargo bench --bench seal` prints one line a figure; it measures and judges nothing.

use std::hint::black_box;
use std::time::Instant;

use qcluster_core::seal::{Keyring, NONCE_PREFIX_LEN, Seal};
use qcluster_core::{Config, Envelope, Incarnation, Message, SealMode, Secret, Session, write_datagram};

/// How often each figure is taken; the median is printed.
const ROUNDS: usize = 31;
const DATAGRAMS: u32 = 10_000;
/// The length of a heartbeat, and of the longest datagram, before they are sealed.
const LENGTHS: [usize; 2] = [72, 1_364];

fn main() {
    for len in LENGTHS {
        let plain = plain(len);
        let mut sealed = Vec::new();
        let mut samples = Vec::new();
        for round in 0..ROUNDS {
            // Each round is an incarnation: what was opened once is not opened again.
            let mut from = seal(round);
            let start = Instant::now();
            for _ in 0..DATAGRAMS {
                black_box(from.seal(black_box(&plain)));
            }
            let sealing = nanos_each(start);
            sealed.clear();
            sealed.extend((0..DATAGRAMS).filter_map(|_| from.seal(&plain).map(<[u8]>::to_vec)));
            let mut to = seal(ROUNDS + round);
            let start = Instant::now();
            let opened = sealed.iter().filter(|bytes| black_box(to.open(bytes)).is_ok()).count();
            samples.push((sealing, nanos_each(start)));
            assert_eq!(opened, sealed.len());
        }
        let median = |of: fn(&(f64, f64)) -> f64| {
            let mut values: Vec<f64> = samples.iter().map(of).collect();
            values.sort_by(f64::total_cmp);
            values[ROUNDS / 2]
        };
        println!(
            "{len:>5} bytes sealed  {:>8.0} ns    median of {ROUNDS} x {DATAGRAMS} datagrams",
            median(|sample| sample.0)
        );
        println!("{len:>5} bytes opened  {:>8.0} ns", median(|sample| sample.1));
    }
}

/// As a node of the cluster sends it, as far as a seal looks.
fn plain(len: usize) -> Vec<u8> {
    let rules = Config::new("server_a", "localhost", 7_001).settings().and_then(|settings| settings.check());
    let rules = rules.expect("a node alone");
    let message = Message::Session(Session::Probe { nonce: 0 });
    let (from, incarnation, digests) = (rules.key(), Incarnation(1), rules.digests());
    let envelope =
        Envelope { from, from_incarnation: incarnation, to: from, to_incarnation: incarnation, digests, message };
    let mut plain = write_datagram(&rules, &envelope);
    plain.resize(len, 0);
    plain
}

fn seal(incarnation: usize) -> Seal {
    let keyring = Keyring::new("default", [&Secret::new([7; Secret::LEN])]).expect("there is a secret");
    let mut prefix = [0; NONCE_PREFIX_LEN];
    prefix[..size_of::<usize>()].copy_from_slice(&incarnation.to_le_bytes());
    Seal::new(keyring, SealMode::Require, prefix)
}

fn nanos_each(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e9 / f64::from(DATAGRAMS)
}
