//! The partner accounts, by name. A new kind of provider is one arm here.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use partner_core::{
    Capabilities, CreateRecovery, Field, InvalidId, Kind, PartnerProvider, ProviderName,
    ProviderOrgId, ProviderOrgIdFormat,
};
use provider_archera::{ArcheraConfig, ArcheraProvider};
use provider_http::{AccountKeys, AccountSignals, SignalSnapshot};
use provider_scaleway::{ScalewayConfig, ScalewayProvider};

use super::pace::{Pacer, exhausted, pause};
use crate::config::{CaBundle, ProviderAccount, ProviderConfig, ProviderKeys, ProviderKind};

/// One partner account, ready to be called.
#[derive(Debug, Clone)]
pub struct Account {
    /// The port.
    pub provider: Arc<dyn PartnerProvider>,
    /// Which provider it is at.
    pub kind: ProviderKind,
    /// How long after a write an absence proves nothing.
    pub settle_window: Duration,
    /// How often the mapping is compared with the provider.
    pub sweep_every: Duration,
    /// The pace of what runs in the background.
    pacer: Arc<Pacer>,
    /// What it is called with.
    keys: Arc<AccountKeys>,
    /// What was last heard of it.
    signals: Arc<AccountSignals>,
    /// How many calls in a row it could not answer.
    failures: Arc<AtomicU32>,
}

/// The configuration names an account that cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("provider {name}: {message}")]
pub struct RegistryError {
    name: String,
    message: String,
}

/// Every partner account, by name.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    accounts: BTreeMap<String, Account>,
}

/// How well an account is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HealthState {
    /// Its last call was answered as it should be, or none was made yet.
    Up,
    /// It limits us, or its last answer made no sense.
    Degraded,
    /// It could not be reached, or could not answer.
    Down,
    /// It refuses the gateway's credentials.
    Refused,
}

impl HealthState {
    const ALL: [Self; 4] = [Self::Up, Self::Degraded, Self::Down, Self::Refused];

    /// Every word there is, and whether it is this one.
    #[must_use]
    pub fn among_all(self) -> [(&'static str, bool); 4] {
        Self::ALL.map(|state| (state.as_str(), state == self))
    }

    /// The word, as the API has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Degraded => "degraded",
            Self::Down => "down",
            Self::Refused => "refused",
        }
    }
}

/// How well an account is, and why we think so.
#[derive(Debug, Clone)]
pub struct Health {
    /// In one word.
    pub state: HealthState,
    /// What was last heard.
    pub signals: SignalSnapshot,
}

impl Registry {
    /// Makes every account of the configuration.
    ///
    /// # Errors
    /// Names the account that cannot be made, and why.
    pub fn new(configs: &[ProviderConfig]) -> Result<Self, RegistryError> {
        let mut accounts = BTreeMap::new();
        for config in configs {
            accounts.insert(config.name.clone(), account(config)?);
        }
        Ok(Self { accounts })
    }

    /// The account of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Account> {
        self.accounts.get(name)
    }

    /// Reads an organization id that may be of any account. Returns its canonical form for each format that accepts
    /// it.
    ///
    /// # Errors
    /// No account's format accepts the text.
    pub fn provider_org_ids(&self, text: &str) -> Result<Vec<ProviderOrgId>, InvalidId> {
        let formats: BTreeSet<ProviderOrgIdFormat> =
            self.iter().map(|account| account.capabilities().provider_org_id_format).collect();
        let (mut ids, mut refusal) = (Vec::new(), None);
        for format in formats {
            match format.parse(text) {
                Ok(id) => ids.push(id),
                Err(error) => refusal = refusal.or(Some(error)),
            }
        }
        match refusal {
            Some(error) if ids.is_empty() => Err(error),
            Some(_) | None => Ok(ids),
        }
    }

    /// Every account, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Account> {
        self.accounts.values()
    }
}

impl FromIterator<Account> for Registry {
    /// Accounts that were made elsewhere, by their names; of two with one name the later stays.
    fn from_iter<I: IntoIterator<Item = Account>>(accounts: I) -> Self {
        let named = |account: Account| (account.name().as_str().to_owned(), account);
        Self { accounts: accounts.into_iter().map(named).collect() }
    }
}

