//! Claims on organizations at a provider: mappings, customer ids in use, and open creates.

use chrono::{DateTime, Utc};
use partner_core::{CreateTraits, Likeness, OrgTraits};
use uuid::Uuid;

use super::{
    connect::Store,
    error::{StoreResult, store_error},
};

/// A mapping, by the provider's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownMapping {
    /// The id at the provider.
    pub provider_org_id: String,
    /// Ours.
    pub organization_id: Uuid,
    /// Whose it is.
    pub tenant: String,
    /// The customer it is mapped for.
    pub customer_id: String,
}

/// A customer id that is in use at a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownCustomer {
    /// Whose customer it is.
    pub tenant: String,
    /// The customer id.
    pub customer_id: String,
    /// The organization that has it, or is to have it.
    pub organization_id: Uuid,
}

/// A create that has not ended.
#[derive(Clone, PartialEq, Eq)]
pub struct OpenCreate {
    /// Its operation.
    pub operation_id: Uuid,
    /// The tenant that asked for it.
    pub tenant: String,
    /// The customer id that it sends.
    pub customer_id: String,
    /// The owner's e-mail address that it sends.
    pub email: Option<String>,
    /// The name that it sends.
    pub name: String,
    /// The time before which nothing of it can have left.
    pub not_before: DateTime<Utc>,
    /// It was sent at least once. One that waits to be sent again may still take effect late.
    pub may_have_left: bool,
}

impl std::fmt::Debug for OpenCreate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenCreate")
            .field("operation_id", &self.operation_id)
            .finish_non_exhaustive()
    }
}

impl OpenCreate {
    /// The properties by which its organization can be recognized.
    #[must_use]
    pub fn traits(&self) -> CreateTraits<'_> {
        CreateTraits {
            customer_id: &self.customer_id,
            owner_email: self.email.as_deref(),
            name: &self.name,
            not_before: Some(self.not_before),
        }
    }

    /// Whether the create could have made the organization, or asks for the customer of this tenant for whom
    /// somebody is about to map it.
    #[must_use]
    pub fn lays_claim(&self, org: OrgTraits<'_>, customer: Option<(&str, &str)>) -> bool {
        let likeness = Likeness::of(&self.traits(), org);
        let is_customer = customer == Some((&self.tenant, &self.customer_id));
        likeness.could_be() || (is_customer && !likeness.is_older())
    }
}

/// The keys by which open creates are looked up. A lookup finds more than it needs;
/// [`Likeness`](partner_core::Likeness) decides.
#[derive(Clone, Default)]
pub struct CreateKeys {
    /// Customer ids.
    pub customer_ids: Vec<String>,
    /// Owners' e-mail addresses.
    pub emails: Vec<String>,
    /// Names.
    pub names: Vec<String>,
    /// Every open create of the account, whatever its keys.
    pub all: bool,
}

impl std::fmt::Debug for CreateKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CreateKeys(***)")
    }
}

impl CreateKeys {
    /// The keys that these organizations show.
    pub fn of<'a>(orgs: impl IntoIterator<Item = OrgTraits<'a>>) -> Self {
        let mut keys = Self::default();
        for org in orgs {
            keys.emails.extend(org.owner_email.map(str::to_owned));
            keys.customer_ids.extend(org.customer_id.map(str::to_owned));
            // The name decides only where the provider shows nothing better.
            if !org.shows_key() && !org.name.is_empty() {
                keys.names.push(org.name.to_owned());
            }
        }
        keys
    }
}

impl Store {
    /// The mappings of these ids at a provider, whoever's they are.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn known_mappings(
        &self,
        provider: &str,
        ids: &[String],
    ) -> StoreResult<Vec<KnownMapping>> {
        sqlx::query_as!(
            KnownMapping,
            r#"select provider_org_id as "provider_org_id!", id as organization_id, tenant, customer_id
               from organizations where provider = $1 and provider_org_id = any($2)"#,
            provider,
            ids
        )
        .fetch_all(&self.pool)
        .await
        .map_err(store_error)
    }

    /// Which of these customers, each with its tenant at the same place, have an organization at a
    /// provider, or an operation that wants it for one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn known_customers(
        &self,
        provider: &str,
        tenants: &[String],
        customer_ids: &[String],
    ) -> StoreResult<Vec<KnownCustomer>> {
        sqlx::query_as!(
            KnownCustomer,
            "select c.tenant, c.customer_id, c.organization_id
             from customer_claims c
             join unnest($2::text[], $3::text[]) as asked (tenant, customer_id)
               on (c.tenant, c.customer_id) = (asked.tenant, asked.customer_id)
             where c.provider = $1",
            provider,
            tenants,
            customer_ids
        )
        .fetch_all(&self.pool)
        .await
        .map_err(store_error)
    }

    /// The open creates of all tenants at a provider that have any of these keys. E-mail addresses match in any
    /// ASCII case.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open_creates_like(
        &self,
        provider: &str,
        keys: &CreateKeys,
    ) -> StoreResult<Vec<OpenCreate>> {
        find_open_creates(&self.outcomes, provider, keys).await
    }

    /// The tenant of every organization there is; `None` where there are several, or no organization.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn only_tenant(&self) -> StoreResult<Option<String>> {
        let found =
            sqlx::query!("select min(tenant) as first, max(tenant) as last from organizations")
                .fetch_one(&self.pool)
                .await
                .map_err(store_error)?;
        Ok(found.first.filter(|first| Some(first) == found.last.as_ref()))
    }
}

/// Finds open creates by their keys, on a pool or within a transaction.
///
/// The row lock makes a server that takes no writes refuse the query: a standby may not have a create yet that
/// its primary has.
pub(super) async fn find_open_creates<'e>(
    database: impl sqlx::PgExecutor<'e>,
    provider: &str,
    keys: &CreateKeys,
) -> StoreResult<Vec<OpenCreate>> {
    sqlx::query_as!(
        OpenCreate,
        r#"select o.id as operation_id, o.tenant,
                  coalesce(o.request #>> '{new,customer_id}', '') as "customer_id!",
                  o.request #>> '{new,owner,email}' as email,
                  coalesce(o.request #>> '{new,name}', '') as "name!",
                  coalesce(o.first_sent_at, o.created_at) as "not_before!",
                  o.first_sent_at is not null as "may_have_left!"
           from organizations g join operations o on o.organization_id = g.id
           where g.provider = $1 and g.status = 'pending' and o.kind = 'create'
             and o.state in ('accepted', 'sending', 'unknown', 'quarantined')
             and (o.request #>> '{new,customer_id}' = any($2)
                  or lower(o.request #>> '{new,owner,email}' collate "C")
                     in (select lower(e collate "C") from unnest($3::text[]) as e)
                  or o.request #>> '{new,name}' = any($4)
                  or $5)
           order by o.id
           for key share of o"#,
        provider,
        &keys.customer_ids,
        &keys.emails,
        &keys.names,
        keys.all
    )
    .fetch_all(database)
    .await
    .map_err(store_error)
}
