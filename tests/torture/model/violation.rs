//! What must never be: each promise of the design, as a look at one step.

use std::fmt;

use partner_gateway::store::{OperationKind, OperationState};

use super::{
    moves::{Move, What},
    scenario::Scenario,
    state::{Answer, OPS, Op, Request, State, Worker},
};

/// A promise that was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Violation {
    /// Two were made for one operation.
    MadeTwice,
    /// It was made, and nobody knows: neither mapped nor open.
    Forgotten,
    /// What is mapped was not made by us.
    NotOurs,
    /// It was sent more often than twice.
    TooManySends,
    /// More creates in flight and in doubt than the budget.
    OverBudget,
    /// A 2xx was dropped by a worker that was not killed.
    AnswerDropped,
    /// Two operations of one organization in flight.
    TwoInFlight,
    /// All is settled, and the gateway shows another lock than the provider has.
    LockMisread,
    /// An outcome got as far as the guard on the rows.
    GuardNeeded,
    /// An epoch fell.
    EpochFell,
    /// An operation that had ended changed.
    EndChanged,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MadeTwice => "made twice",
            Self::Forgotten => "made and forgotten",
            Self::NotOurs => "a stranger's was mapped",
            Self::TooManySends => "sent more than twice",
            Self::OverBudget => "more creates at risk than the budget",
            Self::AnswerDropped => "a 2xx in hand was dropped",
            Self::TwoInFlight => "two in flight for one organization",
            Self::LockMisread => "the lock shown is not the lock there is",
            Self::GuardNeeded => "an outcome got as far as the guard",
            Self::EpochFell => "an epoch fell",
            Self::EndChanged => "an operation that had ended changed",
        })
    }
}

impl Scenario {
    /// What one step broke, if anything. `after` is not canonical yet.
    pub(super) fn check(&self, before: &State, step: Move, after: &State) -> Option<Violation> {
        let rows = || (0..self.kinds.len()).map(|op| (op, &before.ops[op], &after.ops[op]));
        rows()
            .find_map(|(op, old, new)| self.check_row(op, old, new))
            .or_else(|| dropped_answer(before, step, after).then_some(Violation::AnswerDropped))
            .or_else(|| self.check_account(after))
    }

    fn check_row(&self, op: usize, old: &Op, new: &Op) -> Option<Violation> {
        let has_moved = (old.state, old.mapped) != (new.state, new.mapped);
        if old.has_ended() && has_moved {
            return Some(Violation::EndChanged);
        }
        if new.epoch < old.epoch {
            return Some(Violation::EpochFell);
        }
        let sends = new.sends.max(new.out.saturating_sub(u8::from(new.retried)));
        if sends > 2 && !new.has_ended() {
            return Some(Violation::TooManySends);
        }
        match self.kinds[op] {
            // What lands after its operation has ended has landed beyond the window.
            OperationKind::Create if old.has_ended() && self.world.lands_beyond_the_window => None,
            OperationKind::Create => self.check_create(new),
            OperationKind::Invite if new.landed().count() > 1 => Some(Violation::MadeTwice),
            OperationKind::Invite
            | OperationKind::Lock
            | OperationKind::Unlock
            | OperationKind::Update
            | OperationKind::AdminRole => None,
        }
    }

    fn check_create(&self, row: &Op) -> Option<Violation> {
        let made = row.landed().count();
        // What lands after the window's end is beyond the promise; there only what was made while its
        // operation was open must not be forgotten.
        if made > 1 && !self.world.lands_beyond_the_window {
            return Some(Violation::MadeTwice);
        }
        let is_ours = |request| row.landed().any(|landed| landed == request);
        match (row.state, row.mapped) {
            (Some(OperationState::Succeeded), mapped) if !mapped.is_some_and(is_ours) => {
                Some(Violation::NotOurs)
            }
            (None | Some(OperationState::Rejected), _) if made > 0 && !row.abandoned => {
                Some(Violation::Forgotten)
            }
            _ => None,
        }
    }

    fn check_account(&self, state: &State) -> Option<Violation> {
        let in_flight = |op: usize| state.ops[op].is_in_flight();
        if self.one_organization {
            if (0..OPS).filter(|op| in_flight(*op)).count() > 1 {
                return Some(Violation::TwoInFlight);
            }
            return self.misreads_lock(state).then_some(Violation::LockMisread);
        }
        let is_at_risk = |op: &usize| {
            let row = &state.ops[*op];
            row.state == Some(OperationState::Sending) || (row.is_in_flight() && row.doubt > 0)
        };
        let at_risk = (0..OPS).filter(is_at_risk).count();
        (at_risk > usize::from(self.at_risk)).then_some(Violation::OverBudget)
    }

    fn misreads_lock(&self, state: &State) -> bool {
        let is_settled = |row: &Op| row.has_ended() && !row.has_request_under_way();
        let rows = &state.ops[..self.kinds.len()];
        rows.iter().all(is_settled)
            && !rows.iter().any(|row| row.abandoned)
            && state.locked != state.believed
    }
}

/// A worker that knew of a 2xx let go of it, and neither the mapping nor the evidence has it.
fn dropped_answer(before: &State, step: Move, after: &State) -> bool {
    let (Some(worker), true) = (step.worker, step.what != What::Dies) else {
        return false;
    };
    let Worker::Heard { op, answer: Answer::Done(_), .. } = before.workers[worker] else {
        return false;
    };
    let row = &after.ops[usize::from(op)];
    row.mapped.is_none() && row.proof.is_none()
}

impl Request {
    /// It still has to land or be lost, or to be shown, before time may go on.
    pub(super) fn is_due(self) -> bool {
        match self {
            Self::UnderWay { left } => left <= 1,
            Self::Landed { view, left } => view == super::state::View::Hidden && left <= 1,
            Self::None | Self::Lost => false,
        }
    }
}
