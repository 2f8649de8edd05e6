//! Writes the outcome of an attempt at an operation: fenced by its epoch, in one transaction with the change of the
//! mapping.

use std::time::Duration;

use chrono::{DateTime, Utc};
use partner_core::Member;
use serde_json::Value;
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use super::{
    connect::Store,
    error::{StoreError, StoreResult, store_error},
    event_types::EventType,
    events::{EventContext, append_events},
    evidence::{Remedy, Tries, insert_evidence},
    gates::{note_create_success, note_read, note_unknown_create},
    lane::{Tx, bounded, traced},
    members::add_members,
    model::{Evidence, Operation, OperationKind, OperationState, OrgStatus, Organization},
    rows::{OperationRow, OrganizationRow, interval},
};

/// Where an operation goes next.
#[derive(Debug, Clone, PartialEq)]
pub enum NextState {
    /// It was done.
    Succeeded,
    /// It was not done, and will not be.
    Rejected {
        /// The problem that the caller is shown.
        error: Value,
    },
    /// It was not done, and is to be sent again.
    Accepted {
        /// When.
        after: Duration,
        /// Nothing of the last send can have been done: it does not count.
        give_back_send: bool,
    },
    /// It may have been done.
    Unknown {
        /// Until when an absence proves nothing.
        settle_until: DateTime<Utc>,
        /// When to look at it next.
        look_after: Duration,
        /// Since when complete readings have found nothing.
        absent_since: Option<DateTime<Utc>>,
    },
    /// A person must decide.
    Quarantined,
}

impl NextState {
    /// The state it leads to.
    #[must_use]
    pub fn state(&self) -> OperationState {
        match self {
            Self::Succeeded => OperationState::Succeeded,
            Self::Rejected { .. } => OperationState::Rejected,
            Self::Accepted { .. } => OperationState::Accepted,
            Self::Unknown { .. } => OperationState::Unknown,
            Self::Quarantined => OperationState::Quarantined,
        }
    }
}

/// What is written down of an operation in one transaction.
pub struct Outcome<'a> {
    /// Where it goes next.
    pub next: NextState,
    /// What it does to the organization.
    pub change: &'a (dyn Fn(&mut Organization) + Send + Sync),
    /// Who was invited by it.
    pub members: &'a [Member],
    /// The event, if it is one.
    pub event: Option<EventType>,
    /// Who did it, where it was not the operation's own actor.
    pub actor: Option<(String, String)>,
    /// The provider's id of the request.
    pub provider_request_id: Option<String>,
    /// No send of it can be done any more: nothing has to wait for the end of its settle window.
    pub is_accounted: bool,
}

/// Whether it was written down.
#[derive(Debug, Clone)]
pub enum Recorded {
    /// It was.
    Applied(Box<Operation>),
    /// Somebody else has the operation now, or it has ended; nothing was changed.
    Fenced,
}

impl Store {
    /// Writes down where an operation goes next, if it still stands where `operation` says: same epoch,
    /// same state.
    ///
    /// # Errors
    /// When the database fails; then nothing is known of what was written, and it may be tried again. Evidence that
    /// the database refuses is no error: the outcome is written with a reduced form of it, or without it.
    pub async fn record(
        &self,
        operation: &Operation,
        evidence: Option<&Evidence>,
        outcome: &Outcome<'_>,
    ) -> StoreResult<Recorded> {
        traced("record_outcome", async {
            let (mut tries, mut evidence) = (Tries::default(), evidence.cloned());
            loop {
                let refused = match self.try_record(operation, evidence.as_ref(), outcome).await {
                    Ok(recorded) => return Ok(recorded),
                    Err(refused) => refused,
                };
                let of_evidence = evidence.as_ref().filter(|_| refused.is_of_evidence);
                let remedy = tries.remedy(self, operation.id, of_evidence, refused.error);
                match remedy.await? {
                    Remedy::Retry => {}
                    Remedy::Instead(reduced) => evidence = reduced,
                }
            }
        })
        .await
    }

    async fn try_record(
        &self,
        operation: &Operation,
        evidence: Option<&Evidence>,
        outcome: &Outcome<'_>,
    ) -> Result<Recorded, Refused> {
        let mut is_of_evidence = false;
        let recorded = bounded(async {
            let tx = self.outcomes.begin().await?;
            record_in(tx, operation, evidence, outcome, &mut is_of_evidence).await
        });
        recorded.await.map_err(|error| Refused { error, is_of_evidence })
    }
}

