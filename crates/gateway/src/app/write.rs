//! What all writes share: keys, replays, and waiting for the outcome.

use std::{sync::Arc, time::Duration};

use partner_core::{AdminSeat, Capabilities};
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    App,
    context::WriteContext,
    error::{AppError, AppResult},
};
use crate::{
    operations::{Failure, FailureCode},
    providers::Account,
    store::{
        BeginOptions, BeginUpdate, EventContext, EventType, IdempotencyRecord, KeyClaim,
        NewOperation, Operation, OperationKind, OperationState, OrgStatus, Organization, Plan,
        Refused, StoreError, TenantScope,
    },
};

/// What became of a write.
#[derive(Debug, Clone)]
pub struct Written {
    /// The organization as it then is.
    pub organization: Organization,
    /// The operation, where one was needed.
    pub operation: Option<Operation>,
    /// It answers an earlier request again.
    pub replayed: bool,
    /// It made the organization, now and not before.
    pub created: bool,
}

/// How long a caller waits for its intent to be committed: as long as one piece of the database's work may
/// take, for a connection and for the intent. A commit in doubt is looked for longer than that.
const PATIENCE: Duration = Duration::from_secs(4);

impl Written {
    /// The operation that is still open, if there is one.
    #[must_use]
    pub fn pending(&self) -> Option<&Operation> {
        self.operation.as_ref().filter(|operation| !operation.state.is_final())
    }
}

impl App {
    /// Looks the idempotency key up. Answers the claim to make, or the outcome of the first request.
    pub(super) async fn claim_key(
        &self,
        context: &WriteContext,
    ) -> AppResult<Result<Option<KeyClaim>, IdempotencyRecord>> {
        let Some(key) = &context.key else {
            return Ok(Ok(None));
        };
        let fingerprint = self.fingerprints.of(&[&key.method, &key.path], &key.body);
        let claim = KeyClaim { tenant: context.tenant.clone(), key: key.key.clone(), fingerprint };
        match self.store.find_idempotency_key(&claim.tenant, &claim.key).await? {
            Some(record) if record.fingerprint == claim.fingerprint => Ok(Err(record)),
            Some(_) => Err(AppError::KeyReused),
            None => Ok(Ok(Some(claim))),
        }
    }

    /// The present outcome of the first request with a key that was taken meanwhile.
    pub(super) async fn replay_raced(
        &self,
        scope: &TenantScope,
        claim: &KeyClaim,
        record: &IdempotencyRecord,
    ) -> AppResult<Written> {
        if record.fingerprint != claim.fingerprint {
            return Err(AppError::KeyReused);
        }
        self.replay(scope, record).await
    }

    /// Returns the present outcome of the first request with a key, as far as the caller may read it now: a
    /// key belongs to a tenant, and an admin of that tenant can have used it for another tenant's rows.
    pub(super) async fn replay(
        &self,
        scope: &TenantScope,
        record: &IdempotencyRecord,
    ) -> AppResult<Written> {
        let Some(operation_id) = record.operation_ids.first() else {
            let id = record.organization_id.ok_or(AppError::NotFound("organization"))?;
            let organization = self.organization(scope, id).await?;
            return Ok(Written { organization, operation: None, replayed: true, created: false });
        };
        let operation = self
            .store
            .get_operation(scope, *operation_id)
            .await?
            .ok_or(AppError::NotFound("operation"))?;
        if operation.state == OperationState::Sending {
            return Err(AppError::KeyInProgress);
        }
        self.outcome(operation, true).await
    }

    /// Waits for an operation as long as the caller does, and answers its outcome.
    pub(super) async fn await_outcome(
        &self,
        context: &WriteContext,
        operation: Operation,
    ) -> AppResult<Written> {
        let id = operation.id;
        let is_over = |operation: &Operation| operation.state.is_at_rest();
        let waited = self.engine.wait(id, context.wait, self.poll_every, is_over).await?;
        crash_point!("answer.begin");
        let written = self.outcome(waited.unwrap_or(operation), false).await;
        crash_point!("answer.made");
        written
    }

    /// What an operation came to.
    pub(super) async fn outcome(&self, operation: Operation, replayed: bool) -> AppResult<Written> {
        if operation.state == OperationState::Rejected {
            return Err(AppError::Rejected { failure: Box::new(failure_of(&operation)), replayed });
        }
        let organization = self.organization(&TenantScope::All, operation.organization_id).await?;
        let created =
            operation.kind == OperationKind::Create && operation.state == OperationState::Succeeded;
        Ok(Written { organization, operation: Some(operation), replayed, created })
    }

    /// Commits an operation on an organization and sees it through, or replays an earlier one.
    ///
    /// `plan` sees the organization with its row locked.
    pub(super) async fn write<P>(
        self: &Arc<Self>,
        context: WriteContext,
        id: Uuid,
        seat: Option<AdminSeat>,
        plan: P,
    ) -> AppResult<Written>
    where
        P: FnOnce(&mut Organization) -> AppResult<Plan> + Send + 'static,
    {
        let claim = match self.claim_key(&context).await? {
            Ok(claim) => claim,
            Err(record) => return self.replay(&context.scope, &record).await,
        };
        let (app, scope, if_match) =
            (Arc::clone(self), context.scope.clone(), context.if_match.clone());
        let begin = async move { app.begin(&scope, id, if_match, seat, claim, plan).await };
        let begun = self.begun(begin).await??;
        match begun {
            Begun::Operation(operation) => self.await_outcome(&context, *operation).await,
            Begun::Written(written) => Ok(*written),
        }
    }

