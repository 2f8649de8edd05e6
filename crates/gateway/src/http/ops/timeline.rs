//! What happened to an operation, told in the order of time.

use chrono::{DateTime, Utc};
use maud::{Markup, html};
use serde_json::Value;

use super::words;
use crate::{
    app::{Happened, Moment},
    store::{Evidence, EvidenceKind, Operation, SendPhase},
};

/// The whole history of an operation.
pub(super) fn timeline(operation: &Operation, moments: &[Moment], now: DateTime<Utc>) -> Markup {
    html! {
        ol.timeline {
            li {
                (words::moment(operation.created_at, now))
                p { strong { "Asked for" } " by " (words::identifier(&operation.actor)) }
            }
            @for moment in moments {
                li { (words::moment(moment.at, now)) (happened(&moment.what)) }
            }
            @if let Some(at) = operation.finished_at {
                li { (words::moment(at, now)) p { strong { "Ended" } ": " (operation.state) } }
            }
        }
    }
}

fn happened(what: &Happened) -> Markup {
    match what {
        Happened::TakenUp(attempt) => html! {
            p {
                strong { "Attempt " (attempt.number) } " was about to be sent "
                span.quiet { "epoch " (attempt.epoch) }
            }
        },
        Happened::Seen(evidence) => seen(evidence),
    }
}

fn seen(evidence: &Evidence) -> Markup {
    let detail = &evidence.detail;
    let told = match evidence.kind {
        EvidenceKind::Answer => answer(detail),
        EvidenceKind::Failure => failure(detail),
        EvidenceKind::LeaseExpired => {
            html! { strong { "Lease over" } ": whoever had it was not heard of again" }
        }
        EvidenceKind::ReadBack => read_back(detail),
        EvidenceKind::Resolution => resolution(detail),
    };
    html! {
        p { (told) }
        p.quiet {
            @if let Some(phase) = evidence.send_phase {
                (phase_words(phase)) " · "
            }
            @if let Some(id) = &evidence.provider_request_id {
                "provider's request " code { (words::text(id)) } " · "
            }
            "epoch " (evidence.epoch)
        }
    }
}

/// Whether the provider may have processed anything, in words.
pub(super) fn phase_words(phase: SendPhase) -> &'static str {
    match phase {
        SendPhase::Sent => "the provider may have processed it",
        SendPhase::NotSent => "the provider processed nothing",
    }
}

fn answer(detail: &Value) -> Markup {
    html! {
        strong { "Answered" } ": it was done"
        @if let Some(id) = detail["provider_org_id"].as_str() { ", organization " code { (id) } }
    }
}

fn failure(detail: &Value) -> Markup {
    html! {
        strong { "Failed" } ": " (words::value(&detail["message"])) " "
        span.quiet {
            (words::value(&detail["kind"])) ", " (words::value(&detail["effect"]))
            @if let Some(status) = detail["status"].as_u64() { ", status " (status) }
            @if let Some(error_type) = detail["type"].as_str() { ", " code { (words::text(error_type)) } }
        }
    }
}

fn read_back(detail: &Value) -> Markup {
    let candidates = detail["candidates"].as_array().map_or(0, Vec::len);
    html! {
        strong { "The provider was read" } ": " (reading(&detail["reading"]))
        @if candidates > 0 { ", " (candidates) @if candidates == 1 { " candidate" } @else { " candidates" } }
        @if let Some(error) = detail["error"]["message"].as_str() { ": " (words::text(error)) }
    }
}

/// What a reading found, in words.
fn reading(word: &Value) -> String {
    let told = match word.as_str() {
        Some("applied") => "it was done",
        Some("not_applied") => "it is not there",
        Some("ambiguous") => "only what may be it",
        Some("contested") => "an organization that another open create matches as well",
        Some("contradictory") => "more than one that seems to be it",
        Some("impossible") => "nothing can be read back here",
        Some("failed") => "the reading failed",
        Some(_) | None => return words::plain_value(word),
    };
    told.to_owned()
}

fn resolution(detail: &Value) -> Markup {
    let outcome = match detail["outcome"].as_str() {
        Some("applied") => "it was done".to_owned(),
        Some("not_applied") => "it was not done, and shall not be".to_owned(),
        Some("not_applied_retry") => "it was not done; send it again".to_owned(),
        Some("abandoned") => "nobody will find out".to_owned(),
        Some(_) | None => words::plain_value(&detail["outcome"]),
    };
    html! {
        strong { "Settled by " (words::value(&detail["actor"])) } ": " (outcome)
        " " q { (words::value(&detail["reason"])) }
    }
}
