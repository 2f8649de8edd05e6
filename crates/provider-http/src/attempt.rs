//! One attempt: a request sent, its answer read, and a span, a log line, a metric and the account's
//! signals left behind. No body, no URL and no key goes into any of them: of a path, its template alone.

use std::time::Instant;

use bytes::Bytes;
use chrono::Utc;
use http::{HeaderMap, StatusCode};
use partner_core::{Effect, Error, Kind, ProviderAnswer, Reply, Result};
use tracing::{Instrument, Span, field::Empty};

use crate::{
    Answer, Call, HttpClient, Refusal, Unreadable,
    answer::{read_body, request_id},
    classify::{body_error, judge_status, retry_after, transport_error, unreadable_error},
    credentials::Key,
    trace,
};

/// The most faults that are kept of one answer.
const MAX_FAULTS: usize = 50;

/// An attempt under way. It is counted when dropped, so that one whose caller goes away is counted too.
pub(crate) struct Attempt {
    provider: String,
    operation: &'static str,
    started: Instant,
    outcome: &'static str,
    span: Span,
}

/// An answer with what its headers told.
pub(crate) struct Received {
    answer: Answer,
    headers: HeaderMap,
    request_id: Option<String>,
}

impl Received {
    pub(crate) fn new(status: StatusCode, headers: HeaderMap, body: Bytes, key: &Key) -> Self {
        let request_id = request_id(&headers, key);
        Self { answer: Answer::new(status, body, key), headers, request_id }
    }
}

impl Attempt {
    pub(crate) fn begin(client: &HttpClient, call: &Call<'_>) -> Self {
        let provider = client.provider().as_str();
        let template = client.template(call);
        let span = tracing::info_span!(
            "provider.attempt",
            otel.kind = "client",
            otel.name = format!("{} {template}", call.method),
            otel.status_code = Empty,
            provider,
            operation = call.operation,
            http.request.method = %call.method,
            http.response.status_code = Empty,
            url.template = template,
            "error.type" = Empty,
            server.address = client.base_url().host_str(),
            server.port = client.base_url().port_or_known_default(),
            provider.request_id = Empty,
            outcome = Empty,
        );
        Self {
            provider: provider.to_owned(),
            operation: call.operation,
            started: Instant::now(),
            outcome: "dropped",
            span,
        }
    }

    /// Sends the request and reads its answer.
    pub(crate) async fn run<T: Send>(
        mut self,
        client: &HttpClient,
        call: Call<'_>,
        read: impl FnOnce(&Answer) -> std::result::Result<T, Unreadable> + Send,
        read_refusal: impl FnOnce(&Answer) -> Refusal + Send,
    ) -> Result<Reply<T>> {
        let result = async {
            let key = client.credentials().current();
            let received = send(client, call, &key, &self.span).await?;
            judge(received, &key, read, read_refusal)
        }
        .instrument(self.span.clone())
        .await;
        self.end(client, &result);
        result
    }

    fn end<T>(&mut self, client: &HttpClient, result: &Result<Reply<T>>) {
        let span = self.span.clone();
        let _entered = span.enter();
        let signals = client.signals();
        match result {
            Ok(reply) => {
                self.outcome = "ok";
                signals.note_success(Utc::now());
                tracing::debug!(provider.request_id = reply.request_id, "the provider answered");
            }
            Err(error) => {
                self.outcome = outcome_of(error);
                signals.note_error(error, Utc::now());
                self.span.record("otel.status_code", "ERROR");
                self.span.record("error.type", self.outcome);
                let answer = error.answer();
                tracing::info!(
                    kind = error.kind().as_str(),
                    effect = error.effect().as_str(),
                    status = answer.map(|answer| answer.status),
                    provider.request_id = answer.and_then(|answer| answer.request_id.as_deref()),
                    cause = cause_of(error),
                    "the provider call failed: {}",
                    error.message(),
                );
            }
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.span.record("outcome", self.outcome);
        let provider = std::mem::take(&mut self.provider);
        metrics::histogram!(
            "gateway_provider_attempt_duration_seconds",
            "provider" => provider.clone(),
            "operation" => self.operation,
        )
        .record(self.started.elapsed());
        metrics::counter!(
            "gateway_provider_attempts_total",
            "provider" => provider,
            "operation" => self.operation,
            "outcome" => self.outcome,
        )
        .increment(1);
    }
}

/// The outcome's name in metrics: a refusal by its kind, all else by what it did.
fn outcome_of(error: &Error) -> &'static str {
    match error.effect() {
        Effect::NotApplied => error.kind().as_str(),
        Effect::NotSent | Effect::Unknown => error.effect().as_str(),
    }
}

