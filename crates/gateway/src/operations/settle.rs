//! Settling what is open: by evidence that came late, or by looking at the provider.

use partner_core::{ChildOrg, Kind, ProviderOrgId};
use serde_json::json;
use std::time::Duration;
use tracing::info;

use super::{
    attempt::change_of,
    counters,
    engine::Engine,
    failure::Failure,
    read_back::{
        Claims, Made, Sight, judge_made, read_create, read_organization, read_proven, was_read,
    },
    send::Done,
    transitions::{Look, Reading, after_reading},
};
use crate::{
    providers::Account,
    store::{
        Certainty, CreateKeys, EventType, Evidence, EvidenceKind, NextState, Operation,
        OperationKind, OperationState, OrgStatus, Organization, Outcome, StoreError, StoreResult,
    },
};

impl Engine {
    /// Looks once at what an open operation may have done, and moves it on if that proves anything.
    pub(super) async fn settle(&self, operation: &Operation) -> StoreResult<()> {
        crash_point!("settle.claimed");
        let account = self.account(operation)?;
        let name = account.name().as_str();
        let proven = self.proven_id(operation, account).await?;
        // What is not there was not there when the reading began; how long it took proves nothing. By the
        // database's clock, which leases and windows are counted by: a replica's own may be wrong.
        let read_at = self.store.clock().await?;
        let sight = match &proven {
            Some(id) => read_proven(account.provider.as_ref(), id).await,
            None => self.look(operation, account).await?,
        };
        crash_point!("settle.read");
        if was_read(&sight) {
            account.note_answer();
            self.store.note_reading(name).await?;
        }
        let evidence = sight_evidence(operation, &sight);
        let situation = self.situation(operation, account);
        let is_not_shown_yet =
            sight.reading == Reading::Missing && read_at < situation.settle_until;
        let proves = sight.reading != Reading::Failed && !is_not_shown_yet;
        if let Some(id) = proven.filter(|_| proves) {
            return self.close_proven(operation, account, &id, sight, &evidence).await;
        }
        let look = after_reading(&situation, sight.reading, operation.absent_read_at, read_at);
        counters::readback(name, reading_word(sight.reading));
        info!(reading = reading_word(sight.reading), next = ?look, "looked at an open outcome");
        crash_point!("settle.record");
        let moved = match (look, sight.child) {
            (Look::Succeed, Some(child)) => {
                self.found(operation, account, (child, sight.was_so), &evidence).await
            }
            (Look::Succeed, None) => Ok(()),
            (Look::SendAgain, _) => {
                let next = NextState::Accepted { after: Duration::ZERO, give_back_send: false };
                self.move_on(operation, next, Some(&evidence), &|_| {}, None).await
            }
            (Look::LookAgain { after, absent_since }, _) => {
                let next = NextState::Unknown {
                    settle_until: situation.settle_until,
                    look_after: after,
                    absent_since,
                };
                self.move_on(operation, next, Some(&evidence), &|_| {}, None).await
            }
            (Look::Quarantine, _) => {
                let event = Some(EventType::OperationQuarantined);
                self.move_on(operation, NextState::Quarantined, Some(&evidence), &|_| {}, event)
                    .await
            }
        };
        crash_point!("settle.recorded");
        moved
    }

    /// The id of the organization that a create made, if a late answer proves it. An id without a canonical form,
    /// which an earlier version may have recorded, proves nothing.
    async fn proven_id(
        &self,
        operation: &Operation,
        account: &Account,
    ) -> StoreResult<Option<ProviderOrgId>> {
        let recorded = match operation.kind {
            OperationKind::Create => self.store.proven_provider_org_id(operation.id).await?,
            OperationKind::Update
            | OperationKind::Lock
            | OperationKind::Unlock
            | OperationKind::Invite
            | OperationKind::AdminRole => None,
        };
        Ok(recorded.and_then(|id| account.provider_org_id(&id).ok()))
    }

