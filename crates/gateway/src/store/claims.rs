//! Taking operations up: leases, epochs, order within an organization, and the gates of an account.

use std::time::Duration;

use sqlx::PgConnection;
use tracing::error;
use uuid::Uuid;

use super::{
    connect::Store,
    error::{StoreResult, store_error},
    gates::{CreateBudget, create_may_pass, note_unknown_create},
    lane::{Tx, bounded},
    model::{Operation, OperationKind, OperationState},
    rows::{OperationRow, interval},
    sequences::is_drawn_id_taken,
};

/// An operation that was taken up to be sent.
#[derive(Debug, Clone)]
pub enum Claimed {
    /// It is ours until its lease ends.
    Taken(Box<Operation>),
    /// It has to wait: for its organization's earlier operations, or for the account's gate.
    MustWait,
}

/// Accepted operations that were due.
#[derive(Debug, Clone)]
pub struct Due {
    /// Those that were taken up.
    pub claimed: Vec<Operation>,
    /// Others are due and could not be.
    pub more_waits: bool,
}

impl Store {
    /// Takes up accepted operations of an account that are due, oldest first: creates, or all others.
    ///
    /// # Errors
    /// When the database fails. A commit whose outcome is in doubt is read again first.
    pub async fn claim_due(
        &self,
        provider: &str,
        creates: bool,
        limit: i64,
        lease: Duration,
        budget: &CreateBudget,
    ) -> StoreResult<Due> {
        let tx = self.pool.begin().await?;
        let claim = claim_due_in(tx, provider, creates, limit, lease, budget);
        let (tx, due) = bounded(claim).await?;
        match due.claimed.first() {
            Some(first) => {
                crash_point!("claim.commit");
                self.commit(tx, first, lease).await?;
                crash_point!("claim.committed");
            }
            None => tx.rollback().await?,
        }
        Ok(due)
    }

    /// Takes up unknown operations of an account that are due to be looked at.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn claim_unknown(
        &self,
        provider: &str,
        limit: i64,
        lease: Duration,
    ) -> StoreResult<Vec<Operation>> {
        let rows = sqlx::query_as!(
            OperationRow,
            "update operations set epoch = epoch + 1, next_attempt_at = now() + $3, updated_at = now()
             where id in (select id from operations
                          where provider = $1 and state = 'unknown' and next_attempt_at <= now()
                          order by next_attempt_at limit $2 for update skip locked)
             returning *",
            provider,
            limit,
            interval(lease)
        )
        .fetch_all(&self.pool)
        .await
        .map_err(store_error)?;
        rows.into_iter().map(Operation::try_from).collect()
    }

    /// Takes up one unknown operation now, if it still stands at this epoch.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn claim_one_unknown(
        &self,
        id: Uuid,
        epoch: i64,
        lease: Duration,
    ) -> StoreResult<Option<Operation>> {
        sqlx::query_as!(
            OperationRow,
            "update operations set epoch = epoch + 1, next_attempt_at = now() + $3, updated_at = now()
             where id = $1 and epoch = $2 and state = 'unknown' returning *",
            id,
            epoch,
            interval(lease)
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(store_error)?
        .map(Operation::try_from)
        .transpose()
    }

    /// Operations of an account whose lease has run out become unknown: whoever had them may have sent.
    /// Answers how many.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn expire_leases(&self, provider: &str, settle_window: Duration) -> StoreResult<u64> {
        match self.try_expire_leases(provider, settle_window).await {
            // Else no operation would ever leave `sending`.
            Err(error) if is_drawn_id_taken(&error) => {
                error!(error = %error, "a sequence is behind its table; see `partner-gateway check`");
                self.advance_sequences().await?;
                self.try_expire_leases(provider, settle_window).await
            }
            done => done,
        }
    }

    async fn try_expire_leases(&self, provider: &str, settle_window: Duration) -> StoreResult<u64> {
        let tx = self.pool.begin().await?;
        bounded(expire_leases_in(tx, provider, settle_window)).await
    }
}

