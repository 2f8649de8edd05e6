//! Every request that came in, and what became of it. No bodies, no queries, no keys.

use crate::{
    fault_book::FaultId,
    operation::{Operation, Provider},
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::sync::watch;

/// How many requests are remembered; older ones are forgotten, but still counted.
const REMEMBERED: usize = 50_000;

/// A request that came in.
#[derive(Debug, Clone, Serialize)]
pub struct RequestRecord {
    /// Counts from 1 over both providers.
    pub sequence: u64,
    pub received_at: DateTime<Utc>,
    pub provider: Provider,
    /// `None` where the path or the method leads to no operation.
    pub operation: Option<Operation>,
    pub method: String,
    /// The path without its query.
    pub path: String,
    /// The request's `traceparent` header.
    pub traceparent: Option<String>,
    /// The provider's own id for the request, as in `X-Request-Id`.
    pub request_id: String,
    /// Whether it changed the provider's state. Late work turns this true when it is done.
    pub applied: bool,
    /// The fault that decided its answer.
    pub fault: Option<FaultId>,
    /// The status that was sent; `None` while none is, or where none ever was.
    pub status: Option<u16>,
}

/// How often an operation was asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Requests that came in.
    pub received: u64,
    /// Requests that changed the state.
    pub applied: u64,
}

#[derive(Default)]
struct Entries {
    records: VecDeque<RequestRecord>,
    last_sequence: u64,
    tallies: BTreeMap<Operation, Tally>,
}

pub(crate) struct RequestLog {
    entries: Mutex<Entries>,
    changed: watch::Sender<()>,
}

impl RequestLog {
    pub(crate) fn new() -> Self {
        Self { entries: Mutex::default(), changed: watch::Sender::new(()) }
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in a request and gives it its number.
    pub(crate) fn begin(&self, mut record: RequestRecord) -> u64 {
        let mut entries = self.lock();
        entries.last_sequence += 1;
        record.sequence = entries.last_sequence;
        if let Some(operation) = record.operation {
            entries.tallies.entry(operation).or_default().received += 1;
        }
        if entries.records.len() == REMEMBERED {
            entries.records.pop_front();
        }
        let sequence = record.sequence;
        entries.records.push_back(record);
        drop(entries);
        self.changed.send_replace(());
        sequence
    }

    pub(crate) fn mark_applied(&self, sequence: u64, operation: Operation) {
        let mut entries = self.lock();
        entries.tallies.entry(operation).or_default().applied += 1;
        entries.change(sequence, |record| record.applied = true);
        drop(entries);
        self.changed.send_replace(());
    }

    pub(crate) fn finish(&self, sequence: u64, status: Option<u16>, fault: Option<FaultId>) {
        self.lock().change(sequence, |record| {
            record.status = status;
            record.fault = fault;
        });
        self.changed.send_replace(());
    }

    pub(crate) fn all(&self) -> Vec<RequestRecord> {
        self.lock().records.iter().cloned().collect()
    }

    pub(crate) fn tally(&self, operation: Operation) -> Tally {
        let entries = self.lock();
        entries.tallies.get(&operation).copied().unwrap_or_default()
    }

    pub(crate) fn tallies(&self) -> BTreeMap<Operation, Tally> {
        self.lock().tallies.clone()
    }

    /// Forgets the requests and their counts; numbers go on.
    pub(crate) fn clear(&self) {
        let mut entries = self.lock();
        entries.records.clear();
        entries.tallies.clear();
    }

    /// Waits until the tally of an operation is as wanted.
    pub(crate) async fn wait_for(&self, operation: Operation, wanted: impl Fn(Tally) -> bool) {
        let mut changed = self.changed.subscribe();
        while !wanted(self.tally(operation)) {
            if changed.changed().await.is_err() {
                return;
            }
        }
    }
}

impl Entries {
    fn change(&mut self, sequence: u64, change: impl FnOnce(&mut RequestRecord)) {
        let Some(first) = self.records.front().map(|record| record.sequence) else {
            return;
        };
        let place = sequence.checked_sub(first).and_then(|place| usize::try_from(place).ok());
        if let Some(record) = place.and_then(|place| self.records.get_mut(place)) {
            change(record);
        }
    }
}
