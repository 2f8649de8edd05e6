//! The state machine, as pure functions: what a provider's answer, or a reading, makes of an operation.
//!
//! Nothing here waits, calls or writes. The engine does what these functions say.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use partner_core::{CreateRecovery, Effect, Error, Kind};

use crate::store::OperationKind;

/// No operation is sent more often than this.
pub const MAX_SENDS: i32 = 2;
/// The longest that one answer can shut an account's gate.
const LONGEST_GATE: Duration = Duration::from_secs(600);
/// The longest pause between two attempts of something that could not be sent.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// What could not be sent for this long is given up.
const GIVE_UP_AFTER: TimeDelta = TimeDelta::hours(24);
/// Two readings that find nothing must lie this far apart, or a third of the settle window if less.
const ABSENCE_GAP: Duration = Duration::from_secs(30);

/// What is known of an operation when something is seen of it.
#[derive(Debug, Clone, Copy)]
pub struct Situation {
    /// What it does.
    pub kind: OperationKind,
    /// How many sends may have left, the present one among them.
    pub sends: i32,
    /// How many times it was taken up.
    pub attempts: i32,
    /// How a lost create can be settled at this provider.
    pub recovery: CreateRecovery,
    /// An organization can be read by its id.
    pub can_get: bool,
    /// Until when an absence proves nothing, counted from the end of the lease.
    pub settle_until: DateTime<Utc>,
    /// How long that is.
    pub settle_window: Duration,
    /// The organization is so new that the provider may not show it yet.
    pub organization_is_young: bool,
    /// When the operation was committed.
    pub created_at: DateTime<Utc>,
    /// A number in 0..1, drawn anew each time, that spreads retries.
    pub jitter: f64,
}

/// What a failed call makes of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It was refused.
    Reject,
    /// It was not done and is sent again; `shut_gate`: and nothing else is sent for as long.
    SendAgain {
        /// When.
        after: Duration,
        /// The provider asked everybody to wait.
        shut_gate: bool,
    },
    /// It was refused because it is there already, perhaps by our own doing: read once, then decide.
    ReadOnceThenReject,
    /// It may have been done.
    BecomeUnknown,
}

/// What became of an operation whose call failed.
///
/// # Behavior
/// Without proof that it was refused or never sent, it is unknown.
#[must_use]
pub fn after_failure(situation: &Situation, error: &Error, now: DateTime<Utc>) -> Step {
    match error.effect() {
        Effect::Unknown => Step::BecomeUnknown,
        Effect::NotSent if !error.is_retryable() => give_up(situation),
        Effect::NotSent | Effect::NotApplied if error.kind() == Kind::RateLimited => {
            after_rate_limit(situation, error)
        }
        Effect::NotSent => after_no_connection(situation, now),
        Effect::NotApplied => after_refusal(situation, error.kind()),
    }
}

fn after_rate_limit(situation: &Situation, error: &Error) -> Step {
    if situation.kind == OperationKind::AdminRole {
        return Step::Reject;
    }
    let after = error.retry_after().unwrap_or_else(|| pause(situation)).min(LONGEST_GATE);
    Step::SendAgain { after, shut_gate: true }
}

fn after_no_connection(situation: &Situation, now: DateTime<Utc>) -> Step {
    // The password of an administrator's seat is kept nowhere, so there is nothing to send again.
    let is_given_up =
        situation.kind == OperationKind::AdminRole || now - situation.created_at > GIVE_UP_AFTER;
    if is_given_up {
        return give_up(situation);
    }
    Step::SendAgain { after: pause(situation), shut_gate: false }
}

fn after_refusal(situation: &Situation, kind: Kind) -> Step {
    if situation.kind == OperationKind::Create {
        return match kind {
            // The e-mail may be taken by our own first send.
            Kind::Conflict | Kind::InvalidInput if situation.sends >= MAX_SENDS => {
                Step::BecomeUnknown
            }
            Kind::Conflict if situation.recovery == CreateRecovery::ReadBack => {
                Step::ReadOnceThenReject
            }
            Kind::Conflict
            | Kind::InvalidInput
            | Kind::Unsupported
            | Kind::Unauthenticated
            | Kind::PermissionDenied
            | Kind::QuotaExceeded
            | Kind::NotFound
            | Kind::RateLimited
            | Kind::Unavailable
            | Kind::Unexpected => Step::Reject,
        };
    }
    let may_appear = kind == Kind::NotFound && situation.organization_is_young;
    if may_appear && situation.kind != OperationKind::AdminRole {
        return Step::SendAgain { after: pause(situation), shut_gate: false };
    }
    give_up(situation)
}