async fn claim_due_in(
    mut tx: Tx,
    provider: &str,
    creates: bool,
    limit: i64,
    lease: Duration,
    budget: &CreateBudget,
) -> StoreResult<(Tx, Due)> {
    let due = sqlx::query_scalar!(
        "select o.id from operations o
         where o.provider = $1 and o.state = 'accepted' and (o.kind = 'create') = $2
           and o.kind <> 'admin_role'
           and coalesce(o.next_attempt_at, '-infinity') <= now()
           and not exists (select from operations e where e.organization_id = o.organization_id
               and e.id <> o.id and (e.state in ('sending', 'unknown', 'quarantined')
                   or (e.state = 'accepted' and (e.created_at, e.id) < (o.created_at, o.id))
                   or (e.settle_until > now() and e.state in ('succeeded', 'rejected')
                       and e.kind in ('update', 'lock', 'unlock') and o.kind in ('update', 'lock', 'unlock'))))
         order by o.created_at, o.id limit $3 for update skip locked",
        provider,
        creates,
        limit
    )
    .fetch_all(tx.get()?)
    .await
    .map_err(store_error)?;
    let mut claimed = Vec::new();
    let mut more_waits = i64::try_from(due.len()).unwrap_or(limit) >= limit;
    for id in due {
        match take(tx.get()?, id, provider, creates, lease, budget).await? {
            Claimed::Taken(operation) => claimed.push(*operation),
            Claimed::MustWait => {
                more_waits = true;
                break;
            }
        }
    }
    Ok((tx, Due { claimed, more_waits }))
}

async fn expire_leases_in(mut tx: Tx, provider: &str, settle_window: Duration) -> StoreResult<u64> {
    let expired = sqlx::query!(
        "update operations set state = 'unknown', epoch = epoch + 1, unknown_since = now(),
                settle_until = lease_until + $2, absent_read_at = null, next_attempt_at = now(),
                updated_at = now()
         where id in (select id from operations
                      where provider = $1 and state = 'sending' and lease_until < now()
                      order by lease_until limit 100 for update skip locked)
         returning id, organization_id, epoch, kind",
        provider,
        interval(settle_window)
    )
    .fetch_all(tx.get()?)
    .await
    .map_err(store_error)?;
    for row in &expired {
        sqlx::query!(
            "insert into evidence (operation_id, epoch, kind) values ($1, $2, 'lease_expired')",
            row.id,
            row.epoch
        )
        .execute(tx.get()?)
        .await
        .map_err(store_error)?;
        sqlx::query!(
            "update organizations set certainty = 'unknown', version = version + 1, updated_at = now()
             where id = $1 and certainty <> 'unknown'",
            row.organization_id
        )
        .execute(tx.get()?)
        .await
        .map_err(store_error)?;
        if row.kind == OperationKind::Create.as_str() {
            note_unknown_create(tx.get()?, provider).await?;
        }
    }
    if !expired.is_empty() {
        crash_point!("expire.commit");
    }
    tx.commit().await.map_err(store_error)?;
    if !expired.is_empty() {
        crash_point!("expire.committed");
    }
    Ok(u64::try_from(expired.len()).unwrap_or(u64::MAX))
}

/// Takes one accepted operation up within a transaction, if its organization and its account let it.
///
/// A change of an organization waits for those before it, and also for the settle window of one that has
/// ended though a send of it was never accounted for: done late, it would undo what came after it.
///
/// The lease begins here: `now()` is when the transaction began, and it may have waited since for the locks
/// of others.
pub(super) async fn take(
    connection: &mut PgConnection,
    id: Uuid,
    provider: &str,
    is_create: bool,
    lease: Duration,
    budget: &CreateBudget,
) -> StoreResult<Claimed> {
    if is_create && !create_may_pass(connection, provider, budget).await? {
        return Ok(Claimed::MustWait);
    }
    let row = sqlx::query_as!(
        OperationRow,
        "update operations o
         set state = 'sending', epoch = epoch + 1, attempts = attempts + 1, sends = sends + 1,
             lease_until = clock_timestamp() + $2, first_sent_at = coalesce(first_sent_at, now()), updated_at = now()
         where o.id = $1 and o.state = 'accepted' and o.sends < 2
           and not exists (select from provider_gates g
                           where g.provider = o.provider and g.closed_until > now())
           and not exists (select from operations e where e.organization_id = o.organization_id
                   and e.id <> o.id and (e.state in ('sending', 'unknown', 'quarantined')
                       or (e.state = 'accepted' and (e.created_at, e.id) < (o.created_at, o.id))
                       or (e.settle_until > now() and e.state in ('succeeded', 'rejected')
                           and e.kind in ('update', 'lock', 'unlock') and o.kind in ('update', 'lock', 'unlock'))))
         returning *",
        id,
        interval(lease)
    )
    .fetch_optional(&mut *connection)
    .await
    .map_err(store_error)?;
    let Some(row) = row else {
        return Ok(Claimed::MustWait);
    };
    let operation = Operation::try_from(row)?;
    debug_assert_eq!(operation.state, OperationState::Sending);
    sqlx::query!(
        "insert into attempts (operation_id, number, epoch) values ($1, $2, $3)",
        operation.id,
        operation.attempts,
        operation.epoch
    )
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(Claimed::Taken(Box::new(operation)))
}
