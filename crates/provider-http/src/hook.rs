//! Posting to a URL that somebody else chose: a webhook's receiver.
//!
//! No key of ours is sent. A receiver must not lead us into our own network: a name is looked up once for
//! each attempt, every address that it has is checked, and the connection goes to those addresses and no
//! others, so that a name which answers otherwise the next moment leads nowhere else. Redirects are not
//! followed, proxies not used, connections not kept, and little of an answer is read.

use std::{
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use chrono::Utc;
use http::HeaderMap;
use reqwest::{
    Client,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect,
};
use url::{Host, Url};

use crate::{USER_AGENT, addresses::is_public, classify::retry_after};

/// What is read of an answer at most, in bytes.
const ANSWER_LIMIT: usize = 4 * 1024;
/// What is kept of an answer at most, in characters.
const EXCERPT: usize = 120;

/// Looks a name up.
pub type Lookup = Arc<
    dyn Fn(String) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>> + Send + Sync,
>;

/// The machine's own way to look a name up.
#[must_use]
pub fn system_lookup() -> Lookup {
    Arc::new(|name| {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    })
}

/// How receivers are reached.
#[derive(Clone)]
pub struct HookConfig {
    /// The most that one attempt may take, from the look-up to the answer.
    pub timeout: Duration,
    /// Receivers may lie in private networks, and on this machine without TLS.
    pub allow_private: bool,
    /// How names are looked up.
    pub lookup: Lookup,
}

/// Why a URL cannot be a receiver's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HookUrlFault {
    /// It is not https.
    #[error("must be https")]
    Scheme,
    /// It carries a user, a password or a fragment.
    #[error("must not carry a user, a password or a fragment")]
    Extras,
    /// It has no host.
    #[error("must have a host")]
    Host,
    /// Its host is not on the public internet.
    #[error("must lead to the public internet")]
    Private,
}

/// What a receiver answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookAnswer {
    /// The status.
    pub status: u16,
    /// For how long it asks not to be called.
    pub retry_after: Option<Duration>,
    /// The beginning of what it said, without what looks like an address or a key.
    pub excerpt: String,
}

/// A receiver could not be asked, or did not answer: in one line, without the URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct HookFailure(pub String);

/// What posts to receivers.
pub struct HookClient {
    /// Not made where TLS cannot be set up; that must not keep the gateway from starting.
    client: Result<Client, HookFailure>,
    allow_private: bool,
}

impl std::fmt::Debug for HookClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HookClient")
            .field("allow_private", &self.allow_private)
            .finish_non_exhaustive()
    }
}

/// Looks a URL over as far as that is possible without looking its name up.
///
/// # Errors
/// The first fault.
pub fn check_hook_url(url: &Url, allow_private: bool) -> Result<(), HookUrlFault> {
    let host = url.host().ok_or(HookUrlFault::Host)?;
    let (is_local, is_private) = match &host {
        Host::Domain(name) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            let is_local = name == "localhost" || name.ends_with(".localhost");
            (is_local, is_local || !name.contains('.') || name.ends_with(".internal"))
        }
        Host::Ipv4(address) => (address.is_loopback(), !is_public(IpAddr::V4(*address))),
        Host::Ipv6(address) => (address.is_loopback(), !is_public(IpAddr::V6(*address))),
    };
    let scheme_fits =
        url.scheme() == "https" || (url.scheme() == "http" && allow_private && is_local);
    if !scheme_fits {
        return Err(HookUrlFault::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(HookUrlFault::Extras);
    }
    if is_private && !allow_private { Err(HookUrlFault::Private) } else { Ok(()) }
}

impl HookClient {
    /// What posts to receivers.
    #[must_use]
    pub fn new(config: HookConfig) -> Self {
        let HookConfig { timeout, allow_private, lookup } = config;
        let builder = || {
            let lookup = Arc::clone(&lookup);
            Client::builder()
                .user_agent(USER_AGENT)
                .redirect(redirect::Policy::none())
                .retry(reqwest::retry::never())
                .referer(false)
                .no_proxy()
                .http1_only()
                .https_only(!allow_private)
                .pool_max_idle_per_host(0)
                .timeout(timeout)
                .connect_timeout(timeout.mul_f64(0.5))
                .dns_resolver(Arc::new(Checked { lookup, allow_private }))
        };
        let mut built = builder().build();
        if built.is_err() && allow_private {
            // A machine without CA certificates still reaches what is its own, without TLS.
            built = builder().tls_certs_only([]).build();
        }
        let client = built.map_err(|error| HookFailure(told(&error)));
        Self { client, allow_private }
    }

    /// Posts once.
    ///
    /// # Errors
    /// It was not answered: the URL or an address of its name is not allowed, there was no connection,
    /// or no answer in time.
    pub async fn post(
        &self,
        url: &Url,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<HookAnswer, HookFailure> {
        check_hook_url(url, self.allow_private)
            .map_err(|fault| HookFailure(format!("the URL {fault}")))?;
        let client = self.client.as_ref().map_err(Clone::clone)?;
        let sent = client.post(url.clone()).headers(headers).body(body).send().await;
        let mut answer = sent.map_err(|error| HookFailure(told(&error.without_url())))?;
        let status = answer.status().as_u16();
        let retry_after = retry_after(answer.headers(), Utc::now());
        let mut read = Vec::new();
        // The status is the answer: what else cannot be read changes nothing.
        while read.len() < ANSWER_LIMIT {
            match answer.chunk().await {
                Ok(Some(chunk)) => read.extend_from_slice(&chunk),
                Ok(None) | Err(_) => break,
            }
        }
        Ok(HookAnswer { status, retry_after, excerpt: excerpt(&read) })
    }
}

/// A look-up whose every address is checked before any of them is used.
struct Checked {
    lookup: Lookup,
    allow_private: bool,
}

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let (found, allow_private) = ((self.lookup)(name.as_str().to_owned()), self.allow_private);
        Box::pin(async move {
            let found = found.await?;
            // One that is not allowed condemns all: a name has no business in both worlds.
            if !allow_private && !found.iter().all(|address| is_public(*address)) {
                return Err(HookFailure(NOT_PUBLIC.to_owned()).into());
            }
            let addresses: Addrs = Box::new(found.into_iter().map(|ip| SocketAddr::new(ip, 0)));
            Ok(addresses)
        })
    }
}

const NOT_PUBLIC: &str = "the name leads to an address that is not on the public internet";

/// An error and its causes in one line.
fn told(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !line.contains(&text) {
            line = format!("{line}: {text}");
        }
        cause = error.source();
    }
    line.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect()
}

/// The beginning of an answer, in one line. What looks like an e-mail address or a key is left out: it
/// may be anything, and is shown to people.
fn excerpt(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty());
    let shown = words
        .map(|word| if word.contains('@') || word.chars().count() > 40 { "***" } else { word });
    shown.collect::<Vec<_>>().join(" ").chars().take(EXCERPT).collect()
}

#[cfg(test)]
mod tests {
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
        let fault = |url: &str, allow| check_hook_url(&url.parse().unwrap(), allow).err();
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
            assert!(failure.0.contains(NOT_PUBLIC), "{failure}");
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
}
