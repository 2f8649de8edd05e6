//! Committing what is meant to be done, before any of it is sent: the intent, and where nothing stands in
//! its way its first attempt, in one transaction.

use partner_core::{EmailAddress, ProviderOrgId};
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use super::{
    begin::{BeginCreate, BeginOptions, BeginUpdate, NewOperation, NewOrganization, Plan, Refused},
    claims::{Claimed, take},
    connect::Store,
    discrepancies::settle,
    error::{StoreError, StoreResult, store_error},
    events::append_event,
    idempotency::{IdempotencyRecord, KeyClaim, take_key},
    lane::{Tx, bounded, traced},
    model::{Operation, OperationKind, Organization, TenantScope},
    outcomes::{lock_organization, save_organization},
    rows::{OperationRow, OrganizationRow},
};

/// What came of writing an intent down, before its commit.
enum Written<T, B> {
    /// Nothing is left to be committed.
    Ended(T),
    /// An operation, to be committed, with what else is known of it.
    Begun(Tx, Box<Operation>, B),
}

impl<E, B> Written<BeginUpdate<E>, B> {
    fn refused(refused: Refused<E>) -> Self {
        Self::Ended(BeginUpdate::Refused(refused))
    }
}

impl Store {
    /// Commits an organization that is to be created, and its create.
    ///
    /// # Behavior
    /// Of two that ask for the same customer at the same provider, the second waits for the first's
    /// commit and is told of its organization.
    ///
    /// # Errors
    /// When the database fails. A commit whose outcome is in doubt is read again first.
    pub async fn begin_create(
        &self,
        org: &NewOrganization,
        operation: &NewOperation,
        options: BeginOptions<'_>,
    ) -> StoreResult<BeginCreate> {
        crash_point!("intent.begin");
        traced("begin_create", async {
            let tx = self.pool.begin().await?;
            match bounded(self.begin_create_in(tx, org, operation, options)).await? {
                Written::Ended(ended) => Ok(ended),
                Written::Begun(tx, begun, ()) => {
                    crash_point!("intent.commit");
                    self.commit(tx, &begun, options.lease).await?;
                    crash_point!("intent.committed");
                    Ok(BeginCreate::Begun(begun))
                }
            }
        })
        .await
    }

    async fn begin_create_in(
        &self,
        mut tx: Tx,
        org: &NewOrganization,
        operation: &NewOperation,
        options: BeginOptions<'_>,
    ) -> StoreResult<Written<BeginCreate, ()>> {
        if let Some(key) = options.key
            && !take_key(tx.get()?, key, &[operation.id], Some(org.id)).await?
        {
            let record = self.replay(tx, key).await?;
            return Ok(Written::Ended(BeginCreate::Replay(record)));
        }
        if !claim_customer(tx.get()?, org, &org.customer_id).await? {
            tx.rollback().await?;
            let existing = self.claimed_by(org, &org.customer_id).await?;
            return Ok(Written::Ended(BeginCreate::AlreadyMapped(Box::new(existing))));
        }
        insert_organization(tx.get()?, org).await?;
        let accepted = insert_operation(tx.get()?, org, operation).await?;
        let begun = first_attempt(tx.get()?, accepted, options).await?;
        Ok(Written::Begun(tx, Box::new(begun), ()))
    }

    /// Commits an operation on an organization, or a change that needs none.
    ///
    /// # Behavior
    /// `check` sees the organization with its row locked, and may change it. With `operation` the change
    /// is dropped (it is made again when the operation succeeds); without, it is saved as `local_event`.
    ///
    /// # Errors
    /// When the database fails. A commit whose outcome is in doubt is read again first.
    pub async fn begin_operation<E>(
        &self,
        scope: &TenantScope,
        organization_id: Uuid,
        plan: impl FnOnce(&mut Organization) -> Result<Plan, E>,
        options: BeginOptions<'_>,
    ) -> StoreResult<BeginUpdate<E>> {
        crash_point!("intent.begin");
        traced("begin_operation", async {
            let tx = self.pool.begin().await?;
            let written = self.begin_operation_in(tx, scope, organization_id, plan, options);
            match bounded(written).await? {
                Written::Ended(ended) => Ok(ended),
                Written::Begun(tx, begun, before) => {
                    crash_point!("intent.commit");
                    self.commit(tx, &begun, options.lease).await?;
                    crash_point!("intent.committed");
                    Ok(BeginUpdate::Begun(begun, before))
                }
            }
        })
        .await
    }

