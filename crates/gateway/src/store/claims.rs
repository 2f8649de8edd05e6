//! Taking operations up: leases, epochs, order within an organization, and the gates of an account.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    connect::Store,
    error::{StoreResult, store_error},
    model::{Operation, OperationKind, OperationState},
    rows::OperationRow,
};

/// How many creates of an account may be in doubt at once.
#[derive(Debug, Clone, Copy)]
pub struct CreateBudget {
    /// Creates in flight and creates whose outcome was lost within `window`, together.
    pub at_risk: i64,
    /// For how long a lost outcome counts.
    pub window: Duration,
    /// The account can be read, so that a reading must succeed before it is trusted again.
    pub readable: bool,
}

/// An operation that was taken up to be sent.
#[derive(Debug, Clone)]
pub enum Claimed {
    /// It is ours until its lease ends.
    Taken(Box<Operation>),
    /// It has to wait: for its organization's earlier operations, or for the account's gate.
    MustWait,
}

/// What the gate of an account knows when a create asks to pass.
#[derive(Debug, Clone, Copy)]
struct CreateRisk {
    in_flight: i64,
    in_doubt: i64,
    last_unknown: Option<DateTime<Utc>>,
    last_success: Option<DateTime<Utc>>,
    last_read: Option<DateTime<Utc>>,
}

impl CreateBudget {
    /// Creates go side by side while nothing is in doubt, up to the budget; one at a time from the first
    /// lost outcome until a create succeeds; not at all while the budget is used up, or while an account
    /// that can be read has not been read since.
    fn allows(&self, risk: &CreateRisk) -> bool {
        if risk.in_flight + risk.in_doubt >= self.at_risk {
            return false;
        }
        let shaken = risk.last_unknown > risk.last_success;
        if risk.in_doubt == 0 && !shaken {
            return true;
        }
        let read_since = !self.readable || !shaken || risk.last_read > risk.last_unknown;
        risk.in_flight == 0 && read_since
    }
}

impl Store {
    /// Takes up accepted operations of an account that are due, oldest first: creates, or all others.
    ///
    /// # Errors
    /// When the database fails; what was taken up before then is left to its lease.
    pub async fn claim_due(
        &self,
        provider: &str,
        creates: bool,
        limit: i64,
        lease: Duration,
        budget: &CreateBudget,
    ) -> StoreResult<Vec<Operation>> {
        let mut tx = self.pool.begin().await.map_err(store_error)?;
        let due = sqlx::query_scalar!(
            "select o.id from operations o
             where o.provider = $1 and o.state = 'accepted' and (o.kind = 'create') = $2
               and o.kind <> 'admin_role'
               and coalesce(o.next_attempt_at, '-infinity') <= now()
               and not exists (select from operations e where e.organization_id = o.organization_id
                   and e.id <> o.id and (e.state in ('sending', 'unknown', 'quarantined')
                       or (e.state = 'accepted' and (e.created_at, e.id) < (o.created_at, o.id))))
             order by o.created_at, o.id limit $3 for update skip locked",
            provider,
            creates,
            limit
        )
        .fetch_all(&mut *tx)
        .await
        .map_err(store_error)?;
        let mut claimed = Vec::new();
        for id in due {
            match take(&mut tx, id, provider, creates, lease, budget).await? {
                Claimed::Taken(operation) => claimed.push(*operation),
                Claimed::MustWait => break,
            }
        }
        tx.commit().await.map_err(store_error)?;
        Ok(claimed)
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
        let mut tx = self.pool.begin().await.map_err(store_error)?;
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
        .fetch_all(&mut *tx)
        .await
        .map_err(store_error)?;
        for row in &expired {
            sqlx::query!(
                "insert into evidence (operation_id, epoch, kind) values ($1, $2, 'lease_expired')",
                row.id,
                row.epoch
            )
            .execute(&mut *tx)
            .await
            .map_err(store_error)?;
            sqlx::query!(
                "update organizations set certainty = 'unknown', version = version + 1, updated_at = now()
                 where id = $1 and certainty <> 'unknown'",
                row.organization_id
            )
            .execute(&mut *tx)
            .await
            .map_err(store_error)?;
            if row.kind == OperationKind::Create.as_str() {
                note_unknown_create(&mut tx, provider).await?;
            }
        }
        tx.commit().await.map_err(store_error)?;
        Ok(u64::try_from(expired.len()).unwrap_or(u64::MAX))
    }

    /// Shuts an account's gate for every replica; a later end than it has stays.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn close_gate(
        &self,
        provider: &str,
        wait: Duration,
        reason: &str,
    ) -> StoreResult<()> {
        sqlx::query!(
            "insert into provider_gates (provider, closed_until, reason) values ($1, now() + $2, $3)
             on conflict (provider) do update
             set closed_until = greatest(provider_gates.closed_until, excluded.closed_until),
                 reason = excluded.reason, updated_at = now()",
            provider,
            interval(wait),
            reason
        )
        .execute(&self.outcomes)
        .await
        .map_err(store_error)?;
        Ok(())
    }

    /// Until when an account's gate is shut, and why; `None` when it is open.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn gate(&self, provider: &str) -> StoreResult<Option<(DateTime<Utc>, String)>> {
        let row = sqlx::query!(
            r#"select closed_until as "until!", coalesce(reason, '') as "reason!" from provider_gates
               where provider = $1 and closed_until > now()"#,
            provider
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(store_error)?;
        Ok(row.map(|row| (row.until, row.reason)))
    }

    /// Remembers that an account was read, where that matters to its gate.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn note_reading(&self, provider: &str) -> StoreResult<()> {
        sqlx::query!(
            "update provider_gates set last_read_at = now()
             where provider = $1 and last_unknown_create_at > coalesce(last_read_at, '-infinity')",
            provider
        )
        .execute(&self.outcomes)
        .await
        .map_err(store_error)?;
        Ok(())
    }
}

