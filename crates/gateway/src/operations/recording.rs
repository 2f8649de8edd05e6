//! Writing down what is known here and nowhere else: fenced, retried, and never lost to a database that is
//! away for a while.

use std::time::Duration;

use tracing::warn;

use super::{counters, engine::Engine};
use crate::store::{
    EventType, Evidence, NextState, Operation, Organization, Outcome, Recorded, StoreError,
    StoreResult,
};

impl Engine {
    /// Writes down where an operation goes; where it is not ours any more, only the evidence.
    pub(super) async fn move_on(
        &self,
        operation: &Operation,
        next: NextState,
        evidence: Option<&Evidence>,
        change: &(dyn Fn(&mut Organization) + Send + Sync),
        event: Option<EventType>,
    ) -> StoreResult<()> {
        let provider_request_id = evidence.and_then(|e| e.provider_request_id.clone());
        let outcome = Outcome {
            next,
            change,
            members: &[],
            event,
            actor: None,
            provider_request_id,
            is_accounted: false,
        };
        self.write_down_or_add(operation, evidence, &outcome).await
    }

    /// Writes an outcome down; where the operation is not ours any more, only the evidence.
    pub(super) async fn write_down_or_add(
        &self,
        operation: &Operation,
        evidence: Option<&Evidence>,
        outcome: &Outcome<'_>,
    ) -> StoreResult<()> {
        match self.write_down(operation, evidence, outcome).await? {
            Recorded::Applied(_) => Ok(()),
            Recorded::Fenced => {
                counters::fenced_write(operation.provider.as_str());
                match evidence {
                    Some(evidence) => {
                        self.persist(|| self.store.add_evidence(operation.id, evidence)).await
                    }
                    None => Ok(()),
                }
            }
        }
    }

    pub(super) async fn write_down(
        &self,
        operation: &Operation,
        evidence: Option<&Evidence>,
        outcome: &Outcome<'_>,
    ) -> StoreResult<Recorded> {
        let recorded = self.persist(|| self.store.record(operation, evidence, outcome)).await?;
        match recorded {
            Recorded::Applied(_) => Ok(recorded),
            // The commit whose answer was lost may have been done: then it was ours.
            Recorded::Fenced => match self
                .persist(|| self.store.reread_operation(operation.id))
                .await?
            {
                Some(now) if now.epoch == operation.epoch && now.state == outcome.next.state() => {
                    Ok(Recorded::Applied(Box::new(now)))
                }
                Some(_) | None => Ok(Recorded::Fenced),
            },
        }
    }

    /// Keeps on writing while the database is away: what is known here is known nowhere else.
    pub(super) async fn persist<T, F>(&self, write: impl Fn() -> F) -> StoreResult<T>
    where
        F: Future<Output = StoreResult<T>>,
    {
        let mut pause = Duration::from_millis(50);
        loop {
            match write().await {
                Err(StoreError::Unavailable(error)) => {
                    warn!(error = %error, "the database is away; what was answered is kept");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(1));
                }
                settled => return settled,
            }
        }
    }
}
