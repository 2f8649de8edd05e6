//! One page of a provider's list against the mapping: in one transaction with how far the pass has come, so
//! that whoever takes it over counts nothing twice.

use std::{collections::HashMap, time::Duration};

use chrono::{DateTime, Utc};
use partner_core::{ChildOrg, ProviderOrgId};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    connect::Store,
    discrepancies::{DiscrepancyKind, FieldDifference},
    error::{StoreResult, store_error},
    event_types::EventType,
    events::{EventContext, append_event},
    findings::{
        Finding, Noted, Stranger, close_findings, note_finding, note_strangers, touch_findings,
    },
    lane::{Tx, bounded},
    model::Organization,
    outcomes::save_organization,
    rows::{OrganizationRow, interval},
    strangers::{Strangers, sort_strangers},
    sweep_rows::{Sweep, SweepPhase, SweepRow},
};

/// Takes over what a look at an organization shows of its state, and says which of its fields differ.
pub type Judge<'a> =
    dyn Fn(&mut Organization, &ChildOrg) -> Vec<FieldDifference> + Send + Sync + 'a;

/// Says what is shown of an organization that nothing is mapped to.
pub type Describe<'a> = dyn Fn(&ChildOrg) -> Vec<FieldDifference> + Send + Sync + 'a;

/// How organizations were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadBy {
    /// Off the list, which may lag behind a write.
    List,
    /// By its id, since the list did not show it.
    Id,
    /// By its id, since the list showed another state than a write of ours that ended lately.
    IdAgain,
}

/// What was read at a provider, and how it is judged.
pub struct SweptPage<'a> {
    /// The organizations.
    pub items: &'a [ChildOrg],
    /// How they were read.
    pub read_by: ReadBy,
    /// When they were asked for.
    pub asked_at: DateTime<Utc>,
    /// How long after a write the list may not show it.
    pub settle_window: Duration,
    /// For how long the pass is held from now.
    pub lease: Duration,
    /// What the pass is at afterwards, and where it goes on.
    pub then: (SweepPhase, Option<&'a str>),
    /// Who sees it.
    pub event: EventContext,
    /// How a mapped one is judged.
    pub judge: &'a Judge<'a>,
    /// What is said of the others.
    pub describe: &'a Describe<'a>,
}

/// What was seen of a page, added to the pass.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) listed: i64,
    pub(super) unmapped: i64,
    pub(super) missing: i64,
    pub(super) drifted: i64,
}

impl Store {
    /// The time at the database, from before which nothing may be overtaken; and until when the account's
    /// gate is shut.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sweep_clock(
        &self,
        provider: &str,
    ) -> StoreResult<(DateTime<Utc>, Option<DateTime<Utc>>)> {
        let row = sqlx::query!(
            r#"select clock_timestamp() as "now!",
                      (select closed_until from provider_gates
                       where provider = $1 and closed_until > now()) as closed_until"#,
            provider
        )
        .fetch_one(&self.pool)
        .await
        .map_err(store_error)?;
        Ok((row.now, row.closed_until))
    }

    /// Writes down what a page shows, and answers the ids of those whose state must be read again by them: the
    /// list showed another, and may lag behind a write of ours. `None` where somebody else has the pass; then
    /// nothing was changed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn record_page(
        &self,
        sweep: &Sweep,
        page: &SweptPage<'_>,
    ) -> StoreResult<Option<(Sweep, Vec<ProviderOrgId>)>> {
        bounded(record_page_in(self.pool.begin().await?, sweep, page)).await
    }
}