    async fn begin_operation_in<E>(
        &self,
        mut tx: Tx,
        scope: &TenantScope,
        organization_id: Uuid,
        plan: impl FnOnce(&mut Organization) -> Result<Plan, E>,
        options: BeginOptions<'_>,
    ) -> StoreResult<Written<BeginUpdate<E>, Box<Organization>>> {
        let Some(before) = lock_in_scope(tx.get()?, scope, organization_id).await? else {
            tx.rollback().await?;
            return Ok(Written::Ended(BeginUpdate::NotFound));
        };
        let mut after = before.clone();
        let plan = match plan(&mut after) {
            Ok(plan) => plan,
            Err(refused) => {
                tx.rollback().await?;
                return Ok(Written::refused(Refused::ByCheck(refused)));
            }
        };
        let operation_ids: Vec<Uuid> = plan.operation.iter().map(|op| op.id).collect();
        if let Some(key) = options.key
            && !take_key(tx.get()?, key, &operation_ids, Some(organization_id)).await?
        {
            let record = self.replay(tx, key).await?;
            return Ok(Written::Ended(BeginUpdate::Replay(record)));
        }
        if let Some(customer_id) = &plan.new_customer_id
            && !claim_customer(tx.get()?, &before, customer_id).await?
        {
            tx.rollback().await?;
            let taken_by = self.claimed_by(&before, customer_id).await?;
            if taken_by.id != organization_id {
                return Ok(Written::refused(Refused::CustomerTaken(taken_by.id)));
            }
            return Ok(Written::refused(Refused::Busy));
        }
        let Some(operation) = &plan.operation else {
            if !settles(tx.get()?, &plan, None).await? {
                tx.rollback().await?;
                return Ok(Written::refused(Refused::SettledBefore));
            }
            save_locally(tx.get()?, &before, &mut after, &plan).await?;
            tx.commit().await.map_err(store_error)?;
            return Ok(Written::Ended(BeginUpdate::Done(Box::new(after))));
        };
        let accepted = insert_operation(tx.get()?, &before, operation).await?;
        if !settles(tx.get()?, &plan, Some(accepted.id)).await? {
            tx.rollback().await?;
            return Ok(Written::refused(Refused::SettledBefore));
        }
        let begun = first_attempt(tx.get()?, accepted, options).await?;
        if plan.must_send_now && begun.lease_until.is_none() {
            tx.rollback().await?;
            return Ok(Written::refused(Refused::Busy));
        }
        Ok(Written::Begun(tx, Box::new(begun), Box::new(before)))
    }

    pub(super) async fn replay(&self, tx: Tx, key: &KeyClaim) -> StoreResult<IdempotencyRecord> {
        tx.rollback().await?;
        self.find_idempotency_key(&key.tenant, &key.key)
            .await?
            .ok_or_else(|| StoreError::Corrupt("an idempotency key vanished".to_owned()))
    }

    pub(super) async fn claimed_by(
        &self,
        org: &Organization,
        customer_id: &str,
    ) -> StoreResult<Organization> {
        let row: OrganizationRow = sqlx::query_as(
            "select o.* from organizations o join customer_claims c on c.organization_id = o.id
             where c.tenant = $1 and c.customer_id = $2 and c.provider = $3",
        )
        .bind(&org.tenant)
        .bind(customer_id)
        .bind(org.provider.as_str())
        .fetch_one(&self.pool)
        .await
        .map_err(store_error)?;
        row.try_into()
    }
}

/// Settles the discrepancy that a plan is for. False where it is settled already.
async fn settles(
    connection: &mut PgConnection,
    plan: &Plan,
    operation_id: Option<Uuid>,
) -> StoreResult<bool> {
    match &plan.settles {
        Some(settlement) => settle(connection, settlement, operation_id).await,
        None => Ok(true),
    }
}

