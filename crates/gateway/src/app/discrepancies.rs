//! What does not agree with the providers: shown, and settled as a person says.

use std::sync::Arc;

use partner_core::{Change, CustomerId, EmailAddress, Field};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    AdoptInput, App,
    context::WriteContext,
    error::{AppError, AppResult},
    patch::{Editable, split},
    write::{Written, keep, must_not_have_failed, send},
};
use crate::{
    operations::LocalEdit,
    store::{
        Discrepancy, DiscrepancyFilter, DiscrepancyKind, DiscrepancyResolution, DiscrepancyState,
        EventType, FieldDifference, IdempotencyRecord, Operation, OperationKind, OrgStatus,
        Organization, PageOf, PageRequest, Plan, Settlement, TenantScope,
    },
};

/// What a person wants done about a discrepancy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Map what is not mapped.
    Adopt(Adoption),
    /// Take the provider's word.
    Accept,
    /// Send ours.
    Reapply,
    /// Put it aside.
    Dismiss,
}

/// For whom an organization is mapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adoption {
    /// The tenant; the one that the discrepancy is assigned to where it is `None`.
    pub tenant: Option<String>,
    /// The customer.
    pub customer_id: String,
}

/// What became of a discrepancy.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// As it then is.
    pub discrepancy: Discrepancy,
    /// The operation that sends ours, while it is open.
    pub pending: Option<Operation>,
    /// It answers an earlier request again.
    pub replayed: bool,
}

