//! Reading organizations.

use chrono::{DateTime, Utc};
use partner_core::ProviderOrgId;
use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use super::{
    connect::Store,
    error::{StoreResult, store_error},
    model::{OrgStatus, Organization, TenantScope},
    page::{PageAfter, PageOf, PageRequest},
    rows::OrganizationRow,
};

/// What a list of organizations is narrowed by; what is `None` does not narrow.
#[derive(Debug, Clone, Default)]
pub struct OrganizationFilter {
    /// The exact customer id.
    pub customer_id: Option<String>,
    /// The partner account.
    pub provider: Option<String>,
    /// The id at the provider, in each canonical form that it may have.
    pub provider_org_ids: Option<Vec<ProviderOrgId>>,
    /// The status.
    pub status: Option<OrgStatus>,
    /// Usable or not.
    pub usable: Option<bool>,
    /// The owner's e-mail address, any case.
    pub email: Option<String>,
    /// Whose lock lies on it.
    pub locked_by: Option<partner_core::LockOrigin>,
    /// Labels with their values; one of them must match.
    pub any_label: Option<Vec<(String, String)>>,
    /// A prefix of the name, any case.
    pub name_prefix: Option<String>,
    /// Changed at this time or later.
    pub updated_since: Option<DateTime<Utc>>,
    /// The order.
    pub order: OrganizationOrder,
}

/// The order of a list of organizations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OrganizationOrder {
    /// Oldest first.
    #[default]
    CreatedAtAsc,
    /// Newest first.
    CreatedAtDesc,
}

impl Store {
    /// One organization of the tenant's.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn get_organization(
        &self,
        scope: &TenantScope,
        id: Uuid,
    ) -> StoreResult<Option<Organization>> {
        sqlx::query_as!(
            OrganizationRow,
            r#"select id, tenant, customer_id, provider, provider_org_id, name, status, locks, owner_email,
                      owner_first_name, owner_last_name, owner_phone_number, siren_number, domain, address,
                      marketplace_offers, comment, labels, labra_subscription_id, provider_data, certainty,
                      observed_at, route_rule, route_reason, create_fingerprint, last_event, version,
                      created_at, updated_at
               from organizations where id = $1 and ($2::text is null or tenant = $2)"#,
            id,
            scope.tenant()
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(store_error)?
        .map(Organization::try_from)
        .transpose()
    }

    /// One page of the tenant's organizations.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_organizations(
        &self,
        scope: &TenantScope,
        filter: &OrganizationFilter,
        page: &PageRequest,
    ) -> StoreResult<PageOf<Organization>> {
        let total = if page.include_total {
            let mut count = QueryBuilder::new("select count(*) from organizations where true");
            push_filter(&mut count, scope, filter);
            Some(count.build_query_scalar().fetch_one(&self.pool).await.map_err(store_error)?)
        } else {
            None
        };
        let mut query = QueryBuilder::new("select * from organizations where true");
        push_filter(&mut query, scope, filter);
        let (comparison, direction) = match filter.order {
            OrganizationOrder::CreatedAtAsc => (">", "asc"),
            OrganizationOrder::CreatedAtDesc => ("<", "desc"),
        };
        if let Some(after) = &page.after {
            query.push(format_args!(" and (created_at, id) {comparison} ("));
            query.push_bind(after.at).push(", ").push_bind(after.id).push(")");
        }
        query.push(format_args!(" order by created_at {direction}, id {direction} limit "));
        query.push_bind(page.limit.saturating_add(1));
        let rows: Vec<OrganizationRow> =
            query.build_query_as().fetch_all(&self.pool).await.map_err(store_error)?;
        let items =
            rows.into_iter().map(Organization::try_from).collect::<StoreResult<Vec<_>>>()?;
        Ok(PageOf::cut(items, page, total, |org| PageAfter { at: org.created_at, id: org.id }))
    }

    /// All of a customer's organizations, but for creates that were refused.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn organizations_of_customer(
        &self,
        scope: &TenantScope,
        customer_id: &str,
    ) -> StoreResult<Vec<Organization>> {
        let mut query = QueryBuilder::new("select * from organizations where customer_id = ");
        query.push_bind(customer_id).push(" and status <> 'failed'");
        push_tenant(&mut query, scope);
        query.push(" order by created_at, id");
        let rows: Vec<OrganizationRow> =
            query.build_query_as().fetch_all(&self.pool).await.map_err(store_error)?;
        rows.into_iter().map(Organization::try_from).collect()
    }
}

fn push_tenant(query: &mut QueryBuilder<Postgres>, scope: &TenantScope) {
    if let Some(tenant) = scope.tenant() {
        query.push(" and tenant = ").push_bind(tenant.to_owned());
    }
}

fn push_filter(
    query: &mut QueryBuilder<Postgres>,
    scope: &TenantScope,
    filter: &OrganizationFilter,
) {
    push_tenant(query, scope);
    let texts =
        [(" and customer_id = ", &filter.customer_id), (" and provider = ", &filter.provider)];
    for (condition, value) in texts {
        if let Some(value) = value {
            query.push(condition).push_bind(value.clone());
        }
    }
    if let Some(ids) = &filter.provider_org_ids {
        let ids: Vec<String> = ids.iter().map(|id| id.as_str().to_owned()).collect();
        query.push(" and provider_org_id = any(").push_bind(ids).push(")");
    }
    if let Some(status) = filter.status {
        query.push(" and status = ").push_bind(status.as_str());
    }
    if let Some(usable) = filter.usable {
        query.push(" and usable = ").push_bind(usable);
    }
    if let Some(email) = &filter.email {
        // As EmailAddress compares: in ASCII alone, whatever the locale of the database.
        query.push(r#" and lower(owner_email collate "C") = lower("#).push_bind(email.clone());
        query.push(r#" collate "C")"#);
    }
    if let Some(origin) = filter.locked_by {
        query.push(" and locks @> ").push_bind(serde_json::json!([{ "origin": origin }]));
    }
    if let Some(labels) = &filter.any_label {
        // A condition of its own for each, so that the index on labels serves them all.
        query.push(" and (false");
        for (key, value) in labels {
            query.push(" or labels @> ");
            query.push_bind(serde_json::json!({ (key.as_str()): value }));
        }
        query.push(")");
    }
    if let Some(prefix) = &filter.name_prefix {
        query.push(r#" and fold_case(name) collate "C" like fold_case("#);
        query.push_bind(like_prefix(prefix)).push(")");
    }
    if let Some(since) = filter.updated_since {
        query.push(" and updated_at >= ").push_bind(since);
    }
}

/// The pattern that matches texts beginning with `prefix`, whatever it holds.
fn like_prefix(prefix: &str) -> String {
    let mut pattern = String::with_capacity(prefix.len() + 1);
    for c in prefix.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}
