//! Reading the feed, the events and the organizations as an audit does: a bounded number of rows at a time,
//! each with what is to be held against it.

use sqlx::{FromRow, Row, postgres::PgRow};
use uuid::Uuid;

use super::{
    chain::{ChainHash, EventText},
    connect::Store,
    error::{StoreResult, store_error},
};

/// A row of the feed, with the event that it leads to.
#[derive(Debug, Clone)]
pub struct FeedRow {
    /// Its number.
    pub sequence: i64,
    /// The organization, as the feed has it; `None` for an event about a webhook.
    pub organization_id: Option<Uuid>,
    /// The hash that is kept.
    pub hash: ChainHash,
    tenant: String,
    event_type: String,
    event: Option<EventText>,
    /// The feed's number of the organization's event before this one.
    previous: Option<i64>,
}

impl FeedRow {
    /// The event is there.
    #[must_use]
    pub fn has_event(&self) -> bool {
        self.event.is_some()
    }

    /// The kept hash is what the event gives after `previous`.
    #[must_use]
    pub fn follows(&self, previous: &ChainHash) -> bool {
        self.event.as_ref().is_some_and(|event| event.hash(previous, self.sequence) == self.hash)
    }

    /// What readers are narrowed by is what the event says.
    #[must_use]
    pub fn is_filed_right(&self) -> bool {
        self.event.as_ref().is_some_and(|event| {
            event.tenant == self.tenant
                && event.organization_id == self.organization_id
                && event.event_type == self.event_type
        })
    }

    /// Whether the organization's event before this one is there and has a lower number in the feed. An event without
    /// an organization has no such order.
    #[must_use]
    pub fn is_in_order(&self) -> bool {
        let number = self.event.as_ref().map(|event| event.organization_sequence);
        let is_first = matches!(number, Some(None | Some(1)));
        is_first || self.previous.is_some_and(|previous| previous < self.sequence)
    }
}

impl FromRow<'_, PgRow> for FeedRow {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let id: Option<i64> = row.try_get("id")?;
        let hash: Vec<u8> = row.try_get("hash")?;
        Ok(Self {
            sequence: row.try_get("sequence")?,
            organization_id: row.try_get("feed_organization_id")?,
            hash: ChainHash::of_column(&hash)
                .map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
            tenant: row.try_get("feed_tenant")?,
            event_type: row.try_get("feed_type")?,
            event: id.map(|_there| EventText::from_row(row)).transpose()?,
            previous: row.try_get("previous")?,
        })
    }
}

/// How many events an organization has had, by its own row and by the events.
#[derive(Debug, Clone, Copy, FromRow)]
pub struct EventCount {
    /// The organization.
    pub organization_id: Uuid,
    /// By its own row.
    pub last_event: i64,
    /// By the last of the events.
    pub written: i64,
}

/// An event, and whether anything leads to it.
#[derive(Debug, Clone, Copy, FromRow)]
pub struct EventPlace {
    /// Its id.
    pub id: i64,
    /// Its organization.
    pub organization_id: Option<Uuid>,
    /// It is in the feed, or waits to be.
    pub is_known: bool,
}

impl Store {
    /// The rows of the feed after one number and up to another, at most `limit`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn audit_feed(&self, after: i64, to: i64, limit: i64) -> StoreResult<Vec<FeedRow>> {
        sqlx::query_as(
            "select f.sequence, f.hash, f.tenant as feed_tenant, f.type as feed_type,
                    f.organization_id as feed_organization_id,
                    e.id, e.type as event_type, e.tenant, e.organization_id, e.organization_sequence,
                    e.operation_id, e.actor, e.request_id, e.provider_request_id,
                    e.before::text as before, e.after::text as after, extract(epoch from e.at)::text as at,
                    p.sequence as previous
             from event_feed f
             left join events e on e.id = f.event_id
             left join events b on b.organization_id = e.organization_id
                               and b.organization_sequence = e.organization_sequence - 1
             left join event_feed p on p.event_id = b.id
             where f.sequence > $1 and f.sequence <= $2 order by f.sequence limit $3",
        )
        .bind(after)
        .bind(to)
        .bind(limit)
        .fetch_all(&self.pool)
        .await
        .map_err(store_error)
    }

    /// The last number that stands in the feed, and the last one by its head, at one moment.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn audit_end(&self) -> StoreResult<(i64, i64)> {
        let (last, head): (i64, i64) = sqlx::query_as(
            "select coalesce((select max(sequence) from event_feed), 0),
                    coalesce((select sequence from event_feed_head), 0)",
        )
        .fetch_one(&self.pool)
        .await
        .map_err(store_error)?;
        Ok((last, head))
    }

    /// The organizations after this one, in the order of their ids, with the number of their events.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn audit_organizations(
        &self,
        after: Uuid,
        limit: i64,
    ) -> StoreResult<Vec<EventCount>> {
        sqlx::query_as(
            "select o.id as organization_id, o.last_event,
                    coalesce((select max(e.organization_sequence) from events e
                              where e.organization_id = o.id), 0) as written
             from organizations o where o.id > $1 order by o.id limit $2",
        )
        .bind(after)
        .bind(limit)
        .fetch_all(&self.pool)
        .await
        .map_err(store_error)
    }

    /// The events after this one, in the order of their ids.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn audit_events(&self, after: i64, limit: i64) -> StoreResult<Vec<EventPlace>> {
        sqlx::query_as(
            "select e.id, e.organization_id, f.event_id is not null or u.event_id is not null as is_known
             from (select id, organization_id from events where id > $1 order by id limit $2) e
             left join event_feed f on f.event_id = e.id
             left join events_unsealed u on u.event_id = e.id
             order by e.id",
        )
        .bind(after)
        .bind(limit)
        .fetch_all(&self.pool)
        .await
        .map_err(store_error)
    }
}