fn account(config: &ProviderConfig) -> Result<Account, RegistryError> {
    let failed = |message: String| RegistryError { name: config.name.clone(), message };
    let name = ProviderName::new(&config.name).map_err(|error| failed(error.to_string()))?;
    let (present, next) = (config.keys.present.clone(), config.keys.next.clone());
    let ca_pem = config.ca.as_ref().map(CaBundle::pem).map(<[u8]>::to_vec);
    let (provider, keys, signals): (Arc<dyn PartnerProvider>, _, _) = match &config.account {
        ProviderAccount::Scaleway { partner_id } => {
            let provider = ScalewayProvider::new(ScalewayConfig {
                name,
                base_url: config.base_url.clone(),
                partner_id: *partner_id,
                secret_key: present,
                next_secret_key: next,
                timeout: config.timeout,
                connect_timeout: config.connect_timeout,
                ca_pem,
            })
            .map_err(|error| failed(error.to_string()))?;
            let (keys, signals) = (provider.keys(), provider.signals());
            (Arc::new(provider), keys, signals)
        }
        ProviderAccount::Archera { partner_org_id, list_orgs } => {
            let provider = ArcheraProvider::new(ArcheraConfig {
                name,
                base_url: config.base_url.clone(),
                partner_org_id: partner_org_id.clone(),
                api_key: present,
                next_api_key: next,
                list_orgs: *list_orgs,
                timeout: config.timeout,
                connect_timeout: config.connect_timeout,
                ca_pem,
            })
            .map_err(|error| failed(error.to_string()))?;
            let (keys, signals) = (provider.keys(), provider.signals());
            (Arc::new(provider), keys, signals)
        }
    };
    Ok(Account {
        provider,
        kind: config.kind(),
        settle_window: config.settle_window,
        sweep_every: config.sweep_every,
        pacer: Arc::new(Pacer::new(config.sweep_requests_per_second)),
        keys,
        signals,
        failures: Arc::default(),
    })
}

impl Account {
    /// The same account reached another way, of which nothing was heard yet.
    #[must_use]
    pub fn reached_by(&self, provider: Arc<dyn PartnerProvider>) -> Self {
        let (signals, failures) = (Arc::default(), Arc::default());
        Self { provider, signals, failures, ..self.clone() }
    }

    /// Uses these keys from the next call on.
    ///
    /// # Errors
    /// A sentence without any of them; the old ones stay.
    pub fn replace_keys(&self, keys: &ProviderKeys) -> Result<(), String> {
        let (present, next) = (keys.present.clone(), keys.next.clone());
        self.keys.replace(present, next).map_err(|error| error.to_string())
    }

    /// The account's name.
    #[must_use]
    pub fn name(&self) -> &ProviderName {
        self.provider.name()
    }

    /// What it can do.
    #[must_use]
    pub fn capabilities(&self) -> &Capabilities {
        self.provider.capabilities()
    }

    /// Reads an organization id of this account from outside text and returns it in its canonical form.
    ///
    /// # Errors
    /// The text has no canonical form at this account; the message names the rule and the fix.
    pub fn provider_org_id(&self, text: &str) -> Result<ProviderOrgId, InvalidId> {
        self.capabilities().provider_org_id_format.parse(text)
    }

    /// What it answers can be read back, so that it counts as observed.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        self.capabilities().get
    }

    /// The account keeps this field once it was given.
    #[must_use]
    pub fn holds(&self, field: Field) -> bool {
        self.capabilities().holds(field)
    }

    /// How a create whose answer was lost can be settled.
    #[must_use]
    pub fn create_recovery(&self) -> CreateRecovery {
        self.capabilities().create_recovery()
    }

    /// It answered, whatever it said.
    pub fn note_answer(&self) {
        self.failures.store(0, Ordering::Relaxed);
    }

    /// It could not be reached or could not answer. Answers how many times in a row that makes.
    pub fn note_silence(&self) -> u32 {
        self.failures.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// For how long it must not be asked, because it said that nothing is left of its rate limit.
    #[must_use]
    pub fn exhausted_for(&self) -> Option<Duration> {
        exhausted(self.signals.snapshot().rate_limit.as_ref()?)
    }

    /// Waits until work in the background may ask the account once more: at its own pace, and not while
    /// the account's last answers ask for a pause. Work on behalf of a caller does not wait here.
    pub async fn pace(&self) {
        self.pacer.turn().await;
        while let Some(pause) = pause(&self.signals.snapshot(), chrono::Utc::now()) {
            tokio::time::sleep(pause).await;
        }
    }

    /// How well it is, by its last answers.
    #[must_use]
    pub fn health(&self) -> Health {
        let signals = self.signals.snapshot();
        Health { state: health_state(&signals), signals }
    }
}

fn health_state(signals: &SignalSnapshot) -> HealthState {
    let Some(error) = &signals.last_error else {
        return HealthState::Up;
    };
    if signals.last_success_at.is_some_and(|success| success >= error.at) {
        return HealthState::Up;
    }
    match error.kind {
        Kind::Unauthenticated | Kind::PermissionDenied => HealthState::Refused,
        Kind::Unavailable => HealthState::Down,
        Kind::RateLimited | Kind::Unexpected => HealthState::Degraded,
        Kind::Unsupported
        | Kind::InvalidInput
        | Kind::QuotaExceeded
        | Kind::NotFound
        | Kind::Conflict => HealthState::Up,
    }
}
