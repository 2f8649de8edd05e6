//! Measures what no request tells: open operations, events without a number, open discrepancies, and the
//! database's connections.

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
        OPERATIONS_OLDEST_UNKNOWN, OPERATIONS_QUARANTINED, SWEEP_LAST_SUCCESS_AGE,
        WEBHOOKS_OLDEST_PENDING, WEBHOOKS_PENDING,
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
        Self { app, outage: Outage::new("gauges") }
    }

    /// Measures once.
    ///
    /// # Errors
    /// When the database fails; the connections are measured all the same.
    pub async fn step(&self) -> StoreResult<()> {
        let store = self.app.store();
        for pool in store.pools() {
            let used = pool.open.saturating_sub(pool.idle);
            gauge!(DB_CONNECTIONS, "pool" => pool.name, "state" => "idle").set(pool.idle);
            gauge!(DB_CONNECTIONS, "pool" => pool.name, "state" => "used").set(used);
            gauge!(DB_MAX_CONNECTIONS, "pool" => pool.name).set(pool.max);
        }
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
        let open = store.open_discrepancies(&TenantScope::All).await?;
        for kind in DiscrepancyKind::ALL {
            let count = open.iter().find(|(of, _)| of == kind).map_or(0.0, |(_, n)| *n as f64);
            gauge!(DISCREPANCIES_OPEN, "kind" => kind.as_str()).set(count);
        }
        for (provider, age) in store.sweep_ages().await? {
            gauge!(SWEEP_LAST_SUCCESS_AGE, "provider" => provider).set(age);
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
