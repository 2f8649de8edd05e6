//! Creating an organization: routed, checked whole, committed, sent, and never twice.

use std::{collections::BTreeMap, sync::Arc};

use partner_core::{Field, NewChildOrg, ProviderName};
use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    App,
    context::WriteContext,
    error::{AppError, AppResult},
    provider_rules::{self, is_named, is_within},
    write::Written,
};
use crate::{
    operations::{CreateRequest, FieldProblem},
    providers::Account,
    routing::{Route, RouteRequest},
    store::{
        BeginCreate, BeginOptions, Certainty, KeyClaim, OperationKind, OrgStatus, Organization,
    },
};

/// An organization that a caller wants.
#[derive(Debug, Clone, Default)]
pub struct CreateInput {
    /// What is to be created.
    pub new: NewChildOrg,
    /// The caller's labels.
    pub labels: BTreeMap<String, String>,
    /// The account that the caller names.
    pub provider: Option<String>,
    /// What is wrong with the request by our own rules; a field that is wrong is left empty in `new`.
    pub faults: Vec<FieldProblem>,
}

/// A create that may be committed.
pub(super) struct Checked {
    pub route: Route,
    pub faults: Vec<FieldProblem>,
}

impl App {
    /// Creates an organization, or answers the one that the same request made before.
    ///
    /// # Errors
    /// Every fault at once; `CustomerAlreadyMapped` where the customer has another one at this provider.
    pub async fn create_organization(
        self: &Arc<Self>,
        context: WriteContext,
        input: CreateInput,
    ) -> AppResult<Written> {
        let claim = match self.claim_key(&context).await? {
            Ok(claim) => claim,
            Err(record) => return self.replay(&context.scope, &record).await,
        };
        let fingerprint = self.create_fingerprint(&input);
        if let Some(existing) = self.same_routed_before(&context, &input, &fingerprint).await? {
            return self.replay_or_existing(&context, existing, &fingerprint).await;
        }
        let checked = self.check_create(&context.tenant, &input)?;
        if !checked.faults.is_empty() {
            return Err(AppError::Invalid(checked.faults));
        }
        let app = Arc::clone(self);
        let (caller, print) = (context.clone(), fingerprint.clone());
        let begin =
            async move { app.begin_create(&caller, input, checked.route, print, claim).await };
        let begun = self.begun(begin).await??;
        match begun {
            BeginCreate::Begun(operation) => self.await_outcome(&context, *operation).await,
            BeginCreate::AlreadyMapped(org) => {
                self.replay_or_existing(&context, *org, &fingerprint).await
            }
            BeginCreate::Replay(record) => {
                let claim = self.claim_key(&context).await?;
                match claim {
                    Err(_) => self.replay(&context.scope, &record).await,
                    Ok(_) => Err(AppError::Internal("an idempotency key vanished")),
                }
            }
        }
    }

    async fn begin_create(
        &self,
        context: &WriteContext,
        input: CreateInput,
        route: Route,
        fingerprint: Vec<u8>,
        claim: Option<KeyClaim>,
    ) -> AppResult<BeginCreate> {
        let account = self.account(&route.provider)?;
        let request = CreateRequest { new: input.new.clone() };
        let org = new_row(context, input, account.name().clone(), route, fingerprint);
        let operation = context.operation(OperationKind::Create, json!(request));
        let budget = self.engine.budget(account);
        let options =
            BeginOptions { lease: self.engine.lease(), budget: &budget, key: claim.as_ref() };
        let taken_at = Instant::now();
        let begun = self.store.begin_create(&org, &operation, options).await?;
        if let BeginCreate::Begun(operation) = &begun {
            self.engine.start((**operation).clone(), taken_at, None);
        }
        Ok(begun)
    }

    /// A create without a provider that was routed before: the rules may have changed since, and the
    /// customer's provider must not.
    async fn same_routed_before(
        &self,
        context: &WriteContext,
        input: &CreateInput,
        fingerprint: &[u8],
    ) -> AppResult<Option<Organization>> {
        if input.provider.is_some() || !input.faults.is_empty() {
            return Ok(None);
        }
        let scope = crate::store::TenantScope::One(context.tenant.clone());
        let existing = self.store.organizations_of_customer(&scope, &input.new.customer_id).await?;
        Ok(existing.into_iter().find(|org| org.create_fingerprint.as_deref() == Some(fingerprint)))
    }