async fn record_page_in(
    mut tx: Tx,
    sweep: &Sweep,
    page: &SweptPage<'_>,
) -> StoreResult<Option<(Sweep, Vec<ProviderOrgId>)>> {
    let connection = tx.get()?;
    if !is_held(connection, sweep).await? {
        tx.rollback().await?;
        return Ok(None);
    }
    let shown: HashMap<&str, &ChildOrg> =
        page.items.iter().map(|child| (child.id.as_str(), child)).collect();
    let ids: Vec<String> = shown.keys().map(|id| (*id).to_owned()).collect();
    let mapped = lock_mapped(connection, &sweep.provider, &ids).await?;
    let settling = settling(connection, &mapped, page).await?;
    let is_new = page.read_by != ReadBy::IdAgain;
    let listed = if is_new { i64::try_from(page.items.len()).unwrap_or(i64::MAX) } else { 0 };
    let mut tally = Tally { listed, ..Tally::default() };
    let (mut seen, mut judged, mut clean, mut known) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut again = Vec::new();
    for before in mapped {
        let Some(id) = before.provider_org_id.as_ref().map(|id| id.as_str().to_owned()) else {
            continue;
        };
        let Some(child) = shown.get(id.as_str()) else { continue };
        known.push(id.clone());
        seen.push(before.id);
        match look(connection, sweep, page, &settling, &before, child).await? {
            Looked::Leaves => {}
            Looked::MustLookAgain => again.push(child.id.clone()),
            Looked::Agrees => {
                judged.push(before.id);
                clean.push(id);
            }
            Looked::Differs(noted) => {
                judged.push(before.id);
                tally.drifted += i64::from(noted.is_open);
            }
        }
    }
    mark_listed(connection, &seen, &judged, page.asked_at).await?;
    let provider = sweep.provider.as_str();
    close_findings(connection, provider, DiscrepancyKind::Drifted, &clean).await?;
    for kind in [DiscrepancyKind::Missing, DiscrepancyKind::Unmapped] {
        close_findings(connection, provider, kind, &known).await?;
    }
    let strangers: Vec<&ChildOrg> = shown
        .values()
        .filter(|child| !known.iter().any(|id| id == child.id.as_str()))
        .copied()
        .collect();
    tally.unmapped = record_strangers(connection, sweep, page, strangers).await?;
    let moved = advance(connection, sweep, page, &tally).await?;
    tx.commit().await.map_err(store_error)?;
    Ok(Some((moved.try_into()?, again)))
}

/// The pass is still the caller's, and stays so until the transaction ends.
pub(super) async fn is_held(connection: &mut PgConnection, sweep: &Sweep) -> StoreResult<bool> {
    let held = sqlx::query_scalar!(
        r#"select true as "held!" from sweeps
           where id = $1 and epoch = $2 and state = 'running' for update"#,
        sweep.id,
        sweep.epoch
    )
    .fetch_optional(connection)
    .await
    .map_err(store_error)?;
    Ok(held.is_some())
}

pub(super) async fn lock_mapped(
    connection: &mut PgConnection,
    provider: &str,
    ids: &[String],
) -> StoreResult<Vec<Organization>> {
    let rows: Vec<OrganizationRow> = sqlx::query_as(
        "select * from organizations where provider = $1 and provider_org_id = any($2)
         order by id for update",
    )
    .bind(provider)
    .bind(ids)
    .fetch_all(connection)
    .await
    .map_err(store_error)?;
    rows.into_iter().map(Organization::try_from).collect()
}

/// Organizations that writes of ours touch: `true` while one is open, or ended after they were asked for;
/// `false` where one ended so lately that the list may not show it yet.
pub(super) async fn settling(
    connection: &mut PgConnection,
    mapped: &[Organization],
    page: &SweptPage<'_>,
) -> StoreResult<HashMap<Uuid, bool>> {
    let ids: Vec<Uuid> = mapped.iter().map(|org| org.id).collect();
    let rows = sqlx::query!(
        r#"select organization_id, bool_or(finished_at is null or finished_at >= $2) as "is_open!"
           from operations
           where organization_id = any($1) and (finished_at is null or finished_at > $2 - $3::interval)
           group by organization_id"#,
        &ids,
        page.asked_at,
        interval(page.settle_window)
    )
    .fetch_all(connection)
    .await
    .map_err(store_error)?;
    Ok(rows.into_iter().map(|row| (row.organization_id, row.is_open)).collect())
}

/// What came of a look at one mapped organization.
enum Looked {
    /// It is left for the next pass.
    Leaves,
    /// Its state must be read by its id.
    MustLookAgain,
    /// Its fields agree.
    Agrees,
    /// They do not.
    Differs(Noted),
}

