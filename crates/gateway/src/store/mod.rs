//! The mapping and the operations in PostgreSQL: the only room with SQL.
//!
//! It knows rows, constraints and transactions. It decides nothing: which transition an operation makes
//! and what an answer does to an organization is told to it. It holds no transaction across a call to a
//! provider.

mod adoption;
mod assignment;
mod audit;
mod begin;
mod chain;
mod claims;
mod commit;
mod connect;
mod counts;
mod discrepancies;
mod error;
mod event_types;
mod events;
mod evidence;
mod feed;
mod findings;
mod gates;
mod grants;
mod history;
mod idempotency;
mod intents;
mod known;
mod lane;
mod late_change;
mod members;
mod model;
mod notices;
mod operations;
mod organizations;
mod outcomes;
mod page;
mod reread;
mod rows;
mod seal;
mod sequences;
mod sessions;
mod strangers;
mod suitability;
mod sweep_missing;
mod sweep_pages;
mod sweep_rows;
mod sweeps;
mod webhooks;

pub use audit::{EventCount, EventPlace, FeedRow};
pub use begin::{
    BeginCreate, BeginOptions, BeginUpdate, NewOperation, NewOrganization, Plan, Refused,
};
pub use chain::ChainHash;
pub use claims::{Claimed, Due};
pub use connect::{DatabaseSettings, PoolUse, Store, embedded_migrations};
pub use counts::{Count, OrganizationName, Tally};
pub use discrepancies::{
    Discrepancy, DiscrepancyFilter, DiscrepancyKind, DiscrepancyResolution, DiscrepancyState,
    FieldDifference, Settlement,
};
pub use error::{StoreError, StoreResult};
pub use event_types::{EventType, UnknownEventType};
pub use events::EventContext;
pub use feed::{FeedEvent, FeedFilter};
pub use gates::CreateBudget;
pub use history::{Attempt, PastEvent, Seen};
pub use idempotency::{IdempotencyRecord, KeyClaim};
pub use known::{CreateKeys, KnownCustomer, KnownMapping, OpenCreate};
pub use late_change::{INVOICE_NOT_GUARANTEED, LateChange};
pub use model::{
    Candidate, CandidateStrength, Certainty, Evidence, EvidenceKind, InvitedMember, Operation,
    OperationKind, OperationState, OrgStatus, Organization, SendPhase, TenantScope,
};
pub use notices::{Notice, NoticeListener};
pub use operations::OperationFilter;
pub use organizations::{OrganizationFilter, OrganizationOrder};
pub use outcomes::{NextState, Outcome, Recorded};
pub use page::{PageAfter, PageOf, PageRequest};
pub use seal::{FeedHead, Sealed};
pub use sessions::STALLED_AFTER;
pub use sweep_missing::Unlisted;
pub use sweep_pages::{Describe, Judge, ReadBy, SweptPage};
pub use sweep_rows::{Sweep, SweepPhase, SweepState, Sweeps};
pub use webhooks::{
    ClaimedDelivery, DeliveryEnd, DeliveryEvent, DeliveryState, FannedOut, Keyed, Webhook,
    WebhookBacklog, WebhookDelivery, WebhookEdit, WebhookState,
};
