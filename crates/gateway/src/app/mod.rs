//! What the gateway does for a caller: one use case a file. No HTTP and no SQL here.

mod adopt;
mod aead;
mod audit;
mod context;
mod create;
mod customers;
mod discrepancies;
mod dry_run;
mod error;
mod feed;
mod fingerprint;
mod forms;
mod history;
mod import;
mod members;
mod operations;
mod organizations;
mod overview;
mod patch;
mod provider_rules;
mod providers;
mod sealed;
mod sweeps;
mod webhooks;
mod write;

use std::{sync::Arc, time::Duration};

pub use adopt::AdoptInput;
pub use audit::{Audit, AuditFault, Tampering, audit};
pub use context::{IdempotencyKey, WriteContext};
pub use create::CreateInput;
pub use customers::{CustomerResult, CustomerView, LockOutcome};
pub use discrepancies::{Action, Adoption, Resolved};
pub use dry_run::{Collision, CreatePlan, held_locally};
pub use error::{AppError, AppResult};
pub use feed::{FeedNews, FeedPage, FeedRequest};
pub use fingerprint::Fingerprints;
pub use history::{Happened, Moment};
pub use import::{
    CustomerMap, Import, ImportError, ImportOutcome, ImportRow, ImportSettings, ImportWatch,
    Undiscoverable,
};
pub use members::SeatInput;
pub use operations::{CandidateView, OperationView};
pub use overview::{DAYS, ENDED_LATELY, HOURS, Overview, QueuedOperation};
pub use patch::{Editable, Edited};
pub use providers::{LastPass, Passes, ProviderView, SweepView};
pub use sweeps::SweepStep;
pub use webhooks::{
    Courier, DeliveryHeaders, NewWebhook, Posted, Replayable, Round, Sealer, SecretFault,
    ShownSecret, Unanswered, WEBHOOK_TEST, WebhookSecret, Webhooks,
};
pub use write::Written;

use chrono::{DateTime, Utc};
use tokio::sync::Notify;

use crate::{operations::Engine, routing::Router, store::Store};

/// Everything a use case needs.
#[derive(Debug)]
pub struct App {
    store: Store,
    engine: Arc<Engine>,
    router: Router,
    fingerprints: Fingerprints,
    poll_every: Duration,
    feed_news: FeedNews,
    clock: Clock,
    /// A pass was asked for.
    sweep_wanted: Notify,
    webhooks: Webhooks,
    webhook_news: Notify,
}

/// Tells the time by which requests are judged.
pub type Clock = fn() -> DateTime<Utc>;

impl App {
    /// The use cases over a database, the engine and the routing rules.
    #[must_use]
    pub fn new(
        store: Store,
        engine: Arc<Engine>,
        router: Router,
        fingerprints: Fingerprints,
        poll_every: Duration,
        clock: Clock,
        webhooks: Webhooks,
    ) -> Arc<Self> {
        Arc::new(Self {
            store,
            engine,
            router,
            fingerprints,
            poll_every,
            feed_news: FeedNews::default(),
            clock,
            sweep_wanted: Notify::new(),
            webhooks,
            webhook_news: Notify::new(),
        })
    }

    /// The engine, for workers and for what shows the partner accounts.
    #[must_use]
    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// The database, for readiness.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }
}
