//! What every handler has at hand.

use std::sync::Arc;

use axum::http::request::Parts;
use tokio_util::sync::CancellationToken;

use super::{
    limits::TenantLimits, notes::RequestNotes, problem::Problem, refused_tokens::RefusedTokens,
    streams::EventStreams,
};
use crate::{
    app::App,
    auth::{Caller, Oidc, Verifier},
    config::LimitsConfig,
    telemetry::MetricsHandle,
};

/// What every handler has at hand. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ApiState {
    /// The use cases.
    pub app: Arc<App>,
    /// Tells who is calling.
    pub verifier: Arc<Verifier>,
    /// Counts and logs the tokens that are refused.
    pub refused: Arc<RefusedTokens>,
    /// The metrics of this process.
    pub metrics: MetricsHandle,
    /// How many requests each tenant may make.
    pub limits: Arc<TenantLimits>,
    /// The streams of events that are open.
    pub streams: Arc<EventStreams>,
    /// Where people sign in to the console, where they can.
    pub oidc: Option<Arc<Oidc>>,
    /// Whether the process is going down.
    pub draining: Draining,
}

impl ApiState {
    /// The state of a process that is not going down, with full limits.
    #[must_use]
    pub fn new(
        app: Arc<App>,
        verifier: Arc<Verifier>,
        metrics: MetricsHandle,
        limits: &LimitsConfig,
    ) -> Self {
        let streams = EventStreams::new(limits);
        let limits = Arc::new(TenantLimits::new(limits));
        let (refused, draining) = Default::default();
        Self { app, verifier, refused, metrics, limits, streams, oidc: None, draining }
    }

    /// Lets an authenticated caller in, within its tenant's limit. The answer's headers say how the
    /// tenant stands, and the request's span whose it is. To be called once a request.
    ///
    /// # Errors
    /// 429 `rate_limited` when the tenant is over its limit.
    pub fn admit(&self, parts: &Parts, caller: &Caller) -> Result<(), Problem> {
        let verdict = self.limits.check(&caller.tenant);
        if let Some(notes) = parts.extensions.get::<RequestNotes>() {
            notes.authenticated(caller.tenant.as_str());
            notes.counted(verdict.rate_limit.clone());
        }
        verdict.into_result()
    }
}

/// Whether the process is going down. Clones tell the same.
#[derive(Debug, Clone, Default)]
pub struct Draining(CancellationToken);

impl Draining {
    /// From now on it is. It never comes back.
    pub fn begin(&self) {
        self.0.cancel();
    }

    /// Whether it is.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Comes back once it is: for what waits long and can answer early.
    pub async fn begun(&self) {
        self.0.cancelled().await;
    }
}
