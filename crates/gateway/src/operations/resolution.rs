//! A person settles what the machine could not.

use chrono::{DateTime, Utc};
use partner_core::{ChildOrg, Kind, ProviderOrgId};
use serde_json::json;
use std::time::Duration;

use super::{
    attempt::change_of,
    engine::Engine,
    failure::{Failure, FailureCode},
    observation::{fail, settle},
    personal::Personal,
    read_back::candidates,
    request::UpdateRequest,
    send::{Done, read},
    settle::assert_created,
};
use crate::{
    providers::Account,
    store::{
        CreateKeys, EventType, Evidence, EvidenceKind, NextState, Operation, OperationKind,
        OperationState, Organization, Outcome, Recorded, StoreError,
    },
};

/// What a person found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// It was done; a create names what it made.
    Applied {
        /// The organization at the provider.
        provider_org_id: Option<String>,
        /// The caller has checked that the create made this organization, where the gateway cannot.
        confirm_unverified: bool,
    },
    /// It was not done.
    NotApplied {
        /// Send it again.
        retry: bool,
    },
    /// Nobody will find out.
    Abandoned,
}

/// Who settles it, and why.
#[derive(Debug, Clone)]
pub struct Resolver {
    /// Who.
    pub actor: String,
    /// The request that says so.
    pub request_id: String,
    /// Why.
    pub reason: String,
    /// Whether the caller may see and settle other tenants' claims.
    pub is_admin: bool,
}

