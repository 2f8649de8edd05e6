//! What happened in a history: the faults that were reached, the rules that were broken, and where it is
//! asked for every step.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use partner_gateway::store::{
    Evidence, EvidenceKind, Operation, OperationKind, OperationState, Organization,
};
use uuid::Uuid;

use super::faults::Fault;
use crate::memory::Witness;

/// Notes of one history.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) reached: BTreeMap<Fault, u64>,
    pub(super) violations: Vec<String>,
    pub(super) steps: Vec<String>,
    /// Operations that a person settled, or whose organization a person took.
    pub(super) by_person: BTreeSet<Uuid>,
    /// How often a person had an operation sent again.
    pub(super) retried_by_person: BTreeMap<Uuid, u32>,
    /// The operations that a key stands for.
    pub(super) keys: BTreeMap<String, Vec<Uuid>>,
}

/// The record of one history.
#[derive(Debug)]
pub(super) struct Record {
    notes: Mutex<Notes>,
    began: tokio::time::Instant,
    keeps_steps: bool,
}

impl Record {
    pub(super) fn new(keeps_steps: bool) -> Self {
        Self { notes: Mutex::default(), began: tokio::time::Instant::now(), keeps_steps }
    }

    pub(super) fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn reached(&self, fault: Fault) {
        *self.notes().reached.entry(fault).or_default() += 1;
    }

    pub(super) fn violate(&self, what: impl FnOnce() -> String) {
        let what = what();
        self.step(|| format!("VIOLATION: {what}"));
        self.notes().violations.push(what);
    }

    pub(super) fn step(&self, what: impl FnOnce() -> String) {
        if self.keeps_steps {
            let at = self.began.elapsed();
            let what = what();
            self.notes().steps.push(format!("{:>9.3} {what}", at.as_secs_f64()));
        }
    }

    fn judge_transition(&self, before: &Operation, after: &Operation) {
        let id = after.id;
        if before.state.is_final() {
            self.violate(|| format!("{} had ended and was changed", short(id)));
        }
        if after.epoch < before.epoch {
            self.violate(|| format!("{} went back to an earlier epoch", short(id)));
        }
        let settled_by_machine = after.state == OperationState::Succeeded
            && before.state == OperationState::Quarantined
            && !self.notes().by_person.contains(&id);
        if settled_by_machine {
            self.reached(Fault::QuarantineLifted);
        }
        let lock_in_doubt = after.kind == OperationKind::Lock
            && before.state == OperationState::Unknown
            && after.state == OperationState::Succeeded;
        if lock_in_doubt {
            self.reached(Fault::LockSettledByReading);
        }
        let create_found = after.kind == OperationKind::Create
            && before.state == OperationState::Unknown
            && after.state == OperationState::Succeeded;
        if create_found {
            self.reached(Fault::CreateFound);
        }
        if after.state == OperationState::Sending && after.sends == 2 {
            self.reached(Fault::SentAgain);
        }
    }
}

impl Witness for Record {
    fn operation(&self, before: Option<&Operation>, after: &Operation) {
        self.step(|| {
            format!(
                "  {} {} {} → {} epoch {} sends {}",
                short(after.id),
                after.kind,
                before.map_or("new", |before| before.state.as_str()),
                after.state,
                after.epoch,
                after.sends,
            )
        });
        if !(0..=2).contains(&after.sends) {
            self.violate(|| format!("{} has {} sends", short(after.id), after.sends));
        }
        if let Some(before) = before {
            self.judge_transition(before, after);
        }
    }

    fn organization(&self, _before: Option<&Organization>, after: &Organization) {
        let shown = after.provider_data.as_ref().and_then(|data| data.get("provider_lock"));
        if after.is_usable() && shown.is_some_and(|lock| !lock.is_null()) {
            self.violate(|| {
                format!("{} is called usable under a provider's lock", short(after.id))
            });
        }
    }

    fn evidence(&self, operation: &Operation, evidence: &Evidence) {
        if evidence.kind == EvidenceKind::LeaseExpired {
            self.reached(Fault::LeaseExpired);
        }
        if evidence.kind == EvidenceKind::Answer && evidence.epoch != operation.epoch {
            self.reached(Fault::LateAnswer);
        }
    }
}

/// The part of an id that tells it from others of its history.
pub(super) fn short(id: Uuid) -> String {
    format!("#{}", id.as_u128() & 0xffff_ffff)
}
