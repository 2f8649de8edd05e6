//! A change of the customer id that comes too late for the month's invoice.
//!
//! A provider that puts the customer id on its invoices fixes it at a day of the month. What counts is when
//! the change is done, and when it was asked for: one that waits over that day is late for the month in
//! which it was meant.

use chrono::{DateTime, Datelike, NaiveTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::model::{Operation, OperationState};

/// The code of the warning.
pub const INVOICE_NOT_GUARANTEED: &str = "invoice_not_guaranteed";

/// Where an operation's request keeps it.
const KEY: &str = "late";

/// From when on a change of the customer id is late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LateChange {
    /// Late it is if it is done at this time or afterwards.
    pub from: DateTime<Utc>,
    /// It was late already when it was asked for.
    pub already: bool,
}

impl LateChange {
    /// Of a change that was asked for at this time, at a provider that fixes the id on this day of the
    /// month, as its first moment in UTC.
    #[must_use]
    pub fn asked_at(asked: DateTime<Utc>, fixed_on: u32) -> Option<Self> {
        let day = asked.date_naive().with_day(fixed_on)?;
        let from = day.and_time(NaiveTime::MIN).and_utc();
        Some(Self { from, already: asked >= from })
    }

    /// Keeps it with what an operation is to send.
    pub fn keep_in(&self, request: &mut Value) {
        if let Value::Object(request) = request {
            request.insert(KEY.to_owned(), json!(self));
        }
    }
}

impl Operation {
    /// It changes the customer id too late for the month's invoice: it was asked for too late, or was not
    /// done before, as of `now`.
    #[must_use]
    pub fn is_late(&self, now: DateTime<Utc>) -> bool {
        let late = self.request.get(KEY).map(LateChange::deserialize).and_then(Result::ok);
        late.is_some_and(|late| late.already || self.finished_at.unwrap_or(now) >= late.from)
    }

    /// What its event warns of, once it has succeeded.
    pub(super) fn warnings(&self) -> Vec<Value> {
        match self.finished_at {
            Some(at) if self.state == OperationState::Succeeded && self.is_late(at) => {
                vec![json!({ "code": INVOICE_NOT_GUARANTEED, "pointer": "/customer_id" })]
            }
            Some(_) | None => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn the_day_begins_at_midnight_utc() {
        let late = |asked| LateChange::asked_at(at(asked), 25).unwrap();
        let from = at("2026-02-25T00:00:00Z");
        assert_eq!(late("2026-02-24T23:59:59.999999Z"), LateChange { from, already: false });
        assert_eq!(late("2026-02-25T00:00:00Z"), LateChange { from, already: true });
        assert_eq!(late("2026-02-28T23:59:59Z"), LateChange { from, already: true });
        assert_eq!(late("2026-03-01T00:00:00Z").from, at("2026-03-25T00:00:00Z"));
        assert_eq!(late("2026-02-25T00:30:00+01:00"), LateChange { from, already: false });
    }

    #[test]
    fn a_day_that_the_month_does_not_have_fixes_nothing() {
        assert_eq!(LateChange::asked_at(at("2026-02-24T00:00:00Z"), 30), None);
    }
}
