//! The control handle over HTTP, under `/_sandbox/`, for whoever runs the sandbox in another
//! process. From loopback alone, and without a key; the table of paths stands in the crate's docs.

use crate::{
    control::{ConsoleEdit, Control, ControlError},
    fault::FaultRule,
    operation::Provider,
    profile::FaultProfile,
    serving::ReplyBody,
    shared::Shared,
};
use axum::{
    Json, Router,
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{Request, StatusCode, Uri};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::{Value, json};
use std::{net::SocketAddr, sync::Arc};
use tower::ServiceExt;
use uuid::Uuid;

pub(crate) fn is_for_control(uri: &Uri) -> bool {
    uri.path().starts_with("/_sandbox/")
}

/// Answers a request to the control.
pub(crate) async fn answer(
    shared: Arc<Shared>,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Response<ReplyBody> {
    let response = if peer.ip().to_canonical().is_loopback() {
        let router = router(Control { shared });
        match router.oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    } else {
        let message = "the sandbox's control answers on loopback alone";
        problem(StatusCode::FORBIDDEN, message)
    };
    let (head, body) = response.into_parts();
    // The bodies made here are whole already, so that reading them cannot fail.
    let body = body.collect().await.unwrap_or_default().to_bytes();
    Response::from_parts(head, http_body_util::Full::new(body).boxed())
}

fn router(control: Control) -> Router {
    Router::new()
        .route("/_sandbox/state", get(state))
        .route("/_sandbox/requests", get(requests).delete(clear_requests))
        .route("/_sandbox/faults", get(faults).post(inject).delete(clear_faults))
        .route("/_sandbox/faults/profiles/{name}", post(inject_profile))
        .route("/_sandbox/settings", post(change_settings))
        .route("/_sandbox/late/release", post(release_late))
        .route("/_sandbox/lag/release", post(reveal))
        .route("/_sandbox/organizations", post(seed))
        .route("/_sandbox/organizations/{id}", axum::routing::patch(edit).delete(remove))
        .route("/_sandbox/organizations/{id}/validate-email", post(validate_email))
        .route("/_sandbox/organizations/{id}/lock", post(lock))
        .route("/_sandbox/organizations/{id}/unlock", post(unlock))
        .route("/_sandbox/organizations/{id}/close", post(close))
        .fallback(|| async { problem(StatusCode::NOT_FOUND, "no such control") })
        .with_state(control)
}

fn problem(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({"message": message}))).into_response()
}

impl IntoResponse for ControlError {
    fn into_response(self) -> Response {
        let status = match self {
            Self::UnknownOrganization(_) => StatusCode::NOT_FOUND,
            Self::EmailTaken => StatusCode::CONFLICT,
            Self::ImpossibleFault(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Storage(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        problem(status, &self.to_string())
    }
}

async fn state(State(control): State<Control>) -> Json<Value> {
    let scaleway = control.scaleway_organizations();
    let shown: Vec<Value> = scaleway
        .iter()
        .map(|organization| {
            let mut shown = json!(organization);
            shown["status"] = json!(organization.status());
            shown["locked_by"] = json!(organization.locked_by());
            shown
        })
        .collect();
    Json(json!({
        "scaleway": {"organizations": shown},
        "archera": {"orgs": control.archera_orgs()},
        "operations": control.tallies(),
        "late": control.late_count(),
        "faults": control.faults(),
    }))
}

async fn requests(State(control): State<Control>) -> Json<Value> {
    Json(json!({"requests": control.requests()}))
}

async fn clear_requests(State(control): State<Control>) -> StatusCode {
    control.clear_requests();
    StatusCode::NO_CONTENT
}

async fn faults(State(control): State<Control>) -> Json<Value> {
    Json(json!({
        "faults": control.faults(),
        "profiles": FaultProfile::names(),
    }))
}

async fn inject(
    State(control): State<Control>,
    Json(rule): Json<FaultRule>,
) -> Result<Json<Value>, ControlError> {
    control.inject(rule).map(|id| Json(json!({"id": id})))
}

async fn inject_profile(State(control): State<Control>, Path(name): Path<String>) -> Response {
    match name.parse() {
        Ok(profile) => {
            control.inject_profile(profile, 0);
            StatusCode::NO_CONTENT.into_response()
        }
        Err(unknown) => problem(StatusCode::NOT_FOUND, &format!("{unknown}")),
    }
}

async fn clear_faults(State(control): State<Control>) -> StatusCode {
    control.clear_faults();
    StatusCode::NO_CONTENT
}

/// Settings to change; what is left out stays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SettingsIn {
    /// 0 for no limit.
    rate_limit: Option<u32>,
    archera_list_orgs: Option<bool>,
}

async fn change_settings(
    State(control): State<Control>,
    Json(settings): Json<SettingsIn>,
) -> StatusCode {
    if let Some(limit) = settings.rate_limit {
        control.set_rate_limit(Some(limit).filter(|limit| *limit > 0));
    }
    if let Some(allowed) = settings.archera_list_orgs {
        control.allow_archera_list(allowed);
    }
    StatusCode::NO_CONTENT
}

async fn release_late(State(control): State<Control>) -> Json<Value> {
    Json(json!({"released": control.release_late()}))
}

async fn reveal(State(control): State<Control>) -> StatusCode {
    control.reveal();
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SeedIn {
    provider: Provider,
    count: usize,
}

async fn seed(
    State(control): State<Control>,
    Json(seed): Json<SeedIn>,
) -> Result<Json<Value>, ControlError> {
    let ids = control.seed(seed.provider, seed.count)?;
    Ok(Json(json!({"ids": ids})))
}

async fn edit(
    State(control): State<Control>,
    Path(id): Path<Uuid>,
    Json(edit): Json<ConsoleEdit>,
) -> Result<StatusCode, ControlError> {
    control.edit(id, edit).map(|()| StatusCode::NO_CONTENT)
}

async fn remove(
    State(control): State<Control>,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, ControlError> {
    control.remove(id).map(|()| StatusCode::NO_CONTENT)
}

async fn validate_email(
    State(control): State<Control>,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, ControlError> {
    control.validate_email(id).map(|()| StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LockIn {
    reason: String,
}

async fn lock(
    State(control): State<Control>,
    Path(id): Path<Uuid>,
    Json(lock): Json<LockIn>,
) -> Result<StatusCode, ControlError> {
    control.lock_by_provider(id, &lock.reason).map(|()| StatusCode::NO_CONTENT)
}

async fn unlock(
    State(control): State<Control>,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, ControlError> {
    control.unlock_by_provider(id).map(|()| StatusCode::NO_CONTENT)
}

async fn close(
    State(control): State<Control>,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, ControlError> {
    control.close(id).map(|()| StatusCode::NO_CONTENT)
}
