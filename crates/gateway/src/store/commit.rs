//! Commits whose answer may be lost: nothing may be sent on the strength of one that is not known.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    connect::Store,
    error::{StoreError, StoreResult, store_error},
    lane::Tx,
    model::Operation,
};

/// How soon a commit in doubt is looked for again.
const READ_AGAIN: Duration = Duration::from_millis(50);

impl Store {
    /// Commits operations that were taken up together, and where the answer to the commit is lost looks for
    /// `operation`, one of them, until it is known whether it was done: nothing may be sent on the strength of
    /// a commit that is not known, and what was committed has nobody else before its lease ends. What took the
    /// commit may take the readings too, so this can last as long as the lease.
    pub(super) async fn commit(
        &self,
        tx: Tx,
        operation: &Operation,
        lease: Duration,
    ) -> StoreResult<()> {
        let Err(error) = tx.commit().await else {
            return Ok(());
        };
        // Whoever works on the operation next must not read at a server that does not have it.
        self.pool.distrust();
        let until = Instant::now() + lease;
        loop {
            match self.epoch_at_primary(operation.id).await {
                Ok(Some(epoch)) if epoch == operation.epoch => return Ok(()),
                Ok(Some(_) | None) => return Err(store_error(error)),
                Err(StoreError::Unavailable(_)) if Instant::now() < until => {
                    tokio::time::sleep(READ_AGAIN).await;
                }
                Err(other) => return Err(other),
            }
        }
    }
}
