//! One attempt: sent once, and written down whatever comes back.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use partner_core::{AdminSeat, Effect, Error, Kind, Reply};
use serde_json::json;
use tokio::time::Instant;
use tracing::{Instrument, info, warn};

use super::{
    counters,
    engine::{Engine, settle_span},
    failure::{Failure, FailureCode},
    observation::{fail, observe, settle, unsettle},
    personal::Personal,
    request::{LockRequest, UpdateRequest},
    send::{Done, read, send},
    transitions::{Situation, Step, after_failure},
};
use crate::{
    providers::Account,
    store::{
        EventType, Evidence, EvidenceKind, NextState, Operation, OperationKind, OperationState,
        Organization, Outcome, Recorded, SendPhase, StoreError, StoreResult,
    },
};

/// After so many calls in a row without an answer an account is left alone for a while.
const SILENCES: u32 = 5;
/// For so long; the next call after it tells whether it goes on.
const SILENCE_PAUSE: Duration = Duration::from_secs(5);

impl Engine {
    pub(super) async fn attempt(
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
        let organization_id = operation.organization_id;
        let org = self.persist(|| self.store.reread_organization(organization_id)).await?;
        if operation.kind != OperationKind::Create && org.provider_org_id.is_none() {
            let failure =
                Failure::new(FailureCode::OrganizationFailed, "the organization was not created");
            return self.reject(operation, account, &failure, None).await;
        }
        crash_point!("send.before");
        let sent = send(account.provider.as_ref(), operation, &org, seat.as_ref(), deadline).await;
        crash_point!("send.answered");
        let pause = pause_after(account, &sent);
        let written = match sent {
            Ok(reply) => self.succeed(operation, account, reply).await,
            Err(error) => self.fail(operation, &org, account, &error).await,
        };
        if let Some((wait, reason)) = pause {
            self.store.close_gate(account.name().as_str(), wait, reason).await?;
        }
        written
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
        let change = change_of(operation, account, &reply.value, self.store.now());
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
            is_accounted: operation.sends <= 1,
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
        org: &Organization,
        account: &Account,
        error: &Error,
    ) -> StoreResult<()> {
        let now = self.store.now();
        let personal = Personal::of(&operation.request, org);
        let evidence = failure_evidence(operation, error, &personal);
        let failure = || personal.out_of(Failure::of_call(account.name().as_str(), error));
        info!(kind = error.kind().as_str(), effect = error.effect().as_str(), "an attempt failed");
        let mut situation = self.situation(operation, account);
        if error.kind() == Kind::NotFound {
            situation.organization_is_young = self.is_young(operation, account).await?;
        }
        match after_failure(&situation, error, now) {
            Step::Reject => self.reject(operation, account, &failure(), Some(&evidence)).await,
            Step::SendAgain { after, shut_gate } => {
                if shut_gate {
                    let name = account.name().as_str();
                    self.persist(|| self.store.close_gate(name, after, "rate_limited")).await?;
                    crash_point!("gate.closed");
                }
                let next = NextState::Accepted { after, give_back_send: true };
                self.move_on(operation, next, Some(&evidence), &|_| {}, None).await
            }
            Step::ReadOnceThenReject => {
                self.read_once_then_reject(operation, account, &failure(), &evidence).await
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
            settle_until: self.settle_until(operation, account),
            look_after: Duration::ZERO,
            absent_since: None,
        };
        let event = Some(EventType::OperationUnknown);
        self.move_on(operation, next, Some(evidence), &unsettle, event).await?;
        self.announce(operation.id);
        let claimed = self
            .store
            .claim_one_unknown(operation.id, operation.epoch, self.settings.lease)
            .await?;
        match claimed {
            Some(claimed) => self.settle(&claimed).instrument(settle_span(&claimed)).await,
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
        let event = if is_create {
            EventType::OrganizationCreateRejected
        } else {
            EventType::OperationRejected
        };
        let next = NextState::Rejected { error: failure.to_value() };
        self.move_on(operation, next, evidence, &change, Some(event)).await
    }

    pub(super) fn situation(&self, operation: &Operation, account: &Account) -> Situation {
        Situation {
            kind: operation.kind,
            sends: operation.sends,
            attempts: operation.attempts,
            recovery: account.create_recovery(),
            can_get: account.is_readable(),
            settle_until: self.settle_until(operation, account),
            settle_window: account.settle_window,
            organization_is_young: false,
            created_at: operation.created_at,
            jitter: (self.settings.jitter)(),
        }
    }

    /// Until when an absence proves nothing: the window counts from the end of the lease, since the
    /// request may leave until then.
    fn settle_until(&self, operation: &Operation, account: &Account) -> DateTime<Utc> {
        let from = operation.settle_until.filter(|_| operation.state != OperationState::Sending);
        let lease_ends = || operation.lease_until.unwrap_or_else(|| self.store.now());
        from.unwrap_or_else(|| lease_ends() + account.settle_window)
    }

    /// The organization was made so lately that the provider may not show it yet.
    async fn is_young(&self, operation: &Operation, account: &Account) -> StoreResult<bool> {
        let id = operation.organization_id;
        let create = self.persist(|| self.store.last_operation(id, OperationKind::Create)).await?;
        let made_at = match create {
            Some(create) => create.finished_at,
            None => Some(self.persist(|| self.store.reread_organization(id)).await?.created_at),
        };
        let now = self.persist(|| self.store.clock()).await?;
        Ok(made_at.is_some_and(|at| now < at + account.settle_window))
    }
}

/// How long every replica leaves an account alone after an answer, and why: it has nothing left of its
/// rate limit, or it has been silent too often in a row.
fn pause_after(
    account: &Account,
    sent: &Result<Reply<Done>, Error>,
) -> Option<(Duration, &'static str)> {
    let is_silent = sent.as_ref().is_err_and(|error| error.kind() == Kind::Unavailable);
    if is_silent {
        return (account.note_silence() >= SILENCES).then_some((SILENCE_PAUSE, "silent"));
    }
    account.note_answer();
    account.exhausted_for().map(|wait| (wait, "rate_limit_exhausted"))
}

fn failure_evidence(operation: &Operation, error: &Error, personal: &Personal) -> Evidence {
    let answer = error.answer();
    Evidence {
        epoch: operation.epoch,
        kind: EvidenceKind::Failure,
        send_phase: Some(match (error.effect(), error.kind()) {
            // A rate limit proves that the provider did not process the request.
            (Effect::NotSent, _) | (Effect::NotApplied, Kind::RateLimited) => SendPhase::NotSent,
            (Effect::NotApplied | Effect::Unknown, _) => SendPhase::Sent,
        }),
        provider_request_id: answer.and_then(|answer| answer.request_id.clone()),
        detail: json!({
            "kind": error.kind().as_str(),
            "effect": error.effect().as_str(),
            "message": error.message(),
            "status": answer.map(|answer| answer.status),
            "type": personal.out_of_type(error),
        }),
    }
}

pub(super) fn success_event(kind: OperationKind) -> EventType {
    match kind {
        OperationKind::Create => EventType::OrganizationCreated,
        OperationKind::Update => EventType::OrganizationUpdated,
        OperationKind::Lock => EventType::OrganizationLocked,
        OperationKind::Unlock => EventType::OrganizationUnlocked,
        OperationKind::Invite => EventType::MembersInvited,
        OperationKind::AdminRole => EventType::AdminRoleRequested,
    }
}

/// What an operation that succeeded does to its organization.
pub(super) fn change_of<'a>(
    operation: &'a Operation,
    account: &Account,
    done: &'a Done,
    now: DateTime<Utc>,
) -> impl Fn(&mut Organization) + Send + Sync + 'a {
    let readable = account.is_readable();
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
