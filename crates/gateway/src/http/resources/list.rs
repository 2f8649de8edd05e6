//! The envelope of every list.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    http::extract::{Cursor, ListKind},
    store::PageOf,
};

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ListOut<T> {
    /// What is on the page.
    pub items: Vec<T>,
    /// Give it as `cursor` for the next page; null at the end.
    #[schema(required)]
    pub next_cursor: Option<String>,
    /// How many there are in all, where `include_total` was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_count: Option<i64>,
}

impl<T> ListOut<T> {
    /// A page as the caller sees it.
    pub(crate) fn of_page<U>(kind: ListKind, page: PageOf<U>, out: impl Fn(U) -> T) -> Self {
        Self {
            next_cursor: page.next.map(|after| Cursor::encode(kind, &after)),
            total_count: page.total_count,
            items: page.items.into_iter().map(out).collect(),
        }
    }

    /// A list that is short enough for one page.
    pub(crate) fn whole(items: Vec<T>) -> Self {
        Self { items, next_cursor: None, total_count: None }
    }
}
