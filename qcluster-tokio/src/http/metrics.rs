//! `/metrics`: what the loop and the server have counted, in Prometheus text, and the same counters for `tracing`.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, prometheus_text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};
use qcluster_core::api::{ErrorCode, Response};

use super::watchers::Watchers;
use crate::log;
use crate::measures::{BOUNDS_NS, Histogram};
use crate::view::View;

mod table;

use table::{Family, Value};

/// The version of the format that this is.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What the server counts. A lock is fine here: only the server's thread takes it.
#[derive(Clone, Debug, Default)]
pub(super) struct HttpCounters {
    /// By route and status; both are from fixed tables.
    pub(super) requests: BTreeMap<(&'static str, u16), u64>,
    /// By route: how long answers took, those that waited for something to happen among them.
    pub(super) durations: BTreeMap<&'static str, Histogram>,
    pub(super) accepted: u64,
    pub(super) refused: u64,
    /// Those who wait for events now.
    pub(super) watchers: u64,
}

/// The registry, and what is told of it.
pub(super) struct Metrics {
    registry: Registry,
    http: Arc<Mutex<HttpCounters>>,
    watchers: Arc<Watchers>,
    /// What `tracing` was told last.
    told: Mutex<BTreeMap<(&'static str, String), u64>>,
}

#[derive(Debug)]
struct NodeCollector {
    view: Weak<View>,
    http: Arc<Mutex<HttpCounters>>,
    watchers: Arc<Watchers>,
}

impl Metrics {
    pub(super) fn new(view: &Arc<View>, watchers: &Arc<Watchers>) -> Self {
        let http = Arc::new(Mutex::new(HttpCounters::default()));
        let mut registry = Registry::with_prefix("qcluster");
        let collector =
            NodeCollector { view: Arc::downgrade(view), http: Arc::clone(&http), watchers: Arc::clone(watchers) };
        registry.register_collector(Box::new(collector));
        Self { registry, http, watchers: Arc::clone(watchers), told: Mutex::default() }
    }

    pub(super) fn request(&self, route: &'static str, status: u16, took: Duration) {
        let mut http = self.http();
        *http.requests.entry((route, status)).or_default() += 1;
        http.durations.entry(route).or_default().observe(took.into());
    }

    pub(super) fn connections_accepted(&self) {
        self.http().accepted += 1;
    }

    pub(super) fn connections_refused(&self) {
        self.http().refused += 1;
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
        if !tracing::enabled!(target: log::TARGET, tracing::Level::DEBUG) {
            return;
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let http = HttpCounters { watchers: self.watchers.count(), ..self.http().clone() };
        view.look(|seen, measures| {
            for family in table::families(seen, measures, &http) {
                for (labels, value) in &family.values {
                    let Value::Counter(value) = value else { continue };
                    let labels = named(labels);
                    let last = told.insert((family.name, labels.clone()), *value).unwrap_or(0);
                    if *value > last {
                        log::counter(seen.subject.rules.id(), family.name, &labels, *value, value - last);
                    }
                }
            }
        });
    }

    fn http(&self) -> std::sync::MutexGuard<'_, HttpCounters> {
        self.http.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn named(labels: &[(&'static str, String)]) -> String {
    let mut text = String::new();
    for (index, (name, value)) in labels.iter().enumerate() {
        // Writing to a string cannot fail.
        let _ = write!(text, "{}{name}={value}", if index == 0 { "" } else { " " });
    }
    text
}

impl Collector for NodeCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(view) = self.view.upgrade() else { return Ok(()) };
        let http = self.http.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let http = HttpCounters { watchers: self.watchers.count(), ..http };
        view.look(|seen, measures| {
            for family in table::families(seen, measures, &http) {
                encode(&mut encoder, &family)?;
            }
            Ok(())
        })
    }
}

fn encode(encoder: &mut DescriptorEncoder<'_>, family: &Family<'_>) -> fmt::Result {
    let Some((_, first)) = family.values.first() else { return Ok(()) };
    let kind = match first {
        Value::Counter(_) | Value::Seconds(_) => MetricType::Counter,
        Value::Gauge(_) | Value::Level(_) => MetricType::Gauge,
        Value::Histogram(_) => MetricType::Histogram,
    };
    let unit: Option<&Unit> = family.unit.as_ref();
    let mut metric = encoder.encode_descriptor(family.name, family.help, unit, kind)?;
    for (labels, value) in &family.values {
        if labels.is_empty() {
            encode_value(&mut metric, value)?;
        } else {
            encode_value(&mut metric.encode_family(labels)?, value)?;
        }
    }
    Ok(())
}

fn encode_value(metric: &mut MetricEncoder<'_>, value: &Value<'_>) -> fmt::Result {
    match value {
        Value::Counter(count) => metric.encode_counter::<NoLabelSet, u64, u64>(count, None),
        Value::Seconds(span) => {
            metric.encode_counter::<NoLabelSet, f64, u64>(&Duration::from(*span).as_secs_f64(), None)
        }
        Value::Gauge(level) => metric.encode_gauge(&i64::try_from(*level).unwrap_or(i64::MAX)),
        Value::Level(span) => metric.encode_gauge(&Duration::from(*span).as_secs_f64()),
        Value::Histogram(histogram) => encode_histogram(metric, histogram),
    }
}

fn encode_histogram(metric: &mut MetricEncoder<'_>, histogram: &Histogram) -> fmt::Result {
    let bounds = BOUNDS_NS.iter().map(|nanos| Duration::from_nanos(*nanos).as_secs_f64()).chain([f64::MAX]);
    let buckets: Vec<(f64, u64)> = bounds.zip(histogram.counts).collect();
    let sum = Duration::from_nanos(histogram.sum_ns).as_secs_f64();
    metric.encode_histogram::<NoLabelSet>(sum, histogram.count(), &buckets, None)
}
