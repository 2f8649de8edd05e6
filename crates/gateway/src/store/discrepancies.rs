//! What does not agree with the providers: reading it, and settling it by a person's word.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{PgConnection, QueryBuilder};
use uuid::Uuid;

use super::{
    connect::Store,
    error::{StoreError, StoreResult, store_error},
    event_types::EventType,
    events::{EventContext, append_event},
    idempotency::{KeyClaim, take_key},
    lane::{Tx, bounded},
    model::{TenantScope, spelled},
    outcomes::{lock_organization, save_organization},
    page::{PageAfter, PageOf, PageRequest},
};

spelled!(
    /// In what way a provider and the mapping do not agree.
    DiscrepancyKind {
        /// It exists there, and nothing is mapped to it.
        Unmapped = "unmapped",
        /// It is mapped, and gone there.
        Missing = "missing",
        /// Fields differ.
        Drifted = "drifted",
    }
);
spelled!(
    /// Where a discrepancy stands.
    DiscrepancyState {
        /// It was seen by the last complete pass that could judge it.
        Open = "open",
        /// It is settled, or holds no more.
        Resolved = "resolved",
        /// A person wants to hear of it again only when its values change.
        Dismissed = "dismissed",
    }
);
spelled!(
    /// How a discrepancy was settled.
    DiscrepancyResolution {
        /// What was not mapped is.
        Adopted = "adopted",
        /// The provider's word was taken.
        Accepted = "accepted",
        /// Ours was sent to the provider.
        Reapplied = "reapplied",
        /// It was put aside.
        Dismissed = "dismissed",
        /// A pass found that it holds no more.
        Gone = "gone",
    }
);

/// A field whose values differ. Not shown by `Debug`: it may tell of a person.
#[derive(Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FieldDifference {
    /// The field, such as `owner.email`.
    pub field: String,
    /// What the mapping has.
    pub ours: Value,
    /// What the provider shows.
    pub theirs: Value,
}

impl std::fmt::Debug for FieldDifference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FieldDifference").field("field", &self.field).finish_non_exhaustive()
    }
}

/// Something that does not agree.
#[derive(Debug, Clone, PartialEq)]
pub struct Discrepancy {
    /// UUIDv7.
    pub id: Uuid,
    /// The partner account.
    pub provider: String,
    /// In what way.
    pub kind: DiscrepancyKind,
    /// Where it stands.
    pub state: DiscrepancyState,
    /// The tenant that owns the organization, or to which an unmapped one is assigned; `None` for an unmapped
    /// one that nobody assigned.
    pub tenant: Option<String>,
    /// The actor who assigned an unmapped one.
    pub assigned_by: Option<String>,
    /// When that was.
    pub assigned_at: Option<DateTime<Utc>>,
    /// The organization it is about.
    pub organization_id: Option<Uuid>,
    /// The version of it that was compared.
    pub organization_version: Option<i64>,
    /// The organization's id at the provider.
    pub provider_org_id: String,
    /// What differs; for what is not mapped, what the provider shows of it.
    pub fields: Vec<FieldDifference>,
    /// When it was first seen.
    pub first_seen_at: DateTime<Utc>,
    /// When it was last seen.
    pub last_seen_at: DateTime<Utc>,
    /// How it was settled.
    pub resolution: Option<DiscrepancyResolution>,
    /// By whom.
    pub resolved_by: Option<String>,
    /// When.
    pub resolved_at: Option<DateTime<Utc>>,
    /// Why, where that was said.
    pub reason: Option<String>,
    /// The operation that sent ours.
    pub operation_id: Option<Uuid>,
}

/// What a list of discrepancies is narrowed by; what is `None` does not narrow.
#[derive(Debug, Clone, Default)]
pub struct DiscrepancyFilter {
    /// The kind.
    pub kind: Option<DiscrepancyKind>,
    /// The state.
    pub state: Option<DiscrepancyState>,
    /// The partner account.
    pub provider: Option<String>,
    /// The organization.
    pub organization_id: Option<Uuid>,
}

