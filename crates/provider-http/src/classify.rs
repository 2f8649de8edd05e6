//! What an end of a request proves: transport errors and statuses become a kind and an effect.
//!
//! Without proof that the provider refused, or that not a byte was written, the effect is unknown. Words
//! of the provider are not judged here; an adapter may overrule a status by a documented error code.

use std::time::Duration;

use chrono::{DateTime, Utc};
use http::{HeaderMap, StatusCode};
use partner_core::{Effect, Error, Kind};

use crate::answer::{BODY_LIMIT, BodyFault, Unreadable};

/// The longest wait that a provider or a receiver can ask for: a day. Who waits may have a shorter one.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);

/// What a status that is no success means.
pub(crate) fn judge_status(status: StatusCode) -> (Kind, Effect) {
    match status.as_u16() {
        400 | 413 | 415 | 422 => (Kind::InvalidInput, Effect::NotApplied),
        401 => (Kind::Unauthenticated, Effect::NotApplied),
        403 => (Kind::PermissionDenied, Effect::NotApplied),
        404 => (Kind::NotFound, Effect::NotApplied),
        405 => (Kind::Unsupported, Effect::NotApplied),
        409 => (Kind::Conflict, Effect::NotApplied),
        429 => (Kind::RateLimited, Effect::NotApplied),
        408 | 425 | 500..=599 => (Kind::Unavailable, Effect::Unknown),
        _ => (Kind::Unexpected, Effect::Unknown),
    }
}

/// The error of a request that found no answer.
pub(crate) fn transport_error(error: reqwest::Error) -> Error {
    // The URL holds the query, and so a customer's e-mail address.
    let error = error.without_url();
    // A connect timeout is both; nothing was written then.
    let (kind, effect, message) = if error.is_connect() {
        (Kind::Unavailable, Effect::NotSent, "the provider could not be reached")
    } else if error.is_builder() {
        (Kind::Unexpected, Effect::NotSent, "the request could not be formed")
    } else if error.is_timeout() {
        (Kind::Unavailable, Effect::Unknown, "the provider did not answer in time")
    } else {
        (
            Kind::Unavailable,
            Effect::Unknown,
            "the connection to the provider was lost before it answered",
        )
    };
    Error::new(kind, effect, message).with_source(error)
}

/// The error of an answer whose body was not read whole. Whatever its status, it proves nothing.
pub(crate) fn body_error(status: StatusCode, fault: BodyFault) -> Error {
    let status = status.as_u16();
    match fault {
        BodyFault::TooLong => Error::new(
            Kind::Unexpected,
            Effect::Unknown,
            format!("the provider answered {status} with more than {BODY_LIMIT} bytes"),
        ),
        BodyFault::Lost(error) => {
            let how = if error.is_timeout() {
                "did not end its answer in time"
            } else {
                "broke off its answer"
            };
            Error::new(
                Kind::Unavailable,
                Effect::Unknown,
                format!("the provider answered {status} and {how}"),
            )
            .with_source(error.without_url())
        }
    }
}

/// The error of a success that cannot be used: it was probably done.
pub(crate) fn unreadable_error(status: StatusCode, why: &Unreadable) -> Error {
    Error::new(
        Kind::Unexpected,
        Effect::Unknown,
        format!(
            "the provider answered {} with a document that cannot be used: {why}",
            status.as_u16()
        ),
    )
}

/// How long `Retry-After` asks us to wait: seconds, or an HTTP date seen from `now`; [`LONGEST_WAIT`] at
/// most.
pub(crate) fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let text = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim();
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let wait = if is_number {
        // What is too long for a number is the longest wait, and not none.
        Duration::from_secs(text.parse().unwrap_or(u64::MAX))
    } else {
        (date(text)? - now).to_std().unwrap_or(Duration::ZERO)
    };
    Some(wait.min(LONGEST_WAIT))
}

/// Any of the three forms of an HTTP date; a zone in place of `GMT` is understood too.
fn date(text: &str) -> Option<DateTime<Utc>> {
    let date = httpdate::parse_http_date(text).map(DateTime::from).ok();
    date.or_else(|| Some(DateTime::parse_from_rfc2822(text).ok()?.to_utc()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_means_what_it_proves() {
        let table = [
            (400, Kind::InvalidInput, Effect::NotApplied),
            (401, Kind::Unauthenticated, Effect::NotApplied),
            (403, Kind::PermissionDenied, Effect::NotApplied),
            (404, Kind::NotFound, Effect::NotApplied),
            (405, Kind::Unsupported, Effect::NotApplied),
            (409, Kind::Conflict, Effect::NotApplied),
            (413, Kind::InvalidInput, Effect::NotApplied),
            (415, Kind::InvalidInput, Effect::NotApplied),
            (422, Kind::InvalidInput, Effect::NotApplied),
            (429, Kind::RateLimited, Effect::NotApplied),
            (408, Kind::Unavailable, Effect::Unknown),
            (425, Kind::Unavailable, Effect::Unknown),
            (500, Kind::Unavailable, Effect::Unknown),
            (502, Kind::Unavailable, Effect::Unknown),
            (503, Kind::Unavailable, Effect::Unknown),
            (504, Kind::Unavailable, Effect::Unknown),
            (599, Kind::Unavailable, Effect::Unknown),
            (301, Kind::Unexpected, Effect::Unknown),
            (307, Kind::Unexpected, Effect::Unknown),
            (402, Kind::Unexpected, Effect::Unknown),
            (410, Kind::Unexpected, Effect::Unknown),
            (418, Kind::Unexpected, Effect::Unknown),
            (451, Kind::Unexpected, Effect::Unknown),
        ];
        for (status, kind, effect) in table {
            let judged = judge_status(StatusCode::from_u16(status).unwrap());
            assert_eq!(judged, (kind, effect), "{status}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = DateTime::parse_from_rfc3339("1994-11-06T08:49:00Z").unwrap().to_utc();
        let wait = |text: &'static str| {
            let headers = HeaderMap::from_iter([(
                http::header::RETRY_AFTER,
                http::HeaderValue::from_static(text),
            )]);
            retry_after(&headers, now)
        };
        assert_eq!(wait("120"), Some(Duration::from_secs(120)));
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::from_secs(37)));
        assert_eq!(wait("Sun, 06 Nov 1994 08:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(wait("soon"), None);
        assert_eq!(wait("-1"), None);
        assert_eq!(wait("+1"), None);
        assert_eq!(wait(""), None);
    }

    #[test]
    fn the_dates_of_old_are_understood() {
        let now = DateTime::parse_from_rfc3339("1994-11-06T08:49:00Z").unwrap().to_utc();
        for text in [
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "Sun, 06 Nov 1994 09:49:37 +0100",
        ] {
            let value = http::HeaderValue::from_static(text);
            let headers = HeaderMap::from_iter([(http::header::RETRY_AFTER, value)]);
            assert_eq!(retry_after(&headers, now), Some(Duration::from_secs(37)), "{text}");
        }
    }

    #[test]
    fn nobody_makes_us_wait_for_ever() {
        let now = DateTime::parse_from_rfc3339("1994-11-06T08:49:00Z").unwrap().to_utc();
        for text in [
            "86401",
            "18446744073709551615",
            "99999999999999999999",
            "Fri, 31 Dec 9999 23:59:59 GMT",
        ] {
            let value = http::HeaderValue::from_static(text);
            let headers = HeaderMap::from_iter([(http::header::RETRY_AFTER, value)]);
            assert_eq!(retry_after(&headers, now), Some(LONGEST_WAIT), "{text}");
        }
    }
}
