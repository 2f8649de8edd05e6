//! The metrics of requests, by method, route template and status. Handles are kept: looking one up by
//! its labels costs more than all else that is measured.

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
    time::Duration,
};

use axum::http::Method;
use metrics::{Counter, Histogram, counter, histogram};

use crate::telemetry::metrics::{HTTP_REQUEST_DURATION, HTTP_REQUESTS};

/// The handles in use. Routes are templates, so there are few.
#[derive(Default)]
pub(super) struct RouteMetrics {
    routes: RwLock<HashMap<String, Vec<Slot>>>,
}

struct Slot {
    method: &'static str,
    status: u16,
    requests: Counter,
    duration: Histogram,
}

impl RouteMetrics {
    /// Counts a request that was answered.
    pub(super) fn record(&self, method: &'static str, route: &str, status: u16, took: Duration) {
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = routes.get(route).and_then(|slots| slot_of(slots, method, status)) {
            slot.record(took);
            return;
        }
        drop(routes);
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        let slots = routes.entry(route.to_owned()).or_default();
        // Another request may have made it since the lock was let go.
        if slot_of(slots, method, status).is_none() {
            slots.push(Slot::new(method, route, status));
        }
        if let Some(slot) = slot_of(slots, method, status) {
            slot.record(took);
        }
    }
}

fn slot_of<'a>(slots: &'a [Slot], method: &str, status: u16) -> Option<&'a Slot> {
    slots.iter().find(|slot| slot.method == method && slot.status == status)
}

impl Slot {
    fn new(method: &'static str, route: &str, status: u16) -> Self {
        let labels = [
            ("method", method.to_owned()),
            ("route", route.to_owned()),
            ("status", status.to_string()),
        ];
        let requests = counter!(HTTP_REQUESTS, &labels);
        let duration = histogram!(HTTP_REQUEST_DURATION, &labels);
        Self { method, status, requests, duration }
    }

    fn record(&self, took: Duration) {
        self.requests.increment(1);
        self.duration.record(took.as_secs_f64());
    }
}

/// The label of a method that is none of the known ones.
pub(super) const UNKNOWN_METHOD: &str = "OTHER";

/// The method as a label: callers may send any word.
pub(super) fn method_label(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] =
        ["GET", "POST", "PATCH", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE", "CONNECT"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or(UNKNOWN_METHOD)
}
