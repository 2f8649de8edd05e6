//! The limit in front of Scaleway's API: so many requests in each second of the clock.

use chrono::{DateTime, Utc};

/// What a key may do a second, as the real API's headers say.
pub(crate) const PUBLISHED_LIMIT: u32 = 50;

/// Counts requests by the second.
pub(crate) struct RateLimit {
    limit: Option<u32>,
    second: i64,
    used: u32,
}

/// What is left of the present second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Allowance {
    pub(crate) limit: u32,
    pub(crate) remaining: u32,
}

impl RateLimit {
    /// Without a limit nothing is refused, and the headers tell of the published one.
    pub(crate) fn new(limit: Option<u32>) -> Self {
        Self { limit, second: i64::MIN, used: 0 }
    }

    pub(crate) fn set(&mut self, limit: Option<u32>) {
        self.limit = limit;
    }

    /// Counts a request; `None` when it is one too many.
    pub(crate) fn take(&mut self, now: DateTime<Utc>) -> Option<Allowance> {
        if self.second != now.timestamp() {
            self.second = now.timestamp();
            self.used = 0;
        }
        if self.limit.is_some_and(|limit| self.used >= limit) {
            return None;
        }
        self.used = self.used.saturating_add(1);
        let limit = self.limit.unwrap_or(PUBLISHED_LIMIT);
        Some(Allowance { limit, remaining: limit.saturating_sub(self.used) })
    }
}
