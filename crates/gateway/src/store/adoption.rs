//! Committing the mapping of what exists at a provider already.

use super::{
    connect::Store,
    error::{StoreResult, store_error},
    events::{EventContext, append_event},
    idempotency::{KeyClaim, take_key},
    intents::{BeginCreate, claim_customer, insert_organization},
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
        let mut tx = self.pool.begin().await.map_err(store_error)?;
        if let Some(key) = key
            && !take_key(&mut tx, key, &[], Some(org.id)).await?
        {
            return self.replay(tx, key).await.map(BeginCreate::Replay);
        }
        if !claim_customer(&mut tx, org, &org.customer_id).await? {
            tx.rollback().await.map_err(store_error)?;
            let existing = self.claimed_by(org, &org.customer_id).await?;
            return Ok(BeginCreate::AlreadyMapped(Box::new(existing)));
        }
        insert_organization(&mut tx, org).await?;
        let mut after = org.clone();
        append_event(&mut tx, "organization.adopted", context, None, &mut after).await?;
        save_organization(&mut tx, org, &mut after).await?;
        tx.commit().await.map_err(store_error)?;
        Ok(BeginCreate::AlreadyMapped(Box::new(after)))
    }
}
