//! A caller of the API, as a platform of the reseller's is one.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;

use super::call::Call;

/// Longer than the longest wait that the API grants.
const TIMEOUT: Duration = Duration::from_secs(90);

/// Calls one gateway with one token. Clones share connections.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
}

impl Client {
    pub(super) fn new(base: String, token: Option<String>) -> Self {
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .unwrap();
        Self { http, base, token }
    }

    /// A client of an API that is not of this process.
    pub(crate) fn of(base: impl Into<String>, token: impl Into<String>) -> Self {
        Self::new(base.into(), Some(token.into()))
    }

    /// A client of an API by https, whose certificate must lead to this one in PEM.
    pub(crate) fn trusting(base: impl Into<String>, token: impl Into<String>, ca: &str) -> Self {
        let ca = reqwest::Certificate::from_pem(ca.as_bytes()).unwrap();
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .tls_certs_only([ca])
            .build()
            .unwrap();
        Self { http, base: base.into(), token: Some(token.into()) }
    }

    /// The same, without a token.
    pub(crate) fn without_token(base: impl Into<String>) -> Self {
        Self::new(base.into(), None)
    }

    /// The same, with this token, over the same connections.
    pub(crate) fn with_token(&self, token: impl Into<String>) -> Self {
        Self { token: Some(token.into()), ..self.clone() }
    }

    pub(super) fn elsewhere(&self, base: String) -> Self {
        Self { base, ..self.clone() }
    }

    /// Where it calls, without a path.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Asks for a path, query included.
    pub(crate) fn get(&self, path: &str) -> Call {
        self.call(Method::GET, path)
    }

    /// Posts JSON.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Call {
        self.call(Method::POST, path).json(body)
    }

    /// DELETE.
    pub(crate) fn delete(&self, path: &str) -> Call {
        self.call(Method::DELETE, path)
    }

    /// Patches by JSON.
    pub(crate) fn patch(&self, path: &str, body: &Value) -> Call {
        self.call(Method::PATCH, path).json(body)
    }

    /// Any other request.
    pub(crate) fn call(&self, method: Method, path: &str) -> Call {
        let request = self.http.request(method, format!("{}{path}", self.base));
        Call::new(match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        })
    }

    /// Creates an organization, which must be done at once, and answers it.
    pub(crate) async fn create(&self, body: &Value) -> Value {
        self.post("/v1/organizations", body).await.expect(201)
    }

    /// Waits until an operation has ended or needs a person, and answers it.
    pub(crate) async fn settled(&self, operation_id: &str) -> Value {
        self.get(&format!("/v1/operations/{operation_id}?wait=60")).await.expect(200)
    }
}
