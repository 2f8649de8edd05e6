//! The place in a list that a caller hands back to us: read back as it was given, or refused.

#![no_main]

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::DateTime;
use libfuzzer_sys::fuzz_target;
use partner_gateway::{http::fuzzing::LISTS, store::PageAfter};
use uuid::Uuid;

fuzz_target!(|data: &[u8]| {
    check_text(&String::from_utf8_lossy(data));
    check_text(&URL_SAFE_NO_PAD.encode(data));
    check_row(data);
});

/// What is read is written as the same text, and belongs to one list.
fn check_text(text: &str) {
    let rows = LISTS.iter().filter_map(|list| Some((list, list.decode(text)?)));
    let numbers = LISTS.iter().filter_map(|list| Some((list, list.decode_number(text)?)));
    let mut taken = 0;
    for (list, row) in rows {
        taken += 1;
        assert_eq!(list.encode(&row), text);
    }
    for (list, number) in numbers {
        taken += 1;
        assert!(number >= 0);
        assert_eq!(list.encode_number(number), text);
    }
    assert!(taken <= 1, "{text} belongs to {taken} lists");
}

/// What was written is read as it was.
fn check_row(data: &[u8]) {
    let Some((list, rest)) = data.split_first() else { return };
    let Some((number, rest)) = rest.split_first_chunk::<8>() else { return };
    let list = LISTS[usize::from(*list) % LISTS.len()];
    let number = i64::from_be_bytes(*number);
    let text = list.encode_number(number);
    assert_eq!(list.decode_number(&text), (number >= 0).then_some(number));
    let Some((id, _)) = rest.split_first_chunk::<16>() else { return };
    let Some(at) = DateTime::from_timestamp_micros(number) else { return };
    let row = PageAfter { at, id: Uuid::from_bytes(*id) };
    assert_eq!(list.decode(&list.encode(&row)), Some(row));
}
