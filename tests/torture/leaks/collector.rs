//! A collector of traces and metrics that keeps what it is sent as it came. Text stands in protobuf as it
//! is, so that a word can be looked for without reading the rest.

use std::sync::{Arc, Mutex, PoisonError};

use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate, matchers::any};

/// What was sent to it.
#[derive(Debug, Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Respond for Kept {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(request.url.path().as_bytes());
        kept.extend_from_slice(&request.body);
        ResponseTemplate::new(200)
    }
}

/// A collector that runs.
pub(super) struct Collector {
    server: MockServer,
    kept: Kept,
}

impl Collector {
    /// Starts one.
    pub(super) async fn start() -> Self {
        let (server, kept) = (MockServer::start().await, Kept::default());
        Mock::given(any()).respond_with(kept.clone()).mount(&server).await;
        Self { server, kept }
    }

    /// Where it listens.
    pub(super) fn address(&self) -> String {
        self.server.uri()
    }

    /// All that it was sent, as text.
    pub(super) fn text(&self) -> String {
        let kept = self.kept.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&kept).into_owned()
    }
}
