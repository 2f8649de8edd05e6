//! `/v1/providers/{name}/sweep`, and what an account tells of its sweeps.

use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::written::mark_replay;
use crate::{
    app::{LastPass, SweepView},
    http::{
        body::{Faults, Object},
        extract::{QueryFields, Write, scope, wait_of},
        problem::Problem,
        state::ApiState,
    },
    store::{Sweep, SweepState},
};

/// A pass over what an account lists.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Sweep)]
pub(crate) struct SweepOut {
    /// UUIDv7.
    id: Uuid,
    /// The partner account.
    provider: String,
    state: SweepState,
    /// Who asked for it: the `sub` of a token, `gateway:schedule`, or `gateway:cli`.
    requested_by: String,
    begun_at: DateTime<Utc>,
    #[schema(required)]
    finished_at: Option<DateTime<Utc>>,
    /// Requests made at the provider so far.
    requests: i64,
    /// Organizations that the list has shown so far.
    listed: i64,
    /// Open discrepancies that it has seen so far.
    unmapped: i64,
    missing: i64,
    drifted: i64,
    /// Why it broke off; null unless it did.
    #[schema(required)]
    error: Option<String>,
}

impl SweepOut {
    fn new(sweep: Sweep) -> Self {
        Self {
            id: sweep.id,
            provider: sweep.provider,
            state: sweep.state,
            requested_by: sweep.actor,
            begun_at: sweep.begun_at,
            finished_at: sweep.finished_at,
            requests: sweep.requests,
            listed: sweep.listed,
            unmapped: sweep.unmapped,
            missing: sweep.missing,
            drifted: sweep.drifted,
            error: sweep.error,
        }
    }
}

/// How an account stands with its sweeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = AccountSweepState)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AccountSweepStateOut {
    /// It has no list to walk, so what exists there is not known.
    CannotBeDiscovered,
    /// It was never swept.
    Never,
    /// A pass is under way.
    Running,
    /// The last pass saw the whole list.
    Succeeded,
    /// The last pass broke off.
    Failed,
}

/// The sweeps of an account: the pass under way, and what the last one found.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccountSweep)]
pub(crate) struct AccountSweepOut {
    state: AccountSweepStateOut,
    #[schema(required)]
    running_since: Option<DateTime<Utc>>,
    /// When the last pass ended.
    #[schema(required)]
    finished_at: Option<DateTime<Utc>>,
    /// How many organizations of the account the last pass listed; null before the first pass, and for a token without
    /// `admin`.
    #[schema(required)]
    listed: Option<i64>,
    /// How many of them are not mapped; null before the first pass, and for a token without `admin`.
    #[schema(required)]
    unmapped: Option<i64>,
    /// How many mapped organizations the last pass did not find, in all tenants. A token without `admin` gets the
    /// number of the tenant's organizations that are missing now. Null before the first pass.
    #[schema(required)]
    missing: Option<i64>,
    /// How many mapped organizations the last pass saw with other values, in all tenants. A token without
    /// `admin` gets the number of the tenant's organizations that have drifted now. Null before the first pass.
    #[schema(required)]
    drifted: Option<i64>,
    /// Why the last pass broke off.
    #[schema(required)]
    error: Option<String>,
    /// When the next pass begins by itself.
    #[schema(required)]
    next_at: Option<DateTime<Utc>>,
}

impl AccountSweepOut {
    /// The sweeps of an account as callers see them.
    pub(crate) fn new(view: SweepView) -> Self {
        let passes = match view {
            SweepView::CannotBeDiscovered => {
                return Self::of(AccountSweepStateOut::CannotBeDiscovered, None, None);
            }
            SweepView::Passes(passes) => passes,
        };
        let state = match (passes.running_since, &passes.last) {
            (Some(_), _) => AccountSweepStateOut::Running,
            (None, None) => AccountSweepStateOut::Never,
            (None, Some(last)) => match last.state {
                SweepState::Failed => AccountSweepStateOut::Failed,
                SweepState::Succeeded | SweepState::Running => AccountSweepStateOut::Succeeded,
            },
        };
        let running_since = passes.running_since;
        Self { running_since, ..Self::of(state, passes.last, passes.next_at) }
    }

    fn of(
        state: AccountSweepStateOut,
        last: Option<LastPass>,
        next_at: Option<DateTime<Utc>>,
    ) -> Self {
        Self {
            state,
            running_since: None,
            finished_at: last.as_ref().and_then(|last| last.finished_at),
            listed: last.as_ref().and_then(|last| last.listed),
            unmapped: last.as_ref().and_then(|last| last.unmapped),
            missing: last.as_ref().map(|last| last.missing),
            drifted: last.as_ref().map(|last| last.drifted),
            error: last.and_then(|last| last.error),
            next_at,
        }
    }
}

/// Sweep an account now
///
/// Compares the mapping with all that the provider lists. Where a pass is under way already, that one is
/// answered. With `Prefer: wait=N` the answer comes when it has ended, or after N seconds. An account that cannot list its organizations is 422 `unsupported_by_provider`.
#[utoipa::path(
    post, path = "/v1/providers/{name}/sweep", tag = "Providers",
    operation_id = "sweep_provider",
    params(("name" = String, Path, description = "The account's name")),
    responses((status = 202, description = "The pass that is under way", body = SweepOut)),
    security(("bearer" = ["admin"]))
)]
pub(crate) async fn sweep(
    State(state): State<ApiState>,
    name: Result<Path<String>, PathRejection>,
    query: QueryFields,
    headers: HeaderMap,
    write: Write<scope::Admin>,
) -> Result<Response, Problem> {
    query.finish()?;
    must_be_empty(&write.body)?;
    let Ok(Path(name)) = name else {
        return Err(Problem::not_found("there is no such provider"));
    };
    let (mut sweep, replayed) = state.app.sweep_now(&write.context, &name).await?;
    // A pass can take minutes: who does not ask to wait is answered at once.
    if headers.contains_key("prefer") {
        sweep = state.app.await_sweep(sweep, wait_of(&headers)).await?;
    }
    let location = format!("/v1/providers/{name}");
    let mut response = (StatusCode::ACCEPTED, Json(SweepOut::new(sweep))).into_response();
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    Ok(mark_replay(response, replayed))
}

fn must_be_empty(body: &serde_json::Value) -> Result<(), Problem> {
    if body.is_null() {
        return Ok(());
    }
    let faults = Faults::default();
    if let Some(body) = Object::of_body(body, &faults) {
        body.finish();
    }
    match faults.take() {
        found if found.is_empty() => Ok(()),
        found => Err(Problem::of_faults(found)),
    }
}
