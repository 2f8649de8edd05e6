//! What an adapter asks the client to send, and what it makes of a refusal.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::Method;
use partner_core::{Effect, FieldFault, Kind};
use serde::Serialize;

/// One request to a provider, as an adapter describes it.
pub struct Call<'a> {
    pub(crate) operation: &'static str,
    pub(crate) method: Method,
    pub(crate) path: Vec<&'a str>,
    pub(crate) query: Vec<(&'static str, String)>,
    pub(crate) body: Option<Result<Bytes, Arc<serde_json::Error>>>,
}

impl<'a> Call<'a> {
    /// A request. `operation` names it in traces, logs and metrics; each of `path` becomes one segment
    /// under the base URL, percent-encoded.
    ///
    /// # Behavior
    /// GET goes out on a kept connection. Everything else gets a connection of its own: a server that
    /// closes an idle one leaves it open whether a write was done.
    #[must_use]
    pub fn new(operation: &'static str, method: Method, path: &[&'a str]) -> Self {
        Self { operation, method, path: path.to_vec(), query: Vec::new(), body: None }
    }

    /// The same request with one more query parameter.
    #[must_use]
    pub fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// The same request with a query parameter where there is a value.
    #[must_use]
    pub fn query_some(self, name: &'static str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }

    /// The same request with a JSON body.
    #[must_use]
    pub fn json(mut self, body: &impl Serialize) -> Self {
        self.body = Some(serde_json::to_vec(body).map(Bytes::from).map_err(Arc::new));
        self
    }
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("operation", &self.operation)
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

/// What an adapter reads in an answer that is not a success. All of it may be missing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refusal {
    /// The provider's own name for the error.
    pub error_type: Option<String>,
    /// The provider's own words.
    pub message: Option<String>,
    /// The faults it found in the content.
    pub field_faults: Vec<FieldFault>,
    /// What the error means, where a documented code tells more than the status does.
    pub verdict: Option<(Kind, Effect)>,
}
