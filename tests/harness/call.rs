//! One request, built up and then awaited.

use std::{future::IntoFuture, pin::Pin};

use reqwest::{RequestBuilder, header};
use serde_json::Value;

use super::Reply;

/// A request that is sent when it is awaited.
#[derive(Debug)]
#[must_use = "it is sent when it is awaited"]
pub(crate) struct Call {
    request: RequestBuilder,
}

impl Call {
    pub(super) fn new(request: RequestBuilder) -> Self {
        Self { request }
    }

    /// With a header more.
    pub(crate) fn header(self, name: &str, value: &str) -> Self {
        Self { request: self.request.header(name, value) }
    }

    /// With a JSON body.
    pub(crate) fn json(self, body: &Value) -> Self {
        self.text(&body.to_string())
    }

    /// With a body as it is, said to be JSON.
    pub(crate) fn text(self, body: &str) -> Self {
        let request = self.request.header(header::CONTENT_TYPE, "application/json");
        Self { request: request.body(body.to_owned()) }
    }

    /// With these bytes as the body, said to be JSON.
    pub(crate) fn bytes(self, body: &[u8]) -> Self {
        self.header("Content-Type", "application/json").untyped(body)
    }

    /// With these bytes as the body, and no media type of its own.
    pub(crate) fn untyped(self, body: &[u8]) -> Self {
        Self { request: self.request.body(body.to_owned()) }
    }

    /// With a body as it is, said to be a form.
    pub(crate) fn form(self, body: &str) -> Self {
        let form = "application/x-www-form-urlencoded";
        let request = self.request.header(header::CONTENT_TYPE, form);
        Self { request: request.body(body.to_owned()) }
    }

    /// Waits so many seconds for the outcome.
    pub(crate) fn wait(self, seconds: u32) -> Self {
        self.header("Prefer", &format!("wait={seconds}"))
    }

    /// Is answered without waiting for the outcome.
    pub(crate) fn respond_async(self) -> Self {
        self.header("Prefer", "respond-async")
    }

    /// With an idempotency key.
    pub(crate) fn key(self, key: &str) -> Self {
        self.header("Idempotency-Key", key)
    }
}

impl Call {
    /// Sends it, and answers what comes back before any of the body is read.
    ///
    /// # Errors
    /// Nobody answers.
    pub(crate) async fn unread(self) -> Result<reqwest::Response, reqwest::Error> {
        self.request.send().await
    }

    /// Sends it to a gateway that may be dead; `None` where there is no whole answer.
    pub(crate) async fn answered(self) -> Option<Reply> {
        Reply::try_read(self.request.send().await.ok()?).await
    }
}

impl IntoFuture for Call {
    type Output = Reply;
    type IntoFuture = Pin<Box<dyn Future<Output = Reply> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let response = self.request.send().await.expect("the gateway answers");
            Reply::read(response).await
        })
    }
}
