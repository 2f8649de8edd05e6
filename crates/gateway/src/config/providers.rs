//! `[[providers]]`: the partner accounts.

use std::collections::BTreeSet;
use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use url::Url;
use uuid::Uuid;

use super::keys::{self, ProviderKeys};
use super::layers::Environment;
use super::reader::Reader;
use super::tls::CaBundle;

/// One partner account.
#[derive(Debug, Clone)]
pub struct ProviderConfig {
    /// Its name in the API: `[a-z0-9][a-z0-9_-]{0,62}`, unique.
    pub name: String,
    /// Where its API is: https, or http of this machine.
    pub base_url: Url,
    /// The certificates that its own must lead to, in place of the machine's.
    pub ca: Option<CaBundle>,
    /// The keys to the account.
    pub keys: ProviderKeys,
    /// What only this kind of provider needs.
    pub account: ProviderAccount,
    /// How long after a create its absence proves nothing; may be zero.
    pub settle_window: Duration,
    /// How long one attempt may take as a whole.
    pub timeout: Duration,
    /// How long connecting may take; shorter than `timeout`.
    pub connect_timeout: Duration,
    /// How often the mapping is compared with the provider.
    pub sweep_every: Duration,
    /// How many requests a second that and other work in the background may make.
    pub sweep_requests_per_second: NonZeroU32,
}

impl ProviderConfig {
    /// Which provider this account is at.
    pub fn kind(&self) -> ProviderKind {
        match self.account {
            ProviderAccount::Scaleway { .. } => ProviderKind::Scaleway,
            ProviderAccount::Archera { .. } => ProviderKind::Archera,
        }
    }
}

/// What a kind of provider needs besides.
#[derive(Debug, Clone)]
pub enum ProviderAccount {
    /// Scaleway Partner API.
    Scaleway {
        /// The partner's own organization.
        partner_id: Uuid,
    },
    /// Archera Channel Partner API.
    Archera {
        /// The partner's own organization; safe in a path.
        partner_org_id: String,
        /// Whether the key may use the public list of organizations.
        list_orgs: bool,
    },
}

/// A provider whose API the gateway speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderKind {
    /// Scaleway Partner API.
    Scaleway,
    /// Archera Channel Partner API.
    Archera,
}

impl ProviderKind {
    const ALL: [Self; 2] = [Self::Scaleway, Self::Archera];

    /// Its name in the configuration and the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scaleway => "scaleway",
            Self::Archera => "archera",
        }
    }

    fn base_url(self) -> &'static str {
        match self {
            Self::Scaleway => "https://api.scaleway.com",
            Self::Archera => "https://api.archera.ai",
        }
    }

    /// How long a create is known to stay invisible. Archera's is not known.
    fn known_settle_window(self) -> Duration {
        match self {
            Self::Scaleway => Duration::from_secs(180),
            Self::Archera => Duration::ZERO,
        }
    }

    fn own_keys(self) -> &'static [&'static str] {
        match self {
            Self::Scaleway => &["partner_id", "secret_key", "next_secret_key"],
            Self::Archera => &["partner_org_id", "api_key", "next_api_key", "list_orgs"],
        }
    }

    /// The settings that name the present key and the next one.
    pub fn key_settings(self) -> [&'static str; 2] {
        match self {
            Self::Scaleway => ["secret_key", "next_secret_key"],
            Self::Archera => ["api_key", "next_api_key"],
        }
    }
}

impl fmt::Display for ProviderKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

const TIMEOUT: Duration = Duration::from_secs(20);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const SWEEP_EVERY: Duration = Duration::from_secs(15 * 60);
/// A fifth of what Scaleway takes; the rest is for live traffic.
const SWEEP_REQUESTS_PER_SECOND: NonZeroU32 = NonZeroU32::new(10).unwrap();
/// More than any provider takes.
const ANY_PACE: std::ops::RangeInclusive<u32> = 1..=1000;

pub(super) fn parse_all(root: &mut Reader, env: &Environment) -> Option<Vec<ProviderConfig>> {
    let mut names = BTreeSet::new();
    let parsed: Vec<_> = root
        .tables("providers")?
        .into_iter()
        .map(|mut reader| {
            let provider = parse(&mut reader, env, &mut names);
            reader.finish();
            provider
        })
        .collect();
    parsed.into_iter().collect()
}

