//! What a worker does at each point at which it can stand: what it commits, when it sends, what it makes
//! of an answer or a reading. The decisions are the engine's own transition functions.

use chrono::TimeDelta;
use partner_core::{Effect, Error, Kind};
use partner_gateway::{
    operations::transitions::{MAX_SENDS, Step, after_failure},
    store::OperationState,
};

use super::{
    moves::{Steps, What},
    readings::{now, situation},
    rows::{Next, Recorded, WINDOW},
    scenario::{Mutation, Scenario},
    state::{Answer, REQUESTS, Request, State, WORKERS, Worker},
};

use OperationState::{Accepted, Quarantined, Sending, Unknown};

impl Steps<'_> {
    /// What any worker can do next, and what the database does for whichever asks first.
    pub(super) fn workers(&mut self) {
        for op in 0..self.scenario.kinds.len() {
            let row = self.from.ops[op];
            if row.state == Some(Sending) && row.lease <= 0 {
                let scenario = self.scenario;
                self.add(What::LeaseExpires, None, Some(op), |state| {
                    scenario.expire(state, op);
                    Ok(())
                });
            }
        }
        let is_idle = |worker: &&Worker| **worker == Worker::Idle;
        let busy = WORKERS - self.from.workers.iter().filter(is_idle).count();
        let idle = self.from.workers.iter().position(|worker| *worker == Worker::Idle);
        if let Some(worker) = idle.filter(|_| busy < self.scenario.workers) {
            for op in 0..self.scenario.kinds.len() {
                self.takes_up(worker, op);
            }
        }
        for worker in 0..self.from.workers.len() {
            if self.from.workers[worker] != Worker::Idle {
                self.goes_on(worker);
                self.add(What::Dies, Some(worker), None, |state| {
                    state.workers[worker] = Worker::Idle;
                    Ok(())
                });
            }
        }
    }

    fn takes_up(&mut self, worker: usize, op: usize) {
        let scenario = self.scenario;
        match self.from.ops[op].state {
            None if op == 0 || self.from.ops[op - 1].state.is_some() => self.intends(worker, op),
            Some(Accepted) if scenario.breaks(Mutation::BudgetUnlocked) => {
                if scenario.create_may_pass(&self.from) {
                    self.add(What::CountsBudget, Some(worker), Some(op), |state| {
                        state.workers[worker] = Worker::Counted { op: byte(op) };
                        Ok(())
                    });
                }
            }
            Some(Accepted) => {
                let mut to = self.from;
                if let Some(epoch) = scenario.take(&mut to, op) {
                    to.workers[worker] = Worker::Holds { op: byte(op), epoch };
                    self.add(What::TakesUp, Some(worker), Some(op), |state| {
                        *state = to;
                        Ok(())
                    });
                }
            }
            Some(Unknown) => self.looks(worker, op),
            Some(Sending | Quarantined | OperationState::Succeeded | OperationState::Rejected)
            | None => {}
        }
    }

    fn intends(&mut self, worker: usize, op: usize) {
        let scenario = self.scenario;
        self.add(What::CommitsIntent, Some(worker), Some(op), |state| {
            if scenario.breaks(Mutation::BudgetUnlocked) {
                state.ops[op].state = Some(Accepted);
            } else if let Some(epoch) = scenario.commit_intent(state, op) {
                state.workers[worker] = Worker::Holds { op: byte(op), epoch };
            }
            Ok(())
        });
        if scenario.breaks(Mutation::SentBeforeCommit) {
            self.add(What::Sends, Some(worker), Some(op), |state| {
                let left = scenario.lease + WINDOW;
                if let Some(request) = leave(state, op, left) {
                    state.workers[worker] = Worker::Uncommitted { op: byte(op), request };
                }
                Ok(())
            });
        }
    }

    fn goes_on(&mut self, worker: usize) {
        let scenario = self.scenario;
        match self.from.workers[worker] {
            Worker::Idle => {}
            Worker::Holds { op, epoch } => self.sends(worker, usize::from(op), epoch),
            Worker::Waits { op, epoch, request } => {
                self.answers(worker, usize::from(op), epoch, usize::from(request));
            }
            Worker::Heard { op, epoch, answer } => {
                self.concludes_attempt(worker, usize::from(op), epoch, answer);
            }
            Worker::Proved { op } => self.lifts(worker, usize::from(op)),
            Worker::ReadsOnce { op, epoch, seen } => {
                self.concludes_reading_once(worker, usize::from(op), epoch, seen);
            }
            Worker::Looks { .. } => self.concludes_reading(worker),
            Worker::Counted { op } => {
                self.add(What::TakesUp, Some(worker), Some(usize::from(op)), |state| {
                    state.workers[worker] = Worker::Idle;
                    if state.ops[usize::from(op)].state == Some(Accepted) {
                        let epoch = scenario.take_unchecked(state, usize::from(op));
                        state.workers[worker] = Worker::Holds { op, epoch };
                    }
                    Ok(())
                });
            }
            Worker::Uncommitted { op, request } => {
                self.add(What::CommitsIntent, Some(worker), Some(usize::from(op)), |state| {
                    let at = usize::from(op);
                    state.ops[at].state = Some(Accepted);
                    let epoch = scenario.take_unchecked(state, at);
                    state.workers[worker] = Worker::Waits { op, epoch, request };
                    Ok(())
                });
            }
        }
    }

    fn sends(&mut self, worker: usize, op: usize, epoch: u8) {
        let row = self.from.ops[op];
        // An epoch that is not the row's any more was lost to a lease that ran out, and the worker's own
        // clock tells it so.
        let has_lease = (row.epoch, row.state) == (epoch, Some(Sending)) && row.lease > 0;
        if !has_lease && !self.scenario.breaks(Mutation::LeaseNotLookedAt) {
            self.add(What::FindsLeaseOver, Some(worker), Some(op), |state| {
                let answer = Answer::NotSent;
                state.workers[worker] = Worker::Heard { op: byte(op), epoch, answer };
                Ok(())
            });
            return;
        }
        let lease = if has_lease { row.lease.unsigned_abs() } else { 0 };
        self.add(What::Sends, Some(worker), Some(op), |state| {
            if let Some(request) = leave(state, op, lease + WINDOW) {
                state.workers[worker] = Worker::Waits { op: byte(op), epoch, request };
            }
            Ok(())
        });
    }

    fn concludes_attempt(&mut self, worker: usize, op: usize, epoch: u8, answer: Answer) {
        let scenario = self.scenario;
        let mut to = self.from;
        to.workers[worker] = Worker::Idle;
        let recorded = match outcome_of(scenario, &self.from, op, answer) {
            Conclusion::Writes(next, shuts_gate) => {
                to.gate.closed = to.gate.closed.max(u8::from(shuts_gate));
                scenario.record(&mut to, op, (epoch, Sending), next)
            }
            Conclusion::ReadsOnce => return self.reads_once(worker, op, epoch),
        };
        let what = match (recorded, answer) {
            (Ok(Recorded::Fenced), Answer::Done(request)) => {
                if !scenario.breaks(Mutation::EvidenceFenced) {
                    to.ops[op].proof = to.ops[op].proof.or(Some(request));
                    to.workers[worker] = Worker::Proved { op: byte(op) };
                }
                What::AddsLateEvidence
            }
            (Ok(Recorded::Fenced), _) => What::IsFenced,
            (Ok(Recorded::Applied) | Err(_), _) => What::WritesOutcome,
        };
        self.add(what, Some(worker), Some(op), |state| {
            *state = to;
            recorded.map(|_| ())
        });
    }

    /// Closes what is open by a 2xx that came too late for its own epoch.
    fn lifts(&mut self, worker: usize, op: usize) {
        let scenario = self.scenario;
        self.add(What::LiftsByEvidence, Some(worker), Some(op), |state| {
            state.workers[worker] = Worker::Idle;
            let row = state.ops[op];
            if let (Some(at @ (Unknown | Quarantined)), Some(request)) = (row.state, row.proof) {
                scenario.record(state, op, (row.epoch, at), Next::Succeeded(request))?;
            }
            Ok(())
        });
    }
}

