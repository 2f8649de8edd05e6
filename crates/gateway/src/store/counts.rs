//! How much there is of everything, and what is open for longest: for who has to look at it all at once.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{
    connect::Store,
    error::{StoreResult, store_error},
    model::{Operation, OperationState, OrgStatus, TenantScope},
    rows::OperationRow,
};

/// Whom an organization is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrganizationName {
    /// The organization.
    pub id: Uuid,
    /// The customer.
    pub customer_id: String,
    /// Its name.
    pub name: String,
}

/// How many of something there are, as far as they were counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// So many.
    Exactly(i64),
    /// So many were counted, and there are more.
    MoreThan(i64),
}

impl Count {
    /// How many were counted.
    #[must_use]
    pub fn counted(self) -> i64 {
        match self {
            Self::Exactly(count) | Self::MoreThan(count) => count,
        }
    }
}

/// How far is counted: a count costs no more, however many rows there are.
const COUNTED: i64 = 100_000;

/// The count of rows of which one more than [`COUNTED`] was asked for at most.
fn count(rows: i64) -> Count {
    if rows > COUNTED { Count::MoreThan(COUNTED) } else { Count::Exactly(rows) }
}

/// How many things fell into a span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// When the span began.
    pub from: DateTime<Utc>,
    /// How many.
    pub count: i64,
}

impl Store {
    /// How many of the tenant's organizations have this status.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count_organizations(
        &self,
        scope: &TenantScope,
        status: OrgStatus,
    ) -> StoreResult<Count> {
        let most = COUNTED + 1;
        // One statement for a tenant and one for all: each has its own index, and needs no more of it.
        let rows = match scope.tenant() {
            Some(tenant) => {
                sqlx::query_scalar!(
                    r#"select count(*) as "count!" from (
                           select from organizations where tenant = $1 and status = $2 limit $3
                       ) counted"#,
                    tenant,
                    status.as_str(),
                    most
                )
                .fetch_one(&self.pool)
                .await
            }
            None => {
                sqlx::query_scalar!(
                    r#"select count(*) as "count!" from (
                           select from organizations where status = $1 limit $2
                       ) counted"#,
                    status.as_str(),
                    most
                )
                .fetch_one(&self.pool)
                .await
            }
        };
        rows.map(count).map_err(store_error)
    }

    /// How many of the tenant's operations stand in this state; of a final one, those that ended since
    /// the moment that is given.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count_operations(
        &self,
        scope: &TenantScope,
        state: OperationState,
        ended_since: DateTime<Utc>,
    ) -> StoreResult<Count> {
        let most = COUNTED + 1;
        let rows = if state.is_final() {
            sqlx::query_scalar!(
                r#"select count(*) as "count!" from (
                       select from operations
                       where finished_at >= $1 and state = $2 and ($3::text is null or tenant = $3)
                       limit $4
                   ) counted"#,
                ended_since,
                state.as_str(),
                scope.tenant(),
                most
            )
            .fetch_one(&self.pool)
            .await
        } else {
            sqlx::query_scalar!(
                r#"select count(*) as "count!" from (
                       select from operations
                       where state = $1 and ($2::text is null or tenant = $2)
                       limit $3
                   ) counted"#,
                state.as_str(),
                scope.tenant(),
                most
            )
            .fetch_one(&self.pool)
            .await
        };
        rows.map(count).map_err(store_error)
    }

    /// How many of the tenant's organizations were created on each day (UTC) since then. A day on which
    /// none was is left out.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn organizations_by_day(
        &self,
        scope: &TenantScope,
        since: DateTime<Utc>,
    ) -> StoreResult<Vec<Tally>> {
        sqlx::query_as!(
            Tally,
            r#"select date_trunc('day', created_at, 'UTC') as "from!", count(*) as "count!"
               from organizations
               where created_at >= $1 and ($2::text is null or tenant = $2)
               group by 1 order by 1"#,
            since,
            scope.tenant()
        )
        .fetch_all(&self.pool)
        .await
        .map_err(store_error)
    }

    /// How many of the tenant's operations ended in each hour (UTC) since then. An hour in which none did
    /// is left out.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn operations_ended_by_hour(
        &self,
        scope: &TenantScope,
        since: DateTime<Utc>,
    ) -> StoreResult<Vec<Tally>> {
        sqlx::query_as!(
            Tally,
            r#"select date_trunc('hour', finished_at, 'UTC') as "from!", count(*) as "count!"
               from operations
               where finished_at >= $1 and ($2::text is null or tenant = $2)
               group by 1 order by 1"#,
            since,
            scope.tenant()
        )
        .fetch_all(&self.pool)
        .await
        .map_err(store_error)
    }

    /// The tenant's operation whose outcome is open for longest, unknown or quarantined.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn oldest_unknown(&self, scope: &TenantScope) -> StoreResult<Option<Operation>> {
        sqlx::query_as!(
            OperationRow,
            "select * from operations
             where state in ('unknown', 'quarantined') and ($1::text is null or tenant = $1)
             order by unknown_since, id limit 1",
            scope.tenant()
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(store_error)?
        .map(Operation::try_from)
        .transpose()
    }

    /// Whom these organizations are for. One that there is not is left out.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn name_organizations(&self, ids: &[Uuid]) -> StoreResult<Vec<OrganizationName>> {
        sqlx::query_as!(
            OrganizationName,
            "select id, customer_id, name from organizations where id = any($1)",
            ids
        )
        .fetch_all(&self.pool)
        .await
        .map_err(store_error)
    }
}
