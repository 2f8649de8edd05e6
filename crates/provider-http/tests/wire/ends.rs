//! What each end of a request proves.

use super::*;

const UNKNOWN: (Kind, Effect) = (Kind::Unavailable, Effect::Unknown);
const NOT_SENT: (Kind, Effect) = (Kind::Unavailable, Effect::NotSent);

#[tokio::test]
async fn a_refused_connection_sent_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = post(&client(&url)).await.unwrap_err();
    assert_eq!(ending(&error), NOT_SENT);
    assert!(error.is_retryable());
}

#[tokio::test]
async fn a_name_without_an_address_sent_nothing() {
    let error = post(&client("https://nowhere.invalid")).await.unwrap_err();
    assert_eq!(ending(&error), NOT_SENT);
}

#[tokio::test]
async fn a_failed_handshake_sent_nothing() {
    let server = RawServer::start(|mut stream| {
        write(&mut stream, "this is no TLS\r\n\r\n");
    });
    let url = format!("https://{}", server.address);
    let error = post(&client(&url)).await.unwrap_err();
    assert_eq!(ending(&error), NOT_SENT);
}

#[tokio::test]
async fn a_handshake_that_hangs_is_a_connect_timeout_and_sent_nothing() {
    let held = std::sync::Mutex::new(Vec::new());
    let server = RawServer::start(move |stream| held.lock().unwrap().push(stream));
    let client = HttpClient::new(ClientConfig {
        connect_timeout: Duration::from_millis(200),
        ..config(&format!("https://{}", server.address))
    });
    let error = post(&client.unwrap()).await.unwrap_err();
    assert_eq!(ending(&error), NOT_SENT);
}

#[tokio::test]
async fn a_reset_before_the_answer_proves_nothing() {
    let server = RawServer::start(|stream| {
        // Closed with the request unread, the kernel answers with a reset.
        let waited = stream.peek(&mut [0; 1]);
        drop((waited, stream));
    });
    let error = post(&client(&server.url())).await.unwrap_err();
    assert_eq!(ending(&error), UNKNOWN);
    assert_eq!(server.connections(), 1, "it was sent once");
}

#[tokio::test]
async fn an_end_before_the_answer_proves_nothing() {
    let server = RawServer::start(|mut stream| {
        read_request(&mut stream);
    });
    let error = post(&client(&server.url())).await.unwrap_err();
    assert_eq!(ending(&error), UNKNOWN);
    assert_eq!(server.connections(), 1, "it was sent once");
}

#[tokio::test]
async fn half_a_body_proves_nothing_whatever_its_status() {
    for status in ["200 OK", "400 Bad Request"] {
        let server = RawServer::start(move |mut stream| {
            read_request(&mut stream);
            let head = format!("HTTP/1.1 {status}\r\nX-Request-Id: req-7\r\n");
            write(&mut stream, &format!("{head}Content-Length: 100\r\n\r\n{{\"a\": "));
        });
        let error = post(&client(&server.url())).await.unwrap_err();
        assert_eq!(ending(&error), UNKNOWN, "{status}");
        let answer = error.answer().unwrap();
        assert_eq!(answer.request_id.as_deref(), Some("req-7"));
    }
}

#[tokio::test]
async fn a_hang_proves_nothing() {
    let held = std::sync::Mutex::new(Vec::new());
    let server = RawServer::start(move |mut stream| {
        read_request(&mut stream);
        held.lock().unwrap().push(stream);
    });
    let client = HttpClient::new(ClientConfig {
        timeout: Duration::from_millis(500),
        connect_timeout: Duration::from_millis(400),
        ..config(&server.url())
    });
    let error = post(&client.unwrap()).await.unwrap_err();
    assert_eq!(ending(&error), UNKNOWN);
    assert_eq!(error.message(), "the provider did not answer in time");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        let answer = ResponseTemplate::new(status).insert_header("Location", "/elsewhere");
        let (server, client) = serve(answer).await;
        let error = post(&client).await.unwrap_err();
        let seen = ending(&error);
        assert_eq!(seen, (Kind::Unexpected, Effect::Unknown), "{status}");
        assert_eq!(server.received_requests().await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_not_read() {
    let (_server, client) =
        serve(ResponseTemplate::new(200).set_body_bytes(vec![b' '; 10 << 20])).await;
    let error = post(&client).await.unwrap_err();
    assert_eq!(ending(&error), (Kind::Unexpected, Effect::Unknown));
}

#[tokio::test]
async fn a_success_that_cannot_be_read_may_have_been_one() {
    for body in ["", "<html></html>", "{\"a\": ", "\u{feff}{}"] {
        let (_server, client) = serve(ResponseTemplate::new(200).set_body_string(body)).await;
        let error = post(&client).await.unwrap_err();
        let seen = ending(&error);
        assert_eq!(seen, (Kind::Unexpected, Effect::Unknown), "{body:?}");
        assert_eq!(error.answer().unwrap().status, 200);
    }
}

#[tokio::test]
async fn each_status_proves_what_it_proves() {
    let refused = Effect::NotApplied;
    for (status, kind, effect) in [
        (400, Kind::InvalidInput, refused),
        (401, Kind::Unauthenticated, refused),
        (403, Kind::PermissionDenied, refused),
        (404, Kind::NotFound, refused),
        (405, Kind::Unsupported, refused),
        (409, Kind::Conflict, refused),
        (413, Kind::InvalidInput, refused),
        (415, Kind::InvalidInput, refused),
        (422, Kind::InvalidInput, refused),
        (429, Kind::RateLimited, refused),
        (408, Kind::Unavailable, Effect::Unknown),
        (425, Kind::Unavailable, Effect::Unknown),
        (500, Kind::Unavailable, Effect::Unknown),
        (502, Kind::Unavailable, Effect::Unknown),
        (503, Kind::Unavailable, Effect::Unknown),
        (504, Kind::Unavailable, Effect::Unknown),
        (304, Kind::Unexpected, Effect::Unknown),
        (410, Kind::Unexpected, Effect::Unknown),
        (418, Kind::Unexpected, Effect::Unknown),
    ] {
        let (server, client) = serve(ResponseTemplate::new(status)).await;
        let error = post(&client).await.unwrap_err();
        assert_eq!(ending(&error), (kind, effect), "{status}");
        assert_eq!(error.answer().unwrap().status, status);
        assert_eq!(server.received_requests().await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_rate_limit_says_how_long_to_wait() {
    let long_ago = "Sun, 06 Nov 1994 08:49:37 GMT";
    for (value, wait) in
        [("7", Some(Duration::from_secs(7))), (long_ago, Some(Duration::ZERO)), ("x", None)]
    {
        let answer = ResponseTemplate::new(429).insert_header("Retry-After", value);
        let (_server, client) = serve(answer).await;
        let error = post(&client).await.unwrap_err();
        assert_eq!(error.retry_after(), wait, "{value}");
        assert!(error.is_retryable());
    }
}

#[tokio::test]
async fn an_adapters_verdict_overrules_the_status() {
    let (_server, client) = serve(ResponseTemplate::new(410)).await;
    let call = Call::new("make_it", Method::POST, &["it"]);
    let refused = |_: &Answer| Refusal {
        verdict: Some((Kind::Conflict, Effect::NotApplied)),
        ..Refusal::default()
    };
    let error = client.call(call, read, refused).await.unwrap_err();
    assert_eq!(ending(&error), (Kind::Conflict, Effect::NotApplied));
}
