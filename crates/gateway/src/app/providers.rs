//! The partner accounts as callers see them, and routes explained.

use chrono::{DateTime, Utc};

use super::{
    App,
    error::{AppError, AppResult},
};
use crate::{
    providers::{Account, Health},
    routing::{Route, RouteRequest},
    store::{DiscrepancyKind, SweepState, TenantScope},
};

/// A partner account as a caller may see it.
#[derive(Debug, Clone)]
pub struct ProviderView {
    /// The account.
    pub account: Account,
    /// Its health. How much is left of its rate limit is shown to admins alone: it tells how busy other tenants are.
    pub health: Health,
    /// Until when nothing is sent, and why.
    pub gate: Option<(DateTime<Utc>, String)>,
    /// The sweeps of its list.
    pub sweep: SweepView,
}

/// The sweeps of an account's list.
#[derive(Debug, Clone)]
pub enum SweepView {
    /// The account cannot list its organizations.
    CannotBeDiscovered,
    /// The account can be swept.
    Passes(Box<Passes>),
}

/// The sweeps of an account as a caller may see them.
#[derive(Debug, Clone)]
pub struct Passes {
    /// When the running sweep began.
    pub running_since: Option<DateTime<Utc>>,
    /// How many organizations the running sweep has listed; for admins alone.
    pub running_listed: Option<i64>,
    /// The last sweep that ended.
    pub last: Option<LastPass>,
    /// When the next sweep begins.
    pub next_at: Option<DateTime<Utc>>,
}

/// The last sweep of an account that ended.
#[derive(Debug, Clone)]
pub struct LastPass {
    /// How it ended.
    pub state: SweepState,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// Why it broke off.
    pub error: Option<String>,
    /// How many organizations it listed; for admins alone.
    pub listed: Option<i64>,
    /// How many unmapped organizations it saw; for admins alone.
    pub unmapped: Option<i64>,
    /// For admins, the missing organizations of the account; for a tenant, its own that are missing now.
    pub missing: i64,
    /// For admins, the drifted organizations of the account; for a tenant, its own that have drifted now.
    pub drifted: i64,
}

impl App {
    /// Every partner account.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn providers(&self, scope: &TenantScope) -> AppResult<Vec<ProviderView>> {
        let mut views = Vec::new();
        for account in self.engine.registry().iter() {
            views.push(self.view_provider(scope, account).await?);
        }
        Ok(views)
    }

    /// One partner account.
    ///
    /// # Errors
    /// `NotFound` where there is none of this name.
    pub async fn provider(&self, scope: &TenantScope, name: &str) -> AppResult<ProviderView> {
        let account = self.engine.registry().get(name).ok_or(AppError::NotFound("provider"))?;
        self.view_provider(scope, account).await
    }

    async fn view_provider(
        &self,
        scope: &TenantScope,
        account: &Account,
    ) -> AppResult<ProviderView> {
        let name = account.name().as_str();
        let sweep = if account.capabilities().list {
            SweepView::Passes(Box::new(self.passes(scope, name).await?))
        } else {
            SweepView::CannotBeDiscovered
        };
        let mut health = account.health();
        if scope.tenant().is_some()
            && let Some(limit) = &mut health.signals.rate_limit
        {
            limit.remaining = None;
        }
        let gate = self.store.gate(name).await?;
        Ok(ProviderView { account: account.clone(), health, gate, sweep })
    }

    /// The sweeps of an account. An admin sees what a sweep counted over the whole account, a tenant only the open
    /// discrepancies of its own organizations.
    async fn passes(&self, scope: &TenantScope, provider: &str) -> AppResult<Passes> {
        let sweeps = self.store.sweeps_of(provider).await?;
        let is_admin = scope.tenant().is_none();
        let mut last = sweeps.last.map(|last| LastPass {
            state: last.state,
            finished_at: last.finished_at,
            error: last.error,
            listed: is_admin.then_some(last.listed),
            unmapped: is_admin.then_some(last.unmapped),
            missing: last.missing,
            drifted: last.drifted,
        });
        if let Some(last) = last.as_mut().filter(|_| !is_admin) {
            let open = self.store.open_discrepancies(scope, Some(provider)).await?;
            let count =
                |of| open.iter().find(|(kind, _)| *kind == of).map_or(0, |(_, count)| *count);
            last.missing = count(DiscrepancyKind::Missing);
            last.drifted = count(DiscrepancyKind::Drifted);
        }
        let running = sweeps.running.as_ref();
        Ok(Passes {
            running_since: running.map(|running| running.begun_at),
            running_listed: running.map(|running| running.listed).filter(|_| is_admin),
            last,
            next_at: sweeps.next_at,
        })
    }

    /// The route that a create would take.
    ///
    /// # Errors
    /// When there is none, or the request names an account that there is not.
    pub fn resolve_route(&self, request: &RouteRequest<'_>) -> AppResult<Route> {
        if let Some(name) = request.provider
            && self.engine.registry().get(name).is_none()
        {
            let message = "no provider account has this name";
            return Err(AppError::one("/provider", "unknown_provider", message));
        }
        Ok(self.router.resolve(request)?)
    }
}
