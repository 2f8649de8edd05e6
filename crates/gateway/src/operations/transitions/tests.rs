//! What answers and readings make of an operation, case by case.

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
    for kind in [Kind::InvalidInput, Kind::Unauthenticated, Kind::PermissionDenied, Kind::NotFound]
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
    let shut = |seconds| Step::SendAgain { after: Duration::from_secs(seconds), shut_gate: true };
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
    let begins =
        |look, from| matches!(look, Look::LookAgain { absent_since, .. } if absent_since == from);
    assert!(begins(look(None, 10), None), "a listing from before the window's end proves nothing");
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
fn a_lock_whose_second_send_is_given_up_may_have_been_done_the_first_time() {
    let lost = Situation { kind: OperationKind::Lock, sends: 2, ..create() };
    let unsent = error(Kind::Unavailable, Effect::NotSent);
    assert!(matches!(after_failure(&lost, &unsent, at(1)), Step::SendAgain { .. }));
    assert_eq!(after_failure(&lost, &unsent, at(25 * 3600)), Step::BecomeUnknown);
    let unformed = error(Kind::Unexpected, Effect::NotSent);
    assert_eq!(after_failure(&lost, &unformed, at(1)), Step::BecomeUnknown);
    // Of one that was never sent before there is nothing to be read.
    let first = Situation { sends: 1, ..lost };
    assert_eq!(after_failure(&first, &unsent, at(25 * 3600)), Step::Reject);
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
