//! The faults of a storm while services come, change, fall silent and go everywhere. After the heal every node shows what is
//! offered, and nothing that was ended.

use std::time::Duration;

use qcluster_core::{GossipPace, Health, Service, Span};

use super::storm::{calm, quality, strike};
use super::{Breach, Crowd, CrowdRule, CrowdSetup};
use crate::rng::Rng;

/// So soon after membership is one again all registries are equal.
const EQUAL: Span = Span::from_millis(60_000);

/// Two minutes of faults and of changes of services that `seed` decides, on 2 to 12 nodes. Gives how long the registries took
/// to be equal, from when the views of members were.
///
/// # Errors
/// A node broke a rule.
pub fn storm_of_records(seed: u64) -> Result<Span, Breach> {
    let mut rng = Rng::for_part(seed, 4);
    let nodes = usize::try_from(rng.between(2, 12)).unwrap_or(2);
    // Deletions are forgotten after a day, or during the storm.
    let retention = if rng.one_in(2) { GossipPace::RETENTION } else { Span::from_millis(rng.between(10_000, 60_000)) };
    let pace = GossipPace { retention, ..GossipPace::default() };
    let setup = CrowdSetup { pace, quality: quality(&mut rng), ..CrowdSetup::members(nodes).seed(seed) };
    let mut crowd = Crowd::new(setup);
    let (pause, kinds, busy) = (rng.between(300, 6_000), rng.next(), rng.between(1, 12));
    crowd.start_all()?;
    while crowd.now().as_nanos() < 120_000_000_000 {
        for _ in 0..rng.below(busy) {
            change(&mut crowd, &mut rng)?;
        }
        crowd.run_for(Span::from_millis(rng.between(1, pause)))?;
        strike(&mut crowd, &mut rng, kinds)?;
        crowd.audit()?;
    }
    calm(&mut crowd)?;
    let is_right = |crowd: &Crowd| crowd.records_agree() && crowd.services_are_right();
    match crowd.run_until(EQUAL, is_right)? {
        Some(taken) => crowd.audit().map(|()| taken),
        None => Err(crowd.breach_of(CrowdRule::RecordsAgree, &crowd.record_differences())),
    }
}

/// One thing that an application does, on a host by chance. No two contents of a service are the same.
fn change(crowd: &mut Crowd, rng: &mut Rng) -> Result<(), Breach> {
    let host = usize::try_from(rng.below(crowd.len() as u64)).unwrap_or(0);
    let id = format!("s{}", rng.below(6));
    match rng.below(8) {
        0..=3 => {
            let mut service = Service::new("web", 80);
            service.id = id;
            service.tags = vec![format!("{:016x}", rng.next()); usize::try_from(rng.between(1, 16)).unwrap_or(1)];
            service.ttl = rng.one_in(3).then(|| Duration::from_millis(rng.between(500, 20_000)));
            crowd.register(host, service)
        }
        4 | 5 => crowd.deregister(host, &id),
        6 => {
            let health = [None, Some(Health::Passing), Some(Health::Warning), Some(Health::Critical)];
            let health = health[usize::try_from(rng.below(4)).unwrap_or(0)];
            crowd.beat(host, &id, health)
        }
        _ => crowd.set_metadata(host, [("zone".to_owned(), rng.next().into())].into()),
    }
}
