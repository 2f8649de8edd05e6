//! An account with two keys, of which a provider may take either, both or none.

use wiremock::{Request, Respond};

use super::*;

const NEXT: &str = "n3xt-key-of-ours";

/// Takes the keys that it is told to.
#[derive(Clone, Copy)]
struct Takes(&'static [&'static str], u16);

impl Respond for Takes {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let key = request.headers["x-auth-token"].to_str().expect("text");
        let status = if self.0.contains(&key) { self.1 } else { 401 };
        let echo = serde_json::json!({"message": format!("{SECRET} or {NEXT}")});
        ResponseTemplate::new(status).set_body_json(echo)
    }
}

fn two_keys(url: &str) -> ClientConfig {
    ClientConfig { next_secret: Some(NEXT.into()), ..config(url) }
}

async fn serve_two(takes: Takes) -> (MockServer, HttpClient) {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(takes).mount(&server).await;
    let client = HttpClient::new(two_keys(&server.uri())).expect("a client");
    (server, client)
}

async fn take(server: &MockServer, takes: Takes) {
    server.reset().await;
    Mock::given(any()).respond_with(takes).mount(server).await;
}

/// The keys that requests carried, in order.
async fn sent(server: &MockServer) -> Vec<String> {
    let requests = server.received_requests().await.expect("they are recorded");
    let key =
        |request: &Request| request.headers["x-auth-token"].to_str().expect("text").to_owned();
    requests.iter().map(key).collect()
}

#[tokio::test]
async fn a_refused_key_is_followed_by_the_other_which_goes_first_from_then_on() {
    let (server, client) = serve_two(Takes(&[NEXT], 200)).await;
    post(&client).await.unwrap();
    post(&client).await.unwrap();
    get(&client).await.unwrap();
    assert_eq!(sent(&server).await, [SECRET, NEXT, NEXT, NEXT]);
    let bodies = server.received_requests().await.unwrap();
    assert_eq!(bodies[0].body, bodies[1].body, "the same request is made again");
    take(&server, Takes(&[SECRET], 200)).await;
    post(&client).await.unwrap();
    post(&client).await.unwrap();
    assert_eq!(sent(&server).await, [NEXT, SECRET, SECRET]);
}

#[tokio::test]
async fn a_refusal_of_one_key_says_nothing_of_the_accounts_health() {
    let (_server, client) = serve_two(Takes(&[NEXT], 200)).await;
    post(&client).await.unwrap();
    let seen = client.signals().snapshot();
    assert_eq!(seen.last_error, None);
    assert!(seen.last_success_at.is_some());
}

#[tokio::test]
async fn where_both_are_refused_the_call_is_and_no_third_request_is_made() {
    let (server, client) = serve_two(Takes(&[], 200)).await;
    for _ in 0..2 {
        let error = post(&client).await.unwrap_err();
        assert_eq!(ending(&error), (Kind::Unauthenticated, Effect::NotApplied));
        let shown = format!("{error:?}");
        assert!(!shown.contains(SECRET) && !shown.contains(NEXT), "{shown}");
    }
    assert_eq!(sent(&server).await, [SECRET, NEXT, SECRET, NEXT]);
    let error = client.signals().snapshot().last_error.unwrap();
    assert_eq!(error.kind, Kind::Unauthenticated);
}

#[tokio::test]
async fn nothing_but_a_401_makes_a_second_request() {
    for status in [400, 403, 404, 408, 409, 429, 500, 503] {
        let (server, client) = serve_two(Takes(&[SECRET, NEXT], status)).await;
        post(&client).await.unwrap_err();
        assert_eq!(sent(&server).await, [SECRET], "{status}");
    }
}

#[tokio::test]
async fn what_the_other_key_is_answered_is_what_the_call_is() {
    for (status, kind, effect) in [
        (404, Kind::NotFound, Effect::NotApplied),
        (503, Kind::Unavailable, Effect::Unknown),
        (429, Kind::RateLimited, Effect::NotApplied),
    ] {
        let (server, client) = serve_two(Takes(&[NEXT], status)).await;
        assert_eq!(ending(&post(&client).await.unwrap_err()), (kind, effect));
        assert_eq!(sent(&server).await, [SECRET, NEXT]);
    }
}

#[tokio::test]
async fn half_a_401_proves_nothing_and_nothing_is_sent_again() {
    let half = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 9\r\n\r\n{";
    let server = RawServer::start(move |mut stream| {
        read_request(&mut stream);
        write(&mut stream, half);
    });
    let client = HttpClient::new(two_keys(&server.url())).unwrap();
    assert_eq!(ending(&post(&client).await.unwrap_err()), (Kind::Unavailable, Effect::Unknown));
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_refusal_that_leaves_too_little_time_is_the_calls_end() {
    let server = MockServer::start().await;
    let late = ResponseTemplate::new(401).set_delay(Duration::from_millis(200));
    Mock::given(any()).respond_with(late).mount(&server).await;
    let client = HttpClient::new(ClientConfig {
        timeout: Duration::from_millis(30_000),
        connect_timeout: Duration::from_millis(29_900),
        ..two_keys(&server.uri())
    })
    .unwrap();
    assert_eq!(post(&client).await.unwrap_err().kind(), Kind::Unauthenticated);
    assert_eq!(sent(&server).await, [SECRET]);
}

#[tokio::test]
async fn keys_are_replaced_while_it_runs() {
    let (server, client) = serve_two(Takes(&[NEXT, "third"], 200)).await;
    post(&client).await.unwrap();
    client.keys().replace(NEXT.into(), Some("third".into())).unwrap();
    post(&client).await.unwrap();
    take(&server, Takes(&["third"], 200)).await;
    post(&client).await.unwrap();
    assert_eq!(sent(&server).await, [NEXT, "third"]);
}
