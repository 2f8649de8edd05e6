//! A receiver of webhooks.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use reqwest::header::HeaderMap;
use serde_json::Value;
use tokio::sync::watch;
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers::any};

use super::Client;

/// Nothing that is waited for takes nearly as long.
const PATIENCE: Duration = Duration::from_secs(60);

type Answer = Arc<dyn Fn(&Post) -> u16 + Send + Sync>;

/// One post that came in.
#[derive(Debug, Clone)]
pub(crate) struct Post {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Post {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a body is JSON")
    }

    /// The organization that it tells of; empty for a test.
    pub(crate) fn organization(&self) -> String {
        self.json()["data"]["organization_id"].as_str().unwrap_or_default().to_owned()
    }

    /// The event's number within its organization; 0 for a test.
    pub(crate) fn number(&self) -> i64 {
        self.json()["data"]["organization_sequence"].as_i64().unwrap_or_default()
    }

    /// The id that it is known by.
    pub(crate) fn id(&self) -> String {
        self.headers["webhook-id"].to_str().expect("an id is text").to_owned()
    }
}

/// Takes what is posted, and answers as it is told to.
pub(crate) struct Receiver {
    server: MockServer,
    answer: Arc<Mutex<Answer>>,
    seen: watch::Sender<Vec<Post>>,
}

impl Receiver {
    /// One that takes everything.
    pub(crate) async fn start() -> Self {
        let server = MockServer::start().await;
        let answer: Arc<Mutex<Answer>> = Arc::new(Mutex::new(Arc::new(|_: &Post| 204)));
        let seen = watch::Sender::new(Vec::new());
        let (answers, posts) = (Arc::clone(&answer), seen.clone());
        let take = move |request: &Request| {
            let post = Post { headers: request.headers.clone(), body: request.body.clone() };
            let answer = Arc::clone(&answers.lock().expect("no answer panics"));
            let status = answer(&post);
            posts.send_modify(|posts| posts.push(post));
            ResponseTemplate::new(status).insert_header("location", "/elsewhere")
        };
        Mock::given(any()).respond_with(take).mount(&server).await;
        Self { server, answer, seen }
    }

    /// Where it takes posts.
    pub(crate) fn url(&self) -> String {
        format!("{}/hooks", self.server.uri())
    }

    /// Answers by this from now on.
    pub(crate) fn answer(&self, answer: impl Fn(&Post) -> u16 + Send + Sync + 'static) {
        *self.answer.lock().expect("no answer panics") = Arc::new(answer);
    }

    /// What came so far.
    pub(crate) fn seen(&self) -> Vec<Post> {
        self.seen.borrow().clone()
    }

    /// Waits until what came is enough, and answers it.
    pub(crate) async fn until(&self, is_enough: impl Fn(&[Post]) -> bool) -> Vec<Post> {
        let mut seen = self.seen.subscribe();
        let waited = tokio::time::timeout(PATIENCE, seen.wait_for(|posts| is_enough(posts))).await;
        let Ok(found) = waited else {
            let numbers: Vec<_> =
                self.seen().iter().map(|p| (p.organization(), p.number())).collect();
            panic!("not enough came: {numbers:?}");
        };
        found.expect("the receiver lives").clone()
    }

    /// Waits until nothing of a webhook is to be sent at once: what has ended is written down, and what
    /// waits, waits for later.
    pub(crate) async fn until_quiet(&self, client: &Client, hook: &Value) {
        let path = format!("/v1/webhooks/{}/deliveries?limit=200", hook["id"].as_str().unwrap());
        let look = async {
            loop {
                let page = client.get(&path).await.expect(200);
                let items = page["items"].as_array().expect("a list");
                // Of an organization the first that is pending decides; what is behind it waits.
                let mut waiting = std::collections::BTreeSet::new();
                let rests = items.iter().filter(|item| item["state"] == "pending").all(|item| {
                    !waiting.insert(item["organization_id"].to_string())
                        || !item["last_error"].is_null()
                });
                if rests && !items.is_empty() {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, look).await.expect("it comes to rest");
    }
}
