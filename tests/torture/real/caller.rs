//! A platform of the reseller's that calls one gateway, and does not mind when that dies.

use std::{fmt, time::Duration};

use reqwest::{Method, header};
use serde_json::Value;
use tokio::time::Instant;

use super::{Fault, provider_side::Request};

/// How long an operation may take to its end, or to a person.
const PATIENCE: Duration = Duration::from_secs(60);
/// Longer than any operation takes that nobody holds up, in seconds.
pub(crate) const LONG: u32 = 30;
/// How often it is asked for.
const EVERY: Duration = Duration::from_millis(50);

/// Calls one gateway.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    http: reqwest::Client,
    base: String,
    token: String,
}

/// What a gateway answered.
#[derive(Debug, Clone)]
pub(crate) struct Answered {
    /// The status.
    pub(crate) status: u16,
    /// Seconds after which to come again, where it says so.
    pub(crate) retry_after: Option<u64>,
    /// The body; null where there is none.
    pub(crate) json: Value,
}

impl fmt::Display for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.json)
    }
}

impl Caller {
    pub(super) fn new(http: reqwest::Client, base: String, token: String) -> Self {
        Self { http, base, token }
    }

    /// Asks for a path.
    ///
    /// # Errors
    /// There was no whole answer.
    pub(crate) async fn get(&self, path: &str) -> Result<Answered, Fault> {
        let request = self.http.get(format!("{}{path}", self.base));
        answer(request.bearer_auth(&self.token)).await
    }

    /// Posts JSON.
    ///
    /// # Errors
    /// There was no whole answer.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Answered, Fault> {
        let request = Request { method: Method::POST, path: path.to_owned(), body: body.clone() };
        self.send(&request, None, 10).await
    }

    /// Sends a write, with an idempotency key, and waits so many seconds for its outcome.
    ///
    /// # Errors
    /// There was no whole answer.
    pub(crate) async fn send(
        &self,
        request: &Request,
        key: Option<&str>,
        wait: u32,
    ) -> Result<Answered, Fault> {
        let url = format!("{}{}", self.base, request.path);
        let mut built = self.http.request(request.method.clone(), url).bearer_auth(&self.token);
        built = built.header("Content-Type", "application/json").body(request.body.to_string());
        built = match wait {
            0 => built.header("Prefer", "respond-async"),
            wait => built.header("Prefer", format!("wait={wait}")),
        };
        if let Some(key) = key {
            built = built.header("Idempotency-Key", key);
        }
        answer(built).await
    }

    /// The organization of a customer, if there is one.
    ///
    /// # Errors
    /// There was no answer, or there are two.
    pub(crate) async fn organization_of(&self, customer_id: &str) -> Result<Option<Value>, Fault> {
        let page = self.get(&format!("/v1/organizations?customer_id={customer_id}")).await?;
        match page.json["items"].as_array().map(Vec::as_slice) {
            Some([]) => Ok(None),
            Some([one]) => Ok(Some(one.clone())),
            Some(_) | None => Err(Fault(format!("not one organization: {page}"))),
        }
    }

    /// The last operation of this kind of an organization, if there is one.
    ///
    /// # Errors
    /// There was no answer.
    pub(crate) async fn operation_of(
        &self,
        organization: &str,
        kind: &str,
    ) -> Result<Option<Value>, Fault> {
        let path = format!("/v1/operations?organization_id={organization}&kind={kind}");
        let page = self.get(&path).await?;
        let items = page.json["items"].as_array();
        let items = items.ok_or_else(|| Fault(format!("no list of operations: {page}")))?;
        Ok(items.iter().max_by_key(|item| item["id"].as_str().map(str::to_owned)).cloned())
    }

    /// Waits until an operation has ended or needs a person, and answers it.
    ///
    /// # Errors
    /// It is stuck.
    pub(crate) async fn at_rest(&self, operation: &Value) -> Result<Value, Fault> {
        self.until(operation, |state| matches!(state, "succeeded" | "rejected" | "quarantined"))
            .await
    }

    /// Waits until an operation is in such a state, and answers it.
    ///
    /// # Errors
    /// It is stuck elsewhere.
    pub(crate) async fn until(
        &self,
        operation: &Value,
        is_so: impl Fn(&str) -> bool,
    ) -> Result<Value, Fault> {
        self.seen(operation, |now| now["state"].as_str().is_some_and(&is_so)).await
    }

    /// Waits until an operation is seen so, and answers it.
    ///
    /// # Errors
    /// It never is.
    pub(crate) async fn seen(
        &self,
        operation: &Value,
        is_so: impl Fn(&Value) -> bool,
    ) -> Result<Value, Fault> {
        let id = operation["id"].as_str().ok_or_else(|| Fault(format!("no id: {operation}")))?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let now = self.get(&format!("/v1/operations/{id}")).await?;
            if is_so(&now.json) {
                return Ok(now.json);
            }
            if Instant::now() > deadline {
                return Err(Fault(format!("stuck: {now}")));
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    /// The sum of a counter over its labels.
    ///
    /// # Errors
    /// There was no answer.
    pub(crate) async fn counter(&self, name: &str) -> Result<u64, Fault> {
        let request = self.http.get(format!("{}/metrics", self.base));
        let answered = request.send().await.map_err(Fault::of("the metrics"))?;
        let text = answered.text().await.map_err(Fault::of("the metrics"))?;
        let values = text.lines().filter(|line| line.starts_with(name)).filter_map(|line| {
            line.rsplit_once(' ').and_then(|(_, value)| value.parse::<u64>().ok())
        });
        Ok(values.sum())
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Result<Answered, Fault> {
    let response = request.send().await.map_err(Fault::of("no answer"))?;
    let status = response.status().as_u16();
    let retry_after = response.headers().get(header::RETRY_AFTER);
    let retry_after = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
    let text = response.text().await.map_err(Fault::of("half an answer"))?;
    Ok(Answered { status, retry_after, json: serde_json::from_str(&text).unwrap_or(Value::Null) })
}
