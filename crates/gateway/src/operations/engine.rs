//! The engine: takes operations up, sends them, writes down what came back.
//!
//! It runs on tracked tasks, so a caller that hangs up stops nothing, and a drain can wait for it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::Utc;
use partner_core::{AdminSeat, Effect, Error, Reply};
use provider_http::{TraceContext, with_trace_context};
use serde_json::json;
use tokio::{sync::Notify, sync::broadcast, task::JoinHandle};
use tokio_util::task::TaskTracker;
use tracing::{Instrument, info, info_span, warn};
use uuid::Uuid;

use super::{
    counters,
    failure::{Failure, FailureCode},
    observation::{fail, observe, settle, unsettle},
    request::{LockRequest, UpdateRequest},
    send::{Done, read, send},
    transitions::{Situation, Step, after_failure},
};
use crate::{
    providers::{Account, Registry},
    store::{
        CreateBudget, Evidence, EvidenceKind, NextState, Operation, OperationKind, OperationState,
        Organization, Outcome, Recorded, SendPhase, Store, StoreError, StoreResult,
    },
};

/// The pace and the limits of the engine.
#[derive(Debug, Clone, Copy)]
pub struct EngineSettings {
    /// For how long a worker has what it took up.
    pub lease: Duration,
    /// Creates of one account that may be in doubt at once.
    pub creates_at_risk: i64,
    /// For how long a create whose outcome was lost counts against that.
    pub risk_window: Duration,
}

/// What carries operations to their end. Cheap to clone by its `Arc`.
#[derive(Debug)]
pub struct Engine {
    pub(super) store: Store,
    registry: Registry,
    settings: EngineSettings,
    tasks: TaskTracker,
    moved: broadcast::Sender<Uuid>,
    wake: Notify,
}

