//! Pages: `limit`, `cursor` and `include_total`.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::query::QueryFields;
use crate::store::{PageAfter, PageRequest};

/// How many items a page has where the caller says nothing, and at most.
const DEFAULT_LIMIT: i64 = 50;
const LARGEST_LIMIT: i64 = 200;

/// The list that a cursor belongs to: one of another list is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListKind {
    /// Organizations, oldest first.
    OrganizationsAsc = 1,
    /// Organizations, newest first.
    OrganizationsDesc = 2,
    /// Operations, oldest first.
    Operations = 3,
    /// Operations, newest first.
    OperationsDesc = 4,
    /// Events, by their numbers.
    Events = 5,
    /// Discrepancies, first seen first.
    Discrepancies = 7,
    /// Webhooks, oldest first.
    Webhooks = 8,
    /// Deliveries of a webhook, oldest first.
    Deliveries = 9,
}

/// Where a page goes on, as the caller holds it: opaque.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor;

/// The kind of list, microseconds, and an id.
const CURSOR_BYTES: usize = 1 + 8 + 16;
/// The kind of list, and a number.
const NUMBER_CURSOR_BYTES: usize = 1 + 8;

impl Cursor {
    /// The cursor of what comes after a row.
    pub(crate) fn encode(kind: ListKind, after: &PageAfter) -> String {
        let mut bytes = Vec::with_capacity(CURSOR_BYTES);
        bytes.push(kind as u8);
        bytes.extend_from_slice(&after.at.timestamp_micros().to_be_bytes());
        bytes.extend_from_slice(after.id.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The row that a cursor of this kind of list comes after.
    pub(crate) fn decode(kind: ListKind, text: &str) -> Option<PageAfter> {
        let bytes: [u8; CURSOR_BYTES] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (head, rest) = bytes.split_first()?;
        let (micros, id) = rest.split_first_chunk::<8>()?;
        if *head != kind as u8 {
            return None;
        }
        let at = DateTime::<Utc>::from_timestamp_micros(i64::from_be_bytes(*micros))?;
        Some(PageAfter { at, id: Uuid::from_slice(id).ok()? })
    }

    /// The cursor of what comes after a row's number.
    pub(crate) fn encode_number(kind: ListKind, number: i64) -> String {
        let mut bytes = Vec::with_capacity(NUMBER_CURSOR_BYTES);
        bytes.push(kind as u8);
        bytes.extend_from_slice(&number.to_be_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The number that a cursor of this kind of list comes after.
    pub(crate) fn decode_number(kind: ListKind, text: &str) -> Option<i64> {
        let bytes: [u8; NUMBER_CURSOR_BYTES] =
            URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (head, number) = bytes.split_first_chunk::<1>()?;
        let number = i64::from_be_bytes(number.try_into().ok()?);
        (head[0] == kind as u8 && number >= 0).then_some(number)
    }
}

impl QueryFields {
    /// The page that is asked for.
    pub(crate) fn page(&mut self, kind: ListKind) -> PageRequest {
        let limit = self.limit();
        let after = self
            .parsed("cursor", |text| Cursor::decode(kind, text).ok_or("is no cursor of this list"));
        PageRequest { limit, after, include_total: self.boolean("include_total").unwrap_or(false) }
    }

    /// How many items a page may have.
    pub(crate) fn limit(&mut self) -> i64 {
        let limit = self.parsed("limit", |text| match text.parse::<i64>() {
            Ok(limit @ 1..=LARGEST_LIMIT) => Ok(limit),
            Ok(_) | Err(_) => Err(format!("must be a number from 1 to {LARGEST_LIMIT}")),
        });
        limit.unwrap_or(DEFAULT_LIMIT)
    }

    /// After which number a page of this kind of list begins, where it is not the first.
    pub(crate) fn number_cursor(&mut self, kind: ListKind) -> Option<i64> {
        self.parsed("cursor", |text| {
            Cursor::decode_number(kind, text).ok_or("is no cursor of this list")
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_comes_back_whole(micros in -62_000_000_000_000_000_i64..250_000_000_000_000_000, id: u128) {
            let at = DateTime::from_timestamp_micros(micros).unwrap();
            let after = PageAfter { at, id: Uuid::from_u128(id) };
            let text = Cursor::encode(ListKind::Operations, &after);
            prop_assert_eq!(Cursor::decode(ListKind::Operations, &text), Some(after));
            prop_assert_eq!(Cursor::decode(ListKind::OrganizationsAsc, &text), None);
        }

        #[test]
        fn a_number_comes_back_whole(number in 0..i64::MAX) {
            let text = Cursor::encode_number(ListKind::Events, number);
            prop_assert_eq!(Cursor::decode_number(ListKind::Events, &text), Some(number));
            prop_assert_eq!(Cursor::decode_number(ListKind::Operations, &text), None);
            prop_assert_eq!(Cursor::decode(ListKind::Events, &text), None);
        }

        #[test]
        fn no_text_breaks_the_reading_of_a_cursor(text in ".*") {
            let _ = Cursor::decode(ListKind::Operations, &text);
            let _ = Cursor::decode_number(ListKind::Events, &text);
        }
    }
}
