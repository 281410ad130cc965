//! Any JSON as a configuration: it is understood or refused with reasons, and what is accepted keeps its promises.

use qcluster_core::{Config, Seat, Settings};

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(config) = serde_json::from_str::<Config>(text) else { return };
    let again = serde_json::to_string(&config).expect("a configuration can be written");
    assert_eq!(serde_json::from_str::<Config>(&again).expect("what was written can be read"), config);
    match config.settings() {
        Err(error) => {
            assert!(!error.problems().is_empty(), "refused without a reason");
            for problem in error.problems() {
                assert!(!problem.field.is_empty() && !problem.reason.is_empty(), "not a reason: {problem:?}");
            }
        }
        Ok(settings) => check(&settings),
    }
}

/// What everything behind a checked configuration relies on.
fn check(settings: &Settings) {
    let rules = settings.check().expect("settings were checked with the configuration");
    let voters = if rules.seat() == Seat::Member { 0..=0 } else { 1..=Settings::VOTERS_MAX };
    assert!(voters.contains(&rules.voters().len()), "{} voters", rules.voters().len());
    assert!(settings.timing.heartbeat.as_nanos() > 0);
    assert!(settings.timing.heartbeat.times(4) <= settings.timing.lease);
    for voter in rules.voters() {
        assert_eq!(rules.voter(voter.key), Some(voter), "two voters share a key");
    }
}
