//! The client of one account: how it is set up, and the one way to send through it.

use std::{sync::Arc, time::Duration};

use http::{HeaderName, Method};
use partner_core::{Effect, Error, Kind, ProviderName, Reply, Result};
use reqwest::{Client, ClientBuilder, redirect};
use secrecy::SecretString;
use url::{Host, Url};

use crate::{
    AccountKeys, AccountSignals, Answer, Call, InvalidSecret, Refusal, USER_AGENT, Unreadable,
    attempt,
};

/// How long a read's connection may lie idle before it is closed by us. Shorter than the minute that
/// servers commonly wait, so that we close first.
const IDLE_READS: Duration = Duration::from_secs(20);

/// What a client needs to know of one account.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// The account's name, for traces, logs and metrics.
    pub provider: ProviderName,
    /// Where the API is: https, or http on loopback; no query, no user.
    pub base_url: Url,
    /// The header that carries the key.
    pub auth_header: HeaderName,
    /// The present key.
    pub secret: SecretString,
    /// The key that will follow it, where both are about.
    pub next_secret: Option<SecretString>,
    /// The most that one call may take, from connecting to the body's end.
    pub timeout: Duration,
    /// The most that connecting may take; less than `timeout`.
    pub connect_timeout: Duration,
    /// The certificates, in PEM, that the API's own must lead to, in place of the machine's.
    pub ca_pem: Option<Vec<u8>>,
}

