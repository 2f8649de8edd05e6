//! Looking at the provider: what a reading can see of what is really there, and what the engine's own
//! rules make of it.

use chrono::{DateTime, TimeDelta, Utc};
use partner_core::CreateRecovery;
use partner_gateway::{
    operations::transitions::{Look, Reading, Situation, after_reading},
    store::{OperationKind, OperationState},
};

use super::{
    moves::{Steps, What},
    rows::{GAP, Next, WINDOW},
    scenario::{Mutation, Scenario},
    state::{Absence, Op, Request, STRANGER, Seen, State, Verdict, View, Worker},
    workers::byte,
};

/// Seconds in a unit of the model's time: then a settle window is 90 s, and two readings lie 30 s apart.
const UNIT: i64 = 30;

/// The model's present. Everything else lies before or after it.
pub(super) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap_or_default()
}

fn units(count: u8) -> TimeDelta {
    TimeDelta::seconds(UNIT * i64::from(count))
}

/// What the engine knows of an operation.
pub(super) fn situation(scenario: &Scenario, op: usize, row: &Op, settle: u8) -> Situation {
    Situation {
        kind: scenario.kinds[op],
        sends: i32::from(row.sends),
        attempts: 1,
        recovery: if scenario.readable {
            CreateRecovery::ReadBack
        } else {
            CreateRecovery::Impossible
        },
        can_get: scenario.readable,
        settle_until: now() + units(settle),
        settle_window: units(WINDOW).to_std().unwrap_or_default(),
        organization_is_young: false,
        created_at: now() - TimeDelta::minutes(10),
        jitter: 0.0,
    }
}

impl Steps<'_> {
    /// A worker takes an open operation up, and reads the provider.
    pub(super) fn looks(&mut self, worker: usize, op: usize) {
        let scenario = self.scenario;
        for (what, seen, missed) in sights(scenario, &self.from, op) {
            self.add(what, Some(worker), Some(op), |state| {
                see_for_the_last_time(state, op, missed);
                let row = &mut state.ops[op];
                row.epoch += 1;
                let epoch = row.epoch;
                let verdict = (!scenario.breaks(Mutation::ReadingDatedAtItsEnd))
                    .then(|| judge(scenario, op, &state.ops[op], seen));
                state.workers[worker] =
                    Worker::Looks { op: byte(op), epoch, seen, verdict, age: 0 };
                Ok(())
            });
        }
    }

    /// The first send was refused as a conflict: one reading decides.
    pub(super) fn reads_once(&mut self, worker: usize, op: usize, epoch: u8) {
        for (what, seen, missed) in sights(self.scenario, &self.from, op) {
            self.add(what, Some(worker), Some(op), |state| {
                see_for_the_last_time(state, op, missed);
                state.workers[worker] = Worker::ReadsOnce { op: byte(op), epoch, seen };
                Ok(())
            });
        }
    }

    pub(super) fn concludes_reading_once(
        &mut self,
        worker: usize,
        op: usize,
        epoch: u8,
        seen: Seen,
    ) {
        let scenario = self.scenario;
        let lease = self.from.ops[op].lease;
        let settle = u8::try_from(lease + WINDOW.cast_signed()).unwrap_or(0);
        let next = match seen {
            Seen::Ours(request) => Next::Succeeded(request),
            Seen::Theirs => Next::Succeeded(STRANGER),
            Seen::Failed | Seen::Contested => Next::Unknown { settle, absent: None },
            Seen::Two | Seen::Maybe | Seen::Nothing | Seen::Missing | Seen::Impossible => {
                Next::Rejected
            }
        };
        self.add(What::ConcludesReading, Some(worker), Some(op), |state| {
            state.workers[worker] = Worker::Idle;
            scenario.record(state, op, (epoch, OperationState::Sending), next).map(|_| ())
        });
    }

    pub(super) fn concludes_reading(&mut self, worker: usize) {
        let Worker::Looks { op, epoch, seen, verdict, age } = self.from.workers[worker] else {
            return;
        };
        let (scenario, op) = (self.scenario, usize::from(op));
        self.add(What::ConcludesReading, Some(worker), Some(op), |state| {
            state.workers[worker] = Worker::Idle;
            let was_read = !matches!(seen, Seen::Failed | Seen::Impossible);
            state.gate.read_since |= was_read;
            let row = state.ops[op];
            let (verdict, age) = match verdict {
                Some(verdict) => (verdict, age),
                None => (judge(scenario, op, &row, seen), 0),
            };
            let next = match verdict {
                Verdict::Done(request) => Next::Succeeded(request),
                Verdict::SendAgain => Next::Accepted { give_back_send: false },
                Verdict::Quarantine => Next::Quarantined,
                Verdict::LookAgain(absence) => Next::Unknown {
                    settle: row.settle,
                    absent: Scenario::absent_after(state, op, absence, age),
                },
            };
            scenario.record(state, op, (epoch, OperationState::Unknown), next).map(|_| ())
        });
    }
}

