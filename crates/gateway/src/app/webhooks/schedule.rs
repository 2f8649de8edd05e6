//! When a delivery is sent again, and when it is given up: pure.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::Unanswered;
use crate::store::{DeliveryEnd, DeliveryState};

/// How long a delivery is tried, from its first sending.
const GIVE_UP_AFTER: TimeDelta = TimeDelta::hours(24);
/// How long nothing may be delivered before a webhook is disabled.
const DISABLE_AFTER: TimeDelta = TimeDelta::days(5);
/// Pauses between sendings, in seconds; the last one from then on.
const PAUSES: [u64; 8] = [5, 15, 60, 300, 900, 1800, 3600, 7200];
/// A receiver that asks for a longer pause is asked again sooner.
const LONGEST_ASKED: Duration = Duration::from_secs(6 * 3600);

/// What came of one sending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// What the receiver answered.
    pub status: u16,
    /// For how long it asks not to be called.
    pub retry_after: Option<Duration>,
    /// The beginning of what it said.
    pub excerpt: String,
}

/// A sending, as it was.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sending {
    /// How often the delivery was sent, this time included.
    pub(super) attempts: i32,
    /// When it was first sent.
    pub(super) first_at: DateTime<Utc>,
    /// Now.
    pub(super) now: DateTime<Utc>,
    /// How long this one took.
    pub(super) took: Duration,
    /// From 0 to 1.
    pub(super) jitter: f64,
}

/// Decides what becomes of a delivery by its receiver's answer, or by the lack of one.
///
/// A receiver that answers 410 has its webhook disabled. The delivery stays pending: it is the first one that is sent
/// when the webhook is active again.
pub(super) fn judge(answer: &Result<Posted, Unanswered>, sending: Sending) -> DeliveryEnd {
    let now = sending.now;
    let end = DeliveryEnd {
        state: DeliveryState::Delivered,
        next_attempt_at: now,
        not_before: None,
        status: None,
        error: None,
        millis: Some(i32::try_from(sending.took.as_millis()).unwrap_or(i32::MAX)),
        disable: None,
        disable_if_failing_since: now - DISABLE_AFTER,
    };
    let (status, error, asked, is_timed) = match answer {
        Ok(posted) if (200..300).contains(&posted.status) => {
            return DeliveryEnd { status: Some(i32::from(posted.status)), ..end };
        }
        Ok(posted) => (Some(posted.status), said(posted), asked_for(posted), true),
        Err(failure) => (None, failure.shown.clone(), None, failure.is_reached),
    };
    let pause = asked.unwrap_or_else(|| pause(sending.attempts, sending.jitter));
    let next_attempt_at = now + TimeDelta::from_std(pause).unwrap_or(GIVE_UP_AFTER);
    let is_over = next_attempt_at - sending.first_at > GIVE_UP_AFTER;
    let is_gone = status == Some(410);
    DeliveryEnd {
        state: if is_over && !is_gone { DeliveryState::Failed } else { DeliveryState::Pending },
        next_attempt_at,
        not_before: asked.map(|_| next_attempt_at),
        status: status.map(i32::from),
        error: Some(error),
        millis: end.millis.filter(|_| is_timed),
        disable: is_gone.then_some("the receiver answered 410: it is gone"),
        ..end
    }
}

fn said(posted: &Posted) -> String {
    let what = match posted.status {
        300..400 => "a redirect, which is not followed",
        _ => "no success",
    };
    match posted.excerpt.as_str() {
        "" => what.to_owned(),
        words => format!("{what}: {words}"),
    }
}

/// A pause is asked for with a 429 or a 503 alone.
fn asked_for(posted: &Posted) -> Option<Duration> {
    let is_asked = matches!(posted.status, 429 | 503);
    posted
        .retry_after
        .filter(|_| is_asked)
        .map(|pause| pause.clamp(Duration::from_secs(1), LONGEST_ASKED))
}

/// Between three quarters and five quarters of the pause that is due.
fn pause(attempts: i32, jitter: f64) -> Duration {
    let at = usize::try_from(attempts.saturating_sub(1)).unwrap_or_default();
    let seconds = PAUSES.get(at).or(PAUSES.last()).copied().unwrap_or_default();
    Duration::from_secs(seconds).mul_f64(0.75 + jitter.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn sending(attempts: i32, now: i64) -> Sending {
        let took = Duration::from_millis(12);
        Sending { attempts, first_at: at(0), now: at(now), took, jitter: 0.5 }
    }

    fn posted(status: u16, retry_after: Option<u64>) -> Result<Posted, Unanswered> {
        let retry_after = retry_after.map(Duration::from_secs);
        Ok(Posted { status, retry_after, excerpt: String::new() })
    }

    #[test]
    fn only_2xx_delivers() {
        for status in [200, 201, 204, 299] {
            assert_eq!(judge(&posted(status, None), sending(1, 0)).state, DeliveryState::Delivered);
        }
        for status in [100, 199, 300, 301, 307, 400, 401, 404, 408, 429, 500, 503] {
            let end = judge(&posted(status, None), sending(1, 0));
            assert_eq!((end.state, end.disable), (DeliveryState::Pending, None), "{status}");
        }
        for (is_reached, millis) in [(false, None), (true, Some(12))] {
            let failure =
                Unanswered { shown: "no answer".into(), reason: "10.0.0.1".into(), is_reached };
            let end = judge(&Err(failure), sending(1, 0));
            assert_eq!(
                (end.state, end.error.as_deref(), end.millis),
                (DeliveryState::Pending, Some("no answer"), millis)
            );
        }
    }

    #[test]
    fn it_is_tried_for_a_day_ever_more_seldom_and_then_given_up() {
        let (mut now, mut attempts, mut pauses) = (0, 1, Vec::new());
        loop {
            let end = judge(&posted(500, None), sending(attempts, now));
            if end.state == DeliveryState::Failed {
                break;
            }
            pauses.push((end.next_attempt_at - at(now)).num_seconds());
            now += pauses.last().unwrap();
            attempts += 1;
        }
        assert_eq!(pauses[..4], [5, 15, 60, 300]);
        assert!(pauses.is_sorted());
        assert!((22 * 3600..=24 * 3600).contains(&now), "given up after {now} s");
        assert!((10..=25).contains(&attempts), "{attempts} times");
    }

    #[test]
    fn a_pause_that_is_asked_for_holds_for_the_whole_webhook_within_reason() {
        let end = judge(&posted(503, Some(90)), sending(1, 0));
        assert_eq!((end.next_attempt_at, end.not_before), (at(90), Some(at(90))));
        let end = judge(&posted(429, Some(1_000_000)), sending(1, 0));
        assert_eq!(end.not_before, Some(at(6 * 3600)));
        assert_eq!(judge(&posted(500, Some(90)), sending(1, 0)).not_before, None);
    }

    #[test]
    fn a_410_disables_and_its_delivery_stays() {
        for at in [0, 30 * 3600] {
            let end = judge(&posted(410, None), sending(1, at));
            assert_eq!(end.state, DeliveryState::Pending);
            assert!(end.disable.is_some());
        }
    }
}
