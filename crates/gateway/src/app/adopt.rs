//! Adopts organizations: maps ones that already exist at their provider.

use std::sync::Arc;

use partner_core::{ChildOrg, CustomerId, Kind, OrgTraits, Owner, ProviderOrgId};
use uuid::Uuid;

use super::{
    App,
    context::WriteContext,
    error::{AppError, AppResult},
    organizations::failed_read,
    write::Written,
};
use crate::{
    operations::{FieldProblem, LocalEdit, observe},
    providers::Account,
    store::{
        BeginCreate, Certainty, CreateKeys, Discrepancy, DiscrepancyResolution, DiscrepancyState,
        OrgStatus, Organization, Settlement, TenantScope,
    },
};

/// A request to map an organization that exists at its provider.
#[derive(Debug, Clone)]
pub struct AdoptInput {
    /// The account.
    pub provider: String,
    /// Its id there.
    pub provider_org_id: String,
    /// The customer.
    pub customer_id: String,
    /// The tenant that is to own the mapping; the caller's own where it is `None`.
    pub tenant: Option<String>,
    /// The caller's values; the provider's values take precedence.
    pub said: LocalEdit,
    /// The caller has checked that the organization exists, where the gateway cannot.
    pub confirm_unverified: bool,
    /// Why; kept with the discrepancy that the adoption settles.
    pub reason: Option<String>,
    /// The faults of the request by the gateway's own rules.
    pub faults: Vec<FieldProblem>,
}

