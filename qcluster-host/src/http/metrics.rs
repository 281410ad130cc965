//! `/metrics`: what the loop and the server have counted, in Prometheus text.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, prometheus_text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit as EncodedUnit};
use qcluster_api::{ErrorCode, Response};

use super::watchers::Watchers;
use crate::measures::Histogram;
use crate::metrics::{CounterLog, Metric, MetricUnit, MetricValue, Sample, ServerCounters, metrics};
use crate::view::View;

/// The version of the format that this is.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The registry, and what is told of it.
pub(super) struct Metrics {
    registry: Registry,
    server: Arc<Mutex<ServerCounters>>,
    watchers: Arc<Watchers>,
    log: Mutex<CounterLog>,
}

#[derive(Debug)]
struct NodeCollector {
    view: Weak<View>,
    server: Arc<Mutex<ServerCounters>>,
    watchers: Arc<Watchers>,
}

impl Metrics {
    pub(super) fn new(view: &Arc<View>, watchers: &Arc<Watchers>) -> Self {
        let server = Arc::new(Mutex::new(ServerCounters::default()));
        let mut registry = Registry::with_prefix("qcluster");
        let collector =
            NodeCollector { view: Arc::downgrade(view), server: Arc::clone(&server), watchers: Arc::clone(watchers) };
        registry.register_collector(Box::new(collector));
        Self { registry, server, watchers: Arc::clone(watchers), log: Mutex::default() }
    }

    pub(super) fn request(&self, route: &'static str, status: u16, took: Duration) {
        let mut server = self.server();
        *server.requests.entry((route, status)).or_default() += 1;
        server.durations.entry(route).or_default().observe(took.into());
    }

    pub(super) fn connection_accepted(&self) {
        self.server().accepted += 1;
    }

    pub(super) fn connection_displaced(&self) {
        self.server().displaced += 1;
    }

    pub(super) fn connection_refused(&self) {
        self.server().refused += 1;
    }

    pub(super) fn response(&self) -> Response {
        let mut text = String::new();
        match prometheus_text::encode(&mut text, &self.registry) {
            Ok(()) => Response { content_type: CONTENT_TYPE, ..Response::text(200, &text) },
            Err(_) => Response::error(ErrorCode::Internal, "the metrics could not be written"),
        }
    }

    /// Tells `tracing` of the counters that have grown since the last time.
    pub(super) fn tell_counters(&self, view: &View) {
        let server = ServerCounters { watchers: self.watchers.count(), ..self.server().clone() };
        self.log.lock().unwrap_or_else(PoisonError::into_inner).tell(view, Some(&server));
    }

    fn server(&self) -> std::sync::MutexGuard<'_, ServerCounters> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Collector for NodeCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(view) = self.view.upgrade() else { return Ok(()) };
        let server = self.server.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let server = ServerCounters { watchers: self.watchers.count(), ..server };
        view.look(|seen, measures| {
            for metric in metrics(seen, measures, Some(&server)) {
                encode(&mut encoder, &metric)?;
            }
            Ok(())
        })
    }
}

fn encode(encoder: &mut DescriptorEncoder<'_>, metric: &Metric) -> fmt::Result {
    let Some(first) = metric.samples.first() else { return Ok(()) };
    let kind = match first.value {
        MetricValue::Counter(_) | MetricValue::Seconds(_) => MetricType::Counter,
        MetricValue::Gauge(_) | MetricValue::Level(_) => MetricType::Gauge,
        MetricValue::Histogram(_) => MetricType::Histogram,
    };
    let unit = metric.unit.map(|unit| match unit {
        MetricUnit::Seconds => EncodedUnit::Seconds,
        MetricUnit::Bytes => EncodedUnit::Bytes,
    });
    let mut family = encoder.encode_descriptor(metric.name, metric.help, unit.as_ref(), kind)?;
    for Sample { labels, value } in &metric.samples {
        if labels.is_empty() {
            encode_value(&mut family, value)?;
        } else {
            encode_value(&mut family.encode_family(labels)?, value)?;
        }
    }
    Ok(())
}

fn encode_value(encoder: &mut MetricEncoder<'_>, value: &MetricValue) -> fmt::Result {
    match value {
        MetricValue::Counter(count) => encoder.encode_counter::<NoLabelSet, u64, u64>(count, None),
        MetricValue::Seconds(time) => encoder.encode_counter::<NoLabelSet, f64, u64>(&time.as_secs_f64(), None),
        MetricValue::Gauge(level) => encoder.encode_gauge(&i64::try_from(*level).unwrap_or(i64::MAX)),
        MetricValue::Level(time) => encoder.encode_gauge(&time.as_secs_f64()),
        MetricValue::Histogram(histogram) => encode_histogram(encoder, histogram),
    }
}

fn encode_histogram(encoder: &mut MetricEncoder<'_>, histogram: &Histogram) -> fmt::Result {
    // In this format the largest of all numbers is a bound like any other, and only infinity is `+Inf`.
    let buckets: Vec<(f64, u64)> = histogram
        .buckets()
        .map(|(bound, count)| (bound.map_or(f64::INFINITY, |bound| bound.as_secs_f64()), count))
        .collect();
    encoder.encode_histogram::<NoLabelSet>(histogram.sum().as_secs_f64(), histogram.count(), &buckets, None)
}

#[cfg(test)]
mod tests;
