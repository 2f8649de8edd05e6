//! What the fuzz targets reach of this room. It adds nothing of its own, and nothing else may use it.

use axum::http::HeaderMap;

use super::extract::{Cursor, ListKind, idempotency_key};
use crate::store::PageAfter;

/// Every list that a cursor may belong to.
pub const LISTS: [List; 8] = [
    List(ListKind::OrganizationsAsc),
    List(ListKind::OrganizationsDesc),
    List(ListKind::Operations),
    List(ListKind::OperationsDesc),
    List(ListKind::Events),
    List(ListKind::Discrepancies),
    List(ListKind::Webhooks),
    List(ListKind::Deliveries),
];

/// A list that a cursor may belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct List(ListKind);

impl List {
    /// The cursor of what comes after a row.
    #[must_use]
    pub fn encode(self, after: &PageAfter) -> String {
        Cursor::encode(self.0, after)
    }

    /// The row that a cursor comes after.
    #[must_use]
    pub fn decode(self, text: &str) -> Option<PageAfter> {
        Cursor::decode(self.0, text)
    }

    /// The cursor of what comes after a number.
    #[must_use]
    pub fn encode_number(self, number: i64) -> String {
        Cursor::encode_number(self.0, number)
    }

    /// The number that a cursor comes after.
    #[must_use]
    pub fn decode_number(self, text: &str) -> Option<i64> {
        Cursor::decode_number(self.0, text)
    }
}

/// The key of a request with these headers, or the status of the refusal.
///
/// # Errors
/// The key is not well-formed.
pub fn key_of(headers: &HeaderMap) -> Result<Option<String>, u16> {
    idempotency_key(headers).map_err(|problem| problem.status)
}
