//! What is to be known of one account, and what an account can do. Plain data; it reads nothing.

use std::time::Duration;

use partner_core::{
    Capabilities, Field, FieldRule, FindBy, Format, ProviderName, ProviderOrgIdFormat, SeatRules,
    Strength, TextLimits,
};
use secrecy::SecretString;
use url::Url;
use uuid::Uuid;

/// How long after a write a 404 or an empty list proves nothing. Seen on 2026-11-22: the vendor's own
/// tests wait for up to three minutes.
const SETTLE_WINDOW: Duration = Duration::from_secs(180);

/// The form of the organization ids.
pub(crate) const ID_FORMAT: ProviderOrgIdFormat = ProviderOrgIdFormat::Uuid;

/// The limits on a seat. Its password has no documented minimum, so an empty one is Scaleway's to judge.
const SEAT_RULES: SeatRules = SeatRules {
    username: TextLimits { min_chars: 2, max_chars: 64, format: Format::Login },
    password: TextLimits { min_chars: 0, max_chars: 72, format: Format::Any },
};

/// One partner account at Scaleway.
#[derive(Debug, Clone)]
pub struct ScalewayConfig {
    /// The account's name in the gateway.
    pub name: ProviderName,
    /// Where the API is; `https://api.scaleway.com`.
    pub base_url: Url,
    /// The partner's own organization id.
    pub partner_id: Uuid,
    /// The secret key; it needs the permission set `ResellerFullAccess`.
    pub secret_key: SecretString,
    /// The key that will follow it, where both are about.
    pub next_secret_key: Option<SecretString>,
    /// The most that one request may take.
    pub timeout: Duration,
    /// The most that connecting may take; less than `timeout`.
    pub connect_timeout: Duration,
    /// The certificates, in PEM, that the API's own must lead to, in place of the machine's.
    pub ca_pem: Option<Vec<u8>>,
}

/// What a partner account at Scaleway can do.
#[must_use]
pub fn capabilities() -> Capabilities {
    let name = FieldRule::required(Field::Name).chars(2, 256);
    let customer_id = FieldRule::required(Field::CustomerId).chars(1, 256);
    let email = FieldRule::required(Field::OwnerEmail);
    let first_name = FieldRule::required(Field::OwnerFirstName).chars(2, 256);
    let last_name = FieldRule::required(Field::OwnerLastName).chars(2, 256);
    let phone_number = FieldRule::optional(Field::OwnerPhoneNumber);
    let comment = FieldRule::optional(Field::Comment).chars(1, 1024);
    let siren_number = FieldRule::optional(Field::SirenNumber).format(Format::Digits(9));
    let updatable = [customer_id, name, email, first_name, last_name, phone_number, comment];
    let by = |field, strength| FindBy { field, strength };
    Capabilities {
        create: true,
        create_fields: updatable.into_iter().chain([siren_number]).collect(),
        get: true,
        list: true,
        find_by: vec![
            by(Field::OwnerEmail, Strength::Strong),
            by(Field::CustomerId, Strength::Weak),
        ],
        update_fields: updatable
            .into_iter()
            .map(|rule| FieldRule { required: false, ..rule })
            .collect(),
        lock: true,
        invite: false,
        admin_role: true,
        provider_org_id_format: ID_FORMAT,
        seat_rules: Some(SEAT_RULES),
        settle_window: SETTLE_WINDOW,
        // Told in the API's own description of the field (seen 2026-11).
        customer_id_fixed_on: Some(25),
    }
}
