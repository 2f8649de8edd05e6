//! Compares the mapping with what each provider lists: begins the pass of an account when it is due, and
//! carries on what nobody holds. What a pass does is the use case's business.

use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, info_span};

use super::outage::Outage;
use crate::{
    app::{App, SweepStep},
    store::{StoreResult, Sweep as Pass},
};

/// The worker that sweeps.
#[derive(Debug)]
pub struct Sweep {
    app: Arc<App>,
    poll_every: Duration,
}

impl Sweep {
    /// A worker that looks when a pass is asked for, and every `poll_every` in any case.
    #[must_use]
    pub fn new(app: Arc<App>, poll_every: Duration) -> Self {
        Self { app, poll_every }
    }

    /// Takes up the pass of an account that is due, if there is one, and carries it on until it ends, rests
    /// or is lost. Answers whether there was one.
    ///
    /// # Errors
    /// When the database fails; the pass is taken up again when its lease is over.
    pub async fn step(&self, provider: &str, stop: &CancellationToken) -> StoreResult<bool> {
        let registry = self.app.engine().registry();
        let Some(account) = registry.get(provider).filter(|account| account.capabilities().list)
        else {
            return Ok(false);
        };
        let Some(pass) = self.app.claim_sweep(account).await? else {
            return Ok(false);
        };
        let span = info_span!("sweep", provider, sweep_id = %pass.id);
        self.carry(provider, pass, stop).instrument(span).await?;
        Ok(true)
    }

    async fn carry(
        &self,
        provider: &str,
        mut pass: Pass,
        stop: &CancellationToken,
    ) -> StoreResult<()> {
        let registry = self.app.engine().registry();
        while let Some(account) = registry.get(provider) {
            let step = self.app.step_sweep(account, pass.clone());
            let Some(stepped) = stop.run_until_cancelled(step).await else {
                return self.app.let_go_of_sweep(&pass).await;
            };
            match stepped? {
                SweepStep::GoesOn(moved) => pass = moved,
                SweepStep::Rests | SweepStep::Ended(_) | SweepStep::Lost => break,
            }
        }
        Ok(())
    }

    /// Steps until `stop`, each account by itself.
    pub async fn run(self, stop: CancellationToken) {
        let accounts = self.app.engine().registry().iter();
        let listed = accounts.filter(|account| account.capabilities().list);
        let names: Vec<String> = listed.map(|account| account.name().as_str().to_owned()).collect();
        join_all(names.iter().map(|name| self.turns(name, &stop))).await;
    }

    async fn turns(&self, provider: &str, stop: &CancellationToken) {
        let mut outage = Outage::new("sweep");
        let mut is_planned = false;
        while !stop.is_cancelled() {
            let turn = self.turn(provider, is_planned, stop).await;
            is_planned |= turn.is_ok();
            let went_on = outage.note(turn).unwrap_or(false);
            if went_on {
                continue;
            }
            let pause = outage.pause().unwrap_or(self.poll_every);
            let wait = async {
                // Asked for or not, it is time to look again.
                let _ = tokio::time::timeout(pause, self.app.sweep_wanted()).await;
            };
            if stop.run_until_cancelled(wait).await.is_none() {
                return;
            }
        }
    }

    async fn turn(
        &self,
        provider: &str,
        is_planned: bool,
        stop: &CancellationToken,
    ) -> StoreResult<bool> {
        if !is_planned {
            self.app.plan_sweep(provider).await?;
        }
        self.step(provider, stop).await
    }
}
