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
/// What could not be sent for this long is given up: nothing of it ever left.
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
        Effect::NotSent if !error.is_retryable() => Step::Reject,
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
        return Step::Reject;
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
    // Its first send may still be done: that the second was refused says nothing of the first.
    if situation.sends >= MAX_SENDS && situation.can_get {
        return Step::BecomeUnknown;
    }
    Step::Reject
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
        Reading::Ambiguous | Reading::Missing if window_is_over => Look::Quarantine,
        Reading::Ambiguous | Reading::Missing => {
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
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn create() -> Situation {
        Situation {
            kind: OperationKind::Create,
            sends: 1,
            attempts: 1,
            recovery: CreateRecovery::ReadBack,
            can_get: true,
            settle_until: at(180),
            settle_window: Duration::from_secs(180),
            organization_is_young: true,
            created_at: at(0),
            jitter: 0.0,
        }
    }

    fn error(kind: Kind, effect: Effect) -> Error {
        Error::new(kind, effect, "x")
    }

    #[test]
    fn without_proof_the_outcome_is_unknown() {
        for kind in [Kind::Unavailable, Kind::Unexpected, Kind::Conflict, Kind::RateLimited] {
            let step = after_failure(&create(), &error(kind, Effect::Unknown), at(1));
            assert_eq!(step, Step::BecomeUnknown, "{kind:?}");
        }
    }

    #[test]
    fn a_refused_create_is_rejected() {
        for kind in
            [Kind::InvalidInput, Kind::Unauthenticated, Kind::PermissionDenied, Kind::NotFound]
        {
            let step = after_failure(&create(), &error(kind, Effect::NotApplied), at(1));
            assert_eq!(step, Step::Reject, "{kind:?}");
        }
    }

    #[test]
    fn a_conflict_may_be_our_own_doing() {
        let conflict = error(Kind::Conflict, Effect::NotApplied);
        assert_eq!(after_failure(&create(), &conflict, at(1)), Step::ReadOnceThenReject);
        let unreadable = Situation { recovery: CreateRecovery::Impossible, ..create() };
        assert_eq!(after_failure(&unreadable, &conflict, at(1)), Step::Reject);
        let second = Situation { sends: 2, ..create() };
        assert_eq!(after_failure(&second, &conflict, at(1)), Step::BecomeUnknown);
        let invalid = error(Kind::InvalidInput, Effect::NotApplied);
        assert_eq!(after_failure(&second, &invalid, at(1)), Step::BecomeUnknown);
    }

    #[test]
    fn what_was_never_sent_is_sent_again_until_it_is_given_up() {
        let refused = error(Kind::Unavailable, Effect::NotSent);
        assert!(matches!(
            after_failure(&create(), &refused, at(1)),
            Step::SendAgain { shut_gate: false, .. }
        ));
        assert_eq!(after_failure(&create(), &refused, at(25 * 3600)), Step::Reject);
        let seat = Situation { kind: OperationKind::AdminRole, ..create() };
        assert_eq!(after_failure(&seat, &refused, at(1)), Step::Reject);
    }

    #[test]
    fn a_rate_limit_shuts_the_gate_for_as_long_as_asked_and_no_longer_than_ten_minutes() {
        let asked = |seconds| {
            error(Kind::RateLimited, Effect::NotApplied)
                .with_retry_after(Some(Duration::from_secs(seconds)))
        };
        let shut =
            |seconds| Step::SendAgain { after: Duration::from_secs(seconds), shut_gate: true };
        assert_eq!(after_failure(&create(), &asked(7), at(1)), shut(7));
        assert_eq!(after_failure(&create(), &asked(86_400), at(1)), shut(600));
    }

    #[test]
    fn a_lock_of_a_new_organization_that_is_not_shown_yet_is_sent_again() {
        let lock = Situation { kind: OperationKind::Lock, ..create() };
        let missing = error(Kind::NotFound, Effect::NotApplied);
        assert!(matches!(after_failure(&lock, &missing, at(1)), Step::SendAgain { .. }));
        let old = Situation { organization_is_young: false, ..lock };
        assert_eq!(after_failure(&old, &missing, at(1)), Step::Reject);
    }

    #[test]
    fn an_absence_is_proven_by_the_window_and_two_readings_apart() {
        let look = |since: Option<i64>, now| {
            after_reading(&create(), Reading::NotApplied, since.map(at), at(now))
        };
        let begins = |look, from| matches!(look, Look::LookAgain { absent_since, .. } if absent_since == from);
        assert!(
            begins(look(None, 10), None),
            "a listing from before the window's end proves nothing"
        );
        assert!(begins(look(None, 179), None), "the window is not over");
        assert!(begins(look(None, 180), Some(at(180))), "one reading is not two");
        assert!(begins(look(Some(180), 209), Some(at(180))), "29 s are not 30");
        assert_eq!(look(Some(180), 210), Look::SendAgain);
        assert_eq!(
            after_reading(
                &Situation { sends: 2, ..create() },
                Reading::NotApplied,
                Some(at(180)),
                at(210)
            ),
            Look::Quarantine
        );
    }

    #[test]
    fn a_lock_is_sent_again_at_once_and_given_to_a_person_when_its_last_window_is_over() {
        let look = |sends, now| {
            let lock = Situation { kind: OperationKind::Lock, sends, ..create() };
            after_reading(&lock, Reading::NotApplied, None, at(now))
        };
        assert_eq!(look(1, 10), Look::SendAgain);
        assert!(matches!(look(2, 179), Look::LookAgain { .. }), "it may still be done");
        assert_eq!(look(2, 180), Look::Quarantine);
    }

    #[test]
    fn a_lock_that_is_refused_the_second_time_may_still_be_done_the_first() {
        let denied = error(Kind::PermissionDenied, Effect::NotApplied);
        let lock = Situation { kind: OperationKind::Lock, ..create() };
        assert_eq!(after_failure(&lock, &denied, at(1)), Step::Reject);
        let second = Situation { sends: 2, ..lock };
        assert_eq!(after_failure(&second, &denied, at(1)), Step::BecomeUnknown);
    }

    #[test]
    fn an_organization_that_is_not_there_any_more_is_a_persons_once_the_window_is_over() {
        let look = |now| {
            let lock = Situation { kind: OperationKind::Lock, ..create() };
            after_reading(&lock, Reading::Missing, None, at(now))
        };
        assert!(matches!(look(179), Look::LookAgain { .. }));
        assert_eq!(look(180), Look::Quarantine);
    }

    #[test]
    fn a_failed_reading_proves_nothing_and_forgets_nothing() {
        let look = after_reading(&create(), Reading::Failed, Some(at(10)), at(999));
        assert!(matches!(look, Look::LookAgain { absent_since: Some(s), .. } if s == at(10)));
    }

    #[test]
    fn a_sight_that_may_be_ours_ends_the_absence() {
        let look = after_reading(&create(), Reading::Ambiguous, Some(at(10)), at(100));
        assert!(matches!(look, Look::LookAgain { absent_since: None, .. }));
        assert_eq!(after_reading(&create(), Reading::Ambiguous, None, at(180)), Look::Quarantine);
        assert_eq!(after_reading(&create(), Reading::Contradictory, None, at(1)), Look::Quarantine);
    }

    #[test]
    fn what_can_be_repeated_is_sent_again_after_one_reading() {
        let lock = Situation { kind: OperationKind::Lock, ..create() };
        assert_eq!(after_reading(&lock, Reading::NotApplied, None, at(1)), Look::SendAgain);
        let spent = Situation { sends: 2, ..lock };
        assert_eq!(after_reading(&spent, Reading::NotApplied, None, at(1)), Look::Quarantine);
    }
}