impl App {
    /// Maps an organization that exists at its provider.
    ///
    /// # Behavior
    /// An unmapped organization belongs to no tenant. An admin adopts it for any tenant; another caller needs a
    /// discrepancy that an admin assigned to the caller's tenant. This is checked before anything else is
    /// looked up, so that a refusal reveals nothing. Where the provider can be read, the organization must
    /// exist there; where a sweep has listed it, that suffices; elsewhere the caller confirms it.
    ///
    /// # Errors
    /// All faults of the request at once; `Forbidden`; `NotFoundAtProvider`; `UnverifiedProviderOrgId`;
    /// `CreateOpen` where an open create could have made the organization; `ProviderOrgAlreadyMapped` and
    /// `CustomerAlreadyMapped`.
    pub async fn adopt_organization(
        self: &Arc<Self>,
        context: WriteContext,
        input: AdoptInput,
    ) -> AppResult<Written> {
        if !input.faults.is_empty() {
            return Err(AppError::Invalid(input.faults));
        }
        let Some(account) = self.engine.registry().get(&input.provider) else {
            let message = "no provider account has this name";
            return Err(AppError::one("/provider", "unknown_provider", message));
        };
        let id = account
            .provider_org_id(&input.provider_org_id)
            .map_err(|error| AppError::one("/provider_org_id", "invalid", error.to_string()))?;
        CustomerId::new(&input.customer_id)
            .map_err(|error| AppError::one("/customer_id", "invalid", error.to_string()))?;
        let seen = self.store.unmapped_discrepancy(&input.provider, id.as_str()).await?;
        let tenant = owner_of_adoption(&context, &input, seen.as_ref())?;
        let claim = match self.claim_key(&context).await? {
            Ok(claim) => claim,
            Err(record) => return self.replay(&context.scope, &record).await,
        };
        let is_listed = seen.as_ref().is_some_and(|seen| seen.state != DiscrepancyState::Resolved);
        let org = self.adopted_row(&context, &input, account, (&tenant, id), is_listed).await?;
        let (app, event) = (Arc::clone(self), context.event());
        let adopt =
            async move { app.store.adopt(&org, &event, claim.as_ref()).await.map(|a| (a, org)) };
        let adopted = self.detached(adopt).await?;
        match adopted {
            Ok((BeginCreate::AlreadyMapped(found), org)) if found.id == org.id => {
                self.settle_adopted(&context, seen.filter(|_| is_listed), input.reason).await?;
                Ok(Written {
                    organization: *found,
                    operation: None,
                    replayed: false,
                    created: true,
                })
            }
            Ok((BeginCreate::AlreadyMapped(other), _)) => {
                Err(AppError::CustomerAlreadyMapped(other.id))
            }
            Ok((BeginCreate::Replay(record), _)) => match self.claim_key(&context).await? {
                Err(_) => self.replay(&context.scope, &record).await,
                Ok(_) => Err(AppError::Internal("an idempotency key vanished")),
            },
            Ok((BeginCreate::Begun(_), _)) => Err(AppError::Internal("an adoption sent something")),
            Err(error) if error.constraint() == Some("organizations_provider_org_id_key") => {
                Err(AppError::ProviderOrgAlreadyMapped)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Builds the mapping after all checks that need the provider or open creates.
    async fn adopted_row(
        &self,
        context: &WriteContext,
        input: &AdoptInput,
        account: &Account,
        (tenant, id): (&str, ProviderOrgId),
        is_listed: bool,
    ) -> AppResult<Organization> {
        let mut org = found_at(account, id.clone(), tenant, &input.customer_id);
        input.said.apply_to(&mut org);
        let child = if account.is_readable() {
            Some(read_existing(account, &id, &org).await?)
        } else {
            let may_confirm = context.scope == TenantScope::All && input.confirm_unverified;
            if !is_listed && !may_confirm {
                let provider = account.name().to_string();
                return Err(AppError::UnverifiedProviderOrgId { provider });
            }
            if org.name.is_empty() {
                let message = "`name` is required, because this provider cannot be read";
                return Err(AppError::one("/name", "required", message));
            }
            None
        };
        // After the read: a create that is committed later cannot have made what was read.
        let traits = child
            .as_ref()
            .map_or_else(|| OrgTraits { name: &org.name, ..OrgTraits::default() }, OrgTraits::from);
        self.must_not_be_an_open_creates(context, account, &org, traits).await?;
        if let Some(child) = &child {
            let now = org.created_at;
            observe(&mut org, child, true, now);
        }
        Ok(org)
    }

    async fn must_not_be_an_open_creates(
        &self,
        context: &WriteContext,
        account: &Account,
        org: &Organization,
        traits: OrgTraits<'_>,
    ) -> AppResult<()> {
        let mut keys = CreateKeys::of([traits]);
        keys.customer_ids.push(org.customer_id.clone());
        let creates = self.store.open_creates_like(account.name().as_str(), &keys).await?;
        let customer = Some((org.tenant.as_str(), org.customer_id.as_str()));
        match creates.iter().find(|create| create.lays_claim(traits, customer)) {
            Some(create) => {
                let is_visible = context.scope.tenant().is_none_or(|own| own == create.tenant);
                let operation_id = is_visible.then_some(create.operation_id);
                Err(AppError::CreateOpen { operation_id })
            }
            None => Ok(()),
        }
    }

    /// Settles the discrepancy of an organization that is mapped now. The mapping is what counts: a sweep
    /// that was quicker has closed the discrepancy already.
    async fn settle_adopted(
        &self,
        context: &WriteContext,
        seen: Option<Discrepancy>,
        reason: Option<String>,
    ) -> AppResult<()> {
        let Some(seen) = seen else { return Ok(()) };
        let settlement = Settlement {
            discrepancy_id: seen.id,
            resolution: DiscrepancyResolution::Adopted,
            by: context.actor.clone(),
            reason,
        };
        self.store.settle_discrepancy(&settlement, None, None, None).await?;
        Ok(())
    }
}

/// The tenant that will own the mapping, if the caller may adopt this organization for it.
fn owner_of_adoption(
    context: &WriteContext,
    input: &AdoptInput,
    seen: Option<&Discrepancy>,
) -> AppResult<String> {
    let named = input.tenant.as_deref();
    match &context.scope {
        TenantScope::All => Ok(named.unwrap_or(&context.tenant).to_owned()),
        TenantScope::One(own) => {
            let is_own = named.is_none_or(|named| named == own);
            let is_assigned = seen.is_some_and(|seen| {
                seen.tenant.as_ref() == Some(own)
                    && (seen.state != DiscrepancyState::Resolved
                        || seen.resolution == Some(DiscrepancyResolution::Adopted))
            });
            if is_own && is_assigned {
                return Ok(own.clone());
            }
            Err(AppError::Forbidden(format!(
                "an unmapped organization belongs to no tenant: adopting it needs the scope `admin`, or a \
                 discrepancy of it that an admin has assigned to the tenant `{own}`"
            )))
        }
    }
}

async fn read_existing(
    account: &Account,
    id: &ProviderOrgId,
    org: &Organization,
) -> AppResult<ChildOrg> {
    match account.provider.get_child_org(id).await {
        Ok(reply) => Ok(reply.value),
        Err(error) if matches!(error.kind(), Kind::NotFound | Kind::InvalidInput) => {
            let (provider, id) = (account.name().to_string(), id.to_string());
            Err(AppError::NotFoundAtProvider { provider, id })
        }
        Err(error) => Err(failed_read(account, &error, org)),
    }
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
