//! Everything at once, by chance: crashes, restarts at old and new addresses, wall clocks that go back, cuts, stalls, goodbyes
//! and bad links. Then everything is mended, and the crowd has to become one again.

use qcluster_core::{MemberEvent, Span};

use super::{Breach, Condition, Crowd, CrowdRule, CrowdSetup, Whereabouts};
use crate::engine::LinkQuality;
use crate::rng::Rng;

/// So soon after the heal all views are equal.
const ONE_AGAIN: Span = Span::from_millis(60_000);
/// For so long after that nobody is told down.
const QUIET: Span = Span::from_millis(30_000);
const SEEDS: [usize; 2] = [0, 1];

/// Two minutes of faults that `seed` decides, on 2 to 16 nodes. Gives how long they took to become one again.
///
/// # Errors
/// A node broke a rule.
pub fn storm(seed: u64) -> Result<Span, Breach> {
    let mut rng = Rng::for_part(seed, 3);
    let nodes = usize::try_from(rng.between(2, 16)).unwrap_or(2);
    let mut crowd = Crowd::new(CrowdSetup { quality: quality(&mut rng), ..CrowdSetup::members(nodes).seed(seed) });
    let pause = rng.between(300, 6_000);
    let kinds = rng.next();
    crowd.start_all()?;
    while crowd.now().as_nanos() < 120_000_000_000 {
        crowd.run_for(Span::from_millis(rng.between(1, pause)))?;
        strike(&mut crowd, &mut rng, kinds)?;
        crowd.audit()?;
    }
    calm(&mut crowd)
}

/// One fault, of the kinds that this storm is made of.
pub(super) fn strike(crowd: &mut Crowd, rng: &mut Rng, kinds: u64) -> Result<(), Breach> {
    let nodes = crowd.len();
    let host = usize::try_from(rng.below(nodes as u64)).unwrap_or(0);
    let kind = rng.below(8);
    if kinds & 1 << kind == 0 {
        return Ok(());
    }
    match kind {
        0 => crowd.crash(host),
        1 => return restart(crowd, rng, host, Whereabouts::Same),
        2 => return restart(crowd, rng, host, Whereabouts::Moved),
        3 => crowd.stall(host, Span::from_millis(rng.between(1, 12_000))),
        4 => return crowd.leave(host),
        5 => crowd.cut_after(host),
        6 => crowd.cut(move |from, to| from == host && to % 2 == 0),
        _ => crowd.heal(),
    }
    Ok(())
}

fn restart(crowd: &mut Crowd, rng: &mut Rng, host: usize, whereabouts: Whereabouts) -> Result<(), Breach> {
    if rng.one_in(4) {
        crowd.skew(host, rng.between_signed(-3_600_000, 3_600_000));
    }
    crowd.restart(host, whereabouts, &SEEDS)
}

/// Ends all faults, and waits.
pub(super) fn calm(crowd: &mut Crowd) -> Result<Span, Breach> {
    crowd.heal();
    crowd.set_quality(LinkQuality::default());
    for seed in SEEDS {
        if crowd.condition(seed) == Condition::Off || crowd.condition(seed) == Condition::Left {
            crowd.restart(seed, Whereabouts::Same, &SEEDS)?;
        }
    }
    // Those that stand still are to go on first, and what was suspected before is to be over.
    crowd.run_for(Span::from_millis(15_000))?;
    for seed in SEEDS {
        crowd.tell_seed(seed)?;
    }
    let Some(taken) = crowd.run_until(ONE_AGAIN, Crowd::agrees)? else {
        return Err(crowd.breach_of(CrowdRule::OneAgain, &crowd.differences()));
    };
    let before = crowd.losses().len();
    crowd.run_for(QUIET)?;
    crowd.audit()?;
    let is_false = |loss: &&super::Loss| loss.was_there && loss.what == MemberEvent::Down;
    match crowd.losses()[before..].iter().find(is_false) {
        Some(loss) => Err(crowd.breach_of(CrowdRule::OneAgain, &format!("{loss:?}"))),
        None => Ok(taken),
    }
}

pub(super) fn quality(rng: &mut Rng) -> LinkQuality {
    let ppm = |rng: &mut Rng, most: u64| {
        let is_on = rng.one_in(2);
        if is_on { u32::try_from(rng.below(most)).unwrap_or(0) } else { 0 }
    };
    LinkQuality {
        loss_ppm: ppm(rng, 250_000),
        duplicate_ppm: ppm(rng, 200_000),
        straggler_ppm: ppm(rng, 200_000),
        straggle: Span::from_millis(rng.below(5_000)),
        corrupt_ppm: ppm(rng, 50_000),
        truncate_ppm: ppm(rng, 50_000),
        ..LinkQuality::default()
    }
}
