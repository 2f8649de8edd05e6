//! A request taken apart and an answer before it is sent, free of sockets.

use crate::operation::Operation;
use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri,
    header::{CONTENT_LENGTH, CONTENT_TYPE},
};
use serde_json::Value;
use uuid::Uuid;

/// A request that has been read to its end.
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Call {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The path cut at its slashes, as it was sent: nothing is decoded.
    pub(crate) fn segments(&self) -> Vec<&str> {
        self.uri.path().split('/').skip(1).collect()
    }

    /// The query's pairs, decoded.
    pub(crate) fn query(&self) -> Vec<(String, String)> {
        let query = self.uri.query().unwrap_or_default();
        url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()
    }
}

/// Where a request leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    To(Target),
    /// The path is known, the method is not; what is allowed.
    WrongMethod(&'static str),
    Nowhere,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) operation: Operation,
    /// The organization's id in the path, as sent.
    pub(crate) id: String,
    /// The partner's id in the path, as sent; Archera only.
    pub(crate) partner: String,
}

impl Route {
    pub(crate) fn operation(&self) -> Option<Operation> {
        match self {
            Self::To(target) => Some(target.operation),
            Self::WrongMethod(_) | Self::Nowhere => None,
        }
    }
}

/// An answer.
#[derive(Clone)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    /// Boxed, since answers travel as errors too.
    pub(crate) headers: Box<HeaderMap>,
    pub(crate) body: Bytes,
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");

impl Reply {
    pub(crate) fn json(status: StatusCode, body: &Value) -> Self {
        Self::empty(status).with(CONTENT_TYPE, JSON).body(body.to_string())
    }

    /// No body and no content type.
    pub(crate) fn empty(status: StatusCode) -> Self {
        Self { status, headers: Box::default(), body: Bytes::new() }
    }

    /// No body, and yet a content type: Scaleway's 204.
    pub(crate) fn no_content_as_json() -> Self {
        Self::empty(StatusCode::NO_CONTENT).with(CONTENT_TYPE, JSON)
    }

    pub(crate) fn html(status: StatusCode, page: &'static str) -> Self {
        Self::empty(status).with(CONTENT_TYPE, HeaderValue::from_static("text/html")).body(page)
    }

    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// With its length said outright, so that a body cut short shows.
    pub(crate) fn with_length(self, length: usize) -> Self {
        self.with(CONTENT_LENGTH, HeaderValue::from(length))
    }
}

/// What became of a call whose work was done.
pub(crate) struct Done {
    pub(crate) reply: Reply,
    /// Whether it changed anything.
    pub(crate) applied: bool,
    /// The organization it made.
    pub(crate) created: Option<Uuid>,
}

impl Done {
    /// Nothing was changed.
    pub(crate) fn unchanged(reply: Reply) -> Self {
        Self { reply, applied: false, created: None }
    }

    pub(crate) fn changed(reply: Reply) -> Self {
        Self { reply, applied: true, created: None }
    }

    pub(crate) fn created(reply: Reply, id: Uuid) -> Self {
        Self { reply, applied: true, created: Some(id) }
    }
}

/// An id as both providers write it: a UUID with its hyphens, and nothing else.
pub(crate) fn parse_id(text: &str) -> Option<Uuid> {
    (text.len() == 36).then(|| Uuid::try_parse(text).ok()).flatten()
}
