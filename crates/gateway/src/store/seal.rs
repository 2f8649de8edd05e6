//! Giving committed events their numbers in the feed: 1, 2, 3 … over all, each with its hash.
//!
//! One sealer works at a time, of however many replicas: it holds the head's row until its commit. So
//! the rows that a reader sees are always the first ones, and nothing appears below a number that was
//! read. Within an organization ids are drawn while its row is locked, so the order is its own.

use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    chain::{ChainHash, EventText},
    connect::Store,
    error::{StoreError, StoreResult, store_error},
    lane::{Tx, bounded},
};

/// Events that one transaction seals at most.
const BATCH: i64 = 500;

/// The last number of the feed, with its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedHead {
    /// The number; 0 where nothing was sealed.
    pub sequence: i64,
    /// The hash.
    pub hash: ChainHash,
}

/// As operators note it: `SEQUENCE:HASH`.
impl std::fmt::Display for FeedHead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.sequence, self.hash)
    }
}

impl std::str::FromStr for FeedHead {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (sequence, hash) = text.split_once(':').ok_or("a head is SEQUENCE:HASH")?;
        match sequence.parse::<i64>() {
            Ok(sequence @ 0..) => Ok(Self { sequence, hash: hash.parse()? }),
            Ok(_) | Err(_) => Err("a head begins with the number of an event"),
        }
    }
}

/// What came of a turn at sealing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sealed {
    /// How many events were sealed.
    pub events: usize,
    /// The last number that readers see.
    pub head: i64,
    /// There may be more, and it is this sealer's turn.
    pub more: bool,
}

impl Store {
    /// Seals events that were committed and have no number yet.
    ///
    /// # Behavior
    /// While another sealer is at work nothing is done: what it does not see it is told of.
    ///
    /// # Errors
    /// When the database fails; what was sealed then is found at the next turn.
    pub async fn seal_events(&self) -> StoreResult<Sealed> {
        let looked = sqlx::query!(
            r#"select sequence, exists (select 1 from events_unsealed) as "waits!" from event_feed_head"#
        )
        .fetch_one(&self.pool)
        .await
        .map_err(store_error)?;
        if !looked.waits {
            return Ok(Sealed { events: 0, head: looked.sequence, more: false });
        }
        let sealed = bounded(async { seal_in(self.pool.begin().await?).await }).await?;
        Ok(sealed.unwrap_or(Sealed { events: 0, head: looked.sequence, more: false }))
    }

    /// The head of the feed.
    ///
    /// # Errors
    /// When the database fails, or somebody took the head away.
    pub async fn feed_head(&self) -> StoreResult<FeedHead> {
        let head = sqlx::query!("select sequence, hash from event_feed_head")
            .fetch_optional(&self.pool)
            .await
            .map_err(store_error)?
            .ok_or_else(|| StoreError::Corrupt("the feed has no head".to_owned()))?;
        Ok(FeedHead { sequence: head.sequence, hash: ChainHash::of_column(&head.hash)? })
    }

    /// How many events were committed and have no number yet.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn unsealed_events(&self) -> StoreResult<i64> {
        sqlx::query_scalar!(r#"select count(*) as "count!" from events_unsealed"#)
            .fetch_one(&self.pool)
            .await
            .map_err(store_error)
    }
}

/// Seals one batch. `None` while another sealer is at work.
async fn seal_in(mut tx: Tx) -> StoreResult<Option<Sealed>> {
    let Some(head) = take_turn(tx.get()?).await? else {
        tx.rollback().await?;
        return Ok(None);
    };
    let events = unsealed(tx.get()?).await?;
    let (mut links, mut hash) = (Vec::with_capacity(events.len()), head.hash);
    for (event, sequence) in events.iter().zip(head.sequence + 1..) {
        hash = event.hash(&hash, sequence);
        links.push((sequence, hash));
    }
    let Some((sequence, hash)) = links.last().copied() else {
        tx.rollback().await?;
        return Ok(Some(Sealed { events: 0, head: head.sequence, more: false }));
    };
    write(tx.get()?, &events, &links).await?;
    move_head(tx.get()?, &FeedHead { sequence, hash }).await?;
    tx.commit().await.map_err(store_error)?;
    let more = i64::try_from(events.len()).unwrap_or(i64::MAX) >= BATCH;
    Ok(Some(Sealed { events: events.len(), head: sequence, more }))
}

async fn take_turn(connection: &mut PgConnection) -> StoreResult<Option<FeedHead>> {
    let head = sqlx::query!("select sequence, hash from event_feed_head for update skip locked")
        .fetch_optional(connection)
        .await
        .map_err(store_error)?;
    head.map(|head| {
        Ok(FeedHead { sequence: head.sequence, hash: ChainHash::of_column(&head.hash)? })
    })
    .transpose()
}

/// The first events without a number, in the order of their ids.
async fn unsealed(connection: &mut PgConnection) -> StoreResult<Vec<EventText>> {
    sqlx::query_as!(
        EventText,
        r#"select e.id, e.type as event_type, e.tenant, e.organization_id, e.organization_sequence,
                  e.operation_id, e.actor, e.request_id, e.provider_request_id,
                  e.before::text as before, e.after::text as after,
                  extract(epoch from e.at)::text as "at!"
           from events_unsealed u join events e on e.id = u.event_id order by u.event_id limit $1"#,
        BATCH
    )
    .fetch_all(connection)
    .await
    .map_err(store_error)
}

async fn write(
    connection: &mut PgConnection,
    events: &[EventText],
    links: &[(i64, ChainHash)],
) -> StoreResult<()> {
    let ids: Vec<i64> = events.iter().map(|event| event.id).collect();
    let sequences: Vec<i64> = links.iter().map(|(sequence, _)| *sequence).collect();
    let hashes: Vec<Vec<u8>> = links.iter().map(|(_, hash)| hash.as_bytes().to_vec()).collect();
    let tenants: Vec<String> = events.iter().map(|event| event.tenant.clone()).collect();
    let organizations: Vec<Option<Uuid>> =
        events.iter().map(|event| event.organization_id).collect();
    let types: Vec<String> = events.iter().map(|event| event.event_type.clone()).collect();
    sqlx::query!(
        "insert into event_feed (sequence, event_id, tenant, organization_id, type, hash)
         select * from unnest($1::bigint[], $2::bigint[], $3::text[], $4::uuid[], $5::text[], $6::bytea[])",
        &sequences,
        &ids,
        &tenants,
        &organizations as _,
        &types,
        &hashes
    )
    .execute(&mut *connection)
    .await
    .map_err(store_error)?;
    sqlx::query!("delete from events_unsealed where event_id = any($1)", &ids)
        .execute(connection)
        .await
        .map_err(store_error)?;
    Ok(())
}

async fn move_head(connection: &mut PgConnection, head: &FeedHead) -> StoreResult<()> {
    sqlx::query!(
        "update event_feed_head set sequence = $1, hash = $2",
        head.sequence,
        head.hash.as_bytes()
    )
    .execute(&mut *connection)
    .await
    .map_err(store_error)?;
    sqlx::query!("select pg_notify('event_feed', $1) as sent", head.sequence.to_string())
        .fetch_one(connection)
        .await
        .map_err(store_error)?;
    Ok(())
}
