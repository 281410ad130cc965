//! The summary line is an interface, and its figures are right for few and many samples.

use std::time::Duration;

use qcluster::Preset;

use super::{Summary, whole_ms};

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
fn the_median_of_an_even_count_is_the_mean_of_the_middle_two() {
    assert!(summary(&[80, 20, 50, 41]).json().contains(r#""median":45.5"#));
}

#[test]
fn table_and_summary_round_alike() {
    for (micros, ms) in [(0, 0), (499, 0), (500, 1), (40_499, 40), (40_500, 41)] {
        let duration = Duration::from_micros(micros);
        let mut summary = Summary::new(Preset::Fast);
        summary.add(duration);
        assert_eq!(whole_ms(duration), ms);
        assert!(summary.to_string().contains(&format!("median {ms} ms")), "{summary}");
    }
}

#[test]
fn the_line_for_people_counts_in_english() {
    assert_eq!(summary(&[50, 40]).to_string(), "2 times: shortest 40 ms, median 45 ms, longest 50 ms");
    assert_eq!(summary(&[50]).to_string(), "once: shortest 50 ms, median 50 ms, longest 50 ms");
}
