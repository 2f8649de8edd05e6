//! What is not ours: time, the network, the provider, the operator.

use partner_gateway::store::{OperationKind, OperationState};

use super::{
    moves::{Steps, What},
    rows::{GAP, Next, WINDOW},
    scenario::{Answers, Scenario},
    state::{Answer, Op, REQUESTS, Request, State, View, Worker},
};

impl Steps<'_> {
    /// A unit of time passes, unless the promise of the settle window is due first.
    pub(super) fn time(&mut self) {
        let Scenario { world, is_prompt, .. } = *self.scenario;
        let is_timed = self.scenario.is_timed();
        let is_due = |request: &Request| match request {
            Request::UnderWay { .. } if is_prompt => true,
            Request::UnderWay { .. } => {
                is_timed && request.is_due() && !world.lands_beyond_the_window
            }
            Request::Landed { .. } => request.is_due(),
            Request::None | Request::Lost => false,
        };
        if self.from.ops.iter().any(|row| row.requests.iter().any(is_due)) {
            return;
        }
        self.add(What::TimePasses, None, None, |state| {
            pass(state);
            Ok(())
        });
    }

    /// What the provider and the network do by themselves.
    pub(super) fn provider(&mut self) {
        for op in 0..self.scenario.kinds.len() {
            for index in 0..REQUESTS {
                match self.from.ops[op].requests[index] {
                    Request::UnderWay { left } => {
                        self.lands(op, index, left);
                        self.add(What::RequestIsLost, None, Some(op), |state| {
                            state.ops[op].requests[index] = Request::Lost;
                            Ok(())
                        });
                    }
                    Request::Landed { view: View::Hidden, .. } => {
                        self.add(What::IsShown, None, Some(op), |state| {
                            let view = View::Flickering;
                            state.ops[op].requests[index] = Request::Landed { view, left: 0 };
                            Ok(())
                        });
                    }
                    Request::Landed { .. } | Request::None | Request::Lost => {}
                }
            }
        }
    }

    fn lands(&mut self, op: usize, index: usize, left: u8) {
        let is_create = self.scenario.kinds[op] == OperationKind::Create;
        let is_taken =
            is_create && self.owners_of_the_address(op).any(|row| row.landed().count() > 0);
        if is_taken && self.scenario.world.emails_are_unique {
            return;
        }
        let kind = self.scenario.kinds[op];
        let what =
            if left <= WINDOW { What::RequestLandsAfterItsLease } else { What::RequestLands };
        let may_be_slow = self.scenario.is_timed() && !self.scenario.is_prompt && left > 0;
        for view in [View::Hidden, View::Flickering] {
            if view == View::Hidden && !may_be_slow {
                continue;
            }
            let left = if view == View::Hidden { left } else { 0 };
            self.add(what, None, Some(op), |state| {
                state.ops[op].requests[index] = Request::Landed { view, left };
                take_effect(state, kind);
                Ok(())
            });
        }
    }

    /// What a worker that waits may be answered.
    pub(super) fn answers(&mut self, worker: usize, op: usize, epoch: u8, request: usize) {
        let now = self.from.ops[op].requests[request];
        self.hears(What::HearsNothingClear, worker, (op, epoch), Answer::Unclear, None);
        match now {
            Request::Landed { .. } => {
                let answer = Answer::Done(u8::try_from(request).unwrap_or(u8::MAX));
                self.hears(What::HearsDone, worker, (op, epoch), answer, None);
            }
            Request::UnderWay { .. } => {
                for (what, answer) in self.refusals(op) {
                    self.hears(what, worker, (op, epoch), answer, Some(request));
                }
            }
            Request::None | Request::Lost => {}
        }
    }

    /// What a provider, or the way to it, can refuse a request with.
    fn refusals(&self, op: usize) -> Vec<(What, Answer)> {
        let is_create = self.scenario.kinds[op] == OperationKind::Create;
        match self.scenario.answers {
            Answers::All => {}
            Answers::Outage => return Vec::new(),
            Answers::OutageWithConflicts => {
                let is_taken = self.owners_of_the_address(op).any(|row| row.landed().count() > 0);
                return Vec::from_iter(is_taken.then_some((What::HearsConflict, Answer::Conflict)));
            }
        }
        let mut answers = vec![
            (What::HearsNotSent, Answer::NotSent),
            (What::HearsRefused, Answer::Refused),
            (What::HearsConflict, Answer::Conflict),
            (What::HearsRateLimit, Answer::RateLimited),
        ];
        // A provider that has the e-mail address already, or is getting it, says so and nothing else.
        if !(is_create && self.has_two(op) && self.scenario.world.emails_are_unique) {
            answers.push((What::GivesUpAfterADay, Answer::NotSentForADay));
            answers.push((What::HearsDenied, Answer::Denied));
            answers.push((What::HearsMissing, Answer::Missing));
            if !is_create {
                answers.push((What::HearsNotShownYet, Answer::NotShownYet));
            }
        }
        answers
    }

    /// The operations that create an organization with this one's e-mail address.
    fn owners_of_the_address(&self, op: usize) -> impl Iterator<Item = &Op> + '_ {
        let all = self.scenario.world.same_customer;
        (0..self.scenario.kinds.len())
            .filter(move |other| all || *other == op)
            .map(|other| &self.from.ops[other])
    }

    /// Two requests for an organization with this e-mail address have landed or may land.
    fn has_two(&self, op: usize) -> bool {
        let under_way = |row: &Op| {
            row.requests.iter().filter(|r| matches!(r, Request::UnderWay { .. })).count()
        };
        self.owners_of_the_address(op)
            .map(|row| row.landed().count() + under_way(row))
            .sum::<usize>()
            > 1
    }

    fn hears(
        &mut self,
        what: What,
        worker: usize,
        (op, epoch): (usize, u8),
        answer: Answer,
        refused: Option<usize>,
    ) {
        self.add(what, Some(worker), Some(op), |state| {
            let row = &mut state.ops[op];
            if let Some(request) = refused {
                row.requests[request] = Request::None;
                row.out = row.out.saturating_sub(1);
            }
            let op = u8::try_from(op).unwrap_or(u8::MAX);
            state.workers[worker] = Worker::Heard { op, epoch, answer };
            Ok(())
        });
    }

    /// What an operator may say of what is open. It is true: he says that it was not done only where
    /// nothing was, and nothing is under way.
    pub(super) fn operator(&mut self) {
        if !self.scenario.operator {
            return;
        }
        for op in 0..self.scenario.kinds.len() {
            let row = self.from.ops[op];
            let state = match row.state {
                Some(at @ (OperationState::Unknown | OperationState::Quarantined)) => at,
                Some(
                    OperationState::Accepted
                    | OperationState::Sending
                    | OperationState::Succeeded
                    | OperationState::Rejected,
                )
                | None => continue,
            };
            let at = (row.epoch, state);
            let landed = row.landed().next();
            match (landed, row.has_request_under_way()) {
                (Some(request), _) => {
                    self.resolves(What::OperatorApplies, op, at, Next::Succeeded(request));
                }
                (None, false) => {
                    self.resolves(What::OperatorRefuses, op, at, Next::Rejected);
                    if !row.retried {
                        let next = Next::Accepted { give_back_send: row.sends > 0 };
                        self.resolves(What::OperatorSendsAgain, op, at, next);
                    }
                }
                (None, _) => {}
            }
            self.resolves(What::OperatorAbandons, op, at, Next::Rejected);
        }
    }

    fn resolves(&mut self, what: What, op: usize, at: (u8, OperationState), next: Next) {
        let scenario = self.scenario;
        self.add(what, None, Some(op), |state| {
            scenario.record(state, op, at, next)?;
            let row = &mut state.ops[op];
            row.retried |= what == What::OperatorSendsAgain;
            row.abandoned |= what == What::OperatorAbandons;
            row.unaccounted = true;
            Ok(())
        });
    }
}

/// What a request that was done changes at the provider.
fn take_effect(state: &mut State, kind: OperationKind) {
    match kind {
        OperationKind::Lock => state.locked = true,
        OperationKind::Unlock => state.locked = false,
        OperationKind::Create
        | OperationKind::Update
        | OperationKind::Invite
        | OperationKind::AdminRole => {}
    }
}

fn pass(state: &mut State) {
    for row in &mut state.ops {
        if row.state == Some(OperationState::Sending) {
            row.lease = (row.lease - 1).max(-WINDOW.cast_signed());
        }
        row.settle = row.settle.saturating_sub(1);
        row.absent = row.absent.map(|age| (age + 1).min(GAP));
        row.doubt = row.doubt.saturating_sub(1);
        for request in &mut row.requests {
            match request {
                Request::UnderWay { left } | Request::Landed { left, .. } => {
                    *left = left.saturating_sub(1);
                }
                Request::None | Request::Lost => {}
            }
        }
    }
    for worker in &mut state.workers {
        if let Worker::Looks { age, .. } = worker {
            *age = (*age + 1).min(GAP);
        }
    }
    state.gate.closed = state.gate.closed.saturating_sub(1);
}