    /// The organization that is there may have been made under this very key meanwhile: then it is a
    /// replay.
    async fn replay_or_existing(
        &self,
        context: &WriteContext,
        org: Organization,
        fingerprint: &[u8],
    ) -> AppResult<Written> {
        match self.claim_key(context).await? {
            Err(record) => self.replay(&context.scope, &record).await,
            Ok(_) => self.existing(context, org, fingerprint).await,
        }
    }

    /// The customer has an organization at this provider: the same request is answered with it.
    async fn existing(
        &self,
        context: &WriteContext,
        org: Organization,
        fingerprint: &[u8],
    ) -> AppResult<Written> {
        if org.create_fingerprint.as_deref() != Some(fingerprint) {
            return Err(AppError::CustomerAlreadyMapped(org.id));
        }
        if org.status == OrgStatus::Pending
            && let Some(operation) =
                self.store.last_operation(org.id, OperationKind::Create).await?
        {
            let written = self.await_outcome(context, operation).await?;
            return Ok(Written { created: false, ..written });
        }
        Ok(Written { organization: org, operation: None, replayed: false, created: false })
    }

    pub(super) fn create_fingerprint(&self, input: &CreateInput) -> Vec<u8> {
        self.fingerprints.of(&["create"], &json!({ "new": input.new, "labels": input.labels }))
    }

    /// Finds the route, and everything that is wrong by our rules and by the provider's.
    pub(super) fn check_create(&self, tenant: &str, input: &CreateInput) -> AppResult<Checked> {
        let mut faults = input.faults.clone();
        let named = input.provider.as_deref();
        if let Some(name) = named
            && self.engine.registry().get(name).is_none()
        {
            faults.push(FieldProblem {
                pointer: "/provider".to_owned(),
                code: "unknown_provider".to_owned(),
                message: "no provider account has this name".to_owned(),
            });
            return Err(AppError::Invalid(faults));
        }
        let country = input.new.address.as_ref().map(|address| address.country.as_str());
        let request = RouteRequest {
            tenant,
            customer_id: Some(&input.new.customer_id),
            provider: named,
            country,
            labels: &input.labels,
        };
        let route = match self.router.resolve(&request) {
            Ok(route) => route,
            // A request with faults of its own may miss its route for their sake.
            Err(_) if !faults.is_empty() => return Err(AppError::Invalid(faults)),
            Err(no_route) => return Err(no_route.into()),
        };
        let account = self.account(&route.provider)?;
        add_provider_faults(&mut faults, account, &input.new);
        Ok(Checked { route, faults })
    }
}

/// Adds what the provider would refuse, where our own rules have not named the place already.
fn add_provider_faults(faults: &mut Vec<FieldProblem>, account: &Account, new: &NewChildOrg) {
    let capabilities = account.capabilities();
    let names_members = !new.members.is_empty() || is_within(faults, Field::Members.pointer());
    if names_members && !capabilities.invite {
        faults.push(provider_rules::cannot_invite(account));
    }
    for fault in capabilities.create_faults(new) {
        let Some(field) = fault.field else { continue };
        if is_named(faults, field.pointer()) {
            continue;
        }
        faults.push(if new.fields().contains(&field) {
            provider_rules::invalid(account, &fault)
        } else {
            provider_rules::required(account, field)
        });
    }
}

fn new_row(
    context: &WriteContext,
    input: CreateInput,
    provider: ProviderName,
    route: Route,
    fingerprint: Vec<u8>,
) -> Organization {
    let new = input.new;
    let now = crate::operations::now();
    Organization {
        id: Uuid::now_v7(),
        tenant: context.tenant.clone(),
        customer_id: new.customer_id,
        provider,
        provider_org_id: None,
        name: new.name,
        status: OrgStatus::Pending,
        locks: Vec::new(),
        owner: new.owner.unwrap_or_default(),
        siren_number: new.siren_number,
        domain: new.domain,
        address: new.address,
        marketplace_offers: new.marketplace_offers,
        comment: new.comment,
        labels: input.labels,
        labra_subscription_id: new.labra_subscription_id,
        provider_data: None,
        certainty: Certainty::Unknown,
        observed_at: None,
        route_rule: route.rule,
        route_reason: route.reason,
        create_fingerprint: Some(fingerprint),
        last_event: 0,
        version: 1,
        created_at: now,
        updated_at: now,
    }
}
