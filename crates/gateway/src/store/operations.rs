//! Reading operations, their evidence and the queue.

use sqlx::QueryBuilder;
use uuid::Uuid;

use super::{
    connect::Store,
    error::{StoreResult, store_error},
    model::{Evidence, Operation, OperationKind, OperationState, TenantScope},
    page::{PageAfter, PageOf, PageRequest},
    rows::OperationRow,
};

/// What a list of operations is narrowed by; what is `None` does not narrow.
#[derive(Debug, Clone, Default)]
pub struct OperationFilter {
    /// The state.
    pub state: Option<OperationState>,
    /// The kind.
    pub kind: Option<OperationKind>,
    /// The organization.
    pub organization_id: Option<Uuid>,
    /// The partner account.
    pub provider: Option<String>,
    /// Newest first; otherwise oldest first.
    pub newest_first: bool,
}

impl Store {
    /// One operation of the tenant's.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn get_operation(
        &self,
        scope: &TenantScope,
        id: Uuid,
    ) -> StoreResult<Option<Operation>> {
        sqlx::query_as!(
            OperationRow,
            "select * from operations where id = $1 and ($2::text is null or tenant = $2)",
            id,
            scope.tenant()
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(store_error)?
        .map(Operation::try_from)
        .transpose()
    }

    /// One page of the tenant's operations, in the order that the filter says.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_operations(
        &self,
        scope: &TenantScope,
        filter: &OperationFilter,
        page: &PageRequest,
    ) -> StoreResult<PageOf<Operation>> {
        let total = if page.include_total {
            let mut count = QueryBuilder::new("select count(*) from operations where true");
            push_filter(&mut count, scope, filter);
            Some(count.build_query_scalar().fetch_one(&self.pool).await.map_err(store_error)?)
        } else {
            None
        };
        let mut query = QueryBuilder::new("select * from operations where true");
        push_filter(&mut query, scope, filter);
        let (comparison, direction) =
            if filter.newest_first { ("<", "desc") } else { (">", "asc") };
        if let Some(after) = &page.after {
            query.push(format_args!(" and (created_at, id) {comparison} ("));
            query.push_bind(after.at).push(", ").push_bind(after.id).push(")");
        }
        query.push(format_args!(" order by created_at {direction}, id {direction} limit "));
        query.push_bind(page.limit.saturating_add(1));
        let rows: Vec<OperationRow> =
            query.build_query_as().fetch_all(&self.pool).await.map_err(store_error)?;
        let items = rows.into_iter().map(Operation::try_from).collect::<StoreResult<Vec<_>>>()?;
        Ok(PageOf::cut(items, page, total, |op| PageAfter { at: op.created_at, id: op.id }))
    }

    /// The last operation of an organization of this kind.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn last_operation(
        &self,
        organization_id: Uuid,
        kind: OperationKind,
    ) -> StoreResult<Option<Operation>> {
        sqlx::query_as!(
            OperationRow,
            "select * from operations where organization_id = $1 and kind = $2
             order by created_at desc, id desc limit 1",
            organization_id,
            kind.as_str()
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(store_error)?
        .map(Operation::try_from)
        .transpose()
    }

    /// Everything that was seen of an operation, in order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn evidence_of(&self, operation_id: Uuid) -> StoreResult<Vec<Evidence>> {
        sqlx::query!(
            "select epoch, kind, send_phase, provider_request_id, detail
             from evidence where operation_id = $1 order by id",
            operation_id
        )
        .fetch_all(&self.pool)
        .await
        .map_err(store_error)?
        .into_iter()
        .map(|row| {
            Ok(Evidence {
                epoch: row.epoch,
                kind: row.kind.parse()?,
                send_phase: row.send_phase.map(|phase| phase.parse()).transpose()?,
                provider_request_id: row.provider_request_id,
                detail: row.detail,
            })
        })
        .collect()
    }

    /// How many operations stand in each state that is open.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open_operations(&self) -> StoreResult<Vec<(OperationState, i64)>> {
        sqlx::query!(
            r#"select state, count(*) as "count!" from operations
               where state not in ('succeeded', 'rejected') group by state"#
        )
        .fetch_all(&self.pool)
        .await
        .map_err(store_error)?
        .into_iter()
        .map(|row| Ok((row.state.parse()?, row.count)))
        .collect()
    }

    /// The partner accounts for which operations are open.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn providers_with_open_operations(&self) -> StoreResult<Vec<String>> {
        sqlx::query_scalar!(
            "select distinct provider from operations
             where state not in ('succeeded', 'rejected') order by provider"
        )
        .fetch_all(&self.pool)
        .await
        .map_err(store_error)
    }

    /// For how many seconds the oldest unknown operation has been open; 0 when there is none. One that is
    /// quarantined waits for a person, and is counted as such.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn oldest_unknown_age(&self) -> StoreResult<f64> {
        sqlx::query_scalar!(
            r#"select coalesce(extract(epoch from now() - min(unknown_since)), 0)::float8 as "age!"
               from operations where state = 'unknown'"#
        )
        .fetch_one(&self.pool)
        .await
        .map_err(store_error)
    }
}

fn push_filter(
    query: &mut QueryBuilder<sqlx::Postgres>,
    scope: &TenantScope,
    filter: &OperationFilter,
) {
    if let Some(tenant) = scope.tenant() {
        query.push(" and tenant = ").push_bind(tenant.to_owned());
    }
    if let Some(state) = filter.state {
        query.push(" and state = ").push_bind(state.as_str());
    }
    if let Some(kind) = filter.kind {
        query.push(" and kind = ").push_bind(kind.as_str());
    }
    if let Some(id) = filter.organization_id {
        query.push(" and organization_id = ").push_bind(id);
    }
    if let Some(provider) = &filter.provider {
        query.push(" and provider = ").push_bind(provider.clone());
    }
}
