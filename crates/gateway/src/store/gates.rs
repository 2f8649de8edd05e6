//! The gate of a partner account, shared by all replicas: shut while the provider asks for a pause, and
//! narrow while creates are in doubt.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::{
    connect::Store,
    error::{StoreResult, store_error},
    lane::bounded,
    rows::interval,
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
        bounded(async {
            let mut tx = self.outcomes.begin().await?;
            note_read(tx.get()?, provider).await?;
            tx.commit().await.map_err(store_error)
        })
        .await
    }
}

/// Remembers within a transaction that somebody knows what an account has.
pub(super) async fn note_read(connection: &mut PgConnection, provider: &str) -> StoreResult<()> {
    sqlx::query!(
        "update provider_gates set last_read_at = now()
             where provider = $1 and last_unknown_create_at >= coalesce(last_read_at, '-infinity')",
        provider
    )
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// Whether another create may be sent to an account now.
pub(super) async fn create_may_pass(
    connection: &mut PgConnection,
    provider: &str,
    budget: &CreateBudget,
) -> StoreResult<bool> {
    Ok(budget.allows(&create_risk(connection, provider, budget).await?))
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
