//! What is to be known of one account, and what an account can do. Plain data; it reads nothing.

use std::time::Duration;

use partner_core::{
    Capabilities, Field, FieldRule, FindBy, Format, ProviderName, ProviderOrgIdFormat, Strength,
};
use provider_http::ClientError;
use secrecy::SecretString;
use url::Url;

/// How long an organization may be absent from the listing after its creation. The vendor tells nothing
/// (2026-11-22), so it is taken to be as slow as the slowest provider known.
const SETTLE_WINDOW: Duration = Duration::from_secs(180);

/// The form of the organization ids.
pub(crate) const ID_FORMAT: ProviderOrgIdFormat = ProviderOrgIdFormat::Uuid;

/// One partner account at Archera.
#[derive(Debug, Clone)]
pub struct ArcheraConfig {
    /// The account's name in the gateway.
    pub name: ProviderName,
    /// Where the API is; `https://api.archera.ai`.
    pub base_url: Url,
    /// The partner's own organization id.
    pub partner_org_id: String,
    /// The partner's API key.
    pub api_key: SecretString,
    /// The key that will follow it, where both are about.
    pub next_api_key: Option<SecretString>,
    /// The key may use the vendor's public listing of organizations.
    pub list_orgs: bool,
    /// The most that one request may take.
    pub timeout: Duration,
    /// The most that connecting may take; less than `timeout`.
    pub connect_timeout: Duration,
    /// The certificates, in PEM, that the API's own must lead to, in place of the machine's.
    pub ca_pem: Option<Vec<u8>>,
}

/// Why an account cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The partner's id cannot stand in a path.
    #[error("the partner organization id must be 1 to 128 letters, digits, '-', '_', '.' or ':'")]
    PartnerOrgId,
    /// The HTTP client cannot be set up.
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// What a partner account at Archera can do; `list_orgs` says that its key may use the public listing.
///
/// # Behavior
/// A listing gives ids and names alone, and a name proves nothing: it is found by as a hint.
#[must_use]
pub fn capabilities(list_orgs: bool) -> Capabilities {
    Capabilities {
        create: true,
        create_fields: vec![
            FieldRule::required(Field::Name).chars(1, usize::MAX),
            FieldRule::optional(Field::Domain),
            FieldRule::optional(Field::Address),
            FieldRule::optional(Field::MarketplaceOffers).format(Format::Url),
            FieldRule::optional(Field::Members),
            FieldRule::optional(Field::LabraSubscriptionId),
        ],
        get: false,
        list: list_orgs,
        find_by: if list_orgs {
            vec![FindBy { field: Field::Name, strength: Strength::Hint }]
        } else {
            Vec::new()
        },
        update_fields: Vec::new(),
        lock: false,
        invite: true,
        admin_role: false,
        provider_org_id_format: ID_FORMAT,
        seat_rules: None,
        settle_window: if list_orgs { SETTLE_WINDOW } else { Duration::ZERO },
        customer_id_fixed_on: None,
    }
}

/// Returns whether the text can be the partner's own id. The vendor does not document its form; these are the
/// characters of common ids, and none of them leads out of a path.
pub(crate) fn is_partner_id(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.:".contains(c))
        && text.chars().any(|c| c.is_ascii_alphanumeric())
}