impl App {
    /// One page of the discrepancies that the caller may see.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn discrepancies(
        &self,
        scope: &TenantScope,
        filter: &DiscrepancyFilter,
        page: &PageRequest,
    ) -> AppResult<PageOf<Discrepancy>> {
        Ok(self.store.list_discrepancies(scope, filter, page).await?)
    }

    /// One discrepancy that the caller may see.
    ///
    /// # Errors
    /// `NotFound` where there is none for this caller.
    pub async fn discrepancy(&self, scope: &TenantScope, id: Uuid) -> AppResult<Discrepancy> {
        self.store.get_discrepancy(scope, id).await?.ok_or(AppError::NotFound("discrepancy"))
    }

    /// Settles a discrepancy as a person says.
    ///
    /// # Errors
    /// Says why it cannot be settled this way; then nothing was changed.
    pub async fn resolve_discrepancy(
        self: &Arc<Self>,
        context: WriteContext,
        id: Uuid,
        action: Action,
        reason: Option<String>,
    ) -> AppResult<Resolved> {
        let scope = context.scope.clone();
        let found = self.discrepancy(&scope, id).await?;
        if let Action::Adopt(adoption) = &action {
            must_own(&scope, adoption)?;
        }
        if let Err(record) = self.claim_key(&context).await? {
            return self.resolved_before(&scope, found, &record).await;
        }
        must_fit(&action, found.kind)?;
        must_be_open(&action, found.state)?;
        let settlement = Settlement {
            discrepancy_id: id,
            resolution: resolution(&action),
            by: context.actor.clone(),
            reason,
        };
        let written = match action {
            Action::Adopt(adoption) => {
                Some(self.adopt_found(context, &found, adoption, settlement).await?)
            }
            Action::Accept => Some(self.accept(context, &found, settlement).await?),
            Action::Reapply => Some(self.reapply(context, &found, settlement).await?),
            Action::Dismiss => {
                self.dismiss(context, &found, settlement).await?;
                None
            }
        };
        Ok(Resolved {
            discrepancy: self.discrepancy(&scope, id).await?,
            pending: written.as_ref().and_then(Written::pending).cloned(),
            replayed: written.is_some_and(|written| written.replayed),
        })
    }

    /// Assigns an unmapped organization to a tenant, which may then adopt it; or to none. Only admins may.
    ///
    /// # Errors
    /// `WrongAction` where the discrepancy is about a mapped organization; `DiscrepancyNotOpen`.
    pub async fn assign_discrepancy(
        &self,
        context: WriteContext,
        id: Uuid,
        tenant: Option<String>,
    ) -> AppResult<(Discrepancy, bool)> {
        let found = self.discrepancy(&context.scope, id).await?;
        let Ok(claim) = self.claim_key(&context).await? else {
            return Ok((found, true));
        };
        if found.kind != DiscrepancyKind::Unmapped {
            return Err(AppError::WrongAction(
                "only an unmapped organization can be assigned: a mapped one has its tenant",
            ));
        }
        let assigned = self.store.assign_discrepancy(id, tenant.as_deref(), &context.actor).await?;
        let assigned = assigned.ok_or(AppError::DiscrepancyNotOpen)?;
        tracing::info!(
            discrepancy_id = %id,
            actor = context.actor,
            assigned_to = tenant.as_deref().unwrap_or_default(),
            "assigned discrepancy"
        );
        if let Some(claim) = &claim {
            self.store.take_idempotency_key(claim, &[]).await?;
        }
        Ok((assigned, false))
    }

    async fn resolved_before(
        &self,
        scope: &TenantScope,
        discrepancy: Discrepancy,
        record: &IdempotencyRecord,
    ) -> AppResult<Resolved> {
        let pending = if record.operation_ids.is_empty() {
            None
        } else {
            self.replay(scope, record).await?.pending().cloned()
        };
        Ok(Resolved { discrepancy, pending, replayed: true })
    }

    async fn adopt_found(
        self: &Arc<Self>,
        context: WriteContext,
        found: &Discrepancy,
        adoption: Adoption,
        settlement: Settlement,
    ) -> AppResult<Written> {
        let Some(tenant) = adoption.tenant.or_else(|| found.tenant.clone()) else {
            let message = "`tenant` is required: this discrepancy is assigned to none";
            return Err(AppError::one("/tenant", "required", message));
        };
        let input = AdoptInput {
            provider: found.provider.clone(),
            provider_org_id: found.provider_org_id.clone(),
            customer_id: adoption.customer_id,
            tenant: Some(tenant),
            // The listing is the only source where the provider cannot be read.
            said: LocalEdit { customer_id: None, ..theirs(&found.fields)? },
            confirm_unverified: false,
            reason: settlement.reason,
            faults: Vec::new(),
        };
        let context = WriteContext { if_match: None, ..context };
        self.adopt_organization(context, input).await
    }

    async fn accept(
        self: &Arc<Self>,
        context: WriteContext,
        found: &Discrepancy,
        settlement: Settlement,
    ) -> AppResult<Written> {
        let (kind, version, edit) =
            (found.kind, found.organization_version, theirs(&found.fields)?);
        must_be_a_key(&edit)?;
        let event = context.event();
        let plan = move |org: &mut Organization| {
            must_not_have_failed(org)?;
            must_be_as_seen(org, version)?;
            if kind == DiscrepancyKind::Missing {
                org.status = OrgStatus::Closed;
                org.locks.clear();
            }
            edit.apply_to(org);
            let plan = keep(Some((EventType::DiscrepancyAccepted, event)));
            let new_customer_id = edit.customer_id.clone();
            Ok(Plan { new_customer_id, settles: Some(settlement), ..plan })
        };
        self.write(context, id_of(found)?, None, plan).await
    }

    async fn reapply(
        self: &Arc<Self>,
        context: WriteContext,
        found: &Discrepancy,
        settlement: Settlement,
    ) -> AppResult<Written> {
        let account = self.account(&found.provider)?.clone();
        let (edit, caller) = (theirs(&found.fields)?, context.clone());
        let plan = move |org: &mut Organization| {
            must_not_have_failed(org)?;
            let mut there = org.clone();
            edit.apply_to(&mut there);
            let request = split(&account, &Editable::of(&there), &Editable::of(org), Vec::new())?;
            if request.patch.is_empty() {
                return Err(AppError::DiscrepancyStale);
            }
            let operation = caller.operation(OperationKind::Update, json!(request));
            Ok(Plan { settles: Some(settlement), ..send(operation) })
        };
        self.write(context, id_of(found)?, None, plan).await
    }

    async fn dismiss(
        self: &Arc<Self>,
        context: WriteContext,
        found: &Discrepancy,
        settlement: Settlement,
    ) -> AppResult<()> {
        let claim = self.claim_key(&context).await?.ok().flatten();
        let (app, event, organization_id) =
            (Arc::clone(self), context.event(), found.organization_id);
        let dismiss = async move {
            let event = Some((EventType::DiscrepancyDismissed, &event));
            app.store.settle_discrepancy(&settlement, organization_id, event, claim.as_ref()).await
        };
        if self.detached(dismiss).await?? { Ok(()) } else { Err(AppError::DiscrepancyNotOpen) }
    }
}

fn resolution(action: &Action) -> DiscrepancyResolution {
    match action {
        Action::Adopt(_) => DiscrepancyResolution::Adopted,
        Action::Accept => DiscrepancyResolution::Accepted,
        Action::Reapply => DiscrepancyResolution::Reapplied,
        Action::Dismiss => DiscrepancyResolution::Dismissed,
    }
}