/// Why a client cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The URL is not one that keys may be sent to.
    #[error("the URL must be https, or http on loopback, without user, query and fragment")]
    Url,
    /// The times contradict each other.
    #[error("the connect timeout must be above zero and below the timeout")]
    Timeouts,
    /// The key cannot be used.
    #[error(transparent)]
    Secret(#[from] InvalidSecret),
    /// The certificates cannot be used.
    #[error("the CA certificates cannot be read")]
    Ca(#[source] reqwest::Error),
    /// The TLS set-up failed, as it does on a machine without CA certificates.
    #[error("the HTTP client could not be built")]
    Build(#[source] reqwest::Error),
}

/// The client of one account at one provider.
///
/// # Behavior
/// - One call is one request: no retry, no redirect. Where there are two keys and the provider refuses the
///   first with a whole 401, which proves that nothing was done, the same request is made once more with the
///   other, in what is left of the call's time. Whichever key was taken last goes first from then on.
/// - https alone, but on loopback; the environment's proxies are honoured, but on loopback.
/// - The keys may be replaced while it runs; see [`HttpClient::keys`].
/// - Dropping a call's future may leave its request in flight.
#[derive(Debug)]
pub struct HttpClient {
    provider: ProviderName,
    base_url: Url,
    reads: Client,
    writes: Client,
    auth_header: HeaderName,
    keys: Arc<AccountKeys>,
    timeout: Duration,
    connect_timeout: Duration,
    signals: Arc<AccountSignals>,
}

impl HttpClient {
    /// A client for the account.
    ///
    /// # Errors
    /// The URL, the times or the key cannot be used, or TLS cannot be set up.
    pub fn new(config: ClientConfig) -> std::result::Result<Self, ClientError> {
        check_url(&config.base_url)?;
        let build = |builder: ClientBuilder| builder.build().map_err(ClientError::Build);
        let (timeout, connect_timeout) = (config.timeout, config.connect_timeout);
        let ca_pem = config.ca_pem.as_deref();
        let builder = || careful_builder(&config.base_url, timeout, connect_timeout, ca_pem);
        Ok(Self {
            reads: build(builder()?.pool_idle_timeout(IDLE_READS))?,
            writes: build(builder()?.pool_max_idle_per_host(0))?,
            auth_header: config.auth_header,
            keys: Arc::new(AccountKeys::new(config.secret, config.next_secret)?),
            provider: config.provider,
            base_url: config.base_url,
            timeout,
            connect_timeout,
            signals: Arc::default(),
        })
    }

    /// The account's name.
    #[must_use]
    pub fn provider(&self) -> &ProviderName {
        &self.provider
    }

    /// What the account's last answers told.
    #[must_use]
    pub fn signals(&self) -> Arc<AccountSignals> {
        Arc::clone(&self.signals)
    }

    /// The account's keys, to be replaced while it runs.
    #[must_use]
    pub fn keys(&self) -> Arc<AccountKeys> {
        Arc::clone(&self.keys)
    }

    /// Sends one request and reads its answer: a success by `read`, anything else by `read_refusal`.
    ///
    /// # Errors
    /// - nothing was written (`Unavailable`, `NotSent`): no address, no connection, no TLS;
    /// - the status tells it, by the table that `docs/OPERATIONS.md` shows, unless `read_refusal` gives a
    ///   verdict of its own;
    /// - a success that `read` cannot use is `Unexpected` and `Unknown`: it was probably done;
    /// - all else (timeout, reset, half a body, a body over [`BODY_LIMIT`](crate::BODY_LIMIT)) is
    ///   `Unknown`.
    pub async fn call<T: Send>(
        &self,
        call: Call<'_>,
        read: impl FnOnce(&Answer) -> std::result::Result<T, Unreadable> + Send,
        read_refusal: impl FnOnce(&Answer) -> Refusal + Send,
    ) -> Result<Reply<T>> {
        attempt::run(self, call, read, read_refusal).await
    }

    pub(crate) fn client_for(&self, method: &Method) -> &Client {
        if method == Method::GET { &self.reads } else { &self.writes }
    }

    pub(crate) fn auth_header(&self) -> &HeaderName {
        &self.auth_header
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    pub(crate) fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }

    pub(crate) fn base_url(&self) -> &Url {
        &self.base_url
    }

    /// The path of a call without the ids in it.
    pub(crate) fn template(&self, call: &Call<'_>) -> String {
        let is_id = |segment: &&str| {
            segment.len() == 36 && segment.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
        };
        let base = self.base_url.path().trim_end_matches('/');
        call.path.iter().fold(base.to_owned(), |path, segment| {
            let segment = if is_id(segment) { "{id}" } else { segment };
            format!("{path}/{segment}")
        })
    }

    /// Where a call goes.
    ///
    /// # Errors
    /// A part of its path cannot be a segment of its own, and would lead elsewhere.
    pub(crate) fn url(&self, call: &Call<'_>) -> Result<Url> {
        if !call.path.iter().all(|segment| is_segment(segment)) {
            let message = "the request could not be formed";
            return Err(Error::new(Kind::Unexpected, Effect::NotSent, message));
        }
        let mut url = self.base_url.clone();
        // Only a URL that cannot be a base has no segments; `check_url` takes none such.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(&call.path);
        }
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&call.query);
        }
        Ok(url)
    }
}

/// The text can be written as one segment of a path. URLs have no way to write dots alone, and tabs and
/// ends of lines are left out of them in silence.
fn is_segment(text: &str) -> bool {
    !matches!(text, "" | "." | "..") && !text.contains(['\t', '\n', '\r'])
}

pub(crate) fn check_url(url: &Url) -> std::result::Result<(), ClientError> {
    let scheme_fits = match url.scheme() {
        "https" => url.has_host(),
        "http" => is_loopback(url),
        _ => false,
    };
    let bare = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if scheme_fits && bare { Ok(()) } else { Err(ClientError::Url) }
}