/// Judges one mapped organization.
async fn look(
    connection: &mut PgConnection,
    sweep: &Sweep,
    page: &SweptPage<'_>,
    settling: &HashMap<Uuid, bool>,
    before: &Organization,
    child: &ChildOrg,
) -> StoreResult<Looked> {
    let settling = settling.get(&before.id);
    // What changed since it was asked for is newer than what was read.
    if settling == Some(&true) || before.updated_at >= page.asked_at {
        return Ok(Looked::Leaves);
    }
    let mut after = before.clone();
    let fields = (page.judge)(&mut after, child);
    let has_changed = !after.is_same_but_for_observation(before);
    if settling.is_some() && has_changed && page.read_by == ReadBy::List {
        return Ok(Looked::MustLookAgain);
    }
    if has_changed {
        append_event(
            connection,
            EventType::OrganizationObserved,
            &page.event,
            Some(before),
            &mut after,
        )
        .await?;
        save_organization(connection, before, &mut after).await?;
    }
    if fields.is_empty() {
        return Ok(Looked::Agrees);
    }
    if settling.is_some() {
        return Ok(Looked::Leaves);
    }
    let kind = DiscrepancyKind::Drifted;
    note(connection, sweep, page, kind, &mut after, &fields, true).await.map(Looked::Differs)
}

/// Writes down what does not agree about an organization, with an event where it is news.
pub(super) async fn note(
    connection: &mut PgConnection,
    sweep: &Sweep,
    page: &SweptPage<'_>,
    kind: DiscrepancyKind,
    org: &mut Organization,
    fields: &[FieldDifference],
    is_proven: bool,
) -> StoreResult<Noted> {
    let provider_org_id = org.provider_org_id.as_ref().map_or("", |id| id.as_str());
    let finding = Finding {
        provider: &sweep.provider,
        kind,
        provider_org_id,
        organization: Some(org),
        fields: json!(fields),
        seen_at: page.asked_at,
        begun_at: sweep.begun_at,
        is_proven,
    };
    let noted = note_finding(connection, &finding).await?;
    if noted.is_news {
        let before = org.clone();
        append_event(connection, EventType::DiscrepancyOpened, &page.event, Some(&before), org)
            .await?;
        save_organization(connection, &before, org).await?;
    }
    Ok(noted)
}

async fn mark_listed(
    connection: &mut PgConnection,
    seen: &[Uuid],
    judged: &[Uuid],
    asked_at: DateTime<Utc>,
) -> StoreResult<()> {
    sqlx::query!(
        "update organizations
         set last_listed_at = $3,
             observed_at = case when id = any($2) then greatest(observed_at, $3) else observed_at end
         where id = any($1)",
        seen,
        judged,
        asked_at
    )
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// Writes down what is listed and not mapped. Answers how many of it are open.
async fn record_strangers(
    connection: &mut PgConnection,
    sweep: &Sweep,
    page: &SweptPage<'_>,
    strangers: Vec<&ChildOrg>,
) -> StoreResult<i64> {
    let Strangers { certain, undecided } =
        sort_strangers(connection, sweep, page.settle_window, strangers).await?;
    let kind = DiscrepancyKind::Unmapped;
    touch_findings(connection, &sweep.provider, kind, &undecided, page.asked_at).await?;
    let strangers = certain.into_iter().map(|child| Stranger {
        provider_org_id: child.id.as_str().to_owned(),
        fields: json!((page.describe)(child)),
        // Without its age it could be somebody's work of this minute.
        is_proven: child.created_at.is_some(),
    });
    let (seen_at, begun_at) = (page.asked_at, sweep.begun_at);
    note_strangers(connection, &sweep.provider, strangers.collect(), seen_at, begun_at).await
}

/// Moves the pass on, and holds it for longer.
pub(super) async fn advance(
    connection: &mut PgConnection,
    sweep: &Sweep,
    page: &SweptPage<'_>,
    tally: &Tally,
) -> StoreResult<SweepRow> {
    sqlx::query_as!(
        SweepRow,
        "update sweeps
         set phase = $2, place = $3, lease_until = clock_timestamp() + $4, requests = requests + 1,
             listed = listed + $5, unmapped = unmapped + $6, missing = missing + $7, drifted = drifted + $8,
             failures = 0, updated_at = now()
         where id = $1
         returning id, provider, state, epoch, actor, request_id, phase, place, requests, listed, unmapped,
                   missing, drifted, failures, error, begun_at, finished_at",
        sweep.id,
        page.then.0.as_str(),
        page.then.1,
        interval(page.lease),
        tally.listed,
        tally.unmapped,
        tally.missing,
        tally.drifted
    )
    .fetch_one(connection)
    .await
    .map_err(store_error)
}
