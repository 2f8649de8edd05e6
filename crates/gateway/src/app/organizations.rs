//! Reading organizations, reading them through to the provider, locking them, adopting them.

use std::sync::Arc;

use partner_core::{CustomerId, Owner, ProviderOrgId};
use serde_json::json;
use uuid::Uuid;

use super::{
    App,
    context::WriteContext,
    error::{AppError, AppResult},
    write::{Written, keep, must_not_have_failed, send},
};
use crate::{
    operations::{Failure, FieldProblem, LocalEdit, LockRequest, Personal, observe},
    providers::Account,
    store::{
        BeginCreate, Certainty, EventType, OperationKind, OrgStatus, Organization,
        OrganizationFilter, PageOf, PageRequest, TenantScope,
    },
};

/// An organization that exists at its provider and is to be mapped.
#[derive(Debug, Clone)]
pub struct AdoptInput {
    /// The account.
    pub provider: String,
    /// Its id there.
    pub provider_org_id: String,
    /// The customer.
    pub customer_id: String,
    /// What the caller says of it; the provider's word goes before it.
    pub said: LocalEdit,
    /// What is wrong with the request by our own rules.
    pub faults: Vec<FieldProblem>,
}

impl App {
    /// One organization of the caller's.
    ///
    /// # Errors
    /// `NotFound` where there is none for this caller.
    pub async fn organization(&self, scope: &TenantScope, id: Uuid) -> AppResult<Organization> {
        self.store.get_organization(scope, id).await?.ok_or(AppError::NotFound("organization"))
    }