    async fn begin<P>(
        &self,
        scope: &TenantScope,
        id: Uuid,
        if_match: Option<Vec<i64>>,
        seat: Option<AdminSeat>,
        claim: Option<KeyClaim>,
        plan: P,
    ) -> AppResult<Begun>
    where
        P: FnOnce(&mut Organization) -> AppResult<Plan> + Send,
    {
        let org = self
            .store
            .get_organization(scope, id)
            .await?
            .ok_or(AppError::NotFound("organization"))?;
        let budget = self.engine.budget(self.account(org.provider.as_str())?);
        let options =
            BeginOptions { lease: self.engine.lease(), budget: &budget, key: claim.as_ref() };
        let checked = |org: &mut Organization| {
            if if_match.is_some_and(|versions| !versions.contains(&org.version)) {
                return Err(AppError::VersionMismatch(org.version));
            }
            plan(org)
        };
        let taken_at = Instant::now();
        match self.store.begin_operation(scope, id, checked, options).await? {
            BeginUpdate::Begun(operation, _) => {
                // Whoever stopped waiting was told that nothing is known to be done; what has to be sent while
                // its caller waits is then not sent.
                let seat = seat.filter(|_| taken_at.elapsed() < PATIENCE);
                self.engine.start((*operation).clone(), taken_at, seat);
                Ok(Begun::Operation(operation))
            }
            BeginUpdate::Done(organization) => Ok(Begun::Written(Box::new(Written {
                organization: *organization,
                operation: None,
                replayed: false,
                created: false,
            }))),
            BeginUpdate::NotFound => Err(AppError::NotFound("organization")),
            BeginUpdate::Refused(Refused::ByCheck(error)) => Err(error),
            BeginUpdate::Refused(Refused::CustomerTaken(by)) => {
                Err(AppError::CustomerAlreadyMapped(by))
            }
            BeginUpdate::Refused(Refused::Busy) => Err(AppError::Busy),
            BeginUpdate::Refused(Refused::SettledBefore) => Err(AppError::DiscrepancyNotOpen),
            BeginUpdate::Replay(record) => match &claim {
                Some(claim) => self
                    .replay_raced(scope, claim, &record)
                    .await
                    .map(|w| Begun::Written(Box::new(w))),
                None => Err(AppError::Internal("a replay without a key")),
            },
        }
    }

    /// Waits for an intent to be committed, on a task of its own, for as long as a caller may be kept waiting.
    /// The task goes on: what turns out to be committed is seen through.
    pub(super) async fn begun<F>(&self, begin: F) -> AppResult<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        match tokio::time::timeout(PATIENCE, self.detached(begin)).await {
            Ok(begun) => begun,
            Err(_elapsed) => Err(StoreError::in_doubt().into()),
        }
    }

    /// Does work on a task of its own: a caller that hangs up must not leave a transaction half done.
    pub(super) async fn detached<F>(&self, work: F) -> AppResult<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        self.engine.spawn(work).await.map_err(|error| {
            tracing::error!(error = %error, "a task died");
            AppError::Internal("a task died")
        })
    }

    /// The account of this name, which a stored row says there is.
    pub(super) fn account(&self, name: &str) -> AppResult<&Account> {
        self.engine.registry().get(name).ok_or_else(|| {
            AppError::Unsupported(format!("the provider `{name}` is no longer configured"))
        })
    }

    /// The account of an organization, if it can do what is asked.
    pub(super) async fn account_that_can(
        &self,
        scope: &TenantScope,
        id: Uuid,
        what: &str,
        can: impl Fn(&Capabilities) -> bool,
    ) -> AppResult<&Account> {
        let org = self
            .store
            .get_organization(scope, id)
            .await?
            .ok_or(AppError::NotFound("organization"))?;
        let account = self.account(org.provider.as_str())?;
        if !can(account.capabilities()) {
            return Err(AppError::Unsupported(format!(
                "the provider `{}` cannot {what}",
                account.name()
            )));
        }
        Ok(account)
    }
}

enum Begun {
    Operation(Box<Operation>),
    Written(Box<Written>),
}

/// The plan that sends one operation.
pub(super) fn send(operation: NewOperation) -> Plan {
    Plan { operation: Some(operation), ..keep(None) }
}

/// The plan that sends nothing.
pub(super) fn keep(local: Option<(EventType, EventContext)>) -> Plan {
    Plan { operation: None, new_customer_id: None, must_send_now: false, local, settles: None }
}

/// An organization whose create was refused is not there to be worked on.
pub(super) fn must_not_have_failed(org: &Organization) -> AppResult<()> {
    match org.status {
        OrgStatus::Failed => Err(AppError::WrongStatus(OrgStatus::Failed)),
        OrgStatus::Pending | OrgStatus::Active | OrgStatus::Locked | OrgStatus::Closed => Ok(()),
    }
}

/// Why an operation was rejected.
pub(super) fn failure_of(operation: &Operation) -> Failure {
    operation
        .error
        .clone()
        .and_then(|error| serde_json::from_value(error).ok())
        .unwrap_or_else(|| Failure::new(FailureCode::ProviderFailed, "the reason was not kept"))
}