/// A builder that follows no redirect and gives up in time. Where there are certificates, they are believed
/// in place of the machine's.
pub(crate) fn careful_builder(
    url: &Url,
    timeout: Duration,
    connect_timeout: Duration,
    ca_pem: Option<&[u8]>,
) -> std::result::Result<ClientBuilder, ClientError> {
    if connect_timeout.is_zero() || connect_timeout >= timeout {
        return Err(ClientError::Timeouts);
    }
    let builder = Client::builder()
        .user_agent(USER_AGENT)
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .http1_only()
        .timeout(timeout)
        .connect_timeout(connect_timeout);
    let builder = match ca_pem {
        Some(pem) => {
            let roots = reqwest::Certificate::from_pem_bundle(pem).map_err(ClientError::Ca)?;
            builder.tls_certs_only(roots)
        }
        None => builder,
    };
    if !is_loopback(url) {
        return Ok(builder.https_only(true));
    }
    // What is on this machine is not reached through another, nor is a key sent there in clear.
    let builder = builder.no_proxy();
    Ok(if url.scheme() == "http" {
        // No TLS, so no need of the machine's CA certificates, which may not be there.
        builder.tls_certs_only([])
    } else {
        builder
    })
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(base_url: &str) -> ClientConfig {
        ClientConfig {
            provider: ProviderName::new("acme").unwrap(),
            base_url: base_url.parse().unwrap(),
            auth_header: HeaderName::from_static("x-auth-token"),
            secret: SecretString::from("s3cret-key"),
            next_secret: Some(SecretString::from("n3xt-key")),
            timeout: Duration::from_secs(2),
            connect_timeout: Duration::from_secs(1),
            ca_pem: None,
        }
    }

    #[test]
    fn keys_go_to_https_or_to_this_machine_alone() {
        for good in [
            "https://api.acme.test",
            "https://api.acme.test/partner/",
            "http://127.0.0.1:8080",
            "http://[::1]:8080",
            "http://localhost:1",
        ] {
            assert!(HttpClient::new(config(good)).is_ok(), "{good} was refused");
        }
        for bad in [
            "http://api.acme.test",
            "http://localhost.acme.test",
            "http://10.0.0.1",
            "ftp://127.0.0.1",
            "https://user@api.acme.test",
            "https://api.acme.test?x=1",
            "mailto:x@acme.test",
        ] {
            let made = HttpClient::new(config(bad));
            assert!(matches!(made, Err(ClientError::Url)), "{bad} was taken");
        }
    }

    #[test]
    fn connecting_must_end_before_the_request_does() {
        for (timeout, connect) in [(1, 1), (1, 2), (1, 0)] {
            let made = HttpClient::new(ClientConfig {
                timeout: Duration::from_secs(timeout),
                connect_timeout: Duration::from_secs(connect),
                ..config("https://api.acme.test")
            });
            assert!(matches!(made, Err(ClientError::Timeouts)));
        }
    }

    #[test]
    fn certificates_that_are_none_are_refused() {
        let broken = b"-----BEGIN CERTIFICATE-----\n%%\n-----END CERTIFICATE-----\n".to_vec();
        let made = HttpClient::new(ClientConfig {
            ca_pem: Some(broken),
            ..config("https://api.acme.test")
        });
        assert!(matches!(made, Err(ClientError::Ca(_))), "{made:?}");
    }

    #[test]
    fn a_segment_never_leaves_its_place_in_the_path() {
        let client = HttpClient::new(config("https://api.acme.test/root/")).unwrap();
        let path = ["v1", "../../iam?x#y", "lock"];
        let call = Call::new("lock", Method::POST, &path).query("email", "a+b@acme.test");
        assert_eq!(
            client.url(&call).unwrap().as_str(),
            "https://api.acme.test/root/v1/..%2F..%2Fiam%3Fx%23y/lock?email=a%2Bb%40acme.test"
        );
    }

    #[test]
    fn what_cannot_be_a_segment_of_its_own_is_not_sent() {
        let client = HttpClient::new(config("https://api.acme.test/root/")).unwrap();
        for bad in ["", ".", "..", ".\t.", "a\nb", "\r"] {
            let error = client.url(&Call::new("lock", Method::POST, &["v1", bad])).unwrap_err();
            assert_eq!(error.effect(), Effect::NotSent, "{bad:?}");
        }
    }

    #[test]
    fn no_debug_output_holds_the_key() {
        let config = config("https://api.acme.test");
        let client = HttpClient::new(config.clone()).unwrap();
        let shown = format!("{config:?} {client:?}");
        assert!(!shown.contains("s3cret-key") && !shown.contains("n3xt-key"), "{shown}");
    }
}
