//! The gates of partner accounts: shut while a provider asks for a pause, narrow while creates are in
//! doubt.

use std::time::Duration;

use chrono::{DateTime, Utc};
use partner_gateway::store::{CreateBudget, OperationKind, OperationState};

use super::tables::Tables;

/// What all replicas know of an account before they send.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gate {
    /// Nothing is sent until then.
    pub closed_until: Option<DateTime<Utc>>,
    /// Why.
    pub reason: Option<String>,
    /// The last create whose outcome was lost.
    pub last_unknown_create_at: Option<DateTime<Utc>>,
    /// The last create that succeeded since.
    pub last_create_success_at: Option<DateTime<Utc>>,
    /// The last reading since.
    pub last_read_at: Option<DateTime<Utc>>,
}

impl Tables {
    /// Creates in flight, and creates whose outcome was lost within the window.
    #[must_use]
    pub fn creates_at_risk(
        &self,
        provider: &str,
        window: Duration,
        now: DateTime<Utc>,
    ) -> (i64, i64) {
        let (mut in_flight, mut in_doubt) = (0, 0);
        for operation in self.open_operations() {
            if operation.kind != OperationKind::Create || operation.provider.as_str() != provider {
                continue;
            }
            match operation.state {
                OperationState::Sending => in_flight += 1,
                OperationState::Unknown | OperationState::Quarantined => {
                    if operation.unknown_since.is_some_and(|since| since > now - window) {
                        in_doubt += 1;
                    }
                }
                OperationState::Accepted | OperationState::Succeeded | OperationState::Rejected => {
                }
            }
        }
        (in_flight, in_doubt)
    }

    pub(super) fn create_may_pass(
        &self,
        provider: &str,
        budget: &CreateBudget,
        now: DateTime<Utc>,
    ) -> bool {
        let (in_flight, in_doubt) = self.creates_at_risk(provider, budget.window, now);
        if in_flight + in_doubt >= budget.at_risk {
            return false;
        }
        let none = Gate::default();
        let gate = self.gates.get(provider).unwrap_or(&none);
        let is_shaken = gate.last_unknown_create_at > gate.last_create_success_at;
        if in_doubt == 0 && !is_shaken {
            return true;
        }
        let was_read_since = gate.last_read_at > gate.last_unknown_create_at;
        in_flight == 0 && (!budget.readable || !is_shaken || was_read_since)
    }

    pub(super) fn is_shut(&self, provider: &str, now: DateTime<Utc>) -> bool {
        let until = self.gates.get(provider).and_then(|gate| gate.closed_until);
        until.is_some_and(|until| until > now)
    }

    pub(super) fn close_gate(
        &mut self,
        provider: &str,
        wait: Duration,
        reason: &str,
        now: DateTime<Utc>,
    ) {
        let gate = self.gates.entry(provider.to_owned()).or_default();
        gate.closed_until = gate.closed_until.max(Some(now + wait));
        gate.reason = Some(reason.to_owned());
    }

    pub(super) fn note_reading(&mut self, provider: &str, now: DateTime<Utc>) {
        if let Some(gate) = self.gates.get_mut(provider)
            && gate.last_unknown_create_at.is_some()
            && gate.last_unknown_create_at >= gate.last_read_at
        {
            gate.last_read_at = Some(now);
        }
    }

    pub(super) fn note_unknown_create(&mut self, provider: &str, now: DateTime<Utc>) {
        let gate = self.gates.entry(provider.to_owned()).or_default();
        gate.last_unknown_create_at = Some(now);
    }

    pub(super) fn note_create_success(&mut self, provider: &str, now: DateTime<Utc>) {
        if let Some(gate) = self.gates.get_mut(provider)
            && gate.last_unknown_create_at.is_some()
            && gate.last_unknown_create_at >= gate.last_create_success_at
        {
            gate.last_create_success_at = Some(now);
        }
    }
}
