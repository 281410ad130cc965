//! The summary line is an interface, and its figures are right for few and many samples.

use std::time::Duration;

use qcluster::Preset;

use super::Summary;

fn summary(samples_ms: &[u64]) -> Summary {
    let mut summary = Summary::new(Preset::Fast);
    for &ms in samples_ms {
        summary.add(Duration::from_millis(ms));
    }
    summary
}

#[test]
fn the_line_for_programs_has_the_fields_that_were_promised() {
    assert_eq!(
        summary(&[50, 40, 60]).json(),
        r#"{"failover_ms":{"max":60.0,"median":50.0,"min":40.0},"rounds":3,"samples_ms":[50.0,40.0,60.0],"timing":"fast"}"#
    );
}

#[test]
fn the_line_for_people_counts_in_english() {
    assert_eq!(summary(&[50, 40]).to_string(), "2 times: shortest 40 ms, median 50 ms, longest 50 ms");
    assert_eq!(summary(&[50]).to_string(), "once: shortest 50 ms, median 50 ms, longest 50 ms");
}
