//! What the fuzz targets reach of this room. It adds nothing of its own, and nothing else may use it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use provider_http::SignalSnapshot;

/// For how long the account's last answers forbid to ask more.
#[must_use]
pub fn pause(signals: &SignalSnapshot, now: DateTime<Utc>) -> Option<Duration> {
    super::pace::pause(signals, now)
}

/// For how long nothing is left of the account's rate limit.
#[must_use]
pub fn exhausted_for(signals: &SignalSnapshot) -> Option<Duration> {
    super::pace::exhausted(signals.rate_limit.as_ref()?)
}
