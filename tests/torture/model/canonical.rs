//! One state for all those that differ by nothing that matters, and a number that stands for it.

use std::hash::{Hash, Hasher};

use partner_gateway::store::OperationState;

use super::state::{OPS, Op, REQUESTS, Request, State, Worker};

impl Op {
    fn forget_times(&mut self) {
        self.lease = self.lease.max(0);
        (self.settle, self.absent) = (0, None);
        for request in &mut self.requests {
            match request {
                Request::UnderWay { left } | Request::Landed { left, .. } => *left = 0,
                Request::None | Request::Lost => {}
            }
        }
    }
}

impl State {
    /// The one state that stands for all that differ from this by nothing that matters: which worker is
    /// which, which of several creates is which (`are_alike`), how high epochs have risen, what is left
    /// over of an operation that has ended, and when, where nothing is concluded from time (`is_timed`).
    #[must_use]
    pub(super) fn canonical(mut self, are_alike: bool, is_timed: bool) -> Self {
        for op in 0..OPS {
            self.lower_epochs(op);
            self.forget_lost(op);
            let row = &mut self.ops[op];
            if row.state != Some(OperationState::Sending) {
                row.lease = 0;
            }
            if row.state != Some(OperationState::Unknown) {
                (row.settle, row.absent) = (0, None);
            }
            if row.has_ended() {
                (row.out, row.doubt, row.proof, row.retried) = (0, 0, None, false);
                row.sends = 0;
                row.unaccounted &= row.has_request_under_way();
            }
            if !is_timed {
                row.forget_times();
            }
        }
        if !self.gate.shaken {
            self.gate.read_since = true;
        }
        if are_alike {
            self.sort_ops();
        }
        self.workers.sort_unstable();
        self
    }

    /// Those that were not asked for yet stay last.
    fn sort_ops(&mut self) {
        let mut order: [usize; OPS] = std::array::from_fn(|op| op);
        order.sort_by_key(|op| {
            let row = self.ops[*op];
            (row.state.is_none(), row.state.map(|_| row))
        });
        self.ops = order.map(|op| self.ops[op]);
        for worker in &mut self.workers {
            if let Some(op) = op_of(worker) {
                let at = order.iter().position(|old| *old == usize::from(*op)).unwrap_or_default();
                *op = u8::try_from(at).unwrap_or(u8::MAX);
            }
        }
    }

    /// Only the order of epochs matters, and which are the same.
    fn lower_epochs(&mut self, op: usize) {
        let mut epochs: Vec<u8> = self.workers.iter().filter_map(|w| epoch_at(w, op)).collect();
        epochs.push(self.ops[op].epoch);
        epochs.sort_unstable();
        epochs.dedup();
        let rank = |epoch| {
            let at = epochs.iter().position(|known| *known == epoch).unwrap_or_default();
            // An operation that was never taken up keeps its first epoch.
            u8::try_from(at).unwrap_or(u8::MAX)
        };
        self.ops[op].epoch = rank(self.ops[op].epoch);
        for worker in &mut self.workers {
            if let Some(epoch) = epoch_at(worker, op) {
                set_epoch(worker, rank(epoch));
            }
        }
    }

    fn forget_lost(&mut self, op: usize) {
        for index in 0..REQUESTS {
            let is_awaited = self.workers.iter().any(|worker| match *worker {
                Worker::Waits { op: its, request, .. }
                | Worker::Uncommitted { op: its, request } => {
                    (usize::from(its), usize::from(request)) == (op, index)
                }
                Worker::Idle
                | Worker::Holds { .. }
                | Worker::Heard { .. }
                | Worker::Proved { .. }
                | Worker::ReadsOnce { .. }
                | Worker::Looks { .. }
                | Worker::Counted { .. } => false,
            });
            if self.ops[op].requests[index] == Request::Lost && !is_awaited {
                self.ops[op].requests[index] = Request::None;
            }
        }
    }

    /// A number that stands for this state. Two states share one with a chance of 2^-128.
    pub(super) fn fingerprint(&self) -> u128 {
        let mut lanes = Lanes { low: 0x9e37_79b9_7f4a_7c15, high: 0xc2b2_ae3d_27d4_eb4f };
        self.hash(&mut lanes);
        u128::from(lanes.high) << 64 | u128::from(lanes.low)
    }
}

fn epoch_at(worker: &Worker, at: usize) -> Option<u8> {
    match *worker {
        Worker::Holds { op, epoch }
        | Worker::Waits { op, epoch, .. }
        | Worker::Heard { op, epoch, .. }
        | Worker::ReadsOnce { op, epoch, .. }
        | Worker::Looks { op, epoch, .. } => (usize::from(op) == at).then_some(epoch),
        Worker::Idle
        | Worker::Proved { .. }
        | Worker::Counted { .. }
        | Worker::Uncommitted { .. } => None,
    }
}

fn op_of(worker: &mut Worker) -> Option<&mut u8> {
    match worker {
        Worker::Holds { op, .. }
        | Worker::Waits { op, .. }
        | Worker::Heard { op, .. }
        | Worker::ReadsOnce { op, .. }
        | Worker::Looks { op, .. }
        | Worker::Proved { op }
        | Worker::Counted { op }
        | Worker::Uncommitted { op, .. } => Some(op),
        Worker::Idle => None,
    }
}

fn set_epoch(worker: &mut Worker, to: u8) {
    match worker {
        Worker::Holds { epoch, .. }
        | Worker::Waits { epoch, .. }
        | Worker::Heard { epoch, .. }
        | Worker::ReadsOnce { epoch, .. }
        | Worker::Looks { epoch, .. } => *epoch = to,
        Worker::Idle
        | Worker::Proved { .. }
        | Worker::Counted { .. }
        | Worker::Uncommitted { .. } => {}
    }
}

/// Two hashes at once, each by multiplying to twice the width and folding.
struct Lanes {
    low: u64,
    high: u64,
}

impl Lanes {
    fn take(&mut self, word: u64) {
        let fold = |lane: u64, by: u64| {
            let wide = u128::from(lane ^ word).wrapping_mul(u128::from(by));
            // Truncation is the point: both halves go in.
            #[expect(clippy::cast_possible_truncation, reason = "both halves are folded in")]
            let folded = (wide as u64) ^ ((wide >> 64) as u64);
            folded.wrapping_add(by).rotate_left(23)
        };
        self.low = fold(self.low, 0xa076_1d64_78bd_642f);
        self.high = fold(self.high, 0xe703_7ed1_a0b4_28db);
    }
}

impl Hasher for Lanes {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.take(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, byte: u8) {
        self.take(u64::from(byte));
    }

    fn write_isize(&mut self, number: isize) {
        self.take(number.cast_unsigned() as u64);
    }

    fn finish(&self) -> u64 {
        self.low ^ self.high
    }
}
