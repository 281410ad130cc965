//! A few are told one by one, and a crowd in one line.

use std::time::UNIX_EPOCH;

use super::{Gathered, Kind};

#[test]
fn a_few_are_told_one_by_one_and_a_crowd_in_one_line() {
    let mut gathered = Gathered::default();
    assert!(gathered.due().is_none() && gathered.take().is_empty());
    for index in 0..100 {
        let event = if index < 98 { "joined" } else { "down" };
        gathered.note(UNIX_EPOCH, Kind::Member, event, format!("member {index}"));
    }
    for index in 0..5 {
        gathered.note(UNIX_EPOCH, Kind::Service, "added", format!("service {index}"));
    }
    assert!(gathered.due().is_some());
    let told = gathered.take();
    assert_eq!(told.len(), 6, "{told:?}");
    assert!(told[0].contains("2 down, 98 joined"), "{told:?}");
    assert_eq!(told[1], "service 0");
    assert!(gathered.due().is_none() && gathered.take().is_empty());
}