/// Takes one accepted operation up within a transaction, if its organization and its account let it.
pub(super) async fn take(
    connection: &mut PgConnection,
    id: Uuid,
    provider: &str,
    is_create: bool,
    lease: Duration,
    budget: &CreateBudget,
) -> StoreResult<Claimed> {
    if is_create && !budget.allows(&create_risk(connection, provider, budget).await?) {
        return Ok(Claimed::MustWait);
    }
    let row = sqlx::query_as!(
        OperationRow,
        "update operations o
         set state = 'sending', epoch = epoch + 1, attempts = attempts + 1, sends = sends + 1,
             lease_until = now() + $2, first_sent_at = coalesce(first_sent_at, now()), updated_at = now()
         where o.id = $1 and o.state = 'accepted' and o.sends < 2
           and not exists (select from provider_gates g
                           where g.provider = o.provider and g.closed_until > now())
           and not exists (select from operations e where e.organization_id = o.organization_id
                   and e.id <> o.id and (e.state in ('sending', 'unknown', 'quarantined')
                       or (e.state = 'accepted' and (e.created_at, e.id) < (o.created_at, o.id))))
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

/// Counts an account's creates in doubt with its gate's row locked, so that two replicas cannot both
/// take the last place.
async fn create_risk(
    connection: &mut PgConnection,
    provider: &str,
    budget: &CreateBudget,
) -> StoreResult<CreateRisk> {
    sqlx::query!(
        "insert into provider_gates (provider) values ($1) on conflict (provider) do nothing",
        provider
    )
    .execute(&mut *connection)
    .await
    .map_err(store_error)?;
    let gate = sqlx::query!(
        "select last_unknown_create_at, last_create_success_at, last_read_at
         from provider_gates where provider = $1 for update",
        provider
    )
    .fetch_one(&mut *connection)
    .await
    .map_err(store_error)?;
    let counts = sqlx::query!(
        r#"select count(*) filter (where state = 'sending') as "in_flight!",
                  count(*) filter (where state <> 'sending' and unknown_since > now() - $2::interval) as "in_doubt!"
           from operations
           where provider = $1 and kind = 'create' and state in ('sending', 'unknown', 'quarantined')"#,
        provider,
        interval(budget.window)
    )
    .fetch_one(&mut *connection)
    .await
    .map_err(store_error)?;
    Ok(CreateRisk {
        in_flight: counts.in_flight,
        in_doubt: counts.in_doubt,
        last_unknown: gate.last_unknown_create_at,
        last_success: gate.last_create_success_at,
        last_read: gate.last_read_at,
    })
}

pub(super) async fn note_unknown_create(
    connection: &mut PgConnection,
    provider: &str,
) -> StoreResult<()> {
    sqlx::query!(
        "insert into provider_gates (provider, last_unknown_create_at) values ($1, now())
         on conflict (provider) do update set last_unknown_create_at = now()",
        provider
    )
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

pub(super) async fn note_create_success(
    connection: &mut PgConnection,
    provider: &str,
) -> StoreResult<()> {
    sqlx::query!(
        "update provider_gates set last_create_success_at = now()
         where provider = $1 and last_unknown_create_at >= coalesce(last_create_success_at, '-infinity')",
        provider
    )
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

pub(super) fn interval(duration: Duration) -> sqlx::postgres::types::PgInterval {
    sqlx::postgres::types::PgInterval {
        months: 0,
        days: 0,
        microseconds: i64::try_from(duration.as_micros()).unwrap_or(i64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn risk(in_flight: i64, in_doubt: i64) -> CreateRisk {
        CreateRisk { in_flight, in_doubt, last_unknown: None, last_success: None, last_read: None }
    }

    const BUDGET: CreateBudget =
        CreateBudget { at_risk: 3, window: Duration::from_secs(300), readable: true };

    #[test]
    fn never_more_than_the_budget_at_risk() {
        for in_flight in 0..6 {
            for in_doubt in 0..6 {
                if BUDGET.allows(&risk(in_flight, in_doubt)) {
                    assert!(in_flight + in_doubt < 3, "{in_flight} in flight, {in_doubt} in doubt");
                }
            }
        }
        assert!(BUDGET.allows(&risk(2, 0)));
    }

    #[test]
    fn one_at_a_time_from_a_lost_outcome_until_a_create_succeeds() {
        let at = |seconds| DateTime::from_timestamp(seconds, 0);
        let shaken = CreateRisk { last_unknown: at(10), last_read: at(11), ..risk(0, 0) };
        assert!(BUDGET.allows(&shaken));
        assert!(!BUDGET.allows(&CreateRisk { in_flight: 1, ..shaken }));
        assert!(BUDGET.allows(&CreateRisk { in_flight: 1, last_success: at(12), ..shaken }));
    }

    #[test]
    fn an_account_that_can_be_read_must_have_been_read_since() {
        let at = |seconds| DateTime::from_timestamp(seconds, 0);
        let unread = CreateRisk { last_unknown: at(10), last_read: at(9), ..risk(0, 0) };
        assert!(!BUDGET.allows(&unread));
        assert!(CreateBudget { readable: false, ..BUDGET }.allows(&unread));
        assert!(BUDGET.allows(&CreateRisk { last_read: at(11), ..unread }));
    }
}
