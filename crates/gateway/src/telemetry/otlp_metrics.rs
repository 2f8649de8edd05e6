//! Metrics by OTLP: what is recorded for Prometheus goes to a collector as well.
//!
//! Knows no metric by name; it only doubles what is recorded. What it is then called is `semantic`'s business.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ::metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};
use metrics_exporter_prometheus::PrometheusRecorder;
use opentelemetry::KeyValue;
use opentelemetry::metrics::{self as otel, Meter, MeterProvider};
use opentelemetry_otlp::{ExporterBuildError, MetricExporter, WithExportConfig};
use opentelemetry_sdk::metrics::SdkMeterProvider;

use super::semantic::{attributes, name_and_unit};

/// Sends metrics to the collector every minute.
pub(super) fn provider(endpoint: &str) -> Result<SdkMeterProvider, ExporterBuildError> {
    let exporter = MetricExporter::builder()
        .with_http()
        .with_endpoint(format!("{endpoint}/v1/metrics"))
        .with_timeout(super::EXPORT_WITHIN)
        .build()?;
    Ok(SdkMeterProvider::builder()
        .with_resource(super::resource())
        .with_periodic_exporter(exporter)
        .build())
}

/// Records everything twice: for Prometheus, and by OTLP.
pub(super) struct Doubled {
    prometheus: PrometheusRecorder,
    meter: Meter,
    bounds: Vec<f64>,
    instruments: Mutex<Instruments>,
}

/// Instruments by name: making one is dear, and each use of a metric asks for it.
#[derive(Default)]
struct Instruments {
    counters: HashMap<String, otel::Counter<u64>>,
    gauges: HashMap<String, otel::Gauge<f64>>,
    histograms: HashMap<String, otel::Histogram<f64>>,
    gauge_values: HashMap<Key, Arc<AtomicU64>>,
}

impl Doubled {
    pub(super) fn new(
        prometheus: PrometheusRecorder,
        meters: &SdkMeterProvider,
        bounds: &[f64],
    ) -> Self {
        let meter = meters.meter(super::SERVICE);
        Self { prometheus, meter, bounds: bounds.to_vec(), instruments: Mutex::default() }
    }

    fn with_instruments<T>(&self, f: impl FnOnce(&mut Instruments) -> T) -> T {
        f(&mut self.instruments.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Recorder for Doubled {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.prometheus.describe_counter(key, unit, description);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.prometheus.describe_gauge(key, unit, description);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.prometheus.describe_histogram(key, unit, description);
    }

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        let name = key.name().to_owned();
        let instrument = self.with_instruments(|known| {
            let make = || {
                let (called, unit) = name_and_unit(&name);
                self.meter.u64_counter(called).with_unit(unit).build()
            };
            known.counters.entry(name.clone()).or_insert_with(make).clone()
        });
        Counter::from_arc(Arc::new(DoubledCounter {
            prometheus: self.prometheus.register_counter(key, metadata),
            instrument,
            attributes: attributes(key),
            highest: AtomicU64::new(0),
        }))
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        let name = key.name().to_owned();
        let (instrument, value) = self.with_instruments(|known| {
            let make = || {
                let (called, unit) = name_and_unit(&name);
                self.meter.f64_gauge(called).with_unit(unit).build()
            };
            let instrument = known.gauges.entry(name.clone()).or_insert_with(make).clone();
            (instrument, Arc::clone(known.gauge_values.entry(key.clone()).or_default()))
        });
        Gauge::from_arc(Arc::new(DoubledGauge {
            prometheus: self.prometheus.register_gauge(key, metadata),
            instrument,
            attributes: attributes(key),
            value,
        }))
    }

    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
        let name = key.name().to_owned();
        let instrument = self.with_instruments(|known| {
            let make = || {
                let (called, unit) = name_and_unit(&name);
                let histogram = self.meter.f64_histogram(called).with_unit(unit);
                histogram.with_boundaries(self.bounds.clone()).build()
            };
            known.histograms.entry(name.clone()).or_insert_with(make).clone()
        });
        Histogram::from_arc(Arc::new(DoubledHistogram {
            prometheus: self.prometheus.register_histogram(key, metadata),
            instrument,
            attributes: attributes(key),
        }))
    }
}

struct DoubledCounter {
    prometheus: Counter,
    instrument: otel::Counter<u64>,
    attributes: Vec<KeyValue>,
    highest: AtomicU64,
}

impl CounterFn for DoubledCounter {
    fn increment(&self, value: u64) {
        self.prometheus.increment(value);
        self.instrument.add(value, &self.attributes);
    }

    fn absolute(&self, value: u64) {
        self.prometheus.absolute(value);
        let before = self.highest.fetch_max(value, Ordering::Relaxed);
        self.instrument.add(value.saturating_sub(before), &self.attributes);
    }
}

struct DoubledGauge {
    prometheus: Gauge,
    instrument: otel::Gauge<f64>,
    attributes: Vec<KeyValue>,
    /// The bits of the present value; an instrument can only be told a new one.
    value: Arc<AtomicU64>,
}

impl DoubledGauge {
    fn change(&self, change: impl Fn(f64) -> f64) {
        let changed = |bits| Some(change(f64::from_bits(bits)).to_bits());
        let before = self.value.fetch_update(Ordering::Relaxed, Ordering::Relaxed, changed);
        if let Ok(bits) = before {
            self.instrument.record(change(f64::from_bits(bits)), &self.attributes);
        }
    }
}

impl GaugeFn for DoubledGauge {
    fn increment(&self, value: f64) {
        self.prometheus.increment(value);
        self.change(|present| present + value);
    }

    fn decrement(&self, value: f64) {
        self.prometheus.decrement(value);
        self.change(|present| present - value);
    }

    fn set(&self, value: f64) {
        self.prometheus.set(value);
        self.change(|_present| value);
    }
}

struct DoubledHistogram {
    prometheus: Histogram,
    instrument: otel::Histogram<f64>,
    attributes: Vec<KeyValue>,
}

impl HistogramFn for DoubledHistogram {
    fn record(&self, value: f64) {
        self.prometheus.record(value);
        self.instrument.record(value, &self.attributes);
    }
}