fn must_fit(action: &Action, kind: DiscrepancyKind) -> AppResult<()> {
    match (action, kind) {
        (Action::Adopt(_), DiscrepancyKind::Unmapped)
        | (Action::Accept, DiscrepancyKind::Drifted | DiscrepancyKind::Missing)
        | (Action::Reapply, DiscrepancyKind::Drifted)
        | (Action::Dismiss, _) => Ok(()),
        (Action::Adopt(_), DiscrepancyKind::Drifted | DiscrepancyKind::Missing) => {
            Err(AppError::WrongAction("only what is not mapped can be adopted"))
        }
        (Action::Accept | Action::Reapply, DiscrepancyKind::Unmapped) => {
            Err(AppError::WrongAction("nothing is mapped to it: it can be adopted or dismissed"))
        }
        (Action::Reapply, DiscrepancyKind::Missing) => Err(AppError::WrongAction(
            "the provider has it no more, so nothing can be sent: accept that, or dismiss it",
        )),
    }
}

fn must_be_open(action: &Action, state: DiscrepancyState) -> AppResult<()> {
    match (state, action) {
        (DiscrepancyState::Open, _)
        | (DiscrepancyState::Dismissed, Action::Adopt(_) | Action::Accept | Action::Reapply) => {
            Ok(())
        }
        (DiscrepancyState::Dismissed, Action::Dismiss) | (DiscrepancyState::Resolved, _) => {
            Err(AppError::DiscrepancyNotOpen)
        }
    }
}

/// A caller who is no admin adopts for their own tenant only.
fn must_own(scope: &TenantScope, adoption: &Adoption) -> AppResult<()> {
    match (scope, &adoption.tenant) {
        (TenantScope::One(own), Some(named)) if own != named => Err(AppError::Forbidden(format!(
            "adopting for another tenant than `{own}` needs the scope `admin`"
        ))),
        (TenantScope::One(_) | TenantScope::All, _) => Ok(()),
    }
}

fn must_be_as_seen(org: &Organization, version: Option<i64>) -> AppResult<()> {
    if version == Some(org.version) { Ok(()) } else { Err(AppError::DiscrepancyStale) }
}

fn id_of(found: &Discrepancy) -> AppResult<Uuid> {
    found.organization_id.ok_or(AppError::NotFound("organization"))
}

/// The provider's values, as a change of ours.
fn theirs(fields: &[FieldDifference]) -> AppResult<LocalEdit> {
    let mut edit = LocalEdit::default();
    for FieldDifference { field: name, theirs, .. } in fields {
        let unreadable = || AppError::Internal("a discrepancy has a field that cannot be read");
        let field = Field::ALL.into_iter().find(|field| field.as_str() == name);
        let text = || theirs.as_str().map(str::to_owned).ok_or_else(unreadable);
        let set = || text().map(|text| Some(Change::Set(text)));
        match field.ok_or_else(unreadable)? {
            Field::CustomerId => edit.customer_id = Some(text()?),
            Field::Name => edit.name = Some(text()?),
            Field::OwnerEmail => {
                let email = EmailAddress::from_existing(text()?).map_err(|_fault| unreadable())?;
                edit.owner_email = Some(Change::Set(email));
            }
            Field::OwnerFirstName => edit.owner_first_name = set()?,
            Field::OwnerLastName => edit.owner_last_name = set()?,
            Field::OwnerPhoneNumber => edit.owner_phone_number = set()?,
            Field::SirenNumber => edit.siren_number = set()?,
            Field::Comment => edit.comment = set()?,
            Field::Domain => edit.domain = set()?,
            Field::Address => edit.address = Some(read(theirs).ok_or_else(unreadable)?),
            Field::MarketplaceOffers => {
                edit.marketplace_offers = Some(read(theirs).ok_or_else(unreadable)?);
            }
            Field::Members | Field::LabraSubscriptionId => {}
        }
    }
    Ok(edit)
}

/// Refuses a provider's customer id that may not become the key of a mapping.
fn must_be_a_key(edit: &LocalEdit) -> AppResult<()> {
    let Some(Err(fault)) = edit.customer_id.as_ref().map(CustomerId::new) else { return Ok(()) };
    let fix = "correct it at the provider, or send the gateway's value with `reapply`";
    Err(AppError::one("", "invalid", format!("the provider's value is refused: {fault}; {fix}")))
}

fn read<T: serde::de::DeserializeOwned>(value: &Value) -> Option<Change<T>> {
    serde_json::from_value(value.clone()).ok().map(Change::Set)
}