    pub(super) async fn look(
        &self,
        operation: &Operation,
        account: &Account,
    ) -> StoreResult<Sight> {
        let provider = account.provider.as_ref();
        Ok(match operation.kind {
            OperationKind::Create => {
                let name = account.name().as_str();
                let claims_on = |ids: Vec<String>, keys: CreateKeys| async move {
                    self.claims_on(name, &ids, &keys).await.map_err(|error| {
                        partner_core::Error::new(
                            Kind::Unavailable,
                            partner_core::Effect::NotSent,
                            "the mapping could not be read",
                        )
                        .with_source(error)
                    })
                };
                let sight = read_create(provider, operation, claims_on).await;
                self.without_refused(operation, sight).await?
            }
            OperationKind::Update | OperationKind::Lock | OperationKind::Unlock => {
                let org = self.store.reread_organization(operation.organization_id).await?;
                read_organization(provider, operation, &org).await
            }
            OperationKind::Invite | OperationKind::AdminRole => Sight::of(Reading::Impossible),
        })
    }

    /// The claims on organizations at a provider. The creates are read before the mappings: a create that
    /// succeeds between the two reads is seen as a mapping.
    async fn claims_on(
        &self,
        provider: &str,
        ids: &[String],
        keys: &CreateKeys,
    ) -> StoreResult<Claims> {
        let creates = self.store.open_creates_like(provider, keys).await?;
        let mappings = self.store.known_mappings(provider, ids).await?;
        Ok(Claims { mappings, creates })
    }

    /// Takes back the proof of an organization that existed before a create whose only send was refused as a
    /// conflict: the refusal says that the address is taken, and the tolerance for clocks must not turn that into
    /// proof. A sweep reports the organization if nobody has it.
    async fn without_refused(&self, operation: &Operation, sight: Sight) -> StoreResult<Sight> {
        let existed = match (&sight.child, operation.first_sent_at) {
            (Some(child), Some(sent)) => child.created_at.is_some_and(|created| created < sent),
            (Some(_) | None, _) => false,
        };
        if !existed || operation.sends > 1 {
            return Ok(sight);
        }
        let evidence = self.store.evidence_of(operation.id).await?;
        let is_refused = evidence.iter().any(|seen| {
            seen.kind == EvidenceKind::Failure && seen.detail["kind"] == Kind::Conflict.as_str()
        });
        Ok(if is_refused {
            Sight { child: None, reading: Reading::Ambiguous, ..sight }
        } else {
            sight
        })
    }

    /// Judges an organization that an operator names as the result of a create, by the claims of others.
    pub(super) async fn judge_made(
        &self,
        operation: &Operation,
        account: &Account,
        child: &ChildOrg,
    ) -> StoreResult<Made> {
        let ids = [child.id.as_str().to_owned()];
        let keys = CreateKeys::of([child.into()]);
        let claims = self.claims_on(account.name().as_str(), &ids, &keys).await?;
        judge_made(operation, child, &claims).map_err(|error| {
            StoreError::Corrupt(format!("the request of a create: {}", error.message()))
        })
    }

    async fn found(
        &self,
        operation: &Operation,
        account: &Account,
        (child, was_so): (ChildOrg, bool),
        evidence: &Evidence,
    ) -> StoreResult<()> {
        let done = Done::Organization(Box::new(child));
        let change = change_of(operation, account, &done, self.store.now());
        let outcome = Outcome {
            next: NextState::Succeeded,
            change: &change,
            members: &[],
            event: Some(super::attempt::success_event(operation.kind)),
            actor: None,
            provider_request_id: None,
            // What was so before it was sent says nothing of whether that was done.
            is_accounted: operation.sends <= 1 && !was_so,
        };
        let closed = self.write_down_or_add(operation, Some(evidence), &outcome).await;
        self.or_quarantine(operation, account, evidence, closed).await
    }

