//! What is learnt about a request on its way in and needed on its way out.
//!
//! The outermost layer puts one into every request; extractors write into it, since a request's
//! extensions do not come back with the answer.

use std::sync::{Arc, OnceLock};

use tracing::Span;

use super::{extract::Preferences, limits::RateLimit};

/// The notes of one request. Clones are the same notes.
#[derive(Debug, Clone)]
pub(crate) struct RequestNotes(Arc<Notes>);

#[derive(Debug)]
struct Notes {
    span: Span,
    rate_limit: OnceLock<RateLimit>,
    preferences: OnceLock<Preferences>,
}

impl RequestNotes {
    /// Empty notes of the request whose span this is.
    pub(crate) fn new(span: Span) -> Self {
        let (rate_limit, preferences) = (OnceLock::new(), OnceLock::new());
        Self(Arc::new(Notes { span, rate_limit, preferences }))
    }

    /// The caller is known: its tenant belongs to the request's span.
    pub(crate) fn authenticated(&self, tenant: &str) {
        self.0.span.record("tenant", tenant);
    }

    /// The caller was held to its limit: the answer says how it stands. The first note stays.
    pub(crate) fn counted(&self, rate_limit: RateLimit) {
        self.0.rate_limit.get_or_init(|| rate_limit);
    }

    /// How the caller stands with its limit, if it was held to one.
    pub(crate) fn rate_limit(&self) -> Option<RateLimit> {
        self.0.rate_limit.get().cloned()
    }

    /// Notes the preferences that the request's handler honors. The first note stays.
    pub(crate) fn prefer(&self, preferences: Preferences) {
        self.0.preferences.get_or_init(|| preferences);
    }

    /// The preferences that the request's handler honors, if it honors any.
    pub(crate) fn preferences(&self) -> Option<Preferences> {
        self.0.preferences.get().copied()
    }
}
