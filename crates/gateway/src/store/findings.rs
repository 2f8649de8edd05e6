//! What a pass over a provider's list finds, written down within the transaction of the page that shows it.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    discrepancies::DiscrepancyKind,
    error::{StoreResult, store_error},
    model::Organization,
};
use crate::actors::GatewayActor;

/// Something that does not agree.
pub(super) struct Finding<'a> {
    pub(super) provider: &'a str,
    pub(super) kind: DiscrepancyKind,
    pub(super) provider_org_id: &'a str,
    pub(super) organization: Option<&'a Organization>,
    pub(super) fields: Value,
    pub(super) seen_at: DateTime<Utc>,
    /// When the pass began.
    pub(super) begun_at: DateTime<Utc>,
    /// Seen once is enough; otherwise it takes two passes.
    pub(super) is_proven: bool,
}

/// What became of a finding.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Noted {
    /// It is open now.
    pub(super) is_open: bool,
    /// It was not before.
    pub(super) is_news: bool,
}

/// Writes a finding down. One that is known keeps its id; one that was dismissed stays so until its values
/// change.
pub(super) async fn note_finding(
    connection: &mut PgConnection,
    finding: &Finding<'_>,
) -> StoreResult<Noted> {
    let fields = &finding.fields;
    let known = sqlx::query!(
        "select id, state, fields, first_seen_at from discrepancies
         where provider = $1 and kind = $2 and provider_org_id = $3 and state <> 'resolved' for update",
        finding.provider,
        finding.kind.as_str(),
        finding.provider_org_id
    )
    .fetch_optional(&mut *connection)
    .await
    .map_err(store_error)?;
    let Some(known) = known else {
        insert_finding(connection, finding, fields).await?;
        return Ok(Noted { is_open: finding.is_proven, is_news: finding.is_proven });
    };
    let is_open = match known.state.as_str() {
        "suspected" => finding.is_proven || known.first_seen_at < finding.begun_at,
        "dismissed" => known.fields != *fields,
        _open => true,
    };
    sqlx::query!(
        "update discrepancies
         set state = case when $2 then 'open' else state end, fields = $3, organization_version = $4,
             last_seen_at = greatest(last_seen_at, $5),
             resolution = case when $2 then null else resolution end,
             resolved_by = case when $2 then null else resolved_by end,
             resolved_at = case when $2 then null else resolved_at end,
             reason = case when $2 then null else reason end
         where id = $1",
        known.id,
        is_open,
        fields,
        finding.organization.map(|org| org.version),
        finding.seen_at
    )
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(Noted { is_open, is_news: is_open && known.state != "open" })
}

async fn insert_finding(
    connection: &mut PgConnection,
    finding: &Finding<'_>,
    fields: &Value,
) -> StoreResult<()> {
    sqlx::query!(
        "insert into discrepancies (id, provider, kind, state, tenant, organization_id, organization_version,
                                    provider_org_id, fields, first_seen_at, last_seen_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)",
        Uuid::now_v7(),
        finding.provider,
        finding.kind.as_str(),
        if finding.is_proven { "open" } else { "suspected" },
        finding.organization.map(|org| org.tenant.as_str()),
        finding.organization.map(|org| org.id),
        finding.organization.map(|org| org.version),
        finding.provider_org_id,
        fields,
        finding.seen_at
    )
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// Somebody at the provider whom nothing is mapped to.
pub(super) struct Stranger {
    pub(super) provider_org_id: String,
    pub(super) fields: Value,
    /// Seen once is enough; otherwise it takes two passes.
    pub(super) is_proven: bool,
}

