//! What a provider's list did not show: which of the mapping that is, and writing down that it is gone.

use std::time::Duration;

use partner_core::ProviderOrgId;
use uuid::Uuid;

use super::{
    connect::Store,
    discrepancies::DiscrepancyKind,
    error::{StoreError, StoreResult, store_error},
    findings::{close_findings, touch_findings},
    lane::{Tx, bounded},
    rows::interval,
    sweep_pages::{SweptPage, Tally, advance, is_held, lock_mapped, note, settling},
    sweep_rows::Sweep,
};

/// An organization that the list did not show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unlisted {
    /// Ours.
    pub id: Uuid,
    /// Its id at the provider.
    pub provider_org_id: ProviderOrgId,
}

impl Store {
    /// Up to `limit` mapped organizations behind an id that the pass might have seen, and those among them
    /// that it has not though it should have. The first part of the answer is the last id looked at.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn unlisted(
        &self,
        sweep: &Sweep,
        behind: &str,
        limit: i64,
        settle_window: Duration,
    ) -> StoreResult<(Option<String>, Vec<Unlisted>)> {
        let rows = sqlx::query!(
            r#"select id, provider_org_id as "provider_org_id!",
                      coalesce(last_listed_at, '-infinity') < $3
                      and greatest(created_at, observed_at) < $3 - $4::interval as "is_unlisted!"
               from organizations where provider = $1 and provider_org_id > $2
               order by provider_org_id limit $5"#,
            sweep.provider,
            behind,
            sweep.begun_at,
            interval(settle_window),
            limit
        )
        .fetch_all(&self.pool)
        .await
        .map_err(store_error)?;
        let last = rows.last().map(|row| row.provider_org_id.clone());
        let unlisted = rows.into_iter().filter(|row| row.is_unlisted).map(|row| {
            let provider_org_id = ProviderOrgId::from_stored(row.provider_org_id)
                .map_err(|error| StoreError::Corrupt(error.to_string()))?;
            Ok(Unlisted { id: row.id, provider_org_id })
        });
        Ok((last, unlisted.collect::<StoreResult<_>>()?))
    }

    /// Writes down that an organization is not at its provider. `is_proven`: it was asked for by its id;
    /// otherwise it takes two passes. `None` where somebody else has the pass.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn record_missing(
        &self,
        sweep: &Sweep,
        unlisted: &Unlisted,
        page: &SweptPage<'_>,
        is_proven: bool,
    ) -> StoreResult<Option<Sweep>> {
        let tx = self.pool.begin().await?;
        bounded(record_missing_in(tx, sweep, unlisted, page, is_proven)).await
    }
}

async fn record_missing_in(
    mut tx: Tx,
    sweep: &Sweep,
    unlisted: &Unlisted,
    page: &SweptPage<'_>,
    is_proven: bool,
) -> StoreResult<Option<Sweep>> {
    let connection = tx.get()?;
    if !is_held(connection, sweep).await? {
        tx.rollback().await?;
        return Ok(None);
    }
    let ids = [unlisted.provider_org_id.as_str().to_owned()];
    let mut tally = Tally::default();
    let mapped = lock_mapped(connection, &sweep.provider, &ids).await?;
    let settling = settling(connection, &mapped, page).await?;
    for mut org in mapped {
        let kind = DiscrepancyKind::Missing;
        if settling.contains_key(&org.id) || org.updated_at >= page.asked_at {
            touch_findings(connection, &sweep.provider, kind, &ids, page.asked_at).await?;
            continue;
        }
        let noted = note(connection, sweep, page, kind, &mut org, &[], is_proven).await?;
        tally.missing += i64::from(noted.is_open);
        close_findings(connection, &sweep.provider, DiscrepancyKind::Drifted, &ids).await?;
    }
    let moved = advance(connection, sweep, page, &tally).await?;
    tx.commit().await.map_err(store_error)?;
    moved.try_into().map(Some)
}
