//! What two configurations are said to differ in.

use alloc::vec;
use alloc::vec::Vec;

use super::SharedSettings;
use crate::config::{Settings, VoterSettings};
use crate::id::NodeId;
use crate::time::Span;

fn voters(names: &[&str]) -> Vec<VoterSettings> {
    names.iter().map(|name| VoterSettings::new(NodeId::new(name).unwrap())).collect()
}

fn shared(change: impl Fn(&mut Settings)) -> SharedSettings {
    let mut settings = Settings::voter(NodeId::new("a").unwrap(), voters(&["a", "b", "c"]));
    change(&mut settings);
    *settings.check().unwrap().shared()
}

#[test]
fn each_setting_is_named_with_both_values() {
    type Change = fn(&mut Settings);
    type Told = (&'static str, &'static str, &'static str);
    let cases: [(Change, &[Told]); 8] = [
        (|_| {}, &[]),
        (|settings| settings.timing.lease = Span::from_millis(300), &[("timing.lease_ms", "150", "300")]),
        (|settings| settings.timing.max_lease = Span::from_millis(150), &[("timing.max_lease_ms", "1200", "150")]),
        (|settings| settings.timing.drift_ppm = 500, &[("timing.drift_ppm", "10000", "500")]),
        (|settings| settings.voters = voters(&["a", "b", "c", "d"]), &[("voters", "3", "4")]),
        (|settings| settings.voters = voters(&["a", "b", "d"]), &[("voters", "3", "3 others")]),
        (|settings| settings.next_voters = Some(voters(&["a", "b", "d"])), &[("next voters", "0", "3")]),
        (|settings| settings.voters[1].priority = 7, &[("priority", "these", "others")]),
    ];
    for (change, expected) in cases {
        let told = shared(|_| {}).differences(&shared(change));
        let told: Vec<(&str, &str, &str)> =
            told.iter().map(|told| (told.setting, told.here.as_str(), told.there.as_str())).collect();
        assert_eq!(told, expected);
    }
}

#[test]
fn several_differences_are_all_named_and_the_order_of_voters_is_none() {
    let other = shared(|settings| {
        settings.voters = voters(&["c", "a", "b"]);
        settings.timing.lease = Span::from_millis(200);
        settings.timing.drift_ppm = 1;
    });
    let settings: Vec<&str> = shared(|_| {}).differences(&other).iter().map(|told| told.setting).collect();
    assert_eq!(settings, vec!["timing.lease_ms", "timing.drift_ppm"]);
}
