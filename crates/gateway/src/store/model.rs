//! What the database holds, as the rest of the gateway sees it.

use chrono::{DateTime, Utc};
use partner_core::{
    Address, Lock, LockOrigin, MarketplaceOffers, Member, Owner, ProviderName, ProviderOrgId,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::StoreError;

/// An enumeration with the same names in the database and in the API.
///
/// A name is matched as a token and not as a literal: the derive macros read only the plain token in an attribute.
macro_rules! spelled {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:tt),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant),+ }

        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The spelling in the database and in the API.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl std::str::FromStr for $name {
            type Err = StoreError;
            fn from_str(text: &str) -> Result<Self, StoreError> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    other => Err(StoreError::Corrupt(format!(concat!(stringify!($name), " {:?}"), other))),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

pub(super) use spelled;

spelled!(
    /// Where an organization stands.
    OrgStatus {
        /// Its create is not settled.
        Pending = "pending",
        /// It is open at its provider.
        Active = "active",
        /// It is locked at its provider.
        Locked = "locked",
        /// It was closed at its provider.
        Closed = "closed",
        /// Its create was refused; the same customer may be created again.
        Failed = "failed",
    }
);
spelled!(
    /// How the gateway knows what it says of an organization.
    Certainty {
        /// Read back from the provider.
        Observed = "observed",
        /// The provider said so when it was written, and cannot be read.
        Asserted = "asserted",
        /// The outcome of an operation is open.
        Unknown = "unknown",
    }
);
spelled!(
    /// What an operation does at the provider.
    OperationKind {
        /// Creates an organization.
        Create = "create",
        /// Changes its fields.
        Update = "update",
        /// Locks it for the partner.
        Lock = "lock",
        /// Lifts the partner's lock.
        Unlock = "unlock",
        /// Invites people.
        Invite = "invite",
        /// Asks for an administrator's seat.
        AdminRole = "admin_role",
    }
);
spelled!(
    /// Where an operation stands.
    OperationState {
        /// Committed; nothing is on its way.
        Accepted = "accepted",
        /// A worker has it and may be sending.
        Sending = "sending",
        /// It may have been done.
        Unknown = "unknown",
        /// The machine cannot settle it; a person must.
        Quarantined = "quarantined",
        /// Done.
        Succeeded = "succeeded",
        /// Not done, and it will not be.
        Rejected = "rejected",
    }
);

impl OperationState {
    /// The operation has ended.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Rejected)
    }

    /// The operation has ended, or only an operator or a late answer moves it: there is nothing to wait for.
    #[must_use]
    pub fn is_at_rest(self) -> bool {
        self.is_final() || self == Self::Quarantined
    }
}

/// Whose rows are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TenantScope {
    /// One tenant's.
    One(String),
    /// Everybody's: for administrators and for the gateway's own workers.
    All,
}

impl TenantScope {
    /// The tenant to narrow by; `None` for everybody's.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        match self {
            Self::One(tenant) => Some(tenant),
            Self::All => None,
        }
    }
}

/// One mapping: a customer's child organization at a provider.
#[derive(Clone, PartialEq)]
pub struct Organization {
    /// Ours, UUIDv7.
    pub id: Uuid,
    /// The internal platform that owns it.
    pub tenant: String,
    /// The customer in the reseller's systems.
    pub customer_id: String,
    /// The partner account.
    pub provider: ProviderName,
    /// Its id there; `None` while it is not known to exist.
    pub provider_org_id: Option<ProviderOrgId>,
    /// Name.
    pub name: String,
    /// Status.
    pub status: OrgStatus,
    /// The locks known to lie on it, the provider's before ours.
    pub locks: Vec<Lock>,
    /// Owner; empty where none is known.
    pub owner: Owner,
    /// French company number.
    pub siren_number: Option<String>,
    /// Internet domain.
    pub domain: Option<String>,
    /// Postal address.
    pub address: Option<Address>,
    /// Marketplace offers.
    pub marketplace_offers: Option<MarketplaceOffers>,
    /// Comment.
    pub comment: Option<String>,
    /// The caller's own labels.
    pub labels: std::collections::BTreeMap<String, String>,
    /// The marketplace purchase at Labra.
    pub labra_subscription_id: Option<String>,
    /// The provider's own document, as last seen.
    pub provider_data: Option<Value>,
    /// How we know.
    pub certainty: Certainty,
    /// When it was last read back.
    pub observed_at: Option<DateTime<Utc>>,
    /// The routing rule that chose the provider.
    pub route_rule: String,
    /// Why it chose it.
    pub route_reason: String,
    /// HMAC of what the create asked for.
    pub create_fingerprint: Option<Vec<u8>>,
    /// The last event's number within the organization.
    pub last_event: i64,
    /// Rises with every change but `observed_at`.
    pub version: i64,
    /// When the mapping was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

impl std::fmt::Debug for Organization {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Organization")
            .field("id", &self.id)
            .field("provider", &self.provider)
            .field("status", &self.status)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl Organization {
    /// It is active and nobody's lock lies on it.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.status == OrgStatus::Active && self.locks.is_empty()
    }