enum Conclusion {
    /// This, and whether the account's gate shuts.
    Writes(Next, bool),
    /// One reading first.
    ReadsOnce,
}

fn outcome_of(scenario: &Scenario, state: &State, op: usize, answer: Answer) -> Conclusion {
    let row = &state.ops[op];
    let Some(error) = error_of(scenario, answer) else {
        let Answer::Done(request) = answer else {
            return Conclusion::Writes(Next::Rejected, false);
        };
        return Conclusion::Writes(Next::Succeeded(request), false);
    };
    let is_second = i32::from(row.sends) >= MAX_SENDS;
    if answer == Answer::Conflict && is_second && scenario.breaks(Mutation::SecondConflictRejects) {
        return Conclusion::Writes(Next::Rejected, false);
    }
    let is_refused = matches!(answer, Answer::Refused | Answer::Denied | Answer::Missing);
    if is_refused && is_second && scenario.breaks(Mutation::SecondRefusalRejects) {
        return Conclusion::Writes(Next::Rejected, false);
    }
    let settle = u8::try_from(row.lease + WINDOW.cast_signed()).unwrap_or(0);
    let mut situation = situation(scenario, op, row, settle);
    situation.organization_is_young = answer == Answer::NotShownYet;
    if answer == Answer::NotSentForADay {
        situation.created_at = now() - TimeDelta::hours(25);
    }
    match after_failure(&situation, &error, now()) {
        Step::Reject => Conclusion::Writes(Next::Rejected, false),
        Step::SendAgain { shut_gate, .. } => {
            Conclusion::Writes(Next::Accepted { give_back_send: true }, shut_gate)
        }
        Step::ReadOnceThenReject => Conclusion::ReadsOnce,
        Step::BecomeUnknown => Conclusion::Writes(Next::Unknown { settle, absent: None }, false),
    }
}

fn error_of(scenario: &Scenario, answer: Answer) -> Option<Error> {
    let (kind, effect) = match answer {
        Answer::Done(_) => return None,
        Answer::NotSent | Answer::NotSentForADay => (Kind::Unavailable, Effect::NotSent),
        Answer::Refused => (Kind::InvalidInput, Effect::NotApplied),
        Answer::Denied => (Kind::PermissionDenied, Effect::NotApplied),
        Answer::NotShownYet | Answer::Missing => (Kind::NotFound, Effect::NotApplied),
        Answer::Conflict => (Kind::Conflict, Effect::NotApplied),
        Answer::RateLimited => (Kind::RateLimited, Effect::NotApplied),
        Answer::Unclear if scenario.breaks(Mutation::ServerErrorIsRefusal) => {
            (Kind::Unexpected, Effect::NotApplied)
        }
        Answer::Unclear => (Kind::Unavailable, Effect::Unknown),
    };
    Some(Error::new(kind, effect, "in the model"))
}

/// A request leaves. Answers which.
fn leave(state: &mut State, op: usize, left: u8) -> Option<u8> {
    let row = &mut state.ops[op];
    let free = (0..REQUESTS).find(|index| row.requests[*index] == Request::None)?;
    row.requests[free] = Request::UnderWay { left };
    row.out += 1;
    Some(byte(free))
}

pub(super) fn byte(index: usize) -> u8 {
    u8::try_from(index).unwrap_or(u8::MAX)
}
