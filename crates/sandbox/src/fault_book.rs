//! The faults in force: picks those that strike a call and counts them. It carries none out.

use crate::{
    fault::{Family, Fault, FaultRule},
    operation::Operation,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde::{Deserialize, Serialize};

/// Names a rule that was injected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FaultId(u64);

/// A rule and what has become of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FaultReport {
    pub id: FaultId,
    pub rule: FaultRule,
    /// How many calls it has struck. 0 is a fault that never fired.
    pub fired: u64,
    /// Whether it may still strike: neither spent nor cleared.
    pub active: bool,
}

struct Entry {
    report: FaultReport,
    passed: u64,
    draws: StdRng,
}

impl Entry {
    fn covers(&self, operation: Operation, family: Family) -> bool {
        self.report.active
            && self.report.rule.fault.family() == family
            && self.report.rule.operation.is_none_or(|of| of == operation)
    }

    fn strike(&mut self, operation: Operation, family: Family) -> Option<Struck> {
        if !self.covers(operation, family) {
            return None;
        }
        if self.passed < self.report.rule.skip {
            self.passed += 1;
            return None;
        }
        if !self.draws.random_bool(self.report.rule.probability) {
            return None;
        }
        self.report.fired += 1;
        if self.report.rule.times == Some(self.report.fired) {
            self.report.active = false;
        }
        Some(Struck { id: self.report.id, fault: self.report.rule.fault.clone() })
    }
}

/// A fault that strikes the call in hand.
pub(crate) struct Struck {
    pub(crate) id: FaultId,
    pub(crate) fault: Fault,
}

#[derive(Default)]
pub(crate) struct FaultBook {
    entries: Vec<Entry>,
}

impl FaultBook {
    /// Takes a rule whose probability has been checked.
    pub(crate) fn inject(&mut self, rule: FaultRule) -> FaultId {
        let id = FaultId(self.entries.len() as u64 + 1);
        self.entries.push(Entry {
            draws: StdRng::seed_from_u64(rule.seed),
            passed: 0,
            report: FaultReport { id, fired: 0, active: rule.times != Some(0), rule },
        });
        id
    }

    /// The first rule of this family that strikes; every rule asked before it has made its draw.
    pub(crate) fn choose(&mut self, operation: Operation, family: Family) -> Option<Struck> {
        self.entries.iter_mut().find_map(|entry| entry.strike(operation, family))
    }

    pub(crate) fn report(&self, id: FaultId) -> Option<FaultReport> {
        self.entries.iter().find(|entry| entry.report.id == id).map(|entry| entry.report.clone())
    }

    pub(crate) fn reports(&self) -> Vec<FaultReport> {
        self.entries.iter().map(|e| e.report.clone()).collect()
    }

    /// Stops every rule; their counts stay to be read.
    pub(crate) fn clear(&mut self) {
        for entry in &mut self.entries {
            entry.report.active = false;
        }
    }
}
