//! A campaign says the same however many threads share it.

use super::{Campaign, Until};
use crate::swarm::Limits;

#[test]
fn the_sum_does_not_depend_on_the_number_of_threads() {
    let campaign =
        |jobs| Campaign { seed: 100, until: Until::Runs(20), jobs, limits: Limits::default(), failures_max: 8 };
    let (one, two) = (campaign(1).run(&|_| ()).unwrap(), campaign(2).run(&|_| ()).unwrap());
    assert_eq!((one.runs, one.stats, &one.marks), (20, two.stats, &two.marks));
    assert_eq!(one.convergence, two.convergence);
    assert!(one.convergence_quantile(500) <= one.convergence_quantile(1_000));
}
