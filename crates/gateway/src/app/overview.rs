//! What a person on call is shown first: how much there is of everything, and what waits.

use std::collections::HashMap;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};

use super::{App, error::AppResult};
use crate::store::{
    Count, Operation, OperationFilter, OperationState, OrgStatus, OrganizationName, PageOf,
    PageRequest, Tally, TenantScope,
};

/// How much there is of everything that the caller may see.
#[derive(Debug, Clone)]
pub struct Overview {
    /// Organizations by status: every status, in the order in which they are known.
    pub organizations: Vec<(OrgStatus, Count)>,
    /// Operations by state: every state, in the order in which they are known. Of those that have ended,
    /// only what did so in the last [`ENDED_LATELY`]: it grows without end, and a count must not.
    pub operations: Vec<(OperationState, Count)>,
    /// The operation whose outcome is open for longest.
    pub oldest_unknown: Option<Operation>,
    /// Organizations that were created, day by day, the last [`DAYS`] of them.
    pub created: Vec<Tally>,
    /// Operations that ended, hour by hour, the last [`HOURS`] of them.
    pub ended: Vec<Tally>,
}

/// How far back what has ended is counted.
pub const ENDED_LATELY: TimeDelta = TimeDelta::hours(24);
/// How many days are told one by one; today is the last.
pub const DAYS: i32 = 14;
/// How many hours are told one by one; this one is the last.
pub const HOURS: i32 = 24;

/// An operation with whom it is for.
#[derive(Debug, Clone)]
pub struct QueuedOperation {
    /// The operation.
    pub operation: Operation,
    /// Its organization.
    pub organization: Option<OrganizationName>,
}

impl App {
    /// How much there is of everything that the caller may see, at a moment. What it costs is bounded: by
    /// what is open, by what happened lately, and by how far is counted.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn overview(&self, scope: &TenantScope, now: DateTime<Utc>) -> AppResult<Overview> {
        let store = &self.store;
        let mut organizations = Vec::with_capacity(OrgStatus::ALL.len());
        for status in OrgStatus::ALL {
            organizations.push((*status, store.count_organizations(scope, *status).await?));
        }
        let mut operations = Vec::with_capacity(OperationState::ALL.len());
        for state in OperationState::ALL {
            let count = store.count_operations(scope, *state, now - ENDED_LATELY).await?;
            operations.push((*state, count));
        }
        let days = spans(now, TimeDelta::days(1), DAYS);
        let hours = spans(now, TimeDelta::hours(1), HOURS);
        Ok(Overview {
            organizations,
            operations,
            oldest_unknown: store.oldest_unknown(scope).await?,
            created: told(&days, &store.organizations_by_day(scope, days[0]).await?),
            ended: told(&hours, &store.operations_ended_by_hour(scope, hours[0]).await?),
        })
    }

    /// One page of the caller's operations, each with whom it is for.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn queue(
        &self,
        scope: &TenantScope,
        filter: &OperationFilter,
        page: &PageRequest,
    ) -> AppResult<PageOf<QueuedOperation>> {
        let found = self.store.list_operations(scope, filter, page).await?;
        let ids: Vec<_> = found.items.iter().map(|operation| operation.organization_id).collect();
        let names = self.store.name_organizations(&ids).await?;
        let names: HashMap<_, _> = names.into_iter().map(|name| (name.id, name)).collect();
        let queued = |operation: Operation| {
            let organization = names.get(&operation.organization_id).cloned();
            QueuedOperation { operation, organization }
        };
        let items = found.items.into_iter().map(queued).collect();
        Ok(PageOf { items, next: found.next, total_count: found.total_count })
    }
}

/// The beginnings of the last spans of this length, this one last. Days begin at midnight UTC.
fn spans(now: DateTime<Utc>, length: TimeDelta, count: i32) -> Vec<DateTime<Utc>> {
    let this = now.duration_trunc(length).unwrap_or(now);
    (0..count).rev().map(|back| this - length * back).collect()
}

/// Every span with its tally, 0 where there is none.
fn told(spans: &[DateTime<Utc>], tallied: &[Tally]) -> Vec<Tally> {
    let count = |from| tallied.iter().find(|tally| tally.from == from).map_or(0, |it| it.count);
    spans.iter().map(|from| Tally { from: *from, count: count(*from) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn every_span_is_told_though_nothing_happened_in_it() {
        let now = at("2026-11-22T10:20:30Z");
        let days = spans(now, TimeDelta::days(1), 3);
        let begun = ["2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z"];
        assert_eq!(days, begun.map(at));
        let counted = [Tally { from: at("2026-11-21T00:00:00Z"), count: 7 }];
        let counts: Vec<i64> = told(&days, &counted).iter().map(|tally| tally.count).collect();
        assert_eq!(counts, [0, 7, 0]);
        let hours = spans(now, TimeDelta::hours(1), HOURS);
        assert_eq!((hours[0], hours[23]), (at("2026-11-21T11:00:00Z"), at("2026-11-22T10:00:00Z")));
    }
}
