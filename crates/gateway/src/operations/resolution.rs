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
    request::UpdateRequest,
    send::{Done, read},
    settle::assert_created,
};
use crate::{
    providers::Account,
    store::{
        EventType, Evidence, EvidenceKind, NextState, Operation, OperationKind, OperationState,
        Organization, Outcome, Recorded, StoreError,
    },
};

/// What a person found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// It was done; a create names what it made.
    Applied {
        /// The organization at the provider.
        provider_org_id: Option<String>,
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
    /// The provider has no such organization.
    #[error("the provider has no such organization")]
    NoSuchOrganization,
    /// No provider gives such an id.
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
        let (next, child) = self.decide(operation, account, resolution).await?;
        crash_point!("resolve.decided");
        let now = self.store.now();
        let change = change_by(operation, account, resolution, child.as_ref(), &next, now);
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
            next,
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

    async fn decide(
        &self,
        operation: &Operation,
        account: &Account,
        resolution: &Resolution,
    ) -> Result<(NextState, Option<ChildOrg>), CannotResolve> {
        let is_create = operation.kind == OperationKind::Create;
        match resolution {
            Resolution::Applied { provider_org_id: None } if is_create => {
                Err(CannotResolve::IdNeeded)
            }
            Resolution::Applied { provider_org_id: Some(_) } if !is_create => {
                Err(CannotResolve::IdNotTaken)
            }
            Resolution::Applied { provider_org_id } => {
                let org = self.store.reread_organization(operation.organization_id).await?;
                let id = match provider_org_id {
                    Some(id) => {
                        Some(ProviderOrgId::new(id.as_str()).map_err(CannotResolve::NotAnId)?)
                    }
                    None => org.provider_org_id,
                };
                let child = match id.filter(|_| account.is_readable()) {
                    Some(id) => read_named(account, &id).await?,
                    None => None,
                };
                Ok((NextState::Succeeded, child))
            }
            Resolution::NotApplied { retry: true }
                if operation.kind == OperationKind::AdminRole =>
            {
                Err(CannotResolve::CannotRetry)
            }
            Resolution::NotApplied { retry: true } => {
                let give_back_send = operation.sends > 0;
                Ok((NextState::Accepted { after: Duration::ZERO, give_back_send }, None))
            }
            Resolution::NotApplied { retry: false } => {
                let failure =
                    Failure::new(FailureCode::NotApplied, "an operator found that it was not done");
                Ok((NextState::Rejected { error: failure.to_value() }, None))
            }
            Resolution::Abandoned => {
                let failure = Failure::new(FailureCode::Abandoned, "an operator gave it up");
                Ok((NextState::Rejected { error: failure.to_value() }, None))
            }
        }
    }
}

/// Reads the organization that a person names. One that cannot be read now is believed; one that the
/// provider does not have is not.
async fn read_named(
    account: &Account,
    id: &ProviderOrgId,
) -> Result<Option<ChildOrg>, CannotResolve> {
    match account.provider.get_child_org(id).await {
        Ok(reply) => Ok(Some(reply.value)),
        Err(error) if matches!(error.kind(), Kind::NotFound | Kind::InvalidInput) => {
            Err(CannotResolve::NoSuchOrganization)
        }
        Err(_) => Ok(None),
    }
}

fn change_by<'a>(
    operation: &'a Operation,
    account: &'a Account,
    resolution: &'a Resolution,
    child: Option<&'a ChildOrg>,
    next: &NextState,
    now: DateTime<Utc>,
) -> Box<dyn Fn(&mut Organization) + Send + Sync + 'a> {
    let readable = account.is_readable();
    match (resolution, next) {
        (Resolution::Applied { provider_org_id }, _) => match child {
            Some(child) => {
                let child = Done::Organization(Box::new(child.clone()));
                Box::new(move |org| change_of(operation, account, &child, now)(org))
            }
            None => Box::new(move |org| {
                settle(org, false);
                if let Some(id) = provider_org_id {
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
