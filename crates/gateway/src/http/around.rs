//! What operators and their machines ask for: is the process alive, is it ready, what are its metrics.
//!
//! None of it needs a token, and all of it answers however busy the gateway is.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use futures::future::BoxFuture;
use serde::Serialize;
use tokio::{sync::Mutex, time::Instant};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    problem::Problem,
    state::{ApiState, Draining},
};
use crate::{store::StoreError, telemetry::MetricsHandle};

/// The tag of these endpoints.
pub(crate) const TAG: &str = "Health";
/// How long the database may take to show that it is ready.
const READY_WITHIN: Duration = Duration::from_secs(1);
/// How long an answer of the database's is good for, so that nobody can load it by asking.
const FRESH_FOR: Duration = Duration::from_millis(250);

/// What these endpoints have at hand.
#[derive(Clone)]
pub(crate) struct Around {
    database: Arc<Database>,
    draining: Draining,
    metrics: MetricsHandle,
}

/// Asks whether the database is reachable and migrated; the reason where it is not.
type Ask = Box<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

struct Database {
    ask: Ask,
    last: Mutex<Option<(Instant, Result<(), String>)>>,
}

/// How the process is.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Health {
    /// `alive` or `ready`.
    status: &'static str,
}

impl Around {
    /// Over the state of the API.
    pub(crate) fn of(state: &ApiState) -> Self {
        let app = Arc::clone(&state.app);
        let ask = move || -> BoxFuture<'static, Result<(), String>> {
            let app = Arc::clone(&app);
            Box::pin(async move { app.store().check_migrated().await.map_err(|e| reason(&e)) })
        };
        Self::new(Box::new(ask), state.draining.clone(), state.metrics.clone())
    }

    pub(super) fn new(ask: Ask, draining: Draining, metrics: MetricsHandle) -> Self {
        let database = Arc::new(Database { ask, last: Mutex::new(None) });
        Self { database, draining, metrics }
    }
}

impl Database {
    async fn is_ready(&self) -> Result<(), String> {
        let asked = tokio::time::timeout(READY_WITHIN, async {
            let mut last = self.last.lock().await;
            if let Some((at, answer)) = last.as_ref()
                && at.elapsed() < FRESH_FOR
            {
                return answer.clone();
            }
            let answer = (self.ask)().await;
            *last = Some((Instant::now(), answer.clone()));
            answer
        });
        asked.await.unwrap_or_else(|_elapsed| {
            Err(format!("the database did not answer within {READY_WITHIN:?}"))
        })
    }
}

/// What a prober may be told; the log has the rest.
fn reason(error: &StoreError) -> String {
    match error {
        StoreError::Migration(what) => what.clone(),
        StoreError::Unavailable(_)
        | StoreError::Constraint { .. }
        | StoreError::Corrupt(_)
        | StoreError::Unsuitable(_)
        | StoreError::Other(_) => {
            tracing::warn!(error = ?error, "the database is not ready");
            "the database is not available".to_owned()
        }
    }
}

/// Whether the process is alive and whether it is ready.
pub(crate) fn probes() -> OpenApiRouter<Around> {
    OpenApiRouter::new().routes(routes!(livez)).routes(routes!(readyz))
}

/// The metrics, for the listener that they belong to.
pub(crate) fn metrics() -> OpenApiRouter<Around> {
    OpenApiRouter::new().routes(routes!(read_metrics))
}

/// Whether the process is alive
///
/// Asks nothing but the process itself.
#[utoipa::path(
    get,
    path = "/livez",
    tag = TAG,
    security(()),
    responses((status = 200, description = "The process is alive", body = Health))
)]
async fn livez() -> Json<Health> {
    Json(Health { status: "alive" })
}

/// Whether requests may be sent here
///
/// Ready is a process that is not going down and whose database is reachable and migrated. It answers
/// within about a second.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = TAG,
    security(()),
    responses(
        (status = 200, description = "Requests may be sent here", body = Health),
        (status = 503, description = "Not now; `detail` says why"),
    )
)]
async fn readyz(State(around): State<Around>) -> Result<Json<Health>, Problem> {
    if around.draining.has_begun() {
        return Err(Problem::unavailable("the process is going down"));
    }
    around.database.is_ready().await.map_err(Problem::unavailable)?;
    Ok(Json(Health { status: "ready" }))
}

/// The metrics of this process
///
/// In the Prometheus text format. Where an internal listener is configured, they are there alone, and
/// here is nothing.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = TAG,
    security(()),
    responses(
        (status = 200, description = "All metrics", body = String, content_type = "text/plain"),
        (status = 404, description = "They are on the internal listener"),
    )
)]
async fn read_metrics(State(around): State<Around>) -> Response {
    let media_type = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, media_type)], around.metrics.render()).into_response()
}

#[cfg(test)]
mod tests;
