//! Rows as PostgreSQL gives them, and what they mean.

use chrono::{DateTime, Utc};
use partner_core::{EmailAddress, Owner, ProviderName, ProviderOrgId, Role};
use serde_json::Value;
use sqlx::postgres::types::PgInterval;
use uuid::Uuid;

use super::{
    error::StoreError,
    model::{Operation, Organization},
};

/// The row of `organizations`, column for column.
#[derive(sqlx::FromRow)]
pub(super) struct OrganizationRow {
    pub(super) id: Uuid,
    pub(super) tenant: String,
    pub(super) customer_id: String,
    pub(super) provider: String,
    pub(super) provider_org_id: Option<String>,
    pub(super) name: String,
    pub(super) status: String,
    pub(super) locks: Value,
    pub(super) owner_email: Option<String>,
    pub(super) owner_first_name: Option<String>,
    pub(super) owner_last_name: Option<String>,
    pub(super) owner_phone_number: Option<String>,
    pub(super) siren_number: Option<String>,
    pub(super) domain: Option<String>,
    pub(super) address: Option<Value>,
    pub(super) marketplace_offers: Option<Value>,
    pub(super) comment: Option<String>,
    pub(super) labels: Value,
    pub(super) labra_subscription_id: Option<String>,
    pub(super) provider_data: Option<Value>,
    pub(super) certainty: String,
    pub(super) observed_at: Option<DateTime<Utc>>,
    pub(super) route_rule: String,
    pub(super) route_reason: String,
    pub(super) create_fingerprint: Option<Vec<u8>>,
    pub(super) last_event: i64,
    pub(super) version: i64,
    pub(super) created_at: DateTime<Utc>,
    pub(super) updated_at: DateTime<Utc>,
}

fn corrupt(what: &'static str) -> impl FnOnce(&dyn std::fmt::Display) -> StoreError {
    move |error| StoreError::Corrupt(format!("{what}: {error}"))
}

fn from_json<T: serde::de::DeserializeOwned>(
    value: Value,
    what: &'static str,
) -> Result<T, StoreError> {
    serde_json::from_value(value).map_err(|error| corrupt(what)(&error))
}

/// Reads a stored address. It may be older than the rules of today.
pub(super) fn email(text: String) -> Result<EmailAddress, StoreError> {
    EmailAddress::from_existing(text).map_err(|error| corrupt("an e-mail address")(&error))
}

pub(super) fn provider_name(text: String) -> Result<ProviderName, StoreError> {
    ProviderName::new(text).map_err(|error| corrupt("a provider's name")(&error))
}

impl TryFrom<OrganizationRow> for Organization {
    type Error = StoreError;

    fn try_from(row: OrganizationRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            tenant: row.tenant,
            customer_id: row.customer_id,
            provider: provider_name(row.provider)?,
            provider_org_id: row
                .provider_org_id
                .map(ProviderOrgId::from_stored)
                .transpose()
                .map_err(|error| corrupt("provider_org_id")(&error))?,
            name: row.name,
            status: row.status.parse()?,
            locks: from_json(row.locks, "locks")?,
            owner: Owner {
                email: row.owner_email.map(email).transpose()?,
                first_name: row.owner_first_name,
                last_name: row.owner_last_name,
                phone_number: row.owner_phone_number,
            },
            siren_number: row.siren_number,
            domain: row.domain,
            address: row.address.map(|v| from_json(v, "address")).transpose()?,
            marketplace_offers: row
                .marketplace_offers
                .map(|v| from_json(v, "marketplace_offers"))
                .transpose()?,
            comment: row.comment,
            labels: from_json(row.labels, "labels")?,
            labra_subscription_id: row.labra_subscription_id,
            provider_data: row.provider_data,
            certainty: row.certainty.parse()?,
            observed_at: row.observed_at,
            route_rule: row.route_rule,
            route_reason: row.route_reason,
            create_fingerprint: row.create_fingerprint,
            last_event: row.last_event,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// The row of `operations`, column for column.
#[derive(sqlx::FromRow)]
pub(super) struct OperationRow {
    pub(super) id: Uuid,
    pub(super) tenant: String,
    pub(super) organization_id: Uuid,
    pub(super) provider: String,
    pub(super) kind: String,
    pub(super) state: String,
    pub(super) epoch: i64,
    pub(super) lease_until: Option<DateTime<Utc>>,
    pub(super) attempts: i32,
    pub(super) sends: i32,
    pub(super) next_attempt_at: Option<DateTime<Utc>>,
    pub(super) request: Value,
    pub(super) actor: String,
    pub(super) request_id: String,
    pub(super) traceparent: Option<String>,
    pub(super) error: Option<Value>,
    pub(super) first_sent_at: Option<DateTime<Utc>>,
    pub(super) unknown_since: Option<DateTime<Utc>>,
    pub(super) settle_until: Option<DateTime<Utc>>,
    pub(super) absent_read_at: Option<DateTime<Utc>>,
    pub(super) created_at: DateTime<Utc>,
    pub(super) updated_at: DateTime<Utc>,
    pub(super) finished_at: Option<DateTime<Utc>>,
}

impl TryFrom<OperationRow> for Operation {
    type Error = StoreError;

    fn try_from(row: OperationRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            tenant: row.tenant,
            organization_id: row.organization_id,
            provider: provider_name(row.provider)?,
            kind: row.kind.parse()?,
            state: row.state.parse()?,
            epoch: row.epoch,
            lease_until: row.lease_until,
            attempts: row.attempts,
            sends: row.sends,
            next_attempt_at: row.next_attempt_at,
            request: row.request,
            actor: row.actor,
            request_id: row.request_id,
            traceparent: row.traceparent,
            error: row.error,
            first_sent_at: row.first_sent_at,
            unknown_since: row.unknown_since,
            settle_until: row.settle_until,
            absent_read_at: row.absent_read_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
            finished_at: row.finished_at,
        })
    }
}

/// A member's role in the database.
pub(super) fn role(text: Option<String>) -> Result<Option<Role>, StoreError> {
    text.map(|text| from_json(Value::String(text), "a role")).transpose()
}

/// A duration as PostgreSQL has it.
pub(super) fn interval(duration: std::time::Duration) -> PgInterval {
    PgInterval {
        months: 0,
        days: 0,
        microseconds: i64::try_from(duration.as_micros()).unwrap_or(i64::MAX),
    }
}
