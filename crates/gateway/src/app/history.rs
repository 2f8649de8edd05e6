//! What happened to an operation or an organization, in order.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{App, error::AppResult};
use crate::store::{Attempt, Evidence, PastEvent, TenantScope};

/// One moment in the life of an operation.
#[derive(Debug, Clone)]
pub struct Moment {
    /// When.
    pub at: DateTime<Utc>,
    /// What happened.
    pub what: Happened,
}

/// What happened to an operation.
#[derive(Debug, Clone)]
pub enum Happened {
    /// It was taken up to be sent.
    TakenUp(Attempt),
    /// Something was seen of it.
    Seen(Evidence),
}

impl App {
    /// Every attempt at an operation of the caller's and all that was seen of it, in the order of time.
    ///
    /// # Errors
    /// `NotFound` where there is none for this caller.
    pub async fn operation_history(&self, scope: &TenantScope, id: Uuid) -> AppResult<Vec<Moment>> {
        let id = self.find_operation(scope, id).await?.id;
        let attempts = self.store.attempts_at(id).await?;
        let seen = self.store.seen_of(id).await?;
        let mut moments: Vec<Moment> = attempts
            .into_iter()
            .map(|attempt| Moment { at: attempt.started_at, what: Happened::TakenUp(attempt) })
            .collect();
        moments.extend(
            seen.into_iter()
                .map(|seen| Moment { at: seen.at, what: Happened::Seen(seen.evidence) }),
        );
        // Stable: what was seen at the same moment stays in the order in which it was written down.
        moments.sort_by_key(|moment| moment.at);
        Ok(moments)
    }

    /// The last events of an organization of the caller's, the newest first.
    ///
    /// # Errors
    /// `NotFound` where there is none for this caller.
    pub async fn organization_history(
        &self,
        scope: &TenantScope,
        id: Uuid,
        limit: i64,
    ) -> AppResult<Vec<PastEvent>> {
        let org = self.organization(scope, id).await?;
        Ok(self.store.events_of(org.id, limit).await?)
    }
}
