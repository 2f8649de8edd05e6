//! One attempt: a request sent, its answer read, and a span, a log line, a metric and the account's
//! signals left behind. No body, no URL and no key goes into any of them: of a path, its template alone.

use std::time::{Duration, Instant};

use bytes::Bytes;
use chrono::Utc;
use http::{HeaderMap, StatusCode};
use partner_core::{Effect, Error, Kind, ProviderAnswer, Reply, Result};
use tracing::{Instrument, Span, field::Empty};

use crate::{
    Answer, Call, HttpClient, Refusal, Unreadable,
    answer::{read_body, request_id},
    classify::{body_error, judge_status, retry_after, transport_error, unreadable_error},
    credentials::{Key, Keys},
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
    pub(crate) fn new(status: StatusCode, headers: HeaderMap, body: Bytes, keys: &Keys) -> Self {
        let request_id = request_id(&headers, keys);
        Self { answer: Answer::new(status, body, keys), headers, request_id }
    }

    fn status(&self) -> StatusCode {
        self.answer.status
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

    /// Sends the request with this key, in this time at the most, and reads its answer.
    async fn receive(
        &self,
        client: &HttpClient,
        call: &Call<'_>,
        keys: &Keys,
        key: &Key,
        time: Duration,
    ) -> Result<Received> {
        send(client, call, keys, key, time, &self.span).instrument(self.span.clone()).await
    }

    /// Ends an attempt whose key was refused and that another is made in place of. Of the account's health
    /// it tells nothing yet: the other key's answer does.
    fn end_for_another_key(mut self) {
        self.outcome = Kind::Unauthenticated.as_str();
        self.span.record("otel.status_code", "ERROR");
        let _entered = self.span.enter();
        tracing::info!("the provider refused one of two keys; the other is tried");
    }

    fn end<T>(mut self, client: &HttpClient, result: &Result<Reply<T>>) {
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

/// Makes the call: one attempt, and one more with the other key where the first is refused.
pub(crate) async fn run<T: Send>(
    client: &HttpClient,
    call: Call<'_>,
    read: impl FnOnce(&Answer) -> std::result::Result<T, Unreadable> + Send,
    read_refusal: impl FnOnce(&Answer) -> Refusal + Send,
) -> Result<Reply<T>> {
    let keys = client.keys().current();
    let (first, second) = keys.in_order();
    let began = Instant::now();
    let mut attempt = Attempt::begin(client, &call);
    let mut key = first;
    let mut received = attempt.receive(client, &call, &keys, first, client.timeout()).await;
    let left = client.timeout().saturating_sub(began.elapsed());
    // Both attempts together keep to one call's time: whoever makes it holds the operation for no longer.
    // What is too little to connect in would leave open whether anything was sent.
    if let Some(second) = second
        && left > client.connect_timeout()
        && received.as_ref().is_ok_and(|received| received.status() == StatusCode::UNAUTHORIZED)
    {
        attempt.end_for_another_key();
        attempt = Attempt::begin(client, &call);
        key = second;
        received = attempt.receive(client, &call, &keys, second, left).await;
    }
    let takes_key = received.as_ref().is_ok_and(|received| takes_key(received.status()));
    if takes_key && keys.prefer(key) {
        tracing::warn!(
            provider = client.provider().as_str(),
            "the provider refuses the key that went first; the other one does from now on"
        );
    }
    let result = received.and_then(|received| judge(received, &keys, read, read_refusal));
    attempt.end(client, &result);
    result
}

/// Whether an answer of this status is one to a key that was looked at and found good.
fn takes_key(status: StatusCode) -> bool {
    status.is_success()
        || status.is_client_error() && !matches!(status.as_u16(), 401 | 407 | 408 | 425 | 429)
}

async fn send(
    client: &HttpClient,
    call: &Call<'_>,
    keys: &Keys,
    key: &Key,
    time: Duration,
    span: &Span,
) -> Result<Received> {
    let mut request = client
        .client_for(&call.method)
        .request(call.method.clone(), client.url(call)?)
        .timeout(time)
        .header(http::header::ACCEPT, "application/json")
        .header(client.auth_header(), key.header_value());
    if let Some(body) = call.body.clone() {
        let body = body.map_err(|fault| {
            Error::new(Kind::Unexpected, Effect::NotSent, "the request could not be formed")
                .with_source(fault)
        })?;
        request = request.header(http::header::CONTENT_TYPE, "application/json").body(body);
    }
    let mut headers = HeaderMap::new();
    trace::inject(&mut headers);
    let response = request.headers(headers).send().await.map_err(transport_error)?;
    receive(client, response, keys, span).await
}

async fn receive(
    client: &HttpClient,
    response: reqwest::Response,
    keys: &Keys,
    span: &Span,
) -> Result<Received> {
    let status = response.status();
    let headers = response.headers().clone();
    let request_id = request_id(&headers, keys);
    span.record("http.response.status_code", status.as_u16());
    if let Some(id) = &request_id {
        span.record("provider.request_id", id.as_str());
    }
    client.signals().note_headers(&headers, Utc::now());
    match read_body(response).await {
        Ok(body) => Ok(Received::new(status, headers, body, keys)),
        Err(fault) => Err(body_error(status, fault).with_answer(bare_answer(status, request_id))),
    }
}

pub(crate) fn judge<T>(
    received: Received,
    keys: &Keys,
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
        fault.message = keys.scrub_words(&fault.message);
        fault.provider_field = keys.scrub_words(&fault.provider_field);
    }
    let said = ProviderAnswer {
        error_type: refusal.error_type.map(|text| keys.scrub_words(&text)),
        message: refusal.message.map(|text| keys.scrub_words(&text)),
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
