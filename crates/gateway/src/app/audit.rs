//! Whether the events are what was sealed: nothing edited, taken away, put in another order or cut off.
//!
//! It reads some rows at a time, however long the feed is, and goes on after what it finds. Events that are
//! written and sealed meanwhile are no fault.

use std::fmt;

use uuid::Uuid;

use crate::store::{ChainHash, FeedHead, FeedRow, Store, StoreError, StoreResult};

/// Rows that are read at once.
const ROWS: i64 = 1000;

/// What is wrong with a row, or with what is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tampering {
    /// A number of the feed is not there.
    NumberMissing,
    /// The event that a number leads to is not there.
    EventMissing,
    /// It does not come after its organization's event before it.
    Reordered,
    /// The event, its number or its hash is not what was sealed.
    Altered,
    /// Readers are shown it under another tenant, organization or type than its own.
    Misfiled,
    /// Numbers at the end of the feed are not there.
    Truncated,
    /// The head is not there, or its hash is not the last event's.
    HeadAltered,
    /// The feed has more than its head says.
    BeyondHead,
    /// An organization has had other events than there are.
    OrganizationTruncated,
    /// An event stands outside of the feed and does not wait for its number.
    OutsideTheFeed,
    /// The head that was noted earlier is not on the chain.
    NotedHeadMissing,
}

impl fmt::Display for Tampering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NumberMissing => "number_missing: this number of the feed is not there",
            Self::EventMissing => "event_missing: the event of this number is not there",
            Self::Reordered => "reordered: it does not follow its organization's event before it",
            Self::Altered => "altered: it is not what was sealed",
            Self::Misfiled => {
                "misfiled: the feed has it under another tenant, organization or type"
            }
            Self::Truncated => "truncated: the feed ends before its head",
            Self::HeadAltered => "head_altered: the head is not the last event's",
            Self::BeyondHead => "beyond_head: the feed goes on after its head",
            Self::OrganizationTruncated => {
                "organization_truncated: the organization has had other events than there are"
            }
            Self::OutsideTheFeed => "outside_the_feed: an event has no number and waits for none",
            Self::NotedHeadMissing => "noted_head_missing: the noted head is not on the chain",
        })
    }
}

/// Something that was tampered with, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditFault {
    /// The number in the feed, where it has one.
    pub sequence: Option<i64>,
    /// The organization, where it is known.
    pub organization_id: Option<Uuid>,
    /// What is wrong.
    pub tampering: Tampering,
}

impl fmt::Display for AuditFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.sequence {
            Some(sequence) => write!(f, "number {sequence}, ")?,
            None => write!(f, "no number, ")?,
        }
        match self.organization_id {
            Some(id) => write!(f, "organization {id}, ")?,
            None => write!(f, "organization not known, ")?,
        }
        write!(f, "{}", self.tampering)
    }
}

/// What an audit found.
#[derive(Debug, Clone)]
pub struct Audit {
    /// Events of the feed that were looked at.
    pub checked: u64,
    /// Events that wait for their number.
    pub unsealed: i64,
    /// The head as it is kept: where the walk ended.
    pub head: Option<FeedHead>,
    /// The first fault.
    pub first: Option<AuditFault>,
    /// How many there are.
    pub faults: u64,
}

impl Audit {
    fn fault(
        &mut self,
        sequence: Option<i64>,
        organization_id: Option<Uuid>,
        tampering: Tampering,
    ) {
        self.faults += 1;
        self.first.get_or_insert(AuditFault { sequence, organization_id, tampering });
    }
}

