//! The language of the gateway: what a child organization is, what a provider can do with one, how a
//! call to a provider can end, and the port through which every provider is reached.
//!
//! This crate does no I/O and knows no provider. Adapters implement [`PartnerProvider`]; the gateway
//! uses it and never names an adapter outside its registry.

mod capabilities;
mod check;
mod child_org;
mod error;
mod field;
mod ids;
mod matching;
mod provider;
mod provider_org_id;
#[cfg(feature = "testing")]
pub mod testing;
mod text;

pub use capabilities::{
    Capabilities, CreateRecovery, FieldRule, FindBy, Format, SeatRules, Strength, TextLimits,
};
pub use child_org::{
    Address, AdminSeat, Change, ChildOrg, ChildOrgPatch, EmailAddress, InvalidEmail, Lock,
    LockOrigin, MarketplaceOffers, Member, NewChildOrg, NewMember, Owner, Role, Status,
};
pub use error::{Effect, Error, FieldFault, Kind, ProviderAnswer, Result};
pub use field::Field;
pub use ids::{CustomerId, InvalidId, ProviderName};
pub use matching::{CLOCK_SKEW, CreateTraits, Likeness, OrgTraits};
pub use provider::{CountMismatch, OrgOrder, OrgQuery, Page, PageToken, PartnerProvider, Reply};
pub use provider_org_id::{ProviderOrgId, ProviderOrgIdFormat};
pub use text::{
    Lines, TextFault, TextRule, check_identifier, check_text, rule_against_in_identifier,
    rule_against_in_text,
};
