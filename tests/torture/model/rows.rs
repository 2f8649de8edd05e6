//! The store's rules, as its statements are: what may be taken up, what an outcome may overwrite, what the
//! guard on the rows lets through. Each function is one transaction.

use partner_gateway::{
    operations::transitions::MAX_SENDS,
    store::{OperationKind, OperationState},
};

use super::{
    scenario::{Mutation, Scenario},
    state::{Absence, OPS, Op, State},
    violation::Violation,
};

/// Units that a settle window lasts.
pub(super) const WINDOW: u8 = 3;
/// Units that two readings must lie apart.
pub(super) const GAP: u8 = 1;

/// Where an outcome leads.
#[derive(Debug, Clone, Copy)]
pub(super) enum Next {
    /// It was done, by this request.
    Succeeded(u8),
    /// It was not, and will not be.
    Rejected,
    /// It is to be sent again.
    Accepted { give_back_send: bool },
    /// It may have been done.
    Unknown { settle: u8, absent: Option<u8> },
    /// A person must look.
    Quarantined,
}

impl Next {
    fn state(self) -> OperationState {
        match self {
            Self::Succeeded(_) => OperationState::Succeeded,
            Self::Rejected => OperationState::Rejected,
            Self::Accepted { .. } => OperationState::Accepted,
            Self::Unknown { .. } => OperationState::Unknown,
            Self::Quarantined => OperationState::Quarantined,
        }
    }
}

/// Whether an outcome was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recorded {
    /// It was.
    Applied,
    /// Somebody else has the operation, or it has ended.
    Fenced,
}

/// The transitions that the guard lets through, beside those that change nothing.
fn guard_allows(from: OperationState, to: OperationState) -> bool {
    use OperationState::{Accepted, Quarantined, Rejected, Sending, Succeeded, Unknown};
    match from {
        Succeeded | Rejected => false,
        Accepted => matches!(to, Accepted | Sending | Rejected),
        Sending => true,
        Unknown => to != Sending,
        Quarantined => !matches!(to, Sending | Unknown),
    }
}

fn is_change(kind: OperationKind) -> bool {
    match kind {
        OperationKind::Update | OperationKind::Lock | OperationKind::Unlock => true,
        OperationKind::Create | OperationKind::Invite | OperationKind::AdminRole => false,
    }
}

impl Scenario {
    /// Whether this rule is broken.
    pub(super) fn breaks(&self, mutation: Mutation) -> bool {
        self.mutation == Some(mutation)
    }

    /// Writes the intent of an operation down, and takes it up with it where nothing stands in its way.
    /// Answers the epoch under which the worker has it.
    pub(super) fn commit_intent(&self, state: &mut State, op: usize) -> Option<u8> {
        state.ops[op].state = Some(OperationState::Accepted);
        self.take(state, op)
    }

    /// Takes an accepted operation up, if its organization and its account let it.
    pub(super) fn take(&self, state: &mut State, op: usize) -> Option<u8> {
        self.may_take(state, op).then(|| self.take_unchecked(state, op))
    }

    /// The same, without asking.
    pub(super) fn take_unchecked(&self, state: &mut State, op: usize) -> u8 {
        let row = &mut state.ops[op];
        row.state = Some(OperationState::Sending);
        row.epoch += 1;
        row.sends += 1;
        row.lease = self.lease.cast_signed();
        row.epoch
    }

    fn may_take(&self, state: &State, op: usize) -> bool {
        let row = &state.ops[op];
        let sends_left = i32::from(row.sends) < MAX_SENDS || self.breaks(Mutation::ThirdSend);
        row.state == Some(OperationState::Accepted)
            && sends_left
            && state.gate.closed == 0
            && self.is_next(state, op)
            && (self.kinds[op] != OperationKind::Create || self.create_may_pass(state))
    }

    /// Nothing of its organization is in flight, nothing that came before waits, and nothing that has ended
    /// may still be done.
    fn is_next(&self, state: &State, op: usize) -> bool {
        if !self.one_organization || self.breaks(Mutation::Overtaking) {
            return true;
        }
        let waits = |row: usize| state.ops[row].state == Some(OperationState::Accepted);
        !(0..OPS).any(|other| {
            other != op
                && (state.ops[other].is_in_flight()
                    || (other < op && waits(other))
                    || self.may_yet_be_done(state, other, op))
        })
    }

    /// One change waits for the settle window of another that has ended though a send of it was never
    /// accounted for. Here the window is over when no request is under way: that is its promise.
    fn may_yet_be_done(&self, state: &State, other: usize, op: usize) -> bool {
        let are_changes =
            [other, op].iter().all(|at| self.kinds.get(*at).copied().is_some_and(is_change));
        let row = &state.ops[other];
        are_changes
            && row.has_ended()
            && row.unaccounted
            && row.has_request_under_way()
            && !self.breaks(Mutation::LateSendNotWaitedFor)
    }