    /// One page of the caller's organizations.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn organizations(
        &self,
        scope: &TenantScope,
        filter: &OrganizationFilter,
        page: &PageRequest,
    ) -> AppResult<PageOf<Organization>> {
        Ok(self.store.list_organizations(scope, filter, page).await?)
    }

    /// One organization of the caller's, read through to its provider now.
    ///
    /// # Errors
    /// `Unsupported` where the provider cannot be read; `Provider` where the reading failed.
    pub async fn refresh_organization(
        self: &Arc<Self>,
        context: WriteContext,
        id: Uuid,
    ) -> AppResult<Organization> {
        let account = self.account_that_can(&context.scope, id, "be read", |can| can.get).await?;
        let org = self.organization(&context.scope, id).await?;
        let Some(provider_org_id) = &org.provider_org_id else {
            return Err(AppError::WrongStatus(org.status));
        };
        let child = read(account, provider_org_id, &org).await?;
        let seen_at = org.version;
        let event = context.event();
        let plan = move |org: &mut Organization| {
            // What changed since the reading began is newer than what was read.
            if org.version == seen_at {
                let is_open = org.certainty == Certainty::Unknown;
                observe(org, &child, true, crate::operations::now());
                if is_open {
                    org.certainty = Certainty::Unknown;
                }
            }
            let local = Some((EventType::OrganizationObserved, event));
            Ok(keep(local))
        };
        let context = WriteContext { key: None, if_match: None, ..context };
        Ok(self.write(context, id, None, plan).await?.organization)
    }

    /// Locks or unlocks an organization for the partner.
    ///
    /// # Errors
    /// `Unsupported` where the provider cannot lock; nothing is sent then.
    pub async fn set_lock(
        self: &Arc<Self>,
        context: WriteContext,
        id: Uuid,
        kind: OperationKind,
        reason: Option<String>,
    ) -> AppResult<Written> {
        self.account_that_can(&context.scope, id, "lock", |can| can.lock).await?;
        let operation = context.operation(kind, json!(LockRequest { reason }));
        let plan = move |org: &mut Organization| {
            must_not_have_failed(org)?;
            Ok(send(operation))
        };
        self.write(context, id, None, plan).await
    }

    /// Maps an organization that exists at its provider.
    ///
    /// # Errors
    /// Every fault at once; `ProviderOrgAlreadyMapped` and `CustomerAlreadyMapped` where it is taken.
    pub async fn adopt_organization(
        self: &Arc<Self>,
        context: WriteContext,
        input: AdoptInput,
    ) -> AppResult<Written> {
        let claim = match self.claim_key(&context).await? {
            Ok(claim) => claim,
            Err(record) => return self.replay(&record).await,
        };
        if !input.faults.is_empty() {
            return Err(AppError::Invalid(input.faults));
        }
        let Some(account) = self.engine.registry().get(&input.provider) else {
            let message = "no provider account has this name";
            return Err(AppError::one("/provider", "unknown_provider", message));
        };
        let id = ProviderOrgId::new(&input.provider_org_id)
            .map_err(|error| AppError::one("/provider_org_id", "invalid", error.to_string()))?;
        CustomerId::new(&input.customer_id)
            .map_err(|error| AppError::one("/customer_id", "invalid", error.to_string()))?;
        let org = adopted_row(&context, &input, account, id).await?;
        let (app, event) = (Arc::clone(self), context.event());
        let adopt =
            async move { app.store.adopt(&org, &event, claim.as_ref()).await.map(|a| (a, org)) };
        let adopted = self.detached(adopt).await?;
        match adopted {
            Ok((BeginCreate::AlreadyMapped(found), org)) if found.id == org.id => Ok(Written {
                organization: *found,
                operation: None,
                replayed: false,
                created: true,
            }),
            Ok((BeginCreate::AlreadyMapped(other), _)) => {
                Err(AppError::CustomerAlreadyMapped(other.id))
            }
            Ok((BeginCreate::Replay(record), _)) => match self.claim_key(&context).await? {
                Err(_) => self.replay(&record).await,
                Ok(_) => Err(AppError::Internal("an idempotency key vanished")),
            },
            Ok((BeginCreate::Begun(_), _)) => Err(AppError::Internal("an adoption sent something")),
            Err(error) if error.constraint() == Some("organizations_provider_org_id_key") => {
                Err(AppError::ProviderOrgAlreadyMapped)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Reads an organization at its provider. Of what we know of it, a refusal repeats nothing that tells of a
/// person.
async fn read(
    account: &Account,
    id: &ProviderOrgId,
    org: &Organization,
) -> AppResult<partner_core::ChildOrg> {
    match account.provider.get_child_org(id).await {
        Ok(reply) => Ok(reply.value),
        Err(error) => {
            let failure = Failure::of_call(account.name().as_str(), &error);
            let failure = Personal::of(&serde_json::Value::Null, org).out_of(failure);
            Err(AppError::Provider(Box::new(failure)))
        }
    }
}

async fn adopted_row(
    context: &WriteContext,
    input: &AdoptInput,
    account: &Account,
    id: ProviderOrgId,
) -> AppResult<Organization> {
    let mut org = found_at(account, id.clone(), &context.tenant, &input.customer_id);
    input.said.apply_to(&mut org);
    if account.is_readable() {
        let now = org.created_at;
        let child = read(account, &id, &org).await?;
        observe(&mut org, &child, true, now);
    } else if org.name.is_empty() {
        let message = "is needed where the provider cannot be read";
        return Err(AppError::one("/name", "required", message));
    }
    Ok(org)
}

/// The mapping of an organization that exists at its provider, before anything else is known of it.
pub(super) fn found_at(
    account: &Account,
    id: ProviderOrgId,
    tenant: &str,
    customer_id: &str,
) -> Organization {
    let now = crate::operations::now();
    Organization {
        id: Uuid::now_v7(),
        tenant: tenant.to_owned(),
        customer_id: customer_id.to_owned(),
        provider: account.name().clone(),
        provider_org_id: Some(id),
        name: String::new(),
        status: OrgStatus::Active,
        locks: Vec::new(),
        owner: Owner::default(),
        siren_number: None,
        domain: None,
        address: None,
        marketplace_offers: None,
        comment: None,
        labels: std::collections::BTreeMap::new(),
        labra_subscription_id: None,
        provider_data: None,
        certainty: Certainty::Asserted,
        observed_at: None,
        route_rule: "adopted".to_owned(),
        route_reason: "it existed before it was mapped".to_owned(),
        create_fingerprint: None,
        last_event: 0,
        version: 1,
        created_at: now,
        updated_at: now,
    }
}