/// Why an outcome was not written.
struct Refused {
    error: StoreError,
    /// The evidence was refused, and not the rest of the outcome.
    is_of_evidence: bool,
}

async fn record_in(
    mut tx: Tx,
    operation: &Operation,
    evidence: Option<&Evidence>,
    outcome: &Outcome<'_>,
    is_of_evidence: &mut bool,
) -> StoreResult<Recorded> {
    crash_point!("record.begin");
    let written = match write(&mut tx, operation, evidence, outcome, is_of_evidence).await {
        Ok(written) => written,
        // The connection is sound. The rollback releases its locks before the caller goes on.
        Err(refused @ (StoreError::Constraint { .. } | StoreError::Other(_))) => {
            tx.rollback().await?;
            return Err(refused);
        }
        Err(error) => return Err(error),
    };
    let Some(updated) = written else {
        tx.rollback().await?;
        return Ok(Recorded::Fenced);
    };
    crash_point!("record.commit");
    tx.commit().await.map_err(store_error)?;
    crash_point!("record.committed");
    Ok(Recorded::Applied(Box::new(updated)))
}

/// `None` where somebody else has the operation, or it has ended.
async fn write(
    tx: &mut Tx,
    operation: &Operation,
    evidence: Option<&Evidence>,
    outcome: &Outcome<'_>,
    is_of_evidence: &mut bool,
) -> StoreResult<Option<Operation>> {
    let moved = move_on(tx.get()?, operation, &outcome.next, outcome.is_accounted);
    let Some(updated) = moved.await? else { return Ok(None) };
    if let Some(evidence) = evidence {
        *is_of_evidence = true;
        insert_evidence(tx.get()?, operation.id, evidence).await?;
        *is_of_evidence = false;
    }
    crash_point!("record.evidence");
    let before = lock_organization(tx.get()?, operation.organization_id).await?;
    let mut after = before.clone();
    (outcome.change)(&mut after);
    let context = EventContext {
        actor: outcome.actor.as_ref().map_or(&operation.actor, |a| &a.0).clone(),
        request_id: outcome.actor.as_ref().map_or(&operation.request_id, |a| &a.1).clone(),
        provider_request_id: outcome.provider_request_id.clone(),
        operation_id: Some(operation.id),
    };
    let warnings = updated.warnings();
    append_events(tx.get()?, outcome.event, &context, Some(&before), &mut after, warnings).await?;
    save_organization(tx.get()?, &before, &mut after).await?;
    add_members(tx.get()?, after.id, outcome.members).await?;
    release_claims(tx.get()?, &after).await?;
    if operation.kind == OperationKind::Create {
        note_create(tx.get()?, operation, &outcome.next).await?;
    }
    notify(tx.get()?, operation.id).await?;
    Ok(Some(updated))
}

async fn note_create(
    connection: &mut PgConnection,
    operation: &Operation,
    next: &NextState,
) -> StoreResult<()> {
    match next {
        NextState::Succeeded => note_create_success(connection, operation.provider.as_str()).await,
        NextState::Unknown { .. } if operation.state == OperationState::Sending => {
            note_unknown_create(connection, operation.provider.as_str()).await
        }
        // Whoever moves it on from its doubt knows what the account has: a person may do so before any
        // reading succeeded, and no other may ever come.
        NextState::Rejected { .. } | NextState::Accepted { .. } if was_in_doubt(operation) => {
            note_read(connection, operation.provider.as_str()).await
        }
        NextState::Unknown { .. }
        | NextState::Rejected { .. }
        | NextState::Accepted { .. }
        | NextState::Quarantined => Ok(()),
    }
}

fn was_in_doubt(operation: &Operation) -> bool {
    matches!(operation.state, OperationState::Unknown | OperationState::Quarantined)
}

