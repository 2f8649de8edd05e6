//! What the gateway answered.

use reqwest::{Response, header::HeaderMap};
use serde_json::Value;

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Reply {
    /// The status.
    pub(crate) status: u16,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The body.
    pub(crate) text: String,
    /// The body as JSON; null where it is none.
    pub(crate) json: Value,
}

impl Reply {
    pub(super) async fn read(response: Response) -> Self {
        Self::try_read(response).await.expect("the answer comes whole")
    }

    /// Reads an answer that may break off.
    pub(super) async fn try_read(response: Response) -> Option<Self> {
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let text = response.text().await.ok()?;
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Some(Self { status, headers, text, json })
    }

    /// A header's value; empty where there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("a header is text"))
    }

    /// The body, of an answer that must have this status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.json
    }

    /// The problem document, of an answer that must be one with this status and code.
    #[track_caller]
    pub(crate) fn problem(self, status: u16, code: &str) -> Value {
        assert_eq!(
            (self.status, &self.json["code"]),
            (status, &Value::from(code)),
            "{}",
            self.text
        );
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.json["status"], status, "the document has the status too");
        assert_eq!(self.json["request_id"], self.header("x-request-id"));
        self.json
    }

    /// The pointers of a problem's faults, in order.
    pub(crate) fn pointers(problem: &Value) -> Vec<&str> {
        let faults = problem["errors"].as_array().expect("the faults are listed");
        faults.iter().map(|fault| fault["pointer"].as_str().expect("a pointer")).collect()
    }
}
