//! How many answers there were of each kind, and how long they took. A kind is a status, and of a 503 its code,
//! such as `503 overloaded`.

use std::{collections::BTreeMap, time::Duration};

/// What came back.
#[derive(Debug, Default)]
pub(super) struct Tally(BTreeMap<String, Vec<Duration>>);

impl Tally {
    pub(super) fn add(&mut self, kind: String, took: Duration) {
        self.0.entry(kind).or_default().push(took);
    }

    pub(super) fn take(&mut self, other: Self) {
        for (kind, mut took) in other.0 {
            self.0.entry(kind).or_default().append(&mut took);
        }
    }

    /// How many there were of a kind.
    pub(super) fn count(&self, kind: &str) -> usize {
        self.0.get(kind).map_or(0, Vec::len)
    }

    /// The kinds that are none of these, each with how often it came.
    pub(super) fn others(&self, expected: &[&str]) -> Vec<(&str, usize)> {
        let others = self.0.iter().filter(|(kind, _)| !expected.contains(&kind.as_str()));
        others.map(|(kind, took)| (kind.as_str(), took.len())).collect()
    }

    /// The median, the 99th percentile and the longest of a kind, in words.
    pub(super) fn times(&self, kind: &str) -> String {
        let mut took = self.0.get(kind).cloned().unwrap_or_default();
        took.sort_unstable();
        let at = |share: f64| {
            let place = (took.len().saturating_sub(1)) as f64 * share;
            took.get(place.round() as usize).copied().unwrap_or_default().as_secs_f64() * 1000.0
        };
        format!("p50 {:.1} ms, p99 {:.1} ms, longest {:.1} ms", at(0.5), at(0.99), at(1.0))
    }
}
