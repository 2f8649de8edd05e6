//! Measures what no request tells: whether the gateway is ready, how well the accounts are, open operations,
//! events without a number, open discrepancies, and the database's connections.

use std::{sync::Arc, time::Duration};

use metrics::gauge;
use tokio_util::sync::CancellationToken;

use super::outage::Outage;
use crate::{
    app::App,
    operations::now,
    store::{DiscrepancyKind, OperationState, StoreResult, TenantScope},
    telemetry::metrics::{
        DB_CONNECTIONS, DB_MAX_CONNECTIONS, DISCREPANCIES_OPEN, EVENTS_UNSEALED, OPERATIONS,
        OPERATIONS_OLDEST_UNKNOWN, OPERATIONS_QUARANTINED, PROVIDER_GATE_SHUT, PROVIDER_HEALTH,
        READY, SWEEP_INTERVAL, SWEEP_LAST_SUCCESS_AGE, WEBHOOKS_OLDEST_PENDING, WEBHOOKS_PENDING,
        begin_counters,
    },
};

const EVERY: Duration = Duration::from_secs(5);

/// The states in which an operation is open.
const OPEN: [OperationState; 4] = [
    OperationState::Accepted,
    OperationState::Sending,
    OperationState::Unknown,
    OperationState::Quarantined,
];

/// The worker that measures.
#[derive(Debug)]
pub struct Gauges {
    app: Arc<App>,
    outage: Outage,
}

impl Gauges {
    /// A worker that measures this gateway.
    #[must_use]
    pub fn new(app: Arc<App>) -> Self {
        begin_counters(app.engine().registry().iter().map(|account| account.name().as_str()));
        Self { app, outage: Outage::new("gauges") }
    }

    /// Measures once.
    ///
    /// # Errors
    /// When the database fails; what this process knows by itself is measured all the same.
    pub async fn step(&self) -> StoreResult<()> {
        let store = self.app.store();
        for pool in store.pools() {
            let used = pool.open.saturating_sub(pool.idle);
            gauge!(DB_CONNECTIONS, "pool" => pool.name, "state" => "idle").set(pool.idle);
            gauge!(DB_CONNECTIONS, "pool" => pool.name, "state" => "used").set(used);
            gauge!(DB_MAX_CONNECTIONS, "pool" => pool.name).set(pool.max);
        }
        self.measure_accounts();
        let migrated = store.check_migrated().await;
        gauge!(READY).set(if migrated.is_ok() { 1.0 } else { 0.0 });
        migrated?;
        self.measure_gates().await?;
        let open = store.open_operations().await?;
        let count =
            |state| open.iter().find(|(of, _)| *of == state).map_or(0.0, |(_, n)| *n as f64);
        for state in OPEN {
            gauge!(OPERATIONS, "state" => state.as_str()).set(count(state));
        }
        gauge!(OPERATIONS_QUARANTINED).set(count(OperationState::Quarantined));
        let backlog = store.webhook_backlog(now()).await?;
        gauge!(WEBHOOKS_PENDING).set(backlog.pending as f64);
        gauge!(WEBHOOKS_OLDEST_PENDING).set(backlog.oldest_seconds as f64);
        gauge!(OPERATIONS_OLDEST_UNKNOWN).set(store.oldest_unknown_age().await?);
        gauge!(EVENTS_UNSEALED).set(store.unsealed_events().await? as f64);
        let open = store.open_discrepancies(&TenantScope::All, None).await?;
        for kind in DiscrepancyKind::ALL {
            let count = open.iter().find(|(of, _)| of == kind).map_or(0.0, |(_, n)| *n as f64);
            gauge!(DISCREPANCIES_OPEN, "kind" => kind.as_str()).set(count);
        }
        for (provider, age) in store.sweep_ages().await? {
            gauge!(SWEEP_LAST_SUCCESS_AGE, "provider" => provider).set(age);
        }
        Ok(())
    }

    /// What this process last heard of each account.
    fn measure_accounts(&self) {
        for account in self.app.engine().registry().iter() {
            let name = account.name().as_str();
            for (state, is_so) in account.health().state.among_all() {
                gauge!(PROVIDER_HEALTH, "provider" => name.to_owned(), "state" => state)
                    .set(if is_so { 1.0 } else { 0.0 });
            }
            if account.capabilities().list {
                gauge!(SWEEP_INTERVAL, "provider" => name.to_owned()).set(account.sweep_every);
            }
        }
    }

    /// Whether anything is sent to each account, by any process.
    async fn measure_gates(&self) -> StoreResult<()> {
        for account in self.app.engine().registry().iter() {
            let name = account.name().as_str();
            let is_shut = self.app.store().gate(name).await?.is_some();
            gauge!(PROVIDER_GATE_SHUT, "provider" => name.to_owned()).set(if is_shut {
                1.0
            } else {
                0.0
            });
        }
        Ok(())
    }

    /// Steps until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            let measured = self.step().await;
            self.outage.note(measured);
            if stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_none() {
                return;
            }
        }
    }
}