fn parse(
    reader: &mut Reader,
    env: &Environment,
    names: &mut BTreeSet<String>,
) -> Option<ProviderConfig> {
    let name = unique_name(reader, names);
    let kind = kind(reader);
    let base_url_is_set = reader.is_set("base_url");
    let base_url = reader.secure_url("base_url");
    let with_ca = reader.is_set("ca_file");
    let ca = reader.ca_file("ca_file", base_url.as_ref());
    let settle_window = reader.duration("settle_window");
    let timeout = reader.positive_duration("timeout").unwrap_or(TIMEOUT);
    let connect_timeout = connect_timeout(reader, timeout);
    let sweep_every = reader.positive_duration("sweep_every").unwrap_or(SWEEP_EVERY);
    let sweep_pace = reader.integer("sweep_requests_per_second", ANY_PACE);
    let kind = kind?;
    refuse_keys_of_others(reader, kind);
    let account = match kind {
        ProviderKind::Scaleway => scaleway(reader),
        ProviderKind::Archera => archera(reader),
    };
    let keys = keys::parse(reader, kind.key_settings(), env);
    if with_ca && ca.is_none() {
        return None;
    }
    let base_url = base_url.or_else(|| {
        let usual = (!base_url_is_set).then(|| kind.base_url());
        usual.and_then(|usual| Url::parse(usual).ok())
    });
    Some(ProviderConfig {
        name: name?,
        base_url: base_url?,
        ca,
        keys: keys?,
        account: account?,
        settle_window: settle_window.unwrap_or(kind.known_settle_window()),
        timeout,
        connect_timeout,
        sweep_every,
        sweep_requests_per_second: sweep_pace
            .and_then(NonZeroU32::new)
            .unwrap_or(SWEEP_REQUESTS_PER_SECOND),
    })
}

fn kind(reader: &mut Reader) -> Option<ProviderKind> {
    let Some(text) = reader.needed_string("kind") else {
        reader.forgive_unknown(&ProviderKind::ALL.map(ProviderKind::own_keys).concat());
        return None;
    };
    let kind = ProviderKind::ALL.into_iter().find(|kind| kind.name() == text);
    if kind.is_none() {
        let known = ProviderKind::ALL.map(ProviderKind::name).join(", ");
        reader.fault("kind", format!("`{text}` is not known; there are: {known}"));
        reader.forgive_unknown(&ProviderKind::ALL.map(ProviderKind::own_keys).concat());
    }
    kind
}

fn unique_name(reader: &mut Reader, names: &mut BTreeSet<String>) -> Option<String> {
    let name = reader.needed_string("name")?;
    if !is_name(&name) {
        reader.fault("name", format!("`{name}` does not match [a-z0-9][a-z0-9_-]{{0,62}}"));
        return None;
    }
    if !names.insert(name.clone()) {
        reader.fault("name", format!("`{name}` is taken by another provider"));
        return None;
    }
    Some(name)
}

fn is_name(name: &str) -> bool {
    let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    (1..=63).contains(&name.len())
        && name.starts_with(letter)
        && name.chars().all(|c| letter(c) || c == '_' || c == '-')
}

fn connect_timeout(reader: &mut Reader, timeout: Duration) -> Duration {
    let given = reader.positive_duration("connect_timeout");
    let connect_timeout = given.unwrap_or(CONNECT_TIMEOUT);
    if connect_timeout >= timeout {
        let key = if given.is_some() { "connect_timeout" } else { "timeout" };
        reader.fault(key, "connect_timeout must be shorter than timeout");
    }
    connect_timeout
}

fn refuse_keys_of_others(reader: &mut Reader, kind: ProviderKind) {
    for other in ProviderKind::ALL.into_iter().filter(|other| *other != kind) {
        for key in other.own_keys() {
            if reader.forget(key) {
                reader.fault(key, format!("belongs to kind = \"{other}\", not to \"{kind}\""));
            }
        }
    }
}

fn scaleway(reader: &mut Reader) -> Option<ProviderAccount> {
    let partner_id = reader.needed_string("partner_id").and_then(|text| {
        let id = Uuid::parse_str(&text).ok();
        if id.is_none() {
            reader.fault("partner_id", "is not a UUID");
        }
        id
    });
    Some(ProviderAccount::Scaleway { partner_id: partner_id? })
}

fn archera(reader: &mut Reader) -> Option<ProviderAccount> {
    let partner_org_id = reader.needed_string("partner_org_id").filter(|id| {
        let safe = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let fits = id.len() <= 128 && id.chars().all(safe);
        if !fits {
            reader.fault("partner_org_id", "is not an id: letters, digits, `-` and `_` alone");
        }
        fits
    });
    let list_orgs = reader.boolean("list_orgs").unwrap_or(false);
    Some(ProviderAccount::Archera { partner_org_id: partner_org_id?, list_orgs })
}

/// What is accepted and yet deserves a look.
pub(super) fn warnings(providers: &[ProviderConfig], lease: Duration) -> Vec<String> {
    let mut warnings = Vec::new();
    if providers.is_empty() {
        warnings.push("providers: there is none, so nothing can be created".to_owned());
    }
    for (index, provider) in providers.iter().enumerate() {
        let known = provider.kind().known_settle_window();
        if provider.settle_window < known {
            warnings.push(format!(
                "providers[{index}].settle_window: {:?} is below the {known:?} that {} is known to \
                 need; an organization may be taken for absent and created twice",
                provider.settle_window,
                provider.kind(),
            ));
        }
        if lease <= provider.timeout {
            warnings.push(format!(
                "operations.lease: {lease:?} is not longer than providers[{index}].timeout \
                 ({:?}); an attempt may outlive its lease",
                provider.timeout,
            ));
        }
    }
    warnings
}
