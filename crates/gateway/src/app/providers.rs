//! The partner accounts as callers see them, and routes explained.

use chrono::{DateTime, Utc};

use super::{
    App,
    error::{AppError, AppResult},
};
use crate::{
    providers::{Account, Health},
    routing::{Route, RouteRequest},
    store::Sweeps,
};

/// A partner account, how well it is, and whether its gate is shut.
#[derive(Debug, Clone)]
pub struct ProviderView {
    /// The account.
    pub account: Account,
    /// How well it is.
    pub health: Health,
    /// Until when nothing is sent, and why.
    pub gate: Option<(DateTime<Utc>, String)>,
    /// The passes over its list.
    pub sweep: SweepView,
}

/// The passes over an account's list.
#[derive(Debug, Clone)]
pub enum SweepView {
    /// It has no list to walk.
    CannotBeDiscovered,
    /// It has.
    Passes(Box<Sweeps>),
}

impl App {
    /// Every partner account.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn providers(&self) -> AppResult<Vec<ProviderView>> {
        let mut views = Vec::new();
        for account in self.engine.registry().iter() {
            views.push(self.view_provider(account).await?);
        }
        Ok(views)
    }

    /// One partner account.
    ///
    /// # Errors
    /// `NotFound` where there is none of this name.
    pub async fn provider(&self, name: &str) -> AppResult<ProviderView> {
        let account = self.engine.registry().get(name).ok_or(AppError::NotFound("provider"))?;
        self.view_provider(account).await
    }

    async fn view_provider(&self, account: &Account) -> AppResult<ProviderView> {
        let name = account.name().as_str();
        let sweep = if account.capabilities().list {
            SweepView::Passes(Box::new(self.store.sweeps_of(name).await?))
        } else {
            SweepView::CannotBeDiscovered
        };
        Ok(ProviderView {
            account: account.clone(),
            health: account.health(),
            gate: self.store.gate(name).await?,
            sweep,
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
