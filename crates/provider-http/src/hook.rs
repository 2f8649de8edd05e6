//! Posting to a URL that somebody else chose: a webhook's receiver.
//!
//! No key of ours is sent. A receiver must not lead us into our own network: a name is looked up once for
//! each attempt, every address that it has is checked, and the connection goes to those addresses and no
//! others, so that a name which answers otherwise the next moment leads nowhere else. Redirects are not
//! followed, proxies not used, connections not kept, and little of an answer is read.

mod failure;
mod url;

use std::{
    cell::Cell,
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use ::url::{Host, Url};
use chrono::Utc;
use http::HeaderMap;
use reqwest::{
    Client,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect,
};

use self::{failure::told, url::check_hook_url};
use crate::{USER_AGENT, addresses::is_public, classify::retry_after};

pub use failure::{HookFailure, HookFailureKind};
pub use url::{HookUrlFault, read_hook_url};

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

tokio::task_local! {
    /// Whether the addresses that an attempt connects to are all public.
    static IS_PUBLIC: Cell<bool>;
}

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
        let client = built.map_err(|error| HookFailure::unreachable(told(&error)));
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
            .map_err(|fault| HookFailure::unreachable(format!("the URL {fault}")))?;
        let client = self.client.as_ref().map_err(Clone::clone)?;
        let request = client.post(url.clone()).headers(headers).body(body);
        // A URL with an address needs no look-up; for a name the look-up decides.
        let begins_public = match url.host() {
            Some(Host::Ipv4(address)) => is_public(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => is_public(IpAddr::V6(address)),
            Some(Host::Domain(_)) | None => false,
        };
        let sent = IS_PUBLIC.scope(Cell::new(begins_public), async {
            let sent = request.send().await;
            sent.map_err(|error| HookFailure::of(&error.without_url(), IS_PUBLIC.with(Cell::get)))
        });
        let mut answer = sent.await?;
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
            let are_public = !found.is_empty() && found.iter().all(|address| is_public(*address));
            if !allow_private && !are_public {
                return Err(NOT_PUBLIC.into());
            }
            // Outside an attempt's task nothing is known of the addresses, and they count as private.
            let _unknown = IS_PUBLIC.try_with(|noted| noted.set(are_public));
            let addresses: Addrs = Box::new(found.into_iter().map(|ip| SocketAddr::new(ip, 0)));
            Ok(addresses)
        })
    }
}

const NOT_PUBLIC: &str = "the name leads to an address that is not on the public internet";

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
mod tests;
