//! Keyset pages: a list goes on after the last row it showed.

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Where a page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageAfter {
    /// The time of the last row shown.
    pub at: DateTime<Utc>,
    /// Its id.
    pub id: Uuid,
}

/// Which page is asked for.
#[derive(Debug, Clone, Copy)]
pub struct PageRequest {
    /// How many rows at most.
    pub limit: i64,
    /// After which row.
    pub after: Option<PageAfter>,
    /// Count all rows of the list too.
    pub include_total: bool,
}

/// One page of a list.
#[derive(Debug, Clone)]
pub struct PageOf<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Where the next one begins; `None` at the end.
    pub next: Option<PageAfter>,
    /// How many rows the list has, where that was asked.
    pub total_count: Option<i64>,
}

impl<T> PageOf<T> {
    /// Makes a page of up to one row more than was asked for, which tells that there is a next page.
    pub(super) fn cut(
        mut items: Vec<T>,
        request: &PageRequest,
        total_count: Option<i64>,
        key: impl Fn(&T) -> PageAfter,
    ) -> Self {
        let limit = usize::try_from(request.limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let next = if more { items.last().map(key) } else { None };
        Self { items, next, total_count }
    }
}