impl Engine {
    /// An engine over a database and the partner accounts.
    #[must_use]
    pub fn new(store: Store, registry: Registry, settings: EngineSettings) -> Arc<Self> {
        let (moved, _) = broadcast::channel(1024);
        let (tasks, wake) = (TaskTracker::new(), Notify::new());
        Arc::new(Self { store, registry, settings, tasks, moved, wake })
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

    /// Waits until everything that was spawned has ended. Nothing new may be spawned after it.
    pub async fn drain(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Tells waiters on this replica that an operation moved, and the worker that there may be work.
    pub fn announce(&self, operation_id: Uuid) {
        // Nobody waiting is no fault.
        let _ = self.moved.send(operation_id);
        self.wake.notify_one();
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
        let deadline = tokio::time::Instant::now() + limit;
        let mut moved = self.moved.subscribe();
        loop {
            let Some(operation) = self.store.reread_operation(id).await? else {
                return Ok(None);
            };
            let now = tokio::time::Instant::now();
            if is_over(&operation) || now >= deadline {
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
            // Either is a reason to look again.
            let _ = tokio::time::timeout_at(until, heard).await;
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
            self.wake.notify_one();
            return;
        }
        let engine = Arc::clone(self);
        let span = info_span!(
            "operation",
            operation_id = %operation.id,
            operation = operation.kind.as_str(),
            provider = %operation.provider,
            tenant = %operation.tenant,
            request_id = %operation.request_id,
        );
        let deadline = taken_at + self.settings.lease;
        let context = trace_of(&operation);
        let attempt = async move { engine.attempt(operation, deadline, seat).await };
        self.tasks.spawn(with_trace_context(context, attempt).instrument(span));
    }

    async fn attempt(
        self: Arc<Self>,
        operation: Operation,
        deadline: Instant,
        seat: Option<AdminSeat>,
    ) {
        let id = operation.id;
        if let Err(error) = self.try_attempt(&operation, deadline, seat).await {
            // The lease runs out, and the operation is taken up again as unknown.
            warn!(error = %error, "an operation was left to its lease");
        }
        self.announce(id);
    }

    async fn try_attempt(
        &self,
        operation: &Operation,
        deadline: Instant,
        seat: Option<AdminSeat>,
    ) -> StoreResult<()> {
        let account = self.account(operation)?;
        let org = self.store.reread_organization(operation.organization_id).await?;
        if operation.kind != OperationKind::Create && org.provider_org_id.is_none() {
            let failure =
                Failure::new(FailureCode::OrganizationFailed, "the organization was not created");
            return self.reject(operation, account, &failure, None).await;
        }
        let sent = send(account.provider.as_ref(), operation, &org, seat.as_ref(), deadline).await;
        match sent {
            Ok(reply) => self.succeed(operation, account, reply).await,
            Err(error) => self.fail(operation, account, &error).await,
        }
    }

    pub(super) fn account(&self, operation: &Operation) -> StoreResult<&Account> {
        self.registry.get(operation.provider.as_str()).ok_or_else(|| {
            StoreError::Corrupt(format!("the provider {} is not configured", operation.provider))
        })
    }

    async fn succeed(
        &self,
        operation: &Operation,
        account: &Account,
        reply: Reply<Done>,
    ) -> StoreResult<()> {
        let provider_org_id = match &reply.value {
            Done::Organization(child) => Some(child.id.as_str()),
            Done::Members(_) | Done::Nothing => None,
        };
        let evidence = Evidence {
            epoch: operation.epoch,
            kind: EvidenceKind::Answer,
            send_phase: Some(SendPhase::Sent),
            provider_request_id: reply.request_id.clone(),
            detail: json!({ "provider_org_id": provider_org_id }),
        };
        let change = change_of(operation, account, &reply.value);
        let members: &[_] = match &reply.value {
            Done::Members(members) => members,
            Done::Organization(child) => &child.members,
            Done::Nothing => &[],
        };
        let outcome = Outcome {
            next: NextState::Succeeded,
            change: &change,
            members,
            event: Some(success_event(operation.kind)),
            actor: None,
            provider_request_id: reply.request_id,
        };
        match self.write_down(operation, Some(&evidence), &outcome).await {
            Ok(Recorded::Applied(_)) => Ok(()),
            Ok(Recorded::Fenced) => self.lift(operation, &evidence, outcome).await,
            Err(error) if error.constraint() == Some("organizations_provider_org_id_key") => {
                counters::duplicate_upstream(operation.provider.as_str());
                warn!("the provider answered an organization that is mapped already");
                self.lose_track(operation, account, &evidence).await
            }
            Err(error) => Err(error),
        }
    }

    /// Somebody else has the operation, and we know that it was done: evidence first, and then whatever
    /// is still open about it is closed.
    async fn lift(
        &self,
        operation: &Operation,
        evidence: &Evidence,
        outcome: Outcome<'_>,
    ) -> StoreResult<()> {
        counters::fenced_write(operation.provider.as_str());
        self.persist(|| self.store.add_evidence(operation.id, evidence)).await?;
        while let Some(now) = self.store.reread_operation(operation.id).await? {
            match now.state {
                OperationState::Unknown | OperationState::Quarantined => {}
                OperationState::Accepted
                | OperationState::Sending
                | OperationState::Succeeded
                | OperationState::Rejected => {
                    info!(state = now.state.as_str(), "a late answer was kept as evidence");
                    return Ok(());
                }
            }
            if let Recorded::Applied(_) = self.write_down(&now, None, &outcome).await? {
                info!("a late answer settled the operation");
                return Ok(());
            }
        }
        Ok(())
    }

    async fn fail(
        &self,
        operation: &Operation,
        account: &Account,
        error: &Error,
    ) -> StoreResult<()> {
        let now = Utc::now();
        let evidence = failure_evidence(operation, error);
        info!(kind = error.kind().as_str(), effect = error.effect().as_str(), "an attempt failed");
        match after_failure(&self.situation(operation, account), error, now) {
            Step::Reject => {
                let failure = Failure::of_call(account.name().as_str(), error);
                self.reject(operation, account, &failure, Some(&evidence)).await
            }
            Step::SendAgain { after, shut_gate } => {
                if shut_gate {
                    let name = account.name().as_str();
                    self.persist(|| self.store.close_gate(name, after, "rate_limited")).await?;
                }
                let next = NextState::Accepted { after, give_back_send: true };
                self.move_on(operation, next, Some(&evidence), &|_| {}, None).await
            }
            Step::ReadOnceThenReject => {
                let failure = Failure::of_call(account.name().as_str(), error);
                self.read_once_then_reject(operation, account, &failure, &evidence).await
            }
            Step::BecomeUnknown => self.lose_track(operation, account, &evidence).await,
        }
    }

    /// The outcome is open from here: it is written down, and looked at once without delay.
    pub(super) async fn lose_track(
        &self,
        operation: &Operation,
        account: &Account,
        evidence: &Evidence,
    ) -> StoreResult<()> {
        let next = NextState::Unknown {
            settle_until: settle_until(operation, account),
            look_after: Duration::ZERO,
            absent_since: None,
        };
        let event = Some("operation.unknown");
        self.move_on(operation, next, Some(evidence), &unsettle, event).await?;
        self.announce(operation.id);
        let claimed = self
            .store
            .claim_one_unknown(operation.id, operation.epoch, self.settings.lease)
            .await?;
        match claimed {
            Some(claimed) => self.settle(&claimed).await,
            None => Ok(()),
        }
    }

    pub(super) async fn reject(
        &self,
        operation: &Operation,
        account: &Account,
        failure: &Failure,
        evidence: Option<&Evidence>,
    ) -> StoreResult<()> {
        let is_create = operation.kind == OperationKind::Create;
        let readable = account.is_readable();
        let change = move |org: &mut Organization| {
            if is_create { fail(org) } else { settle(org, readable) }
        };
        let event = if is_create { "organization.create_rejected" } else { "operation.rejected" };
        let next = NextState::Rejected { error: failure.to_value() };
        self.move_on(operation, next, evidence, &change, Some(event)).await
    }

    /// Writes down where an operation goes; where it is not ours any more, only the evidence.
    pub(super) async fn move_on(
        &self,
        operation: &Operation,
        next: NextState,
        evidence: Option<&Evidence>,
        change: &(dyn Fn(&mut Organization) + Send + Sync),
        event: Option<&'static str>,
    ) -> StoreResult<()> {
        let provider_request_id = evidence.and_then(|e| e.provider_request_id.clone());
        let outcome =
            Outcome { next, change, members: &[], event, actor: None, provider_request_id };
        match self.write_down(operation, evidence, &outcome).await? {
            Recorded::Applied(_) => Ok(()),
            Recorded::Fenced => {
                counters::fenced_write(operation.provider.as_str());
                match evidence {
                    Some(evidence) => {
                        self.persist(|| self.store.add_evidence(operation.id, evidence)).await
                    }
                    None => Ok(()),
                }
            }
        }
    }

    pub(super) async fn write_down(
        &self,
        operation: &Operation,
        evidence: Option<&Evidence>,
        outcome: &Outcome<'_>,
    ) -> StoreResult<Recorded> {
        self.persist(|| self.store.record(operation, evidence, outcome)).await
    }

    /// Keeps on writing while the database is away: what is known here is known nowhere else.
    pub(super) async fn persist<T, F>(&self, write: impl Fn() -> F) -> StoreResult<T>
    where
        F: Future<Output = StoreResult<T>>,
    {
        let mut pause = Duration::from_millis(50);
        loop {
            match write().await {
                Err(StoreError::Unavailable(error)) => {
                    warn!(error = %error, "the database is away; what was answered is kept");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(1));
                }
                settled => return settled,
            }
        }
    }

    pub(super) fn situation(&self, operation: &Operation, account: &Account) -> Situation {
        let young_until = operation.created_at + account.settle_window;
        Situation {
            kind: operation.kind,
            sends: operation.sends,
            attempts: operation.attempts,
            recovery: account.create_recovery(),
            can_get: account.is_readable(),
            settle_until: settle_until(operation, account),
            settle_window: account.settle_window,
            organization_is_young: Utc::now() < young_until,
            created_at: operation.created_at,
            jitter: rand::random::<f64>(),
        }
    }

    /// Takes up whatever is due: leases that ran out, open outcomes, waiting work. Answers how many.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn step(self: &Arc<Self>) -> StoreResult<usize> {
        let mut moved = 0;
        for account in self.registry.iter() {
            let name = account.name().as_str();
            let expired = self.store.expire_leases(name, account.settle_window).await?;
            moved += usize::try_from(expired).unwrap_or(usize::MAX);
            for operation in self.store.claim_unknown(name, 20, self.settings.lease).await? {
                moved += 1;
                self.start_settling(operation);
            }
            for creates in [false, true] {
                let taken_at = Instant::now();
                let budget = self.budget(account);
                let claimed =
                    self.store.claim_due(name, creates, 20, self.settings.lease, &budget).await?;
                for operation in claimed {
                    moved += 1;
                    self.start(operation, taken_at, None);
                }
            }
        }
        Ok(moved)
    }

    fn start_settling(self: &Arc<Self>, operation: Operation) {
        let engine = Arc::clone(self);
        let span = info_span!(
            "settle",
            operation_id = %operation.id,
            operation = operation.kind.as_str(),
            provider = %operation.provider,
            tenant = %operation.tenant,
            request_id = %operation.request_id,
        );
        let context = trace_of(&operation);
        let work = async move {
            if let Err(error) = engine.settle(&operation).await {
                warn!(error = %error, "an open outcome was left to its next look");
            }
            engine.announce(operation.id);
        };
        self.tasks.spawn(with_trace_context(context, work).instrument(span));
    }
}

/// Until when an absence proves nothing: the window counts from the end of the lease, since the request
/// may leave until then.
fn settle_until(operation: &Operation, account: &Account) -> chrono::DateTime<Utc> {
    let from = operation.settle_until.filter(|_| operation.state != OperationState::Sending);
    from.unwrap_or_else(|| operation.lease_until.unwrap_or_else(Utc::now) + account.settle_window)
}

fn trace_of(operation: &Operation) -> TraceContext {
    operation
        .traceparent
        .as_deref()
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(|| TraceContext::random(false))
}

fn failure_evidence(operation: &Operation, error: &Error) -> Evidence {
    let answer = error.answer();
    Evidence {
        epoch: operation.epoch,
        kind: EvidenceKind::Failure,
        send_phase: Some(match error.effect() {
            Effect::NotSent => SendPhase::NotSent,
            Effect::NotApplied | Effect::Unknown => SendPhase::Sent,
        }),
        provider_request_id: answer.and_then(|answer| answer.request_id.clone()),
        detail: json!({
            "kind": error.kind().as_str(),
            "effect": error.effect().as_str(),
            "message": error.message(),
            "status": answer.map(|answer| answer.status),
            "type": answer.and_then(|answer| answer.error_type.clone()),
        }),
    }
}

pub(super) fn success_event(kind: OperationKind) -> &'static str {
    match kind {
        OperationKind::Create => "organization.created",
        OperationKind::Update => "organization.updated",
        OperationKind::Lock => "organization.locked",
        OperationKind::Unlock => "organization.unlocked",
        OperationKind::Invite => "members.invited",
        OperationKind::AdminRole => "admin_role.requested",
    }
}

/// What an operation that succeeded does to its organization.
pub(super) fn change_of<'a>(
    operation: &'a Operation,
    account: &Account,
    done: &'a Done,
) -> impl Fn(&mut Organization) + Send + Sync + 'a {
    let (readable, now) = (account.is_readable(), Utc::now());
    move |org| {
        if operation.kind == OperationKind::Update
            && let Ok(request) = read::<UpdateRequest>(operation)
        {
            request.apply_to(org);
        }
        match done {
            Done::Organization(child) => observe(org, child, readable, now),
            Done::Members(_) | Done::Nothing => settle(org, readable),
        }
        if operation.kind == OperationKind::Lock {
            note_reason(operation, org);
        }
    }
}

fn note_reason(operation: &Operation, org: &mut Organization) {
    let Ok(LockRequest { reason: Some(reason) }) = read::<LockRequest>(operation) else {
        return;
    };
    for lock in &mut org.locks {
        if lock.origin == partner_core::LockOrigin::Partner {
            lock.reason = Some(reason.clone());
        }
    }
}
