//! What stands in `/metrics`, where the encoder has a way of its own.

use std::sync::Arc;
use std::time::Duration;

use super::Metrics;
use crate::http::watchers::Watchers;
use crate::test_support::{Puppet, TestRuntime};

/// The bounds of the buckets of that histogram, with what is counted in each.
fn buckets<'a>(text: &'a str, name: &'a str) -> Vec<(&'a str, u64)> {
    let read = |line: &'a str| {
        let (labels, count) = line.strip_prefix(name)?.strip_prefix("_bucket{")?.split_once("} ")?;
        let bound = labels.split("le=\"").nth(1)?.split('"').next()?;
        Some((bound, count.parse().expect("a count")))
    };
    text.lines().filter_map(read).collect()
}

/// Whether the largest of all numbers is written as infinity depends on the encoder.
#[test]
fn beyond_ten_seconds_there_is_one_bucket_and_it_is_infinity() {
    let puppet = Puppet::new();
    let metrics = Metrics::new(&puppet.view, &Arc::new(Watchers::new(Arc::new(TestRuntime))));
    for took in [Duration::from_micros(50), Duration::from_secs(10), Duration::from_secs(3_600), Duration::MAX] {
        metrics.request("/ping", 200, took);
    }
    let text = String::from_utf8(metrics.response().body).unwrap();
    let buckets_of_requests = buckets(&text, "qcluster_http_request_duration_seconds");
    assert_eq!(buckets_of_requests.len(), 17, "{text}");
    assert_eq!(buckets_of_requests.first(), Some(&("0.0001", 1)));
    assert_eq!(buckets_of_requests[15..], [("10", 2), ("+Inf", 4)]);
    // And of no histogram is there any other.
    let mut histograms = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" histogram"));
    assert!(histograms.clone().count() >= 4, "{text}");
    assert!(histograms.all(|name| {
        let mut beyond =
            buckets(&text, name).into_iter().filter(|(bound, _)| bound.parse().is_ok_and(|bound: f64| bound > 10.0));
        beyond.all(|(bound, _)| bound == "+Inf")
    }));
    assert!(!text.contains("e308") && !text.contains("1797"), "{text}");
}