/// What a change comes to whose last send was not done. An earlier one may have been, or may be still: what
/// became of the last says nothing of it, a reading does. An earlier create was proven absent.
fn give_up(situation: &Situation) -> Step {
    let is_open = situation.kind != OperationKind::Create
        && situation.sends >= MAX_SENDS
        && situation.can_get;
    if is_open { Step::BecomeUnknown } else { Step::Reject }
}

/// Doubling from half a second, with up to half of it taken off at random.
fn pause(situation: &Situation) -> Duration {
    let doublings = u32::try_from(situation.attempts.clamp(1, 8) - 1).unwrap_or(0);
    let full = (Duration::from_millis(500) * 2_u32.pow(doublings)).min(LONGEST_PAUSE);
    full.mul_f64(1.0 - situation.jitter.clamp(0.0, 1.0) / 2.0)
}

/// What a reading of the provider found of an operation whose outcome is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// It was done.
    Applied,
    /// It was not done, as far as one reading can tell.
    NotApplied,
    /// Something is there that may be it: a person must look, once the window is over.
    Ambiguous,
    /// One is there that matches in everything, and an open create of another tenant or customer matches it
    /// as well: nobody's proof.
    Contested,
    /// Two are there that must both be it.
    Contradictory,
    /// The provider could not be read, or not to the end.
    Failed,
    /// The provider says that it has no such organization, though it was made.
    Missing,
    /// This provider cannot be read for this.
    Impossible,
}

/// What a reading makes of an operation whose outcome is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// It was done.
    Succeed,
    /// It was not done: send it again.
    SendAgain,
    /// Nothing is proven yet.
    LookAgain {
        /// When.
        after: Duration,
        /// Since when complete readings after the settle window's end have found nothing.
        absent_since: Option<DateTime<Utc>>,
    },
    /// A person must decide.
    Quarantine,
}

/// What a reading makes of an operation whose outcome is open.
///
/// # Behavior
/// That a create was not done is proven by two complete readings that lie apart, both begun after its settle
/// window's end: one from before then may be of a listing that did not show it yet. What can be sent twice
/// without harm (update, lock, unlock) is sent again after one reading, at once; that its last send was not
/// done either is proven by the window's end alone.
#[must_use]
pub fn after_reading(
    situation: &Situation,
    reading: Reading,
    absent_since: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Look {
    let gap = ABSENCE_GAP.min(situation.settle_window / 3);
    let window_is_over = now >= situation.settle_until;
    let again = Look::LookAgain { after: look_after(situation, gap, now), absent_since };
    match reading {
        Reading::Applied => Look::Succeed,
        Reading::Contradictory | Reading::Impossible => Look::Quarantine,
        // Without proof by reading there is nothing to wait for: a person must ask the provider.
        Reading::Failed
            if situation.kind == OperationKind::Create
                && situation.recovery != CreateRecovery::ReadBack =>
        {
            Look::Quarantine
        }
        Reading::Failed => again,
        Reading::Ambiguous | Reading::Contested | Reading::Missing if window_is_over => {
            Look::Quarantine
        }
        Reading::Ambiguous | Reading::Contested | Reading::Missing => {
            Look::LookAgain { after: look_after(situation, gap, now), absent_since: None }
        }
        Reading::NotApplied if situation.kind != OperationKind::Create => {
            match (situation.sends >= MAX_SENDS, window_is_over) {
                (false, _) => Look::SendAgain,
                (true, true) => Look::Quarantine,
                (true, false) => again,
            }
        }
        Reading::NotApplied if !window_is_over => again,
        Reading::NotApplied => match absent_since {
            Some(since) if now - since >= TimeDelta::from_std(gap).unwrap_or(TimeDelta::MAX) => {
                if situation.sends >= MAX_SENDS {
                    Look::Quarantine
                } else {
                    Look::SendAgain
                }
            }
            since => Look::LookAgain {
                after: look_after(situation, gap, now),
                absent_since: since.or(Some(now)),
            },
        },
    }
}

/// Soon while the answer may still be on its way, then at the pace that proving an absence needs, and
/// just after the window's end.
fn look_after(situation: &Situation, gap: Duration, now: DateTime<Utc>) -> Duration {
    let floor = Duration::from_millis(200);
    let pace = gap.clamp(floor, Duration::from_secs(10));
    let to_the_end = (situation.settle_until - now).to_std().unwrap_or(Duration::ZERO);
    if to_the_end.is_zero() { pace } else { pace.min(to_the_end).max(floor) }
}

#[cfg(test)]
mod tests;
