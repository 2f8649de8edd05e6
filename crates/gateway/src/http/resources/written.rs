//! How the outcome of a write is answered.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{OrganizationOut, WarningOut, operation_out::OperationOut};
use crate::{
    app::{App, Written},
    http::{
        extract::etag,
        problem::{Problem, REPLAYED},
    },
    store::{Operation, OperationState, TenantScope},
};

/// After how many seconds to ask for an operation again.
const ASK_AGAIN: u64 = 1;
/// After how many seconds to ask again for an operation that an operator must resolve.
const ASK_AGAIN_LATER: u64 = 60;

/// Answers a write with the organization, or with the operation while that is open.
pub(crate) async fn answer(
    app: &App,
    scope: &TenantScope,
    written: Written,
) -> Result<Response, Problem> {
    let replayed = written.replayed;
    let response = match written.pending().cloned() {
        Some(operation) => accepted(app, scope, operation).await?,
        None => {
            let status = if written.created { StatusCode::CREATED } else { StatusCode::OK };
            let location = format!("/v1/organizations/{}", written.organization.id);
            let now = crate::operations::now();
            let done = written.operation.as_ref();
            let warnings = done.map_or_else(Vec::new, |done| WarningOut::of(done, now));
            let mut response = with_warnings(app, written.organization, status, warnings);
            if status == StatusCode::CREATED {
                put(&mut response, header::LOCATION, &location);
            }
            response
        }
    };
    Ok(mark_replay(response, replayed))
}

/// Answers an operation that is open: 202, where to ask, and when.
pub(crate) async fn accepted(
    app: &App,
    scope: &TenantScope,
    operation: Operation,
) -> Result<Response, Problem> {
    let location = format!("/v1/operations/{}", operation.id);
    let ask_again = match operation.state {
        OperationState::Quarantined => ASK_AGAIN_LATER,
        OperationState::Accepted
        | OperationState::Sending
        | OperationState::Unknown
        | OperationState::Succeeded
        | OperationState::Rejected => ASK_AGAIN,
    };
    let view = app.view_operation(scope, operation).await?;
    let mut response = (StatusCode::ACCEPTED, Json(OperationOut::new(view))).into_response();
    put(&mut response, header::LOCATION, &location);
    put(&mut response, header::RETRY_AFTER, &ask_again.to_string());
    Ok(response)
}

/// Answers an organization with its `ETag`.
pub(crate) fn organization(
    app: &App,
    org: crate::store::Organization,
    status: StatusCode,
) -> Response {
    with_warnings(app, org, status, Vec::new())
}

fn with_warnings(
    app: &App,
    org: crate::store::Organization,
    status: StatusCode,
    warnings: Vec<WarningOut>,
) -> Response {
    let tag = etag(org.version);
    let out = OrganizationOut { warnings, ..OrganizationOut::new(app, org) };
    let mut response = (status, Json(out)).into_response();
    put(&mut response, header::ETAG, &tag);
    response
}

/// Says that an answer repeats that of an earlier request.
pub(crate) fn mark_replay(mut response: Response, replayed: bool) -> Response {
    if replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    response
}

fn put(response: &mut Response, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}
