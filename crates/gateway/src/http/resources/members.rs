//! `/v1/organizations/{id}/members` and `/v1/organizations/{id}/admin-role`.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use partner_core::NewMember;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    ListOut,
    operation_out::OperationOut,
    organization_in::MemberIn,
    written::{accepted, mark_replay},
};
use crate::{
    app::SeatInput,
    http::{
        body::{Faults, Object},
        extract::{Authorized, Id, QueryFields, Write, scope},
        problem::Problem,
        state::ApiState,
    },
    store::InvitedMember,
};

/// Somebody who was invited.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Member)]
pub(crate) struct MemberOut {
    email: String,
    /// Null where the provider did not say.
    #[schema(required)]
    role: Option<String>,
    invited_at: DateTime<Utc>,
}

impl MemberOut {
    fn new(invited: InvitedMember) -> Self {
        Self {
            email: invited.member.email.into(),
            role: invited.member.role.map(|role| role.as_str().to_owned()),
            invited_at: invited.invited_at,
        }
    }
}

/// People to invite.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = InviteMembers)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it gives the OpenAPI document its schema; the body is read by hand")]
pub(crate) struct InviteIn {
    #[schema(min_items = 1, max_items = 100)]
    members: Vec<MemberIn>,
}

/// List the members that were invited
///
/// Those that the gateway invited. No provider tells who else is there.
#[utoipa::path(
    get, path = "/v1/organizations/{id}/members", tag = "Organizations",
    operation_id = "list_members",
    params(("id" = Uuid, Path, description = "The gateway's id")),
    responses((status = 200, description = "All of them", body = ListOut<MemberOut>)),
    security(("bearer" = ["organizations:read"]))
)]
pub(crate) async fn list(
    State(state): State<ApiState>,
    auth: Authorized<scope::Read>,
    Id(id): Id,
    query: QueryFields,
) -> Result<Json<ListOut<MemberOut>>, Problem> {
    query.finish()?;
    members(&state, &auth.tenant_scope(), id).await
}

async fn members(
    state: &ApiState,
    scope: &crate::store::TenantScope,
    id: Uuid,
) -> Result<Json<ListOut<MemberOut>>, Problem> {
    let members = state.app.members(scope, id).await?;
    Ok(Json(ListOut::whole(members.into_iter().map(MemberOut::new).collect())))
}

/// Invite members
///
/// Each invitation is sent at most once.
#[utoipa::path(
    post, path = "/v1/organizations/{id}/members", tag = "Organizations",
    operation_id = "invite_members",
    params(("id" = Uuid, Path, description = "The gateway's id")),
    request_body = InviteIn,
    responses(
        (status = 200, description = "Everybody who was invited", body = ListOut<MemberOut>),
        (status = 202, description = "Not settled yet", body = OperationOut),
    ),
    security(("bearer" = ["organizations:write"]))
)]
pub(crate) async fn invite(
    State(state): State<ApiState>,
    Id(id): Id,
    query: QueryFields,
    write: Write<scope::Write>,
) -> Result<Response, Problem> {
    query.finish()?;
    let invited = read_invitation(&write.body)?;
    let scope = write.context.scope.clone();
    let written = state.app.invite_members(write.context, id, invited).await?;
    let replayed = written.replayed;
    let response = match written.pending().cloned() {
        Some(operation) => accepted(&state.app, &scope, operation).await?,
        None => members(&state, &scope, id).await?.into_response(),
    };
    Ok(mark_replay(response, replayed))
}

fn read_invitation(body: &Value) -> Result<Vec<NewMember>, Problem> {
    let faults = Faults::default();
    let mut invited = Vec::new();
    if let Some(mut body) = Object::of_body(body, &faults) {
        invited = body.members();
        if invited.is_empty() && !body.is_faulty("members") {
            body.fault("members", "required", "must name somebody");
        }
        body.finish();
    }
    match faults.take() {
        found if found.is_empty() => Ok(invited),
        found => Err(Problem::of_faults(found)),
    }
}

/// A seat for the partner in the customer's organization.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = AdminRole)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it gives the OpenAPI document its schema; the body is read by hand")]
pub(crate) struct AdminRoleIn {
    #[schema(min_length = 2, max_length = 64, pattern = "^[a-zA-Z0-9@._-]+$")]
    username: String,
    #[schema(format = Email, max_length = 254)]
    email: String,
    /// Passed on; stored, logged and hashed nowhere.
    #[schema(format = Password, max_length = 72)]
    password: String,
}

/// Ask for an administrator's seat
///
/// Sent at most once, while the caller waits: the password is kept nowhere, so it can never be sent
/// again. While another operation is open on the organization it is refused (409).
#[utoipa::path(
    post, path = "/v1/organizations/{id}/admin-role", tag = "Organizations",
    operation_id = "request_admin_role",
    params(("id" = Uuid, Path, description = "The gateway's id")),
    request_body = AdminRoleIn,
    responses(
        (status = 204, description = "Asked for"),
        (status = 202, description = "Not settled yet", body = OperationOut),
    ),
    security(("bearer" = ["organizations:write"]))
)]
pub(crate) async fn admin_role(
    State(state): State<ApiState>,
    Id(id): Id,
    query: QueryFields,
    write: Write<scope::Write>,
) -> Result<Response, Problem> {
    query.finish()?;
    let seat = read_seat(&write.body);
    let scope = write.context.scope.clone();
    let written = state.app.request_admin_role(write.context, id, seat).await?;
    let replayed = written.replayed;
    let response = match written.pending().cloned() {
        Some(operation) => accepted(&state.app, &scope, operation).await?,
        None => StatusCode::NO_CONTENT.into_response(),
    };
    Ok(mark_replay(response, replayed))
}

/// Reads the parts of a seat, and collects its faults. The provider's faults are added later.
fn read_seat(body: &Value) -> SeatInput {
    let faults = Faults::default();
    let mut seat = SeatInput { username: None, email: None, password: None, faults: Vec::new() };
    if let Some(mut body) = Object::of_body(body, &faults) {
        seat.username = body.needed_identifier("username", 64);
        seat.email = body.needed_email("email");
        seat.password = body.password("password").map(SecretString::from);
        body.finish();
    }
    SeatInput { faults: faults.take(), ..seat }
}