    /// Nothing differs but what a mere look at the provider changes: the time of observation, the
    /// provider's own document, and our own numbering.
    #[must_use]
    pub fn is_same_but_for_observation(&self, other: &Self) -> bool {
        let aligned = Self {
            observed_at: other.observed_at,
            provider_data: other.provider_data.clone(),
            last_event: other.last_event,
            version: other.version,
            updated_at: other.updated_at,
            ..self.clone()
        };
        &aligned == other
    }

    /// The lock of this origin.
    #[must_use]
    pub fn lock_by(&self, origin: LockOrigin) -> Option<&Lock> {
        self.locks.iter().find(|lock| lock.origin == origin)
    }
}

/// An operation as the database has it.
#[derive(Debug, Clone)]
pub struct Operation {
    /// UUIDv7.
    pub id: Uuid,
    /// The tenant of its organization.
    pub tenant: String,
    /// Its organization.
    pub organization_id: Uuid,
    /// The partner account.
    pub provider: ProviderName,
    /// What it does.
    pub kind: OperationKind,
    /// Where it stands.
    pub state: OperationState,
    /// Raised with every claim.
    pub epoch: i64,
    /// Until when a worker has it.
    pub lease_until: Option<DateTime<Utc>>,
    /// How often it was taken up to be sent.
    pub attempts: i32,
    /// How many of those may have left.
    pub sends: i32,
    /// When it is looked at next.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// What is to be sent.
    pub request: Value,
    /// Who asked.
    pub actor: String,
    /// The request that asked.
    pub request_id: String,
    /// The trace that asked.
    pub traceparent: Option<String>,
    /// The problem that the caller is shown.
    pub error: Option<Value>,
    /// When it was first taken up to be sent.
    pub first_sent_at: Option<DateTime<Utc>>,
    /// Since when its outcome is open, or was.
    pub unknown_since: Option<DateTime<Utc>>,
    /// Until when an absence proves nothing.
    pub settle_until: Option<DateTime<Utc>>,
    /// When a complete reading first found nothing.
    pub absent_read_at: Option<DateTime<Utc>>,
    /// When it was committed.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
}

/// One thing that was seen of an operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// The claim under which it was seen.
    pub epoch: i64,
    /// What kind of sight it is.
    pub kind: EvidenceKind,
    /// Whether anything had left, where that is known.
    pub send_phase: Option<SendPhase>,
    /// The provider's id of the request.
    pub provider_request_id: Option<String>,
    /// The rest, in the shape of its kind.
    pub detail: Value,
}

spelled!(
    /// What kind of sight a piece of evidence is.
    EvidenceKind {
        /// The provider said that it was done.
        Answer = "answer",
        /// The call failed.
        Failure = "failure",
        /// Whoever had it was not heard of again.
        LeaseExpired = "lease_expired",
        /// The provider was read.
        ReadBack = "read_back",
        /// A person decided.
        Resolution = "resolution",
    }
);
spelled!(
    /// Whether the provider may have processed anything of a request.
    SendPhase {
        /// It processed nothing: no byte left the gateway, or the provider's rate limit refused the request.
        NotSent = "not_sent",
        /// It may have processed the request, or has refused it.
        Sent = "sent",
    }
);

/// An organization at the provider that an open create could have made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Its id at the provider.
    pub provider_org_id: String,
    /// Its name there.
    pub name: String,
    /// The equal fields: `email`, `customer_id`, `name`.
    pub matched_on: Vec<String>,
    /// How much the match proves.
    pub strength: CandidateStrength,
    /// Another tenant has a mapping of it, or an open create that could have made it.
    #[serde(default)]
    pub claimed_elsewhere: bool,
}

spelled!(
    /// What a candidate is worth.
    CandidateStrength {
        /// It is ours.
        Strong = "strong",
        /// It may be ours; a person decides.
        Weak = "weak",
    }
);

/// Somebody who was invited, as the mapping has it.
#[derive(Debug, Clone, PartialEq)]
pub struct InvitedMember {
    /// Who, and as what.
    pub member: Member,
    /// When.
    pub invited_at: DateTime<Utc>,
}