/// A person's word on a discrepancy.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// Which.
    pub discrepancy_id: Uuid,
    /// How.
    pub resolution: DiscrepancyResolution,
    /// By whom.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
}

#[derive(sqlx::FromRow)]
pub(super) struct DiscrepancyRow {
    pub(super) id: Uuid,
    pub(super) provider: String,
    pub(super) kind: String,
    pub(super) state: String,
    pub(super) tenant: Option<String>,
    pub(super) assigned_by: Option<String>,
    pub(super) assigned_at: Option<DateTime<Utc>>,
    pub(super) organization_id: Option<Uuid>,
    pub(super) organization_version: Option<i64>,
    pub(super) provider_org_id: String,
    pub(super) fields: Value,
    pub(super) first_seen_at: DateTime<Utc>,
    pub(super) last_seen_at: DateTime<Utc>,
    pub(super) resolution: Option<String>,
    pub(super) resolved_by: Option<String>,
    pub(super) resolved_at: Option<DateTime<Utc>>,
    pub(super) reason: Option<String>,
    pub(super) operation_id: Option<Uuid>,
}

impl TryFrom<DiscrepancyRow> for Discrepancy {
    type Error = StoreError;

    fn try_from(row: DiscrepancyRow) -> StoreResult<Self> {
        let fields = serde_json::from_value(row.fields);
        Ok(Self {
            id: row.id,
            provider: row.provider,
            kind: row.kind.parse()?,
            state: row.state.parse()?,
            tenant: row.tenant,
            assigned_by: row.assigned_by,
            assigned_at: row.assigned_at,
            organization_id: row.organization_id,
            organization_version: row.organization_version,
            provider_org_id: row.provider_org_id,
            fields: fields.map_err(|error| StoreError::Corrupt(format!("fields: {error}")))?,
            first_seen_at: row.first_seen_at,
            last_seen_at: row.last_seen_at,
            resolution: row.resolution.map(|text| text.parse()).transpose()?,
            resolved_by: row.resolved_by,
            resolved_at: row.resolved_at,
            reason: row.reason,
            operation_id: row.operation_id,
        })
    }
}

impl Store {
    /// One discrepancy that the tenant may see.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn get_discrepancy(
        &self,
        scope: &TenantScope,
        id: Uuid,
    ) -> StoreResult<Option<Discrepancy>> {
        sqlx::query_as!(
            DiscrepancyRow,
            "select * from discrepancies
             where id = $1 and state <> 'suspected' and ($2::text is null or tenant = $2)",
            id,
            scope.tenant()
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(store_error)?
        .map(Discrepancy::try_from)
        .transpose()
    }

    /// One page of the discrepancies that the tenant may see, those that were seen first before others.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_discrepancies(
        &self,
        scope: &TenantScope,
        filter: &DiscrepancyFilter,
        page: &PageRequest,
    ) -> StoreResult<PageOf<Discrepancy>> {
        let total = if page.include_total {
            let mut count = QueryBuilder::new("select count(*) from discrepancies where true");
            push_filter(&mut count, scope, filter);
            Some(count.build_query_scalar().fetch_one(&self.pool).await.map_err(store_error)?)
        } else {
            None
        };
        let mut query = QueryBuilder::new("select * from discrepancies where true");
        push_filter(&mut query, scope, filter);
        if let Some(after) = &page.after {
            query.push(" and (first_seen_at, id) > (").push_bind(after.at).push(", ");
            query.push_bind(after.id).push(")");
        }
        query.push(" order by first_seen_at, id limit ");
        query.push_bind(page.limit.saturating_add(1));
        let rows: Vec<DiscrepancyRow> =
            query.build_query_as().fetch_all(&self.pool).await.map_err(store_error)?;
        let items = rows.into_iter().map(Discrepancy::try_from).collect::<StoreResult<Vec<_>>>()?;
        Ok(PageOf::cut(items, page, total, |d| PageAfter { at: d.first_seen_at, id: d.id }))
    }

    /// How many discrepancies of each kind are open, at one provider or at all. A kind of which there is none is left
    /// out.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open_discrepancies(
        &self,
        scope: &TenantScope,
        provider: Option<&str>,
    ) -> StoreResult<Vec<(DiscrepancyKind, i64)>> {
        sqlx::query!(
            r#"select kind, count(*) as "count!" from discrepancies
               where state = 'open' and ($1::text is null or tenant = $1)
                 and ($2::text is null or provider = $2)
               group by kind"#,
            scope.tenant(),
            provider
        )
        .fetch_all(&self.pool)
        .await
        .map_err(store_error)?
        .into_iter()
        .map(|row| Ok((row.kind.parse()?, row.count)))
        .collect()
    }

    /// Settles a discrepancy whose settlement changes nothing else. False where it cannot be settled any
    /// more, or the key was taken meanwhile.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn settle_discrepancy(
        &self,
        settlement: &Settlement,
        organization_id: Option<Uuid>,
        event: Option<(EventType, &EventContext)>,
        key: Option<&KeyClaim>,
    ) -> StoreResult<bool> {
        let tx = self.pool.begin().await?;
        bounded(settle_in(tx, settlement, organization_id, event, key)).await
    }
}

