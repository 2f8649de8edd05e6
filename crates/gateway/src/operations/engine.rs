//! The engine: takes operations up, sends them, writes down what came back.
//!
//! It runs on tracked tasks, so a caller that hangs up stops nothing, and a drain can wait for it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use partner_core::{AdminSeat, ProviderName};
use provider_http::{TraceContext, with_trace_context};
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore, broadcast},
    task::JoinHandle,
    time::Instant,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{Instrument, Span, info_span, warn};
use uuid::Uuid;

use super::journal::Journal;
use crate::{
    providers::{Account, Registry},
    store::{CreateBudget, Operation, OperationState, StoreResult},
    telemetry::link_to,
};

/// What the worker has in hand of one account at a time. A backlog must not outrun its leases, nor the
/// provider's own limit: Scaleway answers 50 requests a second (seen 2026-11).
const WORK_IN_HAND: usize = 32;

/// The pace and the limits of the engine.
#[derive(Debug, Clone, Copy)]
pub struct EngineSettings {
    /// For how long a worker has what it took up.
    pub lease: Duration,
    /// Creates of one account that may be in doubt at once.
    pub creates_at_risk: i64,
    /// For how long a create whose outcome was lost counts against that.
    pub risk_window: Duration,
    /// Draws a number in 0..1, anew each time, that spreads retries.
    pub jitter: fn() -> f64,
}

/// What carries operations to their end. Cheap to clone by its `Arc`.
#[derive(Debug)]
pub struct Engine {
    pub(super) store: Arc<dyn Journal>,
    pub(super) registry: Registry,
    pub(super) settings: EngineSettings,
    tasks: TaskTracker,
    moved: broadcast::Sender<Uuid>,
    wake: Notify,
    draining: CancellationToken,
    /// Room for the worker at each account.
    room: BTreeMap<ProviderName, Arc<Semaphore>>,
    /// Accepted work is known to wait, so that whatever ends may make room for it.
    work_waits: AtomicBool,
}

impl Engine {
    /// An engine over a journal and the partner accounts.
    #[must_use]
    pub fn new(store: Arc<dyn Journal>, registry: Registry, settings: EngineSettings) -> Arc<Self> {
        let (moved, _) = broadcast::channel(1024);
        let (tasks, wake) = (TaskTracker::new(), Notify::new());
        let draining = CancellationToken::new();
        let room = registry
            .iter()
            .map(|account| (account.name().clone(), Arc::new(Semaphore::new(WORK_IN_HAND))))
            .collect();
        let work_waits = AtomicBool::new(true);
        Arc::new(Self { store, registry, settings, tasks, moved, wake, draining, room, work_waits })
    }

    /// The partner accounts.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// For how long a worker has what it took up.
    #[must_use]
    pub fn lease(&self) -> Duration {
        self.settings.lease
    }

    /// How many creates of an account may be in doubt.
    #[must_use]
    pub fn budget(&self, account: &Account) -> CreateBudget {
        CreateBudget {
            at_risk: self.settings.creates_at_risk,
            window: self.settings.risk_window,
            readable: account.is_readable(),
        }
    }

    /// Runs work on a task that no caller can cancel and every drain waits for.
    pub fn spawn<F>(&self, work: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        self.tasks.spawn(work.in_current_span())
    }

    /// The process is going down: whoever waits is answered with what is known, but for what is being
    /// sent, which ends by itself.
    pub fn end_waits(&self) {
        self.draining.cancel();
    }

    /// Waits until everything that was spawned has ended. Nothing new may be spawned after it.
    pub async fn drain(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Tells waiters on this replica that an operation moved, and the worker that there may be work.
    pub fn announce(&self, operation_id: Uuid) {
        // Nobody waiting is no fault.
        let _ = self.moved.send(operation_id);
        if self.work_waits.load(Ordering::Relaxed) {
            self.wake.notify_one();
        }
    }

    /// Waits until there may be work.
    pub async fn work_announced(&self) {
        self.wake.notified().await;
    }

    /// Waits until an operation has ended or only a person can move it on, at most for `limit`, and
    /// answers how it then stands. `poll` bounds what a lost notification can cost.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn wait(
        &self,
        id: Uuid,
        limit: Duration,
        poll: Duration,
        is_over: impl Fn(&Operation) -> bool + Send,
    ) -> StoreResult<Option<Operation>> {
        let deadline = Instant::now() + limit;
        let mut moved = self.moved.subscribe();
        loop {
            let found = self.store.watch_operation(id).await?;
            let Some(operation) = found else { return Ok(None) };
            let now = Instant::now();
            let leaves = self.draining.is_cancelled() && operation.state != OperationState::Sending;
            if is_over(&operation) || now >= deadline || leaves {
                return Ok(Some(operation));
            }
            let until = deadline.min(now + poll);
            let heard = async {
                loop {
                    match moved.recv().await {
                        Ok(other) if other != id => {}
                        Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => break,
                        Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
                    }
                }
            };
            // Each is a reason to look again. In their order, so that a history plays the same again.
            tokio::select! {
                biased;
                () = heard => {}
                () = tokio::time::sleep_until(until) => {}
                () = self.draining.cancelled(), if !self.draining.is_cancelled() => {}
            }
        }
    }

