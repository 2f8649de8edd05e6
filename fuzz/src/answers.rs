//! A provider's answer, and what must hold of what we make of it.

use std::{fmt::Debug, time::Duration};

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use http::StatusCode;
use partner_core::{CreateRecovery, Effect, Error, Reply, Result};
use partner_gateway::{
    operations::{
        Failure,
        transitions::{Situation, Step, after_failure},
    },
    store::OperationKind,
};
use provider_http::fuzzing::RawAnswer;

use crate::lines::{headers, split_once};

/// Keys that may be sent, and so must never be said back. A key may hold spaces.
pub const KEYS: [&str; 2] = ["5c4a9e01-canary-4b7d", "canary key of words"];

/// The most characters of a text from a provider, with the sign that it was cut.
const LONGEST_TEXT: usize = 1_001;
const MOST_FAULTS: usize = 50;
const LONGEST_GATE: Duration = Duration::from_secs(600);

/// `STATUS`, headers, an empty line, the body.
pub fn parse(data: &[u8]) -> Option<RawAnswer> {
    let (head, body) = split_once(data, b"\n\n");
    let (first, rest) = split_once(head, b"\n");
    let status = std::str::from_utf8(first).ok()?.parse().ok()?;
    let status = StatusCode::from_u16(status).ok()?;
    let body = Bytes::copy_from_slice(body);
    Some(RawAnswer { status, headers: headers(rest), body })
}

/// What was answered with a 2xx is done or unknown, all else is an error; and nobody hears of a key.
pub fn check_call<'a, T: Debug>(
    status: StatusCode,
    typed: bool,
    result: &'a Result<Reply<T>>,
) -> Option<&'a T> {
    check_secret(&format!("{result:?}"));
    match result {
        Ok(reply) => {
            assert!(status.is_success(), "{status} was taken for a success");
            assert!(reply.request_id.as_ref().is_none_or(|id| id.is_ascii() && id.len() <= 512));
            Some(&reply.value)
        }
        Err(error) => {
            check_effect(status.as_u16(), typed, error);
            check_words(error);
            None
        }
    }
}

/// Neither key is in the text.
pub fn check_secret(text: &str) {
    assert!(!KEYS.iter().any(|key| text.contains(key)), "a key is said back: {text}");
}

/// The table of docs/OPERATIONS.md. `typed`: it carries a documented type that makes it a conflict.
fn check_effect(status: u16, typed: bool, error: &Error) {
    let expected = match status {
        400 | 401 | 403 | 404 | 405 | 409 | 413 | 415 | 422 | 429 => Effect::NotApplied,
        410 | 412 | 423 if typed => Effect::NotApplied,
        _ => Effect::Unknown,
    };
    assert_eq!(error.effect(), expected, "{status}");
    for recovery in [CreateRecovery::ReadBack, CreateRecovery::Impossible] {
        let step = |sends| after_failure(&create(sends, recovery), error, now());
        let refused_again = match status {
            400 | 409 | 413 | 415 | 422 => Step::BecomeUnknown,
            410 | 412 | 423 if typed => Step::BecomeUnknown,
            _ => step(1),
        };
        assert_eq!(step(2), refused_again, "{status} at the second send");
        match (status, step(1)) {
            (400 | 401 | 403 | 404 | 405 | 413 | 415 | 422, Step::Reject) => {}
            (429, Step::SendAgain { after, shut_gate: true }) => assert!(after <= LONGEST_GATE),
            (409, step) => assert_eq!(step, of_conflict(recovery)),
            (410 | 412 | 423, step) if typed => assert_eq!(step, of_conflict(recovery)),
            (_, Step::BecomeUnknown) if expected == Effect::Unknown => {}
            (_, step) => panic!("{status} at the first send came to {step:?}"),
        }
    }
}

fn of_conflict(recovery: CreateRecovery) -> Step {
    match recovery {
        CreateRecovery::ReadBack => Step::ReadOnceThenReject,
        CreateRecovery::Hint | CreateRecovery::Impossible => Step::Reject,
    }
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap_or_default()
}

fn create(sends: i32, recovery: CreateRecovery) -> Situation {
    Situation {
        kind: OperationKind::Create,
        sends,
        attempts: 1,
        recovery,
        can_get: recovery == CreateRecovery::ReadBack,
        settle_until: now() + TimeDelta::minutes(2),
        settle_window: Duration::from_secs(120),
        organization_is_young: true,
        created_at: now(),
        jitter: 0.5,
    }
}

/// Every text that is kept of an answer is one line of bounded length without a key in it.
fn check_words(error: &Error) {
    let faults = error.field_faults();
    assert!(faults.len() <= MOST_FAULTS, "{} faults", faults.len());
    let answer = error.answer().into_iter();
    let answer = answer.flat_map(|said| [&said.error_type, &said.message, &said.request_id]);
    let words = faults.iter().flat_map(|fault| [&fault.provider_field, &fault.message]);
    for text in answer.flatten().chain(words).map(String::as_str).chain([error.message()]) {
        assert!(text.chars().count() <= LONGEST_TEXT, "{} bytes", text.len());
        let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
        assert!(!text.contains(breaks), "more than a line: {text:?}");
        check_secret(text);
    }
    check_secret(&Failure::of_call("fuzz", error).to_value().to_string());
}
