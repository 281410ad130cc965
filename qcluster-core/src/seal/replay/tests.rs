//! The window against a set that remembers everything.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::{Freshness, Replays, SENDERS_MAX, WINDOW};
use crate::seal::NONCE_PREFIX_LEN;
use crate::wire::SEAL_NONCE_LEN;

fn nonce(sender: u64, counter: u64) -> [u8; SEAL_NONCE_LEN] {
    let mut nonce = [0; SEAL_NONCE_LEN];
    nonce[..8].copy_from_slice(&sender.to_be_bytes());
    nonce[NONCE_PREFIX_LEN..].copy_from_slice(&counter.to_be_bytes());
    nonce
}

/// Opens a datagram if it is new; tells whether it was.
fn opens(replays: &mut Replays, sender: u64, counter: u64) -> bool {
    match replays.look(&nonce(sender, counter)) {
        Freshness::New(fresh) => {
            replays.note(fresh);
            true
        }
        Freshness::Repeated => false,
    }
}

proptest! {
    #[test]
    fn s3_each_datagram_is_opened_once_while_it_is_in_the_window(
        steps in prop::collection::vec((0..3_u64, 0..2_000_u64, any::<bool>()), 0..600),
    ) {
        let mut replays = Replays::default();
        let mut seen: Vec<BTreeSet<u64>> = alloc::vec![BTreeSet::new(); 6];
        for (sender, counter, outlives) in steps {
            let seen = &mut seen[usize::try_from(sender).unwrap() * 2 + usize::from(outlives)];
            let newest = seen.last().copied().unwrap_or(0);
            let is_too_old = !seen.is_empty() && newest.saturating_sub(counter) >= WINDOW;
            let is_new = !is_too_old && seen.insert(counter);
            let counter = if outlives { counter | 1 << 63 } else { counter };
            prop_assert_eq!(opens(&mut replays, sender, counter), is_new);
        }
    }
}

#[test]
fn s3_the_window_has_1024_datagrams() {
    let mut replays = Replays::default();
    for counter in [5_000, 5_000 - (WINDOW - 1), 4_999] {
        assert!(opens(&mut replays, 1, counter), "{counter}");
        assert!(!opens(&mut replays, 1, counter), "{counter} again");
    }
    assert!(!opens(&mut replays, 1, 5_000 - WINDOW));
    assert!(opens(&mut replays, 1, u64::MAX >> 1));
    assert!(!opens(&mut replays, 1, 5_001));
}

#[test]
fn s3_who_was_not_heard_for_longest_is_forgotten_first() {
    let mut replays = Replays::default();
    let max = u64::try_from(SENDERS_MAX).unwrap();
    for sender in 0..max {
        assert!(opens(&mut replays, sender, 1));
    }
    assert!(opens(&mut replays, 0, 2));
    assert!(opens(&mut replays, max, 1));
    assert_eq!(replays.windows.len(), SENDERS_MAX);
    assert!(!opens(&mut replays, 0, 1), "it was heard a moment ago");
    assert!(!opens(&mut replays, 2, 1), "the one before was forgotten");
    assert!(opens(&mut replays, 1, 1));
}
