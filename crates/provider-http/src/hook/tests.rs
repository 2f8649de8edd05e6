//! Receivers: which URLs they may have, where a post goes, and what a failure tells.

use std::sync::Mutex;

use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{body_string, header, method, path},
};

use super::*;

/// Answers one list of addresses after the other, and the last one from then on.
fn scripted(answers: &[&[&str]]) -> (Lookup, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let script: Vec<Vec<IpAddr>> = answers
        .iter()
        .map(|list| list.iter().map(|text| text.parse().unwrap()).collect())
        .collect();
    let log = Arc::clone(&asked);
    let lookup: Lookup = Arc::new(move |name| {
        let mut log = log.lock().unwrap();
        let at = log.len().min(script.len() - 1);
        log.push(name);
        let found = script[at].clone();
        Box::pin(async move { Ok(found) })
    });
    (lookup, asked)
}

fn client(allow_private: bool, lookup: Lookup) -> HookClient {
    HookClient::new(HookConfig { timeout: Duration::from_secs(2), allow_private, lookup })
}

#[test]
fn urls_lead_to_the_public_internet_by_tls() {
    let fault = |url: &str, allow| read_hook_url(url, allow).err();
    assert_eq!(fault("https://hooks.acme.test/in?x=1", false), None);
    assert_eq!(fault("https://1.1.1.1:8443/", false), None);
    for (url, found) in [
        ("http://hooks.acme.test/", HookUrlFault::Scheme),
        ("ftp://hooks.acme.test/", HookUrlFault::Scheme),
        ("https://a:b@hooks.acme.test/", HookUrlFault::Extras),
        ("https://hooks.acme.test/#x", HookUrlFault::Extras),
        ("https://localhost/", HookUrlFault::Private),
        ("https://x.LOCALHOST./", HookUrlFault::Private),
        ("https://metadata/", HookUrlFault::Private),
        ("https://metadata.google.internal/", HookUrlFault::Private),
        ("https://127.1/", HookUrlFault::Private),
        ("https://0x7f.0.0.1/", HookUrlFault::Private),
        ("https://2130706433/", HookUrlFault::Private),
        ("https://169.254.169.254/latest", HookUrlFault::Private),
        ("https://[::1]/", HookUrlFault::Private),
        ("https://[::ffff:10.0.0.1]/", HookUrlFault::Private),
        ("mailto:x@acme.test", HookUrlFault::Host),
        ("hooks.acme.test", HookUrlFault::Malformed),
        ("https://hooks.acme.test/\n", HookUrlFault::Character),
        ("https://hooks.ac\tme.test/", HookUrlFault::Character),
        (" https://hooks.acme.test/", HookUrlFault::Character),
        ("https://hooks.acme.test/a b", HookUrlFault::Character),
        ("https://hooks.acme.test/\u{a0}", HookUrlFault::Character),
        ("https:\\\\hooks.acme.test\\in", HookUrlFault::Character),
        ("https://hooks.acme.test:0/", HookUrlFault::Port),
    ] {
        assert_eq!(fault(url, false), Some(found), "{url}");
    }
    assert_eq!(fault("http://127.0.0.1:9/", true), None);
    assert_eq!(fault("https://10.0.0.1/", true), None);
    assert_eq!(fault("http://10.0.0.1/", true), Some(HookUrlFault::Scheme));
}

#[tokio::test]
async fn a_name_that_turns_private_leads_nowhere() {
    let (lookup, asked) = scripted(&[&["192.0.2.1"], &["127.0.0.1"], &["1.1.1.1", "10.0.0.1"]]);
    let client = client(false, lookup);
    let url: Url = "https://rebind.acme.test/".parse().unwrap();
    for _ in 0..3 {
        let failure = client.post(&url, HeaderMap::new(), Vec::new()).await.unwrap_err();
        assert!(failure.reason.contains(NOT_PUBLIC), "{failure}");
        assert_eq!(failure.kind, HookFailureKind::Unreachable);
    }
    assert_eq!(asked.lock().unwrap().len(), 3, "once for each attempt");
}

#[tokio::test]
async fn a_post_goes_to_the_address_that_was_looked_up_and_follows_nothing() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/in"))
        .and(header("webhook-id", "msg_1"))
        .and(body_string("{}"))
        .respond_with(
            ResponseTemplate::new(302)
                .insert_header("location", "/elsewhere")
                .insert_header("retry-after", "7")
                .set_body_string("go\n away  to owner@acme.test"),
        )
        .expect(1)
        .mount(&server)
        .await;
    let (lookup, asked) = scripted(&[&["127.0.0.1"]]);
    let url = format!("http://hooks.localhost:{}/in", server.address().port());
    let headers = HeaderMap::from_iter([(
        http::HeaderName::from_static("webhook-id"),
        http::HeaderValue::from_static("msg_1"),
    )]);
    let client = client(true, lookup);
    let answer = client.post(&url.parse().unwrap(), headers, b"{}".to_vec()).await.unwrap();
    assert_eq!((answer.status, answer.retry_after), (302, Some(Duration::from_secs(7))));
    assert_eq!(answer.excerpt, "go away to ***");
    assert_eq!(*asked.lock().unwrap(), ["hooks.localhost"]);
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn no_failure_tells_what_exists_in_a_private_network() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = listener.local_addr().unwrap().port();
    let closed = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap().port()
    };
    let (private, _) = scripted(&[&["127.0.0.1"]]);
    let unknown: Lookup = Arc::new(|_name| {
        Box::pin(async { Err(io::Error::new(io::ErrorKind::NotFound, "no such name")) })
    });
    let mut kinds = Vec::new();
    for (allow, lookup, url) in [
        (false, &private, "https://hooks.acme.test/".to_owned()),
        (false, &unknown, "https://hooks.acme.test/".to_owned()),
        (true, &unknown, "https://hooks.acme.test/".to_owned()),
        (true, &private, format!("https://hooks.acme.test:{closed}/")),
        (true, &private, format!("https://hooks.acme.test:{silent}/")),
        (true, &private, format!("http://127.0.0.1:{silent}/")),
    ] {
        let timeout = Duration::from_millis(300);
        let lookup = Arc::clone(lookup);
        let client = HookClient::new(HookConfig { timeout, allow_private: allow, lookup });
        let posted = client.post(&url.parse().unwrap(), HeaderMap::new(), Vec::new()).await;
        kinds.push(posted.unwrap_err());
    }
    assert!(kinds.iter().all(|it| it.kind == HookFailureKind::Unreachable), "{kinds:?}");
    let reasons: std::collections::BTreeSet<_> = kinds.iter().map(|it| &it.reason).collect();
    assert!(reasons.len() >= 4, "the operator is told which it was: {reasons:?}");
}

#[tokio::test]
async fn a_look_up_notes_whether_an_attempt_goes_to_public_addresses() {
    for (addresses, is_public) in [
        (&["1.1.1.1"][..], true),
        (&["1.1.1.1", "2606:4700:4700::1111"], true),
        (&["127.0.0.1"], false),
        (&["1.1.1.1", "10.0.0.1"], false),
    ] {
        let (lookup, _) = scripted(&[addresses]);
        let client = client(true, lookup);
        let noted = IS_PUBLIC.scope(Cell::new(false), async {
            // Nothing can be connected to at port 0.
            let sent = client.client.as_ref().unwrap().post("https://hooks.acme.test:0/").send();
            assert!(sent.await.unwrap_err().is_connect());
            IS_PUBLIC.with(Cell::get)
        });
        assert_eq!(noted.await, is_public, "{addresses:?}");
    }
}