/// Why an operation cannot be settled this way.
#[derive(Debug, thiserror::Error)]
pub enum CannotResolve {
    /// It is not open, or somebody settled it meanwhile.
    #[error("only an unknown or quarantined operation can be resolved; this one is {0}")]
    NotOpen(OperationState),
    /// A create needs the id of what it made.
    #[error("a create that was applied needs the provider_org_id of what it made")]
    IdNeeded,
    /// Only a create takes one.
    #[error("only a create takes a provider_org_id")]
    IdNotTaken,
    /// A readable provider does not have the organization.
    #[error("the provider `{provider}` has no organization {id}; check the id")]
    NotFoundAtProvider {
        /// The account.
        provider: String,
        /// The id that the caller named.
        id: String,
    },
    /// Nothing confirms that the create made the organization.
    #[error(
        "the provider `{provider}` does not confirm that this create made the organization: name one of the \
         candidates, or check the id at the provider and repeat the request with `confirm_unverified: true`"
    )]
    Unverified {
        /// The account.
        provider: String,
    },
    /// The organization could not be read.
    #[error("the organization could not be read at the provider: {}", .0.detail)]
    ReadFailed(Box<Failure>),
    /// The organization cannot be what the create made.
    #[error(
        "this create did not make that organization: neither e-mail address nor customer id are its own, or it is \
         older; an admin can adopt it"
    )]
    NotOfThisCreate,
    /// Another tenant has a claim on the organization.
    #[error(
        "another tenant's mapping or open create claims that organization; only an admin can decide whose it is"
    )]
    ClaimedElsewhere,
    /// The account has no id of this form.
    #[error(transparent)]
    NotAnId(partner_core::InvalidId),
    /// The organization is mapped already.
    #[error("that organization is mapped already")]
    AlreadyMapped,
    /// The password is kept nowhere.
    #[error("an admin-role request cannot be sent again: its password is kept nowhere")]
    CannotRetry,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Engine {
    /// Settles an operation as a person says.
    ///
    /// # Errors
    /// Says why it cannot be settled this way; then nothing was changed.
    pub async fn resolve(
        &self,
        operation: &Operation,
        resolution: &Resolution,
        resolver: &Resolver,
    ) -> Result<Operation, CannotResolve> {
        match operation.state {
            OperationState::Unknown | OperationState::Quarantined => {}
            OperationState::Accepted
            | OperationState::Sending
            | OperationState::Succeeded
            | OperationState::Rejected => return Err(CannotResolve::NotOpen(operation.state)),
        }
        crash_point!("resolve.begin");
        let account = self.account(operation)?;
        let decision = self.decide(operation, account, resolution, resolver).await?;
        crash_point!("resolve.decided");
        let now = self.store.now();
        let change = change_by(operation, account, resolution, &decision, now);
        let evidence = Evidence {
            epoch: operation.epoch,
            kind: EvidenceKind::Resolution,
            send_phase: None,
            provider_request_id: None,
            detail: json!({
                "outcome": word(resolution), "reason": resolver.reason, "actor": resolver.actor,
            }),
        };
        let outcome = Outcome {
            next: decision.next.clone(),
            change: &*change,
            members: &[],
            event: Some(EventType::OperationResolved),
            actor: Some((resolver.actor.clone(), resolver.request_id.clone())),
            provider_request_id: None,
            is_accounted: false,
        };
        let recorded = self.store.record(operation, Some(&evidence), &outcome).await;
        crash_point!("resolve.recorded");
        self.announce(operation.id);
        match recorded {
            Ok(Recorded::Applied(operation)) => Ok(*operation),
            Ok(Recorded::Fenced) => {
                let now = self.store.reread_operation(operation.id).await?;
                Err(CannotResolve::NotOpen(now.map_or(operation.state, |now| now.state)))
            }
            Err(error) if error.constraint() == Some("organizations_provider_org_id_key") => {
                Err(CannotResolve::AlreadyMapped)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Checks that a create can have made the organization that an operator names.
    ///
    /// # Behavior
    /// Where the provider can be read, the organization must exist there, and for a caller who is no admin it
    /// must match the create; only an admin can confirm one while the provider fails. Elsewhere see
    /// [`Self::verify_unread`]. A claim of another tenant is the admin's to decide.
    async fn verify_made(
        &self,
        operation: &Operation,
        account: &Account,
        id: &ProviderOrgId,
        confirm_unverified: bool,
        is_admin: bool,
    ) -> Result<Option<ChildOrg>, CannotResolve> {
        if !account.is_readable() {
            self.verify_unread(operation, account, id, confirm_unverified, is_admin).await?;
            return Ok(None);
        }
        let child = match account.provider.get_child_org(id).await {
            Ok(reply) => reply.value,
            Err(error) if matches!(error.kind(), Kind::NotFound | Kind::InvalidInput) => {
                return Err(not_found(account, id));
            }
            Err(_) if is_admin && confirm_unverified => return Ok(None),
            Err(error) => {
                let org = self.store.reread_organization(operation.organization_id).await?;
                let failure = Failure::of_call(account.name().as_str(), &error);
                let failure = Personal::of(&operation.request, &org).out_of(failure);
                return Err(CannotResolve::ReadFailed(Box::new(failure)));
            }
        };
        if !is_admin {
            let made = self.judge_made(operation, account, &child).await?;
            if !made.could_be {
                return Err(CannotResolve::NotOfThisCreate);
            }
            if made.claimed_elsewhere {
                return Err(CannotResolve::ClaimedElsewhere);
            }
        }
        Ok(Some(child))
    }

    /// Checks the id of an organization that cannot be read: it is a candidate, or the operator confirms it.
    ///
    /// # Behavior
    /// Without a look at the organization, an id can be what any open create of the account made. So another
    /// tenant's open create leaves a confirmed id to the admin, as does a claim on a candidate.
    async fn verify_unread(
        &self,
        operation: &Operation,
        account: &Account,
        id: &ProviderOrgId,
        confirm_unverified: bool,
        is_admin: bool,
    ) -> Result<(), CannotResolve> {
        let evidence = self.store.evidence_of(operation.id).await?;
        let named = candidates(&evidence).into_iter().find(|c| c.provider_org_id == id.as_str());
        if named.is_none() && !confirm_unverified {
            let provider = account.name().as_str().to_owned();
            return Err(CannotResolve::Unverified { provider });
        }
        if is_admin {
            return Ok(());
        }
        let keys = match &named {
            Some(candidate) => {
                CreateKeys { names: vec![candidate.name.clone()], ..CreateKeys::default() }
            }
            None => CreateKeys { all: true, ..CreateKeys::default() },
        };
        let creates = self.store.open_creates_like(account.name().as_str(), &keys).await?;
        let has_rival =
            creates.iter().any(|create| create.may_have_left && create.tenant != operation.tenant);
        if has_rival || named.is_some_and(|candidate| candidate.claimed_elsewhere) {
            return Err(CannotResolve::ClaimedElsewhere);
        }
        Ok(())
    }

    async fn decide(
        &self,
        operation: &Operation,
        account: &Account,
        resolution: &Resolution,
        resolver: &Resolver,
    ) -> Result<Decision, CannotResolve> {
        let is_create = operation.kind == OperationKind::Create;
        match resolution {
            Resolution::Applied { provider_org_id: None, .. } if is_create => {
                Err(CannotResolve::IdNeeded)
            }
            Resolution::Applied { provider_org_id: Some(_), .. } if !is_create => {
                Err(CannotResolve::IdNotTaken)
            }
            Resolution::Applied { provider_org_id: Some(id), confirm_unverified } => {
                let id = account.provider_org_id(id).map_err(CannotResolve::NotAnId)?;
                let child = self
                    .verify_made(operation, account, &id, *confirm_unverified, resolver.is_admin)
                    .await?;
                Ok(Decision { next: NextState::Succeeded, made: Some(id), child })
            }
            Resolution::Applied { provider_org_id: None, .. } => {
                let org = self.store.reread_organization(operation.organization_id).await?;
                let child = match org.provider_org_id.filter(|_| account.is_readable()) {
                    Some(id) => read_mapped(account, &id).await?,
                    None => None,
                };
                Ok(Decision { child, ..Decision::of(NextState::Succeeded) })
            }
            Resolution::NotApplied { retry: true }
                if operation.kind == OperationKind::AdminRole =>
            {
                Err(CannotResolve::CannotRetry)
            }
            Resolution::NotApplied { retry: true } => {
                let give_back_send = operation.sends > 0;
                Ok(Decision::of(NextState::Accepted { after: Duration::ZERO, give_back_send }))
            }
            Resolution::NotApplied { retry: false } => {
                let failure =
                    Failure::new(FailureCode::NotApplied, "an operator found that it was not done");
                Ok(Decision::of(NextState::Rejected { error: failure.to_value() }))
            }
            Resolution::Abandoned => {
                let failure = Failure::new(FailureCode::Abandoned, "an operator gave it up");
                Ok(Decision::of(NextState::Rejected { error: failure.to_value() }))
            }
        }
    }
}

/// The effect of a resolution.
struct Decision {
    /// The next state of the operation.
    next: NextState,
    /// The organization that a create made, in the canonical form of its id.
    made: Option<ProviderOrgId>,
    /// The organization as its provider shows it now.
    child: Option<ChildOrg>,
}

impl Decision {
    fn of(next: NextState) -> Self {
        Self { next, made: None, child: None }
    }
}

/// Reads the organization of an operation. Returns `None` where it cannot be read now: the operator's word
/// suffices, since the mapping names it already.
async fn read_mapped(
    account: &Account,
    id: &ProviderOrgId,
) -> Result<Option<ChildOrg>, CannotResolve> {
    match account.provider.get_child_org(id).await {
        Ok(reply) => Ok(Some(reply.value)),
        Err(error) if matches!(error.kind(), Kind::NotFound | Kind::InvalidInput) => {
            Err(not_found(account, id))
        }
        Err(_) => Ok(None),
    }
}

fn not_found(account: &Account, id: &ProviderOrgId) -> CannotResolve {
    CannotResolve::NotFoundAtProvider { provider: account.name().to_string(), id: id.to_string() }
}

fn change_by<'a>(
    operation: &'a Operation,
    account: &'a Account,
    resolution: &Resolution,
    decision: &'a Decision,
    now: DateTime<Utc>,
) -> Box<dyn Fn(&mut Organization) + Send + Sync + 'a> {
    let readable = account.is_readable();
    match (resolution, &decision.next) {
        (Resolution::Applied { .. }, _) => match &decision.child {
            Some(child) => {
                let child = Done::Organization(Box::new(child.clone()));
                Box::new(move |org| change_of(operation, account, &child, now)(org))
            }
            None => Box::new(move |org| {
                settle(org, false);
                if let Some(id) = &decision.made {
                    assert_created(org, id);
                }
                if let Ok(request) = read::<UpdateRequest>(operation)
                    && operation.kind == OperationKind::Update
                {
                    request.apply_to(org);
                }
            }),
        },
        (Resolution::NotApplied { .. } | Resolution::Abandoned, NextState::Rejected { .. })
            if operation.kind == OperationKind::Create =>
        {
            Box::new(fail)
        }
        (Resolution::NotApplied { .. } | Resolution::Abandoned, NextState::Rejected { .. }) => {
            Box::new(move |org| settle(org, readable))
        }
        (Resolution::NotApplied { .. } | Resolution::Abandoned, _) => Box::new(|_| {}),
    }
}

fn word(resolution: &Resolution) -> &'static str {
    match resolution {
        Resolution::Applied { .. } => "applied",
        Resolution::NotApplied { retry: true } => "not_applied_retry",
        Resolution::NotApplied { retry: false } => "not_applied",
        Resolution::Abandoned => "abandoned",
    }
}