/// Writes a page's strangers down, as [`note_finding`] does one: a whole account may be strange. Answers how
/// many of them are open.
pub(super) async fn note_strangers(
    connection: &mut PgConnection,
    provider: &str,
    strangers: Vec<Stranger>,
    seen_at: DateTime<Utc>,
    begun_at: DateTime<Utc>,
) -> StoreResult<i64> {
    let ids: Vec<String> = strangers.iter().map(|s| s.provider_org_id.clone()).collect();
    let known = sqlx::query!(
        "select provider_org_id, state, fields from discrepancies
         where provider = $1 and kind = 'unmapped' and provider_org_id = any($2) and state <> 'resolved'",
        provider,
        &ids
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(store_error)?;
    let (mut open, mut unchanged, mut fresh) = (0, Vec::new(), Vec::new());
    for stranger in strangers {
        match known.iter().find(|known| known.provider_org_id == stranger.provider_org_id) {
            None => {
                open += i64::from(stranger.is_proven);
                fresh.push(stranger);
            }
            Some(known) if known.fields == stranger.fields && known.state != "suspected" => {
                open += i64::from(known.state == "open");
                unchanged.push(stranger.provider_org_id);
            }
            Some(_) => {
                let finding = Finding {
                    provider,
                    kind: DiscrepancyKind::Unmapped,
                    provider_org_id: &stranger.provider_org_id,
                    organization: None,
                    fields: stranger.fields.clone(),
                    seen_at,
                    begun_at,
                    is_proven: stranger.is_proven,
                };
                open += i64::from(note_finding(connection, &finding).await?.is_open);
            }
        }
    }
    touch_findings(connection, provider, DiscrepancyKind::Unmapped, &unchanged, seen_at).await?;
    insert_strangers(connection, provider, fresh, seen_at).await?;
    Ok(open)
}

async fn insert_strangers(
    connection: &mut PgConnection,
    provider: &str,
    strangers: Vec<Stranger>,
    seen_at: DateTime<Utc>,
) -> StoreResult<()> {
    let ids: Vec<Uuid> = strangers.iter().map(|_| Uuid::now_v7()).collect();
    let there: Vec<String> = strangers.iter().map(|s| s.provider_org_id.clone()).collect();
    let proven: Vec<bool> = strangers.iter().map(|s| s.is_proven).collect();
    let fields: Vec<Value> = strangers.into_iter().map(|s| s.fields).collect();
    sqlx::query!(
        "insert into discrepancies (id, provider, kind, state, provider_org_id, fields, first_seen_at,
                                    last_seen_at)
         select id, $2, 'unmapped', case when proven then 'open' else 'suspected' end, there, fields, $6, $6
         from unnest($1::uuid[], $3::text[], $4::boolean[], $5::jsonb[]) as s (id, there, proven, fields)",
        &ids,
        provider,
        &there,
        &proven,
        &fields,
        seen_at
    )
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// What cannot be judged now is not forgotten: it was there.
pub(super) async fn touch_findings(
    connection: &mut PgConnection,
    provider: &str,
    kind: DiscrepancyKind,
    ids: &[String],
    seen_at: DateTime<Utc>,
) -> StoreResult<()> {
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "update discrepancies set last_seen_at = greatest(last_seen_at, $4)
         where provider = $1 and kind = $2 and provider_org_id = any($3) and state <> 'resolved'",
        provider,
        kind.as_str(),
        ids,
        seen_at
    )
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// Closes what holds no more. A mere suspicion is forgotten.
pub(super) async fn close_findings(
    connection: &mut PgConnection,
    provider: &str,
    kind: DiscrepancyKind,
    ids: &[String],
) -> StoreResult<()> {
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "with held as (
             select id, state from discrepancies
             where provider = $1 and kind = $2 and provider_org_id = any($3) and state <> 'resolved'
             for update),
         forgotten as (
             delete from discrepancies where id in (select id from held where state = 'suspected'))
         update discrepancies
         set state = 'resolved', resolution = 'gone', resolved_by = $4, resolved_at = now(), reason = null
         where id in (select id from held where state <> 'suspected')",
        provider,
        kind.as_str(),
        ids,
        GatewayActor::Sweep.as_str()
    )
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// Closes what a complete pass has not seen.
pub(super) async fn close_unseen(
    connection: &mut PgConnection,
    provider: &str,
    begun_at: DateTime<Utc>,
) -> StoreResult<()> {
    let unseen = sqlx::query_scalar!(
        "select provider_org_id from discrepancies
         where provider = $1 and kind = 'unmapped' and state <> 'resolved' and last_seen_at < $2",
        provider,
        begun_at
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(store_error)?;
    close_findings(connection, provider, DiscrepancyKind::Unmapped, &unseen).await
}
