//! An id from a provider or a caller becomes exactly one segment below the base URL, or is refused.

#![no_main]

use std::{sync::LazyLock, time::Duration};

use http::HeaderName;
use libfuzzer_sys::{Corpus, fuzz_target};
use partner_core::{ProviderName, ProviderOrgId, ProviderOrgIdFormat};
use percent_encoding::percent_decode_str;
use provider_archera::{ArcheraConfig, ArcheraProvider};
use provider_http::{ClientConfig, HttpClient, fuzzing::url};
use provider_scaleway::fuzzing as scaleway;
use secrecy::SecretString;
use url::Url;

const BASE: &str = "http://127.0.0.1:1/root/";

static CLIENT: LazyLock<HttpClient> = LazyLock::new(|| {
    let config = ClientConfig {
        provider: ProviderName::new("fuzz").expect("it is a name"),
        base_url: base(),
        auth_header: HeaderName::from_static("x-key"),
        secret: SecretString::from("key"),
        next_secret: None,
        ca_pem: None,
        timeout: Duration::from_secs(2),
        connect_timeout: Duration::from_secs(1),
    };
    HttpClient::new(config).expect("the client is built")
});

static ARCHERA: LazyLock<ArcheraProvider> = LazyLock::new(|| {
    let config = ArcheraConfig {
        name: ProviderName::new("fuzz").expect("it is a name"),
        base_url: base(),
        api_key: SecretString::from("key"),
        next_api_key: None,
        ca_pem: None,
        partner_org_id: "partner".to_owned(),
        list_orgs: false,
        timeout: Duration::from_secs(2),
        connect_timeout: Duration::from_secs(1),
    };
    ArcheraProvider::new(config).expect("the adapter is built")
});

fn base() -> Url {
    BASE.parse().expect("it is a URL")
}

fuzz_target!(|data: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(data) else { return Corpus::Reject };
    // Whatever an adapter lets through.
    if let Ok(url) = url(&CLIENT, &["v1", text, "lock"]) {
        check(&url, &["v1", text, "lock"]);
    }
    // From outside: canonicalized, or refused. From the database: sent if it is canonical.
    let canonical = ProviderOrgIdFormat::Uuid.parse(text);
    let stored = ProviderOrgId::from_stored(text);
    for id in canonical.into_iter().chain(stored) {
        check_id(&id);
    }
    Corpus::Keep
});

fn check_id(id: &ProviderOrgId) {
    let text = id.as_str();
    let orgs = ["partner", "v1", "organizations", text];
    if let Ok(url) = scaleway::url_of(&CLIENT, id, None) {
        check(&url, &orgs);
    }
    if let Ok(url) = scaleway::url_of(&CLIENT, id, Some("lock")) {
        check(&url, &[&orgs[..], &["lock"]].concat());
    }
    if let Ok(url) = provider_archera::fuzzing::url_of(&ARCHERA, id) {
        check(&url, &["v2", "partners", "partner", "orgs", text, "invites"]);
    }
}

/// The URL has these segments below the base, and nothing else that the base has not.
fn check(url: &Url, expected: &[&str]) {
    let below = url.as_str().strip_prefix(BASE).unwrap_or_else(|| panic!("{url} left its base"));
    assert!(url.query().is_none() && url.fragment().is_none(), "{url}");
    let segments = below.split('/').map(|segment| percent_decode_str(segment).decode_utf8_lossy());
    assert_eq!(segments.collect::<Vec<_>>(), expected, "{url}");
    // A server, or a proxy on the way, reads it as we do.
    assert_eq!(Url::parse(url.as_str()).as_ref(), Ok(url));
}