async fn save_locally(
    connection: &mut PgConnection,
    before: &Organization,
    after: &mut Organization,
    plan: &Plan,
) -> StoreResult<()> {
    if before == after {
        return Ok(());
    }
    if let Some((event, context)) = &plan.local
        && !after.is_same_but_for_observation(before)
    {
        append_event(connection, *event, context, Some(before), after).await?;
    }
    save_organization(connection, before, after).await?;
    if before.customer_id != after.customer_id {
        sqlx::query!(
            "delete from customer_claims where organization_id = $1 and customer_id = $2",
            after.id,
            before.customer_id
        )
        .execute(connection)
        .await
        .map_err(store_error)?;
    }
    Ok(())
}

async fn lock_in_scope(
    connection: &mut PgConnection,
    scope: &TenantScope,
    id: Uuid,
) -> StoreResult<Option<Organization>> {
    let found = sqlx::query_scalar!(
        r#"select true as "found!" from organizations where id = $1 and ($2::text is null or tenant = $2)"#,
        id,
        scope.tenant()
    )
    .fetch_optional(&mut *connection)
    .await
    .map_err(store_error)?;
    match found {
        Some(_) => lock_organization(connection, id).await.map(Some),
        None => Ok(None),
    }
}

/// Takes a customer id at a provider for an organization. Waits for another that is taking it now.
pub(super) async fn claim_customer(
    connection: &mut PgConnection,
    org: &Organization,
    customer_id: &str,
) -> StoreResult<bool> {
    let claimed = sqlx::query!(
        "insert into customer_claims (tenant, customer_id, provider, organization_id)
         values ($1, $2, $3, $4) on conflict (tenant, customer_id, provider) do nothing",
        org.tenant,
        customer_id,
        org.provider.as_str(),
        org.id
    )
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(claimed.rows_affected() == 1)
}

pub(super) async fn insert_organization(
    connection: &mut PgConnection,
    org: &Organization,
) -> StoreResult<()> {
    sqlx::query!(
        "insert into organizations (id, tenant, customer_id, provider, provider_org_id, name, status, locks,
             owner_email, owner_first_name, owner_last_name, owner_phone_number, siren_number, domain,
             address, marketplace_offers, comment, labels, labra_subscription_id, provider_data, certainty,
             observed_at, route_rule, route_reason, create_fingerprint)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
                 $21, $22, $23, $24, $25)",
        org.id,
        org.tenant,
        org.customer_id,
        org.provider.as_str(),
        org.provider_org_id.as_ref().map(ProviderOrgId::as_str),
        org.name,
        org.status.as_str(),
        Json(&org.locks) as _,
        org.owner.email.as_ref().map(EmailAddress::as_str),
        org.owner.first_name,
        org.owner.last_name,
        org.owner.phone_number,
        org.siren_number,
        org.domain,
        org.address.as_ref().map(Json) as _,
        org.marketplace_offers.as_ref().map(Json) as _,
        org.comment,
        Json(&org.labels) as _,
        org.labra_subscription_id,
        org.provider_data,
        org.certainty.as_str(),
        org.observed_at,
        org.route_rule,
        org.route_reason,
        org.create_fingerprint
    )
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// Writes an operation down as accepted, behind all others of its organization.
async fn insert_operation(
    connection: &mut PgConnection,
    org: &Organization,
    operation: &NewOperation,
) -> StoreResult<Operation> {
    sqlx::query_as!(
        OperationRow,
        "insert into operations (id, tenant, organization_id, provider, kind, state, next_attempt_at,
             request, actor, request_id, traceparent, created_at)
         values ($1, $2, $3, $4, $5, 'accepted', now(), $6, $7, $8, $9, clock_timestamp()) returning *",
        operation.id,
        org.tenant,
        org.id,
        org.provider.as_str(),
        operation.kind.as_str(),
        operation.request,
        operation.actor,
        operation.request_id,
        operation.traceparent
    )
    .fetch_one(connection)
    .await
    .map_err(store_error)?
    .try_into()
}

async fn first_attempt(
    connection: &mut PgConnection,
    accepted: Operation,
    options: BeginOptions<'_>,
) -> StoreResult<Operation> {
    let is_create = accepted.kind == OperationKind::Create;
    let provider = accepted.provider.as_str();
    match take(connection, accepted.id, provider, is_create, options.lease, options.budget).await? {
        Claimed::Taken(taken) => Ok(*taken),
        Claimed::MustWait => Ok(accepted),
    }
}
