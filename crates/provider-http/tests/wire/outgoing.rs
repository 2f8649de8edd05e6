//! What goes out: connections, headers, the trace.

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use provider_http::{DocumentClient, DocumentError, TraceContext, with_trace_context};
use secrecy::SecretString;
use tracing::{Instrument, instrument::WithSubscriber};
use tracing_subscriber::layer::SubscriberExt;

use super::*;

const ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn parent() -> TraceContext {
    TraceContext {
        trace_state: Some("vendor=1".to_owned()),
        ..PARENT.parse().expect("a traceparent")
    }
}

fn ok() -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_string("{}")
}

#[tokio::test]
async fn reads_share_a_connection_and_each_write_has_its_own() {
    let server = RawServer::answering(ANSWER);
    let client = client(&server.url());
    for _ in 0..3 {
        get(&client).await.unwrap();
    }
    assert_eq!(server.connections(), 1);
    for _ in 0..3 {
        post(&client).await.unwrap();
    }
    assert_eq!(server.connections(), 4);
}

#[tokio::test]
async fn a_request_says_who_sends_it_and_carries_the_key() {
    let (server, client) = serve(ok()).await;
    post(&client).await.unwrap();
    let request = &server.received_requests().await.unwrap()[0];
    let agent = request.headers["user-agent"].to_str().unwrap();
    assert!(agent.starts_with("partner-gateway/"), "{agent}");
    assert_eq!(request.headers["x-auth-token"], SECRET);
    assert_eq!(request.headers["content-type"], "application/json");
    assert_eq!(request.body, br#"{"a":1}"#);
    assert!(!request.headers.contains_key("traceparent"));
}

#[tokio::test]
async fn a_call_continues_the_trace_it_works_for_in_a_span_of_its_own() {
    let (server, client) = serve(ok()).await;
    with_trace_context(parent(), async {
        post(&client).await.unwrap();
        get(&client).await.unwrap();
    })
    .await;
    let requests = server.received_requests().await.unwrap();
    let mut spans = vec![parent().span_id];
    for request in &requests {
        let sent = TraceContext::from_headers(&request.headers).unwrap();
        assert_eq!(sent.trace_id, parent().trace_id);
        assert_eq!(sent.flags, 1);
        assert_eq!(sent.trace_state.as_deref(), Some("vendor=1"));
        assert!(!spans.contains(&sent.span_id), "a span id came twice");
        spans.push(sent.span_id);
    }
    assert_eq!(spans.len(), 3);
}

#[tokio::test]
async fn a_tracers_span_goes_before_the_tasks_trace() {
    let (server, client) = serve(ok()).await;
    let tracer = SdkTracerProvider::builder().build().tracer("test");
    let layer = tracing_opentelemetry::layer().with_tracer(tracer);
    let subscriber = tracing_subscriber::registry().with(layer);
    async {
        let call = with_trace_context(parent(), post(&client));
        call.instrument(tracing::info_span!("request")).await.unwrap();
    }
    .with_subscriber(subscriber)
    .await;
    let request = &server.received_requests().await.unwrap()[0];
    let sent = TraceContext::from_headers(&request.headers).unwrap();
    assert_ne!(sent.trace_id, parent().trace_id);
}

fn document(server: &MockServer) -> DocumentClient {
    let url = format!("{}/keys?v=1", server.uri()).parse().expect("a URL");
    let client = DocumentClient::new(url, Duration::from_secs(30), Duration::from_secs(10), None);
    client.expect("a client")
}

#[tokio::test]
async fn a_document_is_fetched_without_our_key() {
    let (server, _) = serve(ResponseTemplate::new(200).set_body_string(r#"{"keys": []}"#)).await;
    let keys: Value = document(&server).get_json().await.unwrap();
    assert_eq!(keys, serde_json::json!({"keys": []}));
    let request = &server.received_requests().await.unwrap()[0];
    assert_eq!(request.url.query(), Some("v=1"));
    assert!(!request.headers.contains_key("x-auth-token"));
}

#[tokio::test]
async fn a_document_that_is_elsewhere_too_long_or_no_json_is_refused() {
    let fetch = |answer: ResponseTemplate| async {
        let (server, _) = serve(answer).await;
        document(&server).get_json::<Value>().await.unwrap_err()
    };
    let elsewhere = ResponseTemplate::new(302).insert_header("Location", "/other");
    assert!(matches!(fetch(elsewhere).await, DocumentError::Status(302)));
    let long = ResponseTemplate::new(200).set_body_bytes(vec![b' '; 2 << 20]);
    assert!(matches!(fetch(long).await, DocumentError::TooLong));
    let no_json = ResponseTemplate::new(200).set_body_string("<html>");
    assert!(matches!(fetch(no_json).await, DocumentError::Unreadable(_)));
}

#[tokio::test]
async fn a_form_is_posted_with_who_sends_it_and_no_redirect_is_followed() {
    let (server, _) = serve(ResponseTemplate::new(200).set_body_string(r#"{"a": 1}"#)).await;
    let secret = SecretString::from("a:b c");
    let fields = [("code", "x&y=1"), ("grant", "code")];
    let answer: Value = document(&server).post_form(&fields, Some(("me", &secret))).await.unwrap();
    assert_eq!(answer, serde_json::json!({"a": 1}));
    let request = &server.received_requests().await.unwrap()[0];
    assert_eq!(request.body, b"code=x%26y%3D1&grant=code");
    assert_eq!(request.headers["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(request.headers["authorization"], "Basic bWU6YSUzQWIrYw==");
    let (server, _) = serve(ResponseTemplate::new(307).insert_header("Location", "/other")).await;
    let refused = document(&server).post_form::<Value>(&fields, None).await.unwrap_err();
    assert!(matches!(refused, DocumentError::Status(307)));
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[test]
fn a_document_is_fetched_over_https_or_from_this_machine() {
    let fetch = |url: &str| {
        let seconds = Duration::from_secs;
        DocumentClient::new(url.parse().unwrap(), seconds(2), seconds(1), None).is_ok()
    };
    assert!(fetch("https://id.acme.test/keys"));
    assert!(fetch("http://127.0.0.1:9/keys?v=1"));
    assert!(!fetch("http://id.acme.test/keys"));
    assert!(!fetch("file:///etc/keys"));
}
