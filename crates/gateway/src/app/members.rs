//! People in an organization: invitations, and the partner's own seat.

use std::sync::Arc;

use partner_core::{AdminSeat, EmailAddress, NewMember};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use uuid::Uuid;

use super::{
    App,
    context::WriteContext,
    error::{AppError, AppResult},
    provider_rules,
    write::{Written, must_not_have_failed, send},
};
use crate::{
    operations::{FieldProblem, InviteRequest, SeatRequest},
    providers::Account,
    store::{InvitedMember, OperationKind, Organization, Plan, TenantScope},
};

/// A seat that a caller wants for the partner. A part that is missing or faulty is `None`.
#[derive(Debug)]
pub struct SeatInput {
    /// The user name.
    pub username: Option<String>,
    /// The e-mail address.
    pub email: Option<EmailAddress>,
    /// The password.
    pub password: Option<SecretString>,
    /// The faults of the request by the gateway's rules.
    pub faults: Vec<FieldProblem>,
}

impl SeatInput {
    /// Returns the seat, unless our rules or the provider's have a fault in it.
    fn checked(self, account: &Account) -> AppResult<AdminSeat> {
        let mut faults = self.faults;
        let password = self.password.as_ref().map(ExposeSecret::expose_secret);
        for fault in account.capabilities().seat_faults(self.username.as_deref(), password) {
            faults.push(provider_rules::invalid(account, &fault));
        }
        match (self.username, self.email, self.password) {
            (Some(username), Some(email), Some(password)) if faults.is_empty() => {
                Ok(AdminSeat { username, email, password })
            }
            _ => Err(AppError::Invalid(faults)),
        }
    }
}

impl App {
    /// Everybody who was invited into an organization of the caller's.
    ///
    /// # Errors
    /// `NotFound` where there is none for this caller.
    pub async fn members(&self, scope: &TenantScope, id: Uuid) -> AppResult<Vec<InvitedMember>> {
        let org = self.organization(scope, id).await?;
        Ok(self.store.members_of(org.id).await?)
    }

    /// Invites people into an organization.
    ///
    /// # Errors
    /// `Unsupported` where the provider cannot invite; nothing is sent then.
    pub async fn invite_members(
        self: &Arc<Self>,
        context: WriteContext,
        id: Uuid,
        members: Vec<NewMember>,
    ) -> AppResult<Written> {
        self.account_that_can(&context.scope, id, "invite", |can| can.invite).await?;
        let operation = context.operation(OperationKind::Invite, json!(InviteRequest { members }));
        let plan = move |org: &mut Organization| {
            must_not_have_failed(org)?;
            Ok(send(operation))
        };
        self.write(context, id, None, plan).await
    }

    /// Requests an administrator's seat for the partner. The password is passed on and never stored.
    ///
    /// # Errors
    /// `Unsupported` where the provider cannot; every fault at once, by our rules and the provider's; `Busy` while
    /// another operation is open, since a request without its password cannot wait. Nothing is recorded then.
    pub async fn request_admin_role(
        self: &Arc<Self>,
        context: WriteContext,
        id: Uuid,
        seat: SeatInput,
    ) -> AppResult<Written> {
        let account = self
            .account_that_can(&context.scope, id, "give an admin role", |can| can.admin_role)
            .await?;
        let seat = seat.checked(account)?;
        let request = SeatRequest { username: seat.username.clone(), email: seat.email.clone() };
        let operation = context.operation(OperationKind::AdminRole, json!(request));
        let plan = move |org: &mut Organization| {
            must_not_have_failed(org)?;
            Ok(Plan { must_send_now: true, ..send(operation) })
        };
        self.write(context, id, Some(seat), plan).await
    }
}