async fn move_on(
    connection: &mut PgConnection,
    operation: &Operation,
    next: &NextState,
    is_accounted: bool,
) -> StoreResult<Option<Operation>> {
    let (error, wait, give_back, settle_until, absent_since) = match next {
        NextState::Succeeded | NextState::Quarantined => (None, None, false, None, None),
        NextState::Rejected { error } => (Some(error), None, false, None, None),
        NextState::Accepted { after, give_back_send } => {
            (None, Some(*after), *give_back_send, None, None)
        }
        NextState::Unknown { settle_until, look_after, absent_since } => {
            (None, Some(*look_after), false, Some(*settle_until), *absent_since)
        }
    };
    let state = next.state();
    sqlx::query_as!(
        OperationRow,
        "update operations
         set state = $4, error = $5, next_attempt_at = now() + $6, lease_until = null,
             sends = sends - case when $7 then 1 else 0 end,
             settle_until = case when not $11 then coalesce($8, settle_until) end, absent_read_at = $9,
             unknown_since = case when $4 = 'unknown' and state = 'sending' then now() else unknown_since end,
             finished_at = case when $10 then now() end, updated_at = now()
         where id = $1 and epoch = $2 and state = $3 returning *",
        operation.id,
        operation.epoch,
        operation.state.as_str(),
        state.as_str(),
        error,
        wait.map(interval),
        give_back,
        settle_until,
        absent_since,
        state.is_final(),
        is_accounted
    )
    .fetch_optional(connection)
    .await
    .map_err(store_error)?
    .map(Operation::try_from)
    .transpose()
}

/// Reads an organization and keeps everybody else from changing it until the transaction ends.
pub(super) async fn lock_organization(
    connection: &mut PgConnection,
    id: Uuid,
) -> StoreResult<Organization> {
    let row: OrganizationRow =
        sqlx::query_as("select * from organizations where id = $1 for update")
            .bind(id)
            .fetch_one(connection)
            .await
            .map_err(store_error)?;
    row.try_into()
}

/// Writes an organization back, raising its version if anything but the time of observation and the
/// provider's own document changed.
pub(super) async fn save_organization(
    connection: &mut PgConnection,
    before: &Organization,
    after: &mut Organization,
) -> StoreResult<()> {
    if !after.is_same_but_for_observation(before) {
        after.version = before.version + 1;
    }
    let raised = after.version != before.version;
    let owner = &after.owner;
    after.updated_at = sqlx::query_scalar!(
        "update organizations
         set customer_id = $2, provider_org_id = $3, name = $4, status = $5, locks = $6, owner_email = $7,
             owner_first_name = $8, owner_last_name = $9, owner_phone_number = $10, siren_number = $11,
             domain = $12, address = $13, marketplace_offers = $14, comment = $15, labels = $16,
             provider_data = $17, certainty = $18, observed_at = $19, last_event = $20, version = $21,
             updated_at = case when $22 then now() else updated_at end
         where id = $1 returning updated_at",
        after.id,
        after.customer_id,
        after.provider_org_id.as_ref().map(partner_core::ProviderOrgId::as_str),
        after.name,
        after.status.as_str(),
        Json(&after.locks) as _,
        owner.email.as_ref().map(partner_core::EmailAddress::as_str),
        owner.first_name,
        owner.last_name,
        owner.phone_number,
        after.siren_number,
        after.domain,
        after.address.as_ref().map(Json) as _,
        after.marketplace_offers.as_ref().map(Json) as _,
        after.comment,
        Json(&after.labels) as _,
        after.provider_data,
        after.certainty.as_str(),
        after.observed_at,
        after.last_event,
        after.version,
        raised
    )
    .fetch_one(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// Gives back the customer ids that an organization no longer has, nor any open change wants for it.
async fn release_claims(connection: &mut PgConnection, org: &Organization) -> StoreResult<()> {
    let kept = (org.status != OrgStatus::Failed).then_some(org.customer_id.as_str());
    sqlx::query!(
        "delete from customer_claims
         where organization_id = $1 and customer_id is distinct from $2
           and customer_id not in (
               select request #>> '{patch,customer_id}' from operations
               where organization_id = $1 and kind = 'update' and state not in ('succeeded', 'rejected')
                 and request #>> '{patch,customer_id}' is not null)",
        org.id,
        kept
    )
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

async fn notify(connection: &mut PgConnection, operation_id: Uuid) -> StoreResult<()> {
    sqlx::query!("select pg_notify('operations', $1) as sent", operation_id.to_string())
        .fetch_one(connection)
        .await
        .map_err(store_error)?;
    Ok(())
}