/// One thing that a reading can see, and the organization that it missed.
type Sight = (What, Seen, Option<usize>);

/// All that a reading can see.
fn sights(scenario: &Scenario, state: &State, op: usize) -> Vec<Sight> {
    let row = &state.ops[op];
    match scenario.kinds[op] {
        OperationKind::Create => match row.proof {
            Some(request) => proven_sights(scenario, row, request),
            None if scenario.readable => {
                rival_sights(scenario, state, op).unwrap_or_else(|| create_sights(row))
            }
            None => vec![(What::CannotRead, Seen::Impossible, None)],
        },
        OperationKind::Lock => lock_sights(state.locked),
        OperationKind::Unlock => lock_sights(!state.locked),
        OperationKind::Update | OperationKind::Invite | OperationKind::AdminRole => {
            vec![(What::CannotRead, Seen::Impossible, None)]
        }
    }
}

fn lock_sights(is_done: bool) -> Vec<Sight> {
    let seen = if is_done {
        (What::ReadsOurs, Seen::Ours(0), None)
    } else {
        (What::ReadsNothing, Seen::Nothing, None)
    };
    vec![
        seen,
        (What::FailsToRead, Seen::Failed, None),
        (What::ReadsThatItIsMissing, Seen::Missing, None),
    ]
}

/// What can be seen of a create whose id a late answer has proven.
fn proven_sights(scenario: &Scenario, row: &Op, request: u8) -> Vec<Sight> {
    if !scenario.readable {
        return vec![(What::CannotRead, Seen::Impossible, None)];
    }
    let mut sights = vec![(What::FailsToRead, Seen::Failed, None)];
    match row.requests[usize::from(request)] {
        Request::Landed { view: View::Shown | View::Flickering, .. } => {
            sights.push((What::ReadsOurs, Seen::Ours(request), None));
        }
        Request::Landed { view: View::Hidden, .. } => {
            sights.push((What::ReadsThatItIsMissing, Seen::Missing, None));
        }
        Request::None | Request::UnderWay { .. } | Request::Lost => {}
    }
    sights
}

fn create_sights(row: &Op) -> Vec<Sight> {
    let view = |index: u8| match row.requests[usize::from(index)] {
        Request::Landed { view, .. } => view,
        Request::None | Request::UnderWay { .. } | Request::Lost => View::Hidden,
    };
    let shown: Vec<u8> = row.landed().filter(|index| view(*index) != View::Hidden).collect();
    let mut sights = vec![(What::FailsToRead, Seen::Failed, None)];
    match shown.as_slice() {
        [] => {
            sights.push((What::ReadsNothing, Seen::Nothing, None));
            sights.push((What::ReadsACandidate, Seen::Maybe, None));
        }
        [one] => sights.push((What::ReadsOurs, Seen::Ours(*one), None)),
        [..] => sights.push((What::ReadsTwo, Seen::Two, None)),
    }
    for missed in shown.iter().filter(|index| view(**index) == View::Flickering) {
        let others: Vec<u8> = shown.iter().filter(|other| *other != missed).copied().collect();
        let seen = others.first().map_or(Seen::Nothing, |other| Seen::Ours(*other));
        sights.push((What::MissesWhatIsThere, seen, Some(usize::from(*missed))));
    }
    sights
}

