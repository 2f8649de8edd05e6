//! One call of the port for one operation, and nothing more than that.

use std::{future::Future, pin::pin, task::Poll};

use partner_core::{
    AdminSeat, ChildOrg, Effect, Error, Kind, Member, PartnerProvider, ProviderOrgId, Reply, Result,
};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::request::{CreateRequest, InviteRequest, UpdateRequest};
use crate::store::{Operation, OperationKind, Organization};

/// What a provider answered to an operation that succeeded.
#[derive(Debug, Clone)]
pub(super) enum Done {
    /// The organization as it then is.
    Organization(Box<ChildOrg>),
    /// Who was invited.
    Members(Vec<Member>),
    /// Nothing more than that it was done.
    Nothing,
}

/// Sends an operation, unless `deadline`, the end of its lease, has passed before.
///
/// # Behavior
/// A worker that was stopped for longer than its lease must not send: the deadline is looked at first at
/// every turn. One that was sending when it passed knows nothing of the outcome.
pub(super) async fn send(
    provider: &dyn PartnerProvider,
    operation: &Operation,
    org: &Organization,
    seat: Option<&AdminSeat>,
    deadline: Instant,
) -> Result<Reply<Done>> {
    if Instant::now() >= deadline {
        return Err(Error::new(Kind::Unavailable, Effect::NotSent, "the lease had run out"));
    }
    let mut call = pin!(call(provider, operation, org, seat));
    let mut timer = pin!(tokio::time::sleep_until(deadline));
    std::future::poll_fn(|context| {
        if timer.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(Error::new(
                Kind::Unavailable,
                Effect::Unknown,
                "the lease ran out before the provider answered",
            )));
        }
        call.as_mut().poll(context)
    })
    .await
}

async fn call(
    provider: &dyn PartnerProvider,
    operation: &Operation,
    org: &Organization,
    seat: Option<&AdminSeat>,
) -> Result<Reply<Done>> {
    crash_point!("send.call");
    let organization = |reply: Reply<ChildOrg>| reply.map(|org| Done::Organization(Box::new(org)));
    match operation.kind {
        OperationKind::Create => {
            let request: CreateRequest = read(operation)?;
            provider.create_child_org(&request.new).await.map(organization)
        }
        OperationKind::Update => {
            let request: UpdateRequest = read(operation)?;
            provider.update_child_org(id_of(org)?, &request.patch).await.map(organization)
        }
        OperationKind::Lock => provider.lock_child_org(id_of(org)?).await.map(organization),
        OperationKind::Unlock => provider.unlock_child_org(id_of(org)?).await.map(organization),
        OperationKind::Invite => {
            let request: InviteRequest = read(operation)?;
            let reply = provider.invite_members(id_of(org)?, &request.members).await?;
            Ok(reply.map(Done::Members))
        }
        OperationKind::AdminRole => {
            let seat = seat.ok_or_else(|| {
                Error::new(Kind::Unsupported, Effect::NotSent, "the password is kept nowhere")
            })?;
            let reply = provider.request_admin_role(id_of(org)?, seat).await?;
            Ok(reply.map(|()| Done::Nothing))
        }
    }
}

fn id_of(org: &Organization) -> Result<&ProviderOrgId> {
    org.provider_org_id.as_ref().ok_or_else(|| {
        Error::new(
            Kind::NotFound,
            Effect::NotSent,
            "the organization was not created at the provider",
        )
    })
}

/// What the operation is to send.
pub(super) fn read<T: DeserializeOwned>(operation: &Operation) -> Result<T> {
    serde_json::from_value(operation.request.clone()).map_err(|error| {
        Error::new(Kind::InvalidInput, Effect::NotSent, "the stored request cannot be read")
            .with_source(error)
    })
}
