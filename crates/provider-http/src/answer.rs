//! An answer, read whole and within bounds. Nothing here judges what it means.

use std::fmt;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use serde_json::Value;

use crate::credentials::Keys;

/// The most bytes of a body that are read: 1 MiB.
pub const BODY_LIMIT: usize = 1024 * 1024;

/// Why a successful answer cannot be used, in words that repeat none of its content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

impl Unreadable {
    /// The place and sort of a fault in a JSON document. The error's own words may quote the content.
    #[must_use]
    pub fn json(error: &serde_json::Error) -> Self {
        let what = match error.classify() {
            serde_json::error::Category::Io => "it could not be read",
            serde_json::error::Category::Syntax => "it is not JSON",
            serde_json::error::Category::Data => "it has not the expected shape",
            serde_json::error::Category::Eof => "it is cut short",
        };
        match error.line() {
            0 => Self(what.to_owned()),
            line => Self(format!("{what}, line {line} column {}", error.column())),
        }
    }
}

/// A provider's answer: its status and its body.
pub struct Answer {
    pub(crate) status: StatusCode,
    body: Bytes,
    document: Option<Value>,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("status", &self.status).finish_non_exhaustive()
    }
}

impl Answer {
    pub(crate) fn new(status: StatusCode, body: Bytes, keys: &Keys) -> Self {
        let mut document = serde_json::from_slice(&body).ok();
        if let Some(document) = &mut document {
            keys.scrub_document(document);
        }
        Self { status, body, document }
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status.as_u16()
    }

    /// The body as a JSON document, scrubbed of our keys; `None` where it is not JSON.
    #[must_use]
    pub fn document(&self) -> Option<&Value> {
        self.document.as_ref()
    }

    /// The body as a JSON document, scrubbed of our keys, of a success that must have one.
    ///
    /// # Errors
    /// The body is not JSON.
    pub fn require_document(&self) -> Result<&Value, Unreadable> {
        if let Some(document) = &self.document {
            return Ok(document);
        }
        Err(match serde_json::from_slice::<Value>(&self.body) {
            Ok(_) => Unreadable("it is not JSON".to_owned()),
            Err(_) if self.body.is_empty() => Unreadable("it is empty".to_owned()),
            Err(error) => Unreadable::json(&error),
        })
    }
}

/// Why a body was not read whole.
#[derive(Debug)]
pub(crate) enum BodyFault {
    TooLong,
    Lost(reqwest::Error),
}

/// The body, if it ends within [`BODY_LIMIT`].
pub(crate) async fn read_body(mut response: reqwest::Response) -> Result<Bytes, BodyFault> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(BodyFault::Lost)? {
        if body.len() + chunk.len() > BODY_LIMIT {
            return Err(BodyFault::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// The provider's id of the request: printable ASCII, of bounded length, scrubbed.
pub(crate) fn request_id(headers: &HeaderMap, keys: &Keys) -> Option<String> {
    let text = headers.get("x-request-id")?.to_str().ok()?.trim();
    if text.is_empty() || text.len() > 128 || !text.chars().all(|c| c.is_ascii_graphic()) {
        return None;
    }
    Some(keys.scrub(text))
}
