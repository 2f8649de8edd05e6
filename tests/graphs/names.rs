//! No rule and no dashboard looks at a metric that no gateway exports.

use std::collections::BTreeSet;

use super::{filled::Filled, tools::files};
use crate::harness::until;

/// The names of our metrics in a text.
fn names(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':')
        .filter(|word| word.starts_with("gateway_"))
        .collect()
}

/// The names that a page of metrics has values of.
fn exported(page: &str) -> BTreeSet<&str> {
    let values = page.lines().filter(|line| !line.starts_with('#'));
    values.filter_map(|line| line.split(['{', ' ']).next()).collect()
}

#[tokio::test]
async fn every_metric_that_is_looked_at_is_exported() {
    let mut sources = files("prometheus/rules", "yml");
    sources.extend(files("prometheus/tests", "yml"));
    sources.extend(files("grafana/dashboards", "json"));
    let wanted: BTreeSet<&str> = sources.iter().flat_map(|(_, text)| names(text)).collect();
    assert!(wanted.len() > 15, "only {wanted:?}");

    let filled = Filled::start().await;
    // Some are measured every few seconds.
    until("every metric", async || {
        let page = filled.metrics().await;
        let exported = exported(&page);
        wanted.iter().all(|name| exported.contains(name)).then_some(())
    })
    .await;
    filled.end().await;
}