async fn settle_in(
    mut tx: Tx,
    settlement: &Settlement,
    organization_id: Option<Uuid>,
    event: Option<(EventType, &EventContext)>,
    key: Option<&KeyClaim>,
) -> StoreResult<bool> {
    let is_free = match key {
        Some(key) => take_key(tx.get()?, key, &[], organization_id).await?,
        None => true,
    };
    // The organization first, as everybody else does.
    let before = match organization_id {
        Some(id) => Some(lock_organization(tx.get()?, id).await?),
        None => None,
    };
    if !is_free || !settle(tx.get()?, settlement, None).await? {
        tx.rollback().await?;
        return Ok(false);
    }
    if let (Some(before), Some((name, context))) = (before, event) {
        let mut after = before.clone();
        append_event(tx.get()?, name, context, Some(&before), &mut after).await?;
        save_organization(tx.get()?, &before, &mut after).await?;
    }
    tx.commit().await.map_err(store_error)?;
    Ok(true)
}

/// Settles a discrepancy within the transaction of what settles it. False where it is settled already: one
/// that was dismissed can still be settled for good.
pub(super) async fn settle(
    connection: &mut PgConnection,
    settlement: &Settlement,
    operation_id: Option<Uuid>,
) -> StoreResult<bool> {
    let state = match settlement.resolution {
        DiscrepancyResolution::Dismissed => DiscrepancyState::Dismissed,
        DiscrepancyResolution::Adopted
        | DiscrepancyResolution::Accepted
        | DiscrepancyResolution::Reapplied
        | DiscrepancyResolution::Gone => DiscrepancyState::Resolved,
    };
    let settled = sqlx::query!(
        "update discrepancies
         set state = $2, resolution = $3, resolved_by = $4, reason = $5, resolved_at = now(), operation_id = $6
         where id = $1 and (state = 'open' or (state = 'dismissed' and $2 = 'resolved'))",
        settlement.discrepancy_id,
        state.as_str(),
        settlement.resolution.as_str(),
        settlement.by,
        settlement.reason,
        operation_id
    )
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(settled.rows_affected() == 1)
}

fn push_filter(
    query: &mut QueryBuilder<sqlx::Postgres>,
    scope: &TenantScope,
    filter: &DiscrepancyFilter,
) {
    query.push(" and state <> 'suspected'");
    if let Some(tenant) = scope.tenant() {
        query.push(" and tenant = ").push_bind(tenant.to_owned());
    }
    if let Some(kind) = filter.kind {
        query.push(" and kind = ").push_bind(kind.as_str());
    }
    if let Some(state) = filter.state {
        query.push(" and state = ").push_bind(state.as_str());
    }
    if let Some(provider) = &filter.provider {
        query.push(" and provider = ").push_bind(provider.clone());
    }
    if let Some(id) = filter.organization_id {
        query.push(" and organization_id = ").push_bind(id);
    }
}
