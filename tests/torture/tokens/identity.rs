//! The identity provider, whose key set can be changed and whose fetches are counted; and an attacker, who
//! publishes keys of his own and must never be asked.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use partner_gateway::auth::{KeySource, KeySourceError};
use serde_json::{Value, json};
use wiremock::{
    Mock, MockServer, Request, Respond, ResponseTemplate,
    matchers::{any, method, path},
};

/// What is published now: a status and a document.
#[derive(Debug, Clone)]
struct Published {
    status: u16,
    document: String,
}

/// An identity provider's key set.
#[derive(Debug, Clone)]
pub(super) struct KeySet {
    published: Arc<Mutex<Published>>,
    fetches: Arc<AtomicU64>,
}

impl KeySet {
    /// One with these keys.
    pub(super) fn of(keys: &[Value]) -> Self {
        let published = Published { status: 200, document: document(keys) };
        Self { published: Arc::new(Mutex::new(published)), fetches: Arc::default() }
    }

    /// Publishes these keys and no others.
    pub(super) fn publish(&self, keys: &[Value]) {
        self.answer(200, document(keys));
    }

    /// Answers this from now on.
    pub(super) fn answer(&self, status: u16, document: impl Into<String>) {
        let mut published = self.published.lock().unwrap_or_else(PoisonError::into_inner);
        *published = Published { status, document: document.into() };
    }

    /// How often it was fetched.
    pub(super) fn fetches(&self) -> u64 {
        self.fetches.load(Ordering::SeqCst)
    }

    fn take(&self) -> Published {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        self.published.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn document(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

impl Respond for KeySet {
    fn respond(&self, _request: &Request) -> ResponseTemplate {
        let Published { status, document } = self.take();
        ResponseTemplate::new(status).set_body_raw(document, "application/json")
    }
}

/// Fetched in this process, where time is given and not waited for.
#[async_trait]
impl KeySource for KeySet {
    async fn fetch(&self) -> Result<Vec<u8>, KeySourceError> {
        // As over a network, others come in between.
        tokio::task::yield_now().await;
        let Published { status, document } = self.take();
        match status {
            200 => Ok(document.into_bytes()),
            status => Err(KeySourceError(format!("answered {status}"))),
        }
    }
}

/// Publishes a key set over HTTP.
pub(super) async fn serve(keys: &KeySet) -> MockServer {
    let server = MockServer::start().await;
    let keys = keys.clone();
    Mock::given(method("GET")).and(path("/keys")).respond_with(keys).mount(&server).await;
    server
}

/// Answers whatever is asked with these keys, so that whoever asks would believe the attacker.
pub(super) async fn attacker(keys: &[Value]) -> MockServer {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(200).set_body_raw(document(keys), "application/json");
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}
