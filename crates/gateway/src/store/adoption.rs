//! Committing the mapping of what exists at a provider already.

use super::{
    begin::BeginCreate,
    connect::Store,
    error::{StoreResult, store_error},
    event_types::EventType,
    events::{EventContext, append_event},
    idempotency::{KeyClaim, take_key},
    intents::{claim_customer, insert_organization},
    lane::{Tx, bounded},
    model::Organization,
    outcomes::save_organization,
};

impl Store {
    /// Commits the mapping of an organization that already exists at its provider.
    ///
    /// # Errors
    /// When the database fails; `organizations_provider_org_id_key` where it is mapped already.
    pub async fn adopt(
        &self,
        org: &Organization,
        context: &EventContext,
        key: Option<&KeyClaim>,
    ) -> StoreResult<BeginCreate> {
        bounded(self.adopt_in(self.pool.begin().await?, org, context, key)).await
    }

    async fn adopt_in(
        &self,
        mut tx: Tx,
        org: &Organization,
        context: &EventContext,
        key: Option<&KeyClaim>,
    ) -> StoreResult<BeginCreate> {
        if let Some(key) = key
            && !take_key(tx.get()?, key, &[], Some(org.id)).await?
        {
            return self.replay(tx, key).await.map(BeginCreate::Replay);
        }
        if !claim_customer(tx.get()?, org, &org.customer_id).await? {
            tx.rollback().await?;
            let existing = self.claimed_by(org, &org.customer_id).await?;
            return Ok(BeginCreate::AlreadyMapped(Box::new(existing)));
        }
        insert_organization(tx.get()?, org).await?;
        let mut after = org.clone();
        append_event(tx.get()?, EventType::OrganizationAdopted, context, None, &mut after).await?;
        save_organization(tx.get()?, org, &mut after).await?;
        tx.commit().await.map_err(store_error)?;
        Ok(BeginCreate::AlreadyMapped(Box::new(after)))
    }
}