    /// Sends an operation that was taken up, on a task of its own. `taken_at` is a time before its lease
    /// began. One that is not taken up is left to the worker.
    pub fn start(
        self: &Arc<Self>,
        operation: Operation,
        taken_at: Instant,
        seat: Option<AdminSeat>,
    ) {
        if operation.state != OperationState::Sending {
            self.work_waits.store(true, Ordering::Relaxed);
            self.wake.notify_one();
            return;
        }
        let span = operation_span(&operation);
        self.launch(operation, span, taken_at, seat, None);
    }

    fn launch(
        self: &Arc<Self>,
        operation: Operation,
        span: Span,
        taken_at: Instant,
        seat: Option<AdminSeat>,
        place: Option<OwnedSemaphorePermit>,
    ) {
        let engine = Arc::clone(self);
        let deadline = taken_at + self.settings.lease;
        let context = trace_of(&operation);
        let attempt = async move {
            engine.attempt(operation, deadline, seat).await;
            drop(place);
        };
        self.tasks.spawn(with_trace_context(context, attempt).instrument(span));
    }

    /// Takes up whatever is due: leases that ran out, open outcomes, waiting work. Answers how many.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn step(self: &Arc<Self>) -> StoreResult<usize> {
        let (mut moved, mut waits) = (0, false);
        for account in self.registry.iter() {
            let name = account.name().as_str();
            let expired = self.store.expire_leases(name, account.settle_window).await?;
            moved += usize::try_from(expired).unwrap_or(usize::MAX);
            for operation in
                self.store.claim_unknown(name, self.room(account), self.settings.lease).await?
            {
                moved += 1;
                let place = self.take_place(account);
                self.start_settling(operation, place);
            }
            for creates in [false, true] {
                let taken_at = Instant::now();
                let (budget, room) = (self.budget(account), self.room(account));
                let lease = self.settings.lease;
                let due = self.store.claim_due(name, creates, room, lease, &budget).await?;
                waits |= due.more_waits;
                for operation in due.claimed {
                    moved += 1;
                    let place = self.take_place(account);
                    let span = operation_span(&operation);
                    link_to(&span, operation.traceparent.as_deref());
                    self.launch(operation, span, taken_at, None, place);
                }
            }
        }
        self.work_waits.store(waits, Ordering::Relaxed);
        Ok(moved)
    }

    /// How much more the worker may take in hand at an account.
    fn room(&self, account: &Account) -> i64 {
        let room = self.room.get(account.name()).map_or(0, |room| room.available_permits());
        i64::try_from(room).unwrap_or(0)
    }

    fn take_place(&self, account: &Account) -> Option<OwnedSemaphorePermit> {
        let room = self.room.get(account.name())?;
        Arc::clone(room).try_acquire_owned().ok()
    }

    fn start_settling(self: &Arc<Self>, operation: Operation, place: Option<OwnedSemaphorePermit>) {
        let engine = Arc::clone(self);
        let span = settle_span(&operation);
        link_to(&span, operation.traceparent.as_deref());
        let context = trace_of(&operation);
        let work = async move {
            if let Err(error) = engine.settle(&operation).await {
                warn!(error = %error, "an open outcome was left to its next look");
            }
            engine.announce(operation.id);
            drop(place);
        };
        self.tasks.spawn(with_trace_context(context, work).instrument(span));
    }
}

/// The span in which an operation is sent: within the request's, where that is what sends it.
fn operation_span(operation: &Operation) -> Span {
    info_span!(
        "operation",
        otel.name = %format_args!("operation {}", operation.kind.as_str()),
        operation_id = %operation.id,
        operation = operation.kind.as_str(),
        provider = %operation.provider,
        tenant = %operation.tenant,
        request_id = %operation.request_id,
    )
}

/// The span in which an open outcome is looked at.
pub(super) fn settle_span(operation: &Operation) -> Span {
    info_span!(
        "settle",
        otel.name = %format_args!("settle {}", operation.kind.as_str()),
        operation_id = %operation.id,
        operation = operation.kind.as_str(),
        provider = %operation.provider,
        tenant = %operation.tenant,
        request_id = %operation.request_id,
    )
}

fn trace_of(operation: &Operation) -> TraceContext {
    operation
        .traceparent
        .as_deref()
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(|| TraceContext::random(false))
}
