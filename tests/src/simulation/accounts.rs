//! The accounts that histories are played at: as the gateway's own registry makes them, so that what they
//! claim to be able to do is what the adapters claim.

use std::{num::NonZeroU32, time::Duration};

use partner_gateway::{
    config::{ProviderAccount, ProviderConfig, ProviderKeys},
    providers::{Account, Registry, RegistryError},
};
use secrecy::SecretString;
use uuid::Uuid;

/// Why there are no accounts.
#[derive(Debug, thiserror::Error)]
pub enum AccountsError {
    /// The address is none.
    #[error(transparent)]
    Url(#[from] url::ParseError),
    /// The registry refused.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

/// One account that can be read, one that cannot, and one that can only be listed.
///
/// # Errors
/// When the registry refuses them.
pub fn accounts() -> Result<Vec<Account>, AccountsError> {
    let archera =
        |list_orgs| ProviderAccount::Archera { partner_org_id: "partner".to_owned(), list_orgs };
    let scaleway = ProviderAccount::Scaleway { partner_id: Uuid::nil() };
    let base_url: url::Url = "https://provider.acme.test".parse()?;
    let config = |name: &str, account, settle| ProviderConfig {
        name: name.to_owned(),
        base_url: base_url.clone(),
        ca: None,
        keys: ProviderKeys::fixed(SecretString::from("not a secret of anybody's")),
        account,
        settle_window: Duration::from_secs(settle),
        timeout: Duration::from_secs(20),
        connect_timeout: Duration::from_secs(2),
        sweep_every: Duration::from_secs(900),
        sweep_requests_per_second: NonZeroU32::MIN,
    };
    let registry = Registry::new(&[
        config("scaleway", scaleway, 180),
        config("archera", archera(false), 0),
        config("archera-list", archera(true), 180),
    ])?;
    let named = ["scaleway", "archera", "archera-list"];
    Ok(named.iter().filter_map(|name| registry.get(name).cloned()).collect())
}
