//! What is known already of organizations that a provider lists: whether they are mapped, whether the
//! customer has another one, whether an open create may have made them.

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
    /// The customer id that was asked for.
    pub customer_id: Option<String>,
    /// The owner's e-mail address that was asked for.
    pub email: Option<String>,
    /// The name that was asked for.
    pub name: Option<String>,
}

impl std::fmt::Debug for OpenCreate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenCreate")
            .field("operation_id", &self.operation_id)
            .finish_non_exhaustive()
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

    /// The creates at a provider that have not ended and have any of these customer ids, owners' e-mail
    /// addresses (in any ASCII case) or names.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open_creates_like(
        &self,
        provider: &str,
        customer_ids: &[String],
        emails: &[String],
        names: &[String],
    ) -> StoreResult<Vec<OpenCreate>> {
        sqlx::query_as!(
            OpenCreate,
            r#"select id as operation_id, request #>> '{new,customer_id}' as customer_id,
                      request #>> '{new,owner,email}' as email, request #>> '{new,name}' as name
               from operations
               where provider = $1 and kind = 'create'
                 and state in ('accepted', 'sending', 'unknown', 'quarantined')
                 and (request #>> '{new,customer_id}' = any($2)
                      or lower(request #>> '{new,owner,email}' collate "C")
                         in (select lower(e collate "C") from unnest($3::text[]) as e)
                      or request #>> '{new,name}' = any($4))
               order by id"#,
            provider,
            customer_ids,
            emails,
            names
        )
        .fetch_all(&self.pool)
        .await
        .map_err(store_error)
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