    /// Quarantines an operation whose organization belongs to another mapping. An operation that is still
    /// being sent becomes unknown first, as the transition table demands.
    async fn or_quarantine(
        &self,
        operation: &Operation,
        account: &Account,
        evidence: &Evidence,
        closed: StoreResult<()>,
    ) -> StoreResult<()> {
        match closed {
            Err(error)
                if error.constraint() == Some("organizations_provider_org_id_key")
                    && operation.state == OperationState::Sending =>
            {
                // The future is boxed, since losing track looks at the provider again.
                Box::pin(self.lose_track(operation, account, evidence)).await
            }
            Err(error) if error.constraint() == Some("organizations_provider_org_id_key") => {
                let event = Some(EventType::OperationQuarantined);
                let next = NextState::Quarantined;
                self.move_on(operation, next, Some(evidence), &|_| {}, event).await
            }
            closed => closed,
        }
    }

    /// The provider answered the create after all: what it made is known by its id.
    async fn close_proven(
        &self,
        operation: &Operation,
        account: &Account,
        id: &ProviderOrgId,
        sight: Sight,
        evidence: &Evidence,
    ) -> StoreResult<()> {
        if let Some(child) = sight.child {
            return self.found(operation, account, (child, sight.was_so), evidence).await;
        }
        let change = |org: &mut Organization| assert_created(org, id);
        let event = Some(EventType::OrganizationCreated);
        let closed =
            self.move_on(operation, NextState::Succeeded, Some(evidence), &change, event).await;
        self.or_quarantine(operation, account, evidence, closed).await
    }

    /// A refused create may have been refused because our own is there: one reading decides.
    pub(super) async fn read_once_then_reject(
        &self,
        operation: &Operation,
        account: &Account,
        failure: &Failure,
        evidence: &Evidence,
    ) -> StoreResult<()> {
        self.persist(|| self.store.add_evidence(operation.id, evidence)).await?;
        let sight = self.look(operation, account).await?;
        let seen = sight_evidence(operation, &sight);
        counters::readback(account.name().as_str(), reading_word(sight.reading));
        match (sight.reading, sight.child) {
            (Reading::Applied, Some(child)) => {
                self.found(operation, account, (child, sight.was_so), &seen).await
            }
            // The organization may be this create's or the rival's: neither may be refused, nor take it.
            (Reading::Failed | Reading::Contested, _) => {
                self.lose_track(operation, account, &seen).await
            }
            (
                Reading::Applied
                | Reading::NotApplied
                | Reading::Ambiguous
                | Reading::Contradictory
                | Reading::Missing
                | Reading::Impossible,
                _,
            ) => self.reject(operation, account, failure, Some(&seen)).await,
        }
    }
}

/// Takes over an organization of which only the id is known.
pub(super) fn assert_created(org: &mut Organization, id: &ProviderOrgId) {
    org.provider_org_id = Some(id.clone());
    org.status = OrgStatus::Active;
    org.certainty = Certainty::Asserted;
}

fn sight_evidence(operation: &Operation, sight: &Sight) -> Evidence {
    Evidence {
        epoch: operation.epoch,
        kind: EvidenceKind::ReadBack,
        send_phase: None,
        provider_request_id: None,
        detail: json!({
            "reading": reading_word(sight.reading),
            "candidates": sight.candidates,
            "error": sight.error.as_ref().map(|error| json!({
                "kind": error.kind().as_str(), "message": error.message(),
            })),
        }),
    }
}

fn reading_word(reading: Reading) -> &'static str {
    match reading {
        Reading::Applied => "applied",
        Reading::NotApplied => "not_applied",
        Reading::Ambiguous => "ambiguous",
        Reading::Contested => "contested",
        Reading::Contradictory => "contradictory",
        Reading::Failed => "failed",
        Reading::Missing => "missing",
        Reading::Impossible => "impossible",
    }
}
