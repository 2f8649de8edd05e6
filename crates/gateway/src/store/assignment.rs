//! Unmapped organizations: what sweeps reported of them, and the tenant that an admin assigned them to.

use uuid::Uuid;

use super::{
    connect::Store,
    discrepancies::{Discrepancy, DiscrepancyRow},
    error::{StoreResult, store_error},
};

impl Store {
    /// The discrepancy of an organization that was listed and not mapped: the one that is not resolved, or else
    /// the last one. `None` where no sweep has reported one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn unmapped_discrepancy(
        &self,
        provider: &str,
        provider_org_id: &str,
    ) -> StoreResult<Option<Discrepancy>> {
        sqlx::query_as!(
            DiscrepancyRow,
            "select * from discrepancies
             where provider = $1 and provider_org_id = $2 and kind = 'unmapped' and state <> 'suspected'
             order by (state = 'resolved'), last_seen_at desc, id desc limit 1",
            provider,
            provider_org_id
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(store_error)?
        .map(Discrepancy::try_from)
        .transpose()
    }

    /// Assigns an unmapped organization that is not settled to a tenant, or to none. `None` where there is no such
    /// discrepancy any more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn assign_discrepancy(
        &self,
        id: Uuid,
        tenant: Option<&str>,
        by: &str,
    ) -> StoreResult<Option<Discrepancy>> {
        sqlx::query_as!(
            DiscrepancyRow,
            "update discrepancies
             set tenant = $2, assigned_by = case when $2::text is not null then $3 end,
                 assigned_at = case when $2::text is not null then now() end
             where id = $1 and kind = 'unmapped' and state in ('open', 'dismissed') returning *",
            id,
            tenant,
            by
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(store_error)?
        .map(Discrepancy::try_from)
        .transpose()
    }
}