/// Walks the feed up to its head, and holds it against the events and the organizations. `noted` is a head
/// that was kept elsewhere and must lie on the chain.
///
/// # Errors
/// When the database fails.
pub async fn audit(store: &Store, noted: Option<&FeedHead>) -> StoreResult<Audit> {
    let unsealed = store.unsealed_events().await?;
    let mut audit = Audit { checked: 0, unsealed, head: None, first: None, faults: 0 };
    audit.head = match store.feed_head().await {
        Ok(head) => Some(head),
        // Whoever took the head away is told of at the end.
        Err(StoreError::Corrupt(_)) => None,
        Err(error) => return Err(error),
    };
    let end = walk(store, &mut audit, noted).await?;
    judge_end(store, &mut audit, &end).await?;
    if let Some(noted) = noted
        && !end.noted_is_met
    {
        audit.fault(Some(noted.sequence), None, Tampering::NotedHeadMissing);
    }
    judge_organizations(store, &mut audit).await?;
    judge_events(store, &mut audit).await?;
    Ok(audit)
}

/// Where a walk ended.
struct End {
    last: FeedHead,
    noted_is_met: bool,
}

async fn walk(store: &Store, audit: &mut Audit, noted: Option<&FeedHead>) -> StoreResult<End> {
    let to = audit.head.map_or(i64::MAX, |head| head.sequence);
    let mut last = FeedHead { sequence: 0, hash: ChainHash::START };
    let mut noted_is_met = noted == Some(&last);
    loop {
        let rows = store.audit_feed(last.sequence, to, ROWS).await?;
        let is_last = i64::try_from(rows.len()).unwrap_or(ROWS) < ROWS;
        for row in rows {
            judge_row(audit, &last, &row);
            audit.checked += 1;
            last = FeedHead { sequence: row.sequence, hash: row.hash };
            noted_is_met |= noted == Some(&last);
        }
        if is_last {
            return Ok(End { last, noted_is_met });
        }
    }
}

fn judge_row(audit: &mut Audit, last: &FeedHead, row: &FeedRow) {
    let is_next = row.sequence == last.sequence + 1;
    if !is_next {
        audit.fault(Some(last.sequence + 1), None, Tampering::NumberMissing);
        // Each that is missing counts, and whoever skips billions does not keep us busy.
        audit.faults += u64::try_from(row.sequence - last.sequence - 2).unwrap_or(0);
    }
    let wrong = if !row.has_event() {
        Tampering::EventMissing
    } else if !row.is_in_order() {
        Tampering::Reordered
    } else if is_next && !row.follows(&last.hash) {
        // After a gap nobody knows what its hash follows.
        Tampering::Altered
    } else if !row.is_filed_right() {
        Tampering::Misfiled
    } else {
        return;
    };
    audit.fault(Some(row.sequence), row.organization_id, wrong);
}

async fn judge_end(store: &Store, audit: &mut Audit, end: &End) -> StoreResult<()> {
    let last = end.last;
    match audit.head {
        None => audit.fault(None, None, Tampering::HeadAltered),
        Some(head) if head.sequence > last.sequence => {
            audit.fault(Some(last.sequence + 1), None, Tampering::Truncated);
        }
        Some(head) if head.hash != last.hash => {
            audit.fault(Some(head.sequence), None, Tampering::HeadAltered);
        }
        Some(_) => {}
    }
    let (last_now, head_now) = store.audit_end().await?;
    if last_now > head_now {
        audit.fault(Some(head_now + 1), None, Tampering::BeyondHead);
    }
    Ok(())
}

async fn judge_organizations(store: &Store, audit: &mut Audit) -> StoreResult<()> {
    let mut after = Uuid::nil();
    loop {
        let counts = store.audit_organizations(after, ROWS).await?;
        let Some(last) = counts.last() else { return Ok(()) };
        after = last.organization_id;
        for count in counts.iter().filter(|count| count.last_event != count.written) {
            audit.fault(None, Some(count.organization_id), Tampering::OrganizationTruncated);
        }
    }
}

async fn judge_events(store: &Store, audit: &mut Audit) -> StoreResult<()> {
    // Ids are drawn from 1 on; whoever writes others is found as well.
    let mut after = i64::MIN;
    loop {
        let places = store.audit_events(after, ROWS).await?;
        let Some(last) = places.last() else { return Ok(()) };
        after = last.id;
        for place in places.iter().filter(|place| !place.is_known) {
            audit.fault(None, place.organization_id, Tampering::OutsideTheFeed);
        }
    }
}
