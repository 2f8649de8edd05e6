//! People in an organization: invitations, and the partner's own seat.

use std::sync::Arc;

use partner_core::{AdminSeat, NewMember};
use serde_json::json;
use uuid::Uuid;

use super::{
    App,
    context::WriteContext,
    error::AppResult,
    write::{Written, must_not_have_failed, send},
};
use crate::{
    operations::{InviteRequest, SeatRequest},
    store::{InvitedMember, OperationKind, Organization, Plan, TenantScope},
};

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

    /// Asks for an administrator's seat for the partner. The password is passed on and kept nowhere.
    ///
    /// # Errors
    /// `Unsupported` where the provider cannot; `Busy` while another operation is open, since what has no
    /// password cannot wait.
    pub async fn request_admin_role(
        self: &Arc<Self>,
        context: WriteContext,
        id: Uuid,
        seat: AdminSeat,
    ) -> AppResult<Written> {
        self.account_that_can(&context.scope, id, "give an admin role", |can| can.admin_role)
            .await?;
        let request = SeatRequest { username: seat.username.clone(), email: seat.email.clone() };
        let operation = context.operation(OperationKind::AdminRole, json!(request));
        let plan = move |org: &mut Organization| {
            must_not_have_failed(org)?;
            Ok(Plan { must_send_now: true, ..send(operation) })
        };
        self.write(context, id, Some(seat), plan).await
    }
}