    /// Units until an operation's settle window ends. Where no time is counted it is over when nothing of it
    /// is under way any more.
    pub(super) fn settle_left(&self, row: &Op) -> u8 {
        if self.is_timed() { row.settle } else { u8::from(row.has_request_under_way()) }
    }

    /// Creates go side by side while nothing is in doubt, up to the budget; one at a time from the first
    /// lost outcome until a create succeeds; at an account that can be read only after it was.
    pub(super) fn create_may_pass(&self, state: &State) -> bool {
        let count = |is: &dyn Fn(usize) -> bool| (0..OPS).filter(|op| is(*op)).count();
        let sending = |op: usize| state.ops[op].state == Some(OperationState::Sending);
        let in_flight = count(&sending);
        let in_doubt =
            count(&|op| state.ops[op].is_in_flight() && !sending(op) && state.ops[op].doubt > 0);
        if in_flight + in_doubt >= usize::from(self.at_risk) {
            return false;
        }
        if in_doubt == 0 && !state.gate.shaken {
            return true;
        }
        let read_since = !self.readable || !state.gate.shaken || state.gate.read_since;
        in_flight == 0 && read_since
    }

    /// An operation whose lease has run out becomes unknown.
    pub(super) fn expire(&self, state: &mut State, op: usize) {
        let row = &mut state.ops[op];
        row.epoch += 1;
        if self.breaks(Mutation::ExpiredSentAsNew) {
            row.state = Some(OperationState::Accepted);
            return;
        }
        row.state = Some(OperationState::Unknown);
        row.settle = u8::try_from(row.lease + WINDOW.cast_signed()).unwrap_or(0);
        row.absent = None;
        self.note_unknown(state, op);
    }

    fn note_unknown(&self, state: &mut State, op: usize) {
        if self.kinds[op] == OperationKind::Create {
            state.ops[op].doubt = self.risk_window;
            state.gate.shaken = true;
            state.gate.read_since = false;
        }
    }

    /// Writes an outcome down, if the row still stands at this epoch and state.
    pub(super) fn record(
        &self,
        state: &mut State,
        op: usize,
        at: (u8, OperationState),
        next: Next,
    ) -> Result<Recorded, Violation> {
        let row = &mut state.ops[op];
        let Some(from) = row.state else { return Ok(Recorded::Fenced) };
        let is_unfenced = self.breaks(Mutation::OutcomeUnfenced);
        if (row.epoch, from) != at && !is_unfenced {
            return Ok(Recorded::Fenced);
        }
        if !guard_allows(from, next.state()) {
            // The guard is there for the day on which a fence is forgotten: it must not be needed.
            return if is_unfenced { Ok(Recorded::Fenced) } else { Err(Violation::GuardNeeded) };
        }
        row.state = Some(next.state());
        row.unaccounted = match next {
            Next::Succeeded(_) => {
                let is_answered = from == OperationState::Sending || row.proof.is_some();
                let was_so = state.believed == (self.kinds[op] == OperationKind::Lock)
                    && !self.breaks(Mutation::WasSoTakenForDone);
                row.sends > 1 || (was_so && !is_answered)
            }
            Next::Rejected | Next::Accepted { .. } | Next::Unknown { .. } | Next::Quarantined => {
                true
            }
        };
        let was_in_doubt = matches!(from, OperationState::Unknown | OperationState::Quarantined);
        match next {
            Next::Rejected | Next::Accepted { .. }
                if was_in_doubt && self.kinds[op] == OperationKind::Create =>
            {
                // Whoever moves it on from its doubt knows what the account has.
                if let Next::Accepted { give_back_send } = next {
                    row.sends -= u8::from(give_back_send);
                }
                state.gate.read_since = true;
            }
            Next::Succeeded(request) => self.note_done(state, op, request),
            Next::Accepted { give_back_send } => row.sends -= u8::from(give_back_send),
            Next::Unknown { settle, absent } => {
                (row.settle, row.absent) = (settle, absent);
                if from == OperationState::Sending {
                    self.note_unknown(state, op);
                }
            }
            Next::Rejected | Next::Quarantined => {}
        }
        Ok(Recorded::Applied)
    }

    fn note_done(&self, state: &mut State, op: usize, request: u8) {
        state.ops[op].mapped = Some(request);
        match self.kinds[op] {
            OperationKind::Create => state.gate.shaken = false,
            OperationKind::Lock => state.believed = true,
            OperationKind::Unlock => state.believed = false,
            OperationKind::Update | OperationKind::Invite | OperationKind::AdminRole => {}
        }
    }

    /// For how many units nothing has been seen, once a reading that began `age` units ago is written down.
    pub(super) fn absent_after(state: &State, op: usize, absence: Absence, age: u8) -> Option<u8> {
        match absence {
            Absence::Kept => state.ops[op].absent,
            Absence::FromHere => Some(age),
            Absence::Over => None,
        }
    }
}
