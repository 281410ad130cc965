//! What a rebase keeps of newcomers: how long ago they came, and nothing where that decides nothing.

use super::Newcomers;
use crate::id::VoterIndex;
use crate::quorum::VoterSet;
use crate::time::{Rebase, Span, Time};

/// Before anything that these clocks have shown: what never was stays so.
const PRESENT: Time = Time::from_millis(1_000);
const PATIENCE: Span = Span::from_millis(150);
const STEADY: VoterIndex = VoterIndex(1);
const LATE: VoterIndex = VoterIndex(2);

/// A leadership that began at `now`, to which one comes that did not elect it.
fn joined(now: Time) -> Newcomers {
    let mut newcomers = Newcomers::new(3, VoterSet::EMPTY.with(STEADY), now + PATIENCE);
    newcomers.acknowledged(LATE, now, now + PATIENCE);
    newcomers
}

fn rebased(newcomers: &Newcomers, now: Time) -> Newcomers {
    let mut newcomers = newcomers.clone();
    newcomers.rebase(&Rebase { now, present: PRESENT, clocks: &|_| now });
    newcomers
}

#[test]
fn a_newcomer_is_the_same_whatever_the_clock_showed_when_it_came() {
    let (early, late) = (Time::from_millis(5_000), Time::from_millis(9_000));
    let moved = rebased(&joined(early), early);
    assert_eq!(moved, rebased(&joined(late), late));
    assert!(moved.moments().eq([PRESENT]));
    // A moment later it has waited longer.
    assert_ne!(moved, rebased(&joined(early), early + Span::from_millis(1)));
}