/// Returns the possible readings of a create while another tenant creates the same customer, or `None` where
/// the other create makes no difference. Both look for the same address and customer id, so each sees the organization of
/// either.
fn rival_sights(scenario: &Scenario, state: &State, op: usize) -> Option<Vec<Sight>> {
    let rival = (0..scenario.kinds.len()).find(|other| *other != op)?;
    if !scenario.world.same_customer {
        return None;
    }
    let (own, theirs) = (&state.ops[op], &state.ops[rival]);
    let shown = |row: &Op| {
        row.requests.iter().enumerate().find_map(|(index, request)| match request {
            Request::Landed { view: View::Hidden, .. }
            | Request::None
            | Request::UnderWay { .. }
            | Request::Lost => None,
            Request::Landed { view, .. } => Some((index, *view)),
        })
    };
    let is_open = theirs.is_in_flight() && !scenario.breaks(Mutation::RivalNotLookedFor);
    let contested = (What::ReadsAContestedOne, Seen::Contested, None);
    let (seen, missed) = match (shown(own), shown(theirs)) {
        (Some((index, view)), _) if is_open => {
            (contested, (view == View::Flickering).then_some(Some(index)))
        }
        (None, Some((_, view))) => {
            let seen = if theirs.mapped.is_some() {
                (What::ReadsACandidate, Seen::Maybe, None)
            } else if is_open {
                contested
            } else {
                (What::ReadsTheirs, Seen::Theirs, None)
            };
            (seen, (view == View::Flickering).then_some(None))
        }
        (Some(_), _) | (None, None) => return None,
    };
    let mut sights = vec![(What::FailsToRead, Seen::Failed, None), seen];
    sights.extend(missed.map(|index| (What::MissesWhatIsThere, Seen::Nothing, index)));
    Some(sights)
}

/// A reading that missed an organization was the last to miss it.
fn see_for_the_last_time(state: &mut State, op: usize, missed: Option<usize>) {
    if let Some(index) = missed {
        state.ops[op].requests[index] = Request::Landed { view: View::Shown, left: 0 };
    }
}

/// What the engine makes of a reading, at the moment at which it is made.
fn judge(scenario: &Scenario, op: usize, row: &Op, seen: Seen) -> Verdict {
    let settle = scenario.settle_left(row);
    let proves = seen != Seen::Failed && !(seen == Seen::Missing && settle > 0);
    if let Some(request) = row.proof.filter(|_| proves) {
        return Verdict::Done(request);
    }
    let kind = scenario.kinds[op];
    if kind == OperationKind::Invite && scenario.breaks(Mutation::InviteSentAgain) {
        return Verdict::SendAgain;
    }
    if seen == Seen::Maybe && scenario.breaks(Mutation::WeakOneAdopted) {
        return Verdict::Done(STRANGER);
    }
    let (reading, done) = match seen {
        Seen::Ours(request) => (Reading::Applied, request),
        Seen::Theirs => (Reading::Applied, STRANGER),
        Seen::Contested => (Reading::Contested, STRANGER),
        Seen::Two => (Reading::Contradictory, STRANGER),
        Seen::Maybe => (Reading::Ambiguous, STRANGER),
        Seen::Nothing => (Reading::NotApplied, STRANGER),
        Seen::Failed if scenario.breaks(Mutation::AbsentByHalfAReading) => {
            (Reading::NotApplied, STRANGER)
        }
        Seen::Failed => (Reading::Failed, STRANGER),
        Seen::Missing => (Reading::Missing, STRANGER),
        Seen::Impossible => (Reading::Impossible, STRANGER),
    };
    let mut known = situation(scenario, op, row, settle);
    let mut absent_since = row.absent.map(|age| now() - units(age));
    if scenario.breaks(Mutation::AbsentBeforeTheEnd) {
        known.settle_until = now();
    }
    let is_early = reading == Reading::NotApplied && settle > 0;
    if scenario.breaks(Mutation::AbsentSinceBeforeTheEnd) && is_early {
        let is_known = row.absent.is_some();
        return Verdict::LookAgain(if is_known { Absence::Kept } else { Absence::FromHere });
    }
    if scenario.breaks(Mutation::AbsentAfterOneReading) {
        absent_since = Some(now() - units(GAP));
    }
    if scenario.breaks(Mutation::ThirdSend) {
        known.sends = 1;
    }
    match after_reading(&known, reading, absent_since, now()) {
        Look::Succeed => Verdict::Done(done),
        Look::SendAgain => Verdict::SendAgain,
        Look::Quarantine => Verdict::Quarantine,
        Look::LookAgain { absent_since: None, .. } => Verdict::LookAgain(Absence::Over),
        Look::LookAgain { absent_since: Some(since), .. } if since == now() => {
            Verdict::LookAgain(Absence::FromHere)
        }
        Look::LookAgain { absent_since: Some(_), .. } => Verdict::LookAgain(Absence::Kept),
    }
}
