//! The values are the contract: a change here would make every recorded seed mean something else.

use super::Rng;

#[test]
fn the_values_never_change() {
    let mut rng = Rng::new(7);
    assert_eq!([rng.next(), rng.next()], [0x63cb_e1e4_5932_0dd7, 0x044c_3cd7_f43c_661c]);
}

#[test]
fn ranges_hold_at_their_ends() {
    let mut rng = Rng::new(1);
    let mut seen = [false; 3];
    for _ in 0..100 {
        seen[usize::try_from(rng.between(0, 2)).unwrap()] = true;
        assert!((-2..=2).contains(&rng.between_signed(-2, 2)));
        assert_eq!(rng.between(5, 5), 5);
    }
    assert_eq!(seen, [true; 3]);
    assert!(!rng.chance_ppm(0));
    assert!(rng.chance_ppm(1_000_000));
}

#[test]
fn parts_of_one_seed_differ() {
    assert_ne!(Rng::for_part(7, 0).next(), Rng::for_part(7, 1).next());
    assert_ne!(Rng::for_part(7, 0).next(), Rng::for_part(8, 0).next());
}
