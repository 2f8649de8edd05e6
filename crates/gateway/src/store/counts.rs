//! How much there is of everything, and what is open for longest: for who has to look at it all at once.

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

impl Store {
    /// How many of the tenant's organizations have each status. A status that none has is left out.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count_organizations(
        &self,
        scope: &TenantScope,
    ) -> StoreResult<Vec<(OrgStatus, i64)>> {
        sqlx::query!(
            r#"select status, count(*) as "count!" from organizations
               where $1::text is null or tenant = $1 group by status"#,
            scope.tenant()
        )
        .fetch_all(&self.pool)
        .await
        .map_err(store_error)?
        .into_iter()
        .map(|row| Ok((row.status.parse()?, row.count)))
        .collect()
    }

    /// How many of the tenant's operations stand in each state. A state in which none stands is left out.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count_operations(
        &self,
        scope: &TenantScope,
    ) -> StoreResult<Vec<(OperationState, i64)>> {
        sqlx::query!(
            r#"select state, count(*) as "count!" from operations
               where $1::text is null or tenant = $1 group by state"#,
            scope.tenant()
        )
        .fetch_all(&self.pool)
        .await
        .map_err(store_error)?
        .into_iter()
        .map(|row| Ok((row.state.parse()?, row.count)))
        .collect()
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
