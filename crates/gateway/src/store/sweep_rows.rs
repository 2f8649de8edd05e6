//! A pass over a provider's list, as the database has it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    error::{StoreError, StoreResult},
    model::spelled,
};

spelled!(
    /// Where a pass stands.
    SweepState {
        /// It is under way.
        Running = "running",
        /// It saw the whole list.
        Succeeded = "succeeded",
        /// It broke off.
        Failed = "failed",
    }
);
spelled!(
    /// What a pass is at.
    SweepPhase {
        /// It walks the list.
        Listing = "listing",
        /// It asks for what the list did not show, one by one.
        Confirming = "confirming",
    }
);

/// One pass over the list of a partner account.
#[derive(Debug, Clone, PartialEq)]
pub struct Sweep {
    /// UUIDv7.
    pub id: Uuid,
    /// The account.
    pub provider: String,
    /// Where it stands.
    pub state: SweepState,
    /// Raised with every claim.
    pub epoch: i64,
    /// Who asked for it.
    pub actor: String,
    /// By which request.
    pub request_id: String,
    /// What it is at.
    pub phase: SweepPhase,
    /// Where it goes on: the next page, or the last id that was asked for.
    pub place: Option<String>,
    /// Requests made.
    pub requests: i64,
    /// Organizations listed.
    pub listed: i64,
    /// Open discrepancies that it saw, by kind.
    pub unmapped: i64,
    /// Open discrepancies that it saw, by kind.
    pub missing: i64,
    /// Open discrepancies that it saw, by kind.
    pub drifted: i64,
    /// Failures of the provider in a row.
    pub failures: i32,
    /// Why it broke off.
    pub error: Option<String>,
    /// When it began.
    pub begun_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
}

/// The passes of an account.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sweeps {
    /// The one under way.
    pub running: Option<Sweep>,
    /// The last that ended.
    pub last: Option<Sweep>,
    /// When the next begins by itself.
    pub next_at: Option<DateTime<Utc>>,
}

#[derive(sqlx::FromRow)]
pub(super) struct SweepRow {
    pub(super) id: Uuid,
    pub(super) provider: String,
    pub(super) state: String,
    pub(super) epoch: i64,
    pub(super) actor: String,
    pub(super) request_id: String,
    pub(super) phase: String,
    pub(super) place: Option<String>,
    pub(super) requests: i64,
    pub(super) listed: i64,
    pub(super) unmapped: i64,
    pub(super) missing: i64,
    pub(super) drifted: i64,
    pub(super) failures: i32,
    pub(super) error: Option<String>,
    pub(super) begun_at: DateTime<Utc>,
    pub(super) finished_at: Option<DateTime<Utc>>,
}

impl TryFrom<SweepRow> for Sweep {
    type Error = StoreError;

    fn try_from(row: SweepRow) -> StoreResult<Self> {
        Ok(Self {
            id: row.id,
            provider: row.provider,
            state: row.state.parse()?,
            epoch: row.epoch,
            actor: row.actor,
            request_id: row.request_id,
            phase: row.phase.parse()?,
            place: row.place,
            requests: row.requests,
            listed: row.listed,
            unmapped: row.unmapped,
            missing: row.missing,
            drifted: row.drifted,
            failures: row.failures,
            error: row.error,
            begun_at: row.begun_at,
            finished_at: row.finished_at,
        })
    }
}