/// The innermost cause of a transport error, as the system words it.
fn cause_of(error: &Error) -> Option<String> {
    let mut cause = std::error::Error::source(error)?;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    Some(cause.to_string())
}

async fn send(client: &HttpClient, call: Call<'_>, key: &Key, span: &Span) -> Result<Received> {
    let mut request = client
        .client_for(&call.method)
        .request(call.method.clone(), client.url(&call)?)
        .header(http::header::ACCEPT, "application/json")
        .header(client.credentials().header(), key.header_value());
    if let Some(body) = call.body {
        let body = body.map_err(|fault| {
            Error::new(Kind::Unexpected, Effect::NotSent, "the request could not be formed")
                .with_source(fault)
        })?;
        request = request.header(http::header::CONTENT_TYPE, "application/json").body(body);
    }
    let mut headers = HeaderMap::new();
    trace::inject(&mut headers);
    let response = request.headers(headers).send().await.map_err(transport_error)?;
    receive(client, response, key, span).await
}

async fn receive(
    client: &HttpClient,
    response: reqwest::Response,
    key: &Key,
    span: &Span,
) -> Result<Received> {
    let status = response.status();
    let headers = response.headers().clone();
    let request_id = request_id(&headers, key);
    span.record("http.response.status_code", status.as_u16());
    if let Some(id) = &request_id {
        span.record("provider.request_id", id.as_str());
    }
    client.signals().note_headers(&headers, Utc::now());
    match read_body(response).await {
        Ok(body) => Ok(Received::new(status, headers, body, key)),
        Err(fault) => Err(body_error(status, fault).with_answer(bare_answer(status, request_id))),
    }
}

pub(crate) fn judge<T>(
    received: Received,
    key: &Key,
    read: impl FnOnce(&Answer) -> std::result::Result<T, Unreadable>,
    read_refusal: impl FnOnce(&Answer) -> Refusal,
) -> Result<Reply<T>> {
    let Received { answer, headers, request_id } = received;
    if answer.status.is_success() {
        return match read(&answer) {
            Ok(value) => Ok(Reply { value, request_id }),
            Err(why) => Err(unreadable_error(answer.status, &why)
                .with_answer(bare_answer(answer.status, request_id))),
        };
    }
    let refusal = read_refusal(&answer);
    let (kind, effect) = refusal.verdict.unwrap_or_else(|| judge_status(answer.status));
    let mut faults = refusal.field_faults;
    faults.truncate(MAX_FAULTS);
    for fault in &mut faults {
        fault.message = key.scrub_words(&fault.message);
        fault.provider_field = key.scrub_words(&fault.provider_field);
    }
    let said = ProviderAnswer {
        error_type: refusal.error_type.map(|text| key.scrub_words(&text)),
        message: refusal.message.map(|text| key.scrub_words(&text)),
        ..bare_answer(answer.status, request_id)
    };
    let message = format!("the provider answered {}", answer.status.as_u16());
    Err(Error::new(kind, effect, message)
        .with_answer(said)
        .with_field_faults(faults)
        .with_retry_after(retry_after(&headers, Utc::now())))
}

fn bare_answer(status: StatusCode, request_id: Option<String>) -> ProviderAnswer {
    ProviderAnswer { status: status.as_u16(), request_id, ..ProviderAnswer::default() }
}
