//! Times, counts and states in words, the same on every page.

use chrono::{DateTime, TimeDelta, Utc};
use maud::{Markup, html};
use serde_json::Value;

pub(super) use super::foreign::{identifier, plain, plain_identifier, text};
use crate::{
    providers::HealthState,
    store::{Count, DiscrepancyKind, DiscrepancyState, OperationKind, OperationState, OrgStatus},
};

/// What stands where there is nothing.
pub(super) fn nothing() -> Markup {
    html! { span.quiet { "–" } }
}

/// A text, or a dash.
pub(super) fn or_dash(text: Option<&str>) -> Markup {
    text.map_or_else(nothing, self::text)
}

/// A moment, to the second.
pub(super) fn clock(at: DateTime<Utc>) -> Markup {
    let exact = at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
    html! { time datetime=(exact) title=(exact) { (at.format("%Y-%m-%d %H:%M:%S")) " UTC" } }
}

/// A moment, and how far it is from now.
pub(super) fn moment(at: DateTime<Utc>, now: DateTime<Utc>) -> Markup {
    html! { (clock(at)) ", " span.age { (distance(at, now)) } }
}

/// A moment that may be unknown.
pub(super) fn moment_or_dash(at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Markup {
    at.map_or_else(nothing, |at| moment(at, now))
}

/// How many there are, or that there are more than were counted.
pub(super) fn count(count: Count) -> String {
    match count {
        Count::Exactly(count) => count.to_string(),
        Count::MoreThan(count) => format!("over {count}"),
    }
}

/// How far a moment is from now: `3 min ago`, `in 20 s`.
pub(super) fn distance(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let past = now - at;
    if past < TimeDelta::zero() {
        format!("in {}", span(-past))
    } else {
        format!("{} ago", span(past))
    }
}

/// A length of time in its two largest units.
pub(super) fn span(length: TimeDelta) -> String {
    let seconds = length.num_seconds();
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match (days, hours, minutes) {
        (2.., _, _) => format!("{days} d {} h", hours % 24),
        (_, 1.., _) => format!("{hours} h {} min", minutes % 60),
        (_, _, 1..) => format!("{minutes} min"),
        _ => format!("{seconds} s"),
    }
}

/// A word with a colour that says the same.
fn chip(word: &str, tone: &str) -> Markup {
    html! { span class={ "chip " (tone) } { (word) } }
}

/// The state of an operation.
pub(super) fn state(state: OperationState) -> Markup {
    let tone = match state {
        OperationState::Quarantined => "bad",
        OperationState::Unknown => "warn",
        OperationState::Accepted | OperationState::Sending => "busy",
        OperationState::Succeeded => "good",
        OperationState::Rejected => "dull",
    };
    chip(state.as_str(), tone)
}

/// The state of a discrepancy.
pub(super) fn discrepancy_state(state: DiscrepancyState) -> Markup {
    let tone = match state {
        DiscrepancyState::Open => "warn",
        DiscrepancyState::Resolved => "good",
        DiscrepancyState::Dismissed => "dull",
    };
    chip(state.as_str(), tone)
}

/// What does not agree, as a heading begins.
pub(super) fn discrepancy(kind: DiscrepancyKind) -> &'static str {
    match kind {
        DiscrepancyKind::Unmapped => "Unmapped",
        DiscrepancyKind::Missing => "Missing",
        DiscrepancyKind::Drifted => "Drifted",
    }
}

/// The status of an organization.
pub(super) fn status(status: OrgStatus) -> Markup {
    let tone = match status {
        OrgStatus::Active => "good",
        OrgStatus::Pending => "busy",
        OrgStatus::Locked => "warn",
        OrgStatus::Failed => "bad",
        OrgStatus::Closed => "dull",
    };
    chip(status.as_str(), tone)
}

/// The health of a partner account.
pub(super) fn health(state: HealthState) -> Markup {
    let (word, tone) = match state {
        HealthState::Up => ("up", "good"),
        HealthState::Degraded => ("degraded", "warn"),
        HealthState::Down => ("down", "bad"),
        HealthState::Refused => ("refused", "bad"),
    };
    chip(word, tone)
}

/// Whether an organization can be used.
pub(super) fn usable(is_usable: bool) -> Markup {
    if is_usable { chip("usable", "good") } else { chip("not usable", "warn") }
}

/// Whether an account's gate lets anything through.
pub(super) fn gate(is_shut: bool) -> Markup {
    if is_shut { chip("gate shut", "bad") } else { chip("gate open", "good") }
}

/// What an operation does, as a heading begins.
pub(super) fn kind(kind: OperationKind) -> &'static str {
    match kind {
        OperationKind::Create => "Create",
        OperationKind::Update => "Update",
        OperationKind::Lock => "Lock",
        OperationKind::Unlock => "Unlock",
        OperationKind::Invite => "Invite",
        OperationKind::AdminRole => "Admin role",
    }
}

/// A JSON value as it is read: without quotes and braces.
pub(super) fn value(value: &Value) -> Markup {
    text(&plain_value(value))
}

/// A JSON value as it is read, where no markup may stand.
pub(super) fn plain_value(value: &Value) -> String {
    let joined = |parts: Vec<String>, between: &str| {
        if parts.is_empty() { "none".to_owned() } else { parts.join(between) }
    };
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(items) => joined(items.iter().map(plain_value).collect(), "; "),
        Value::Object(map) => {
            let pairs = map.iter().map(|(name, value)| format!("{name} {}", plain_value(value)));
            joined(pairs.collect(), ", ")
        }
    }
}
