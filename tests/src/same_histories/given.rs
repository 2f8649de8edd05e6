//! What the calls say: rows, intents and outcomes that are enough to meet every rule.

use chrono::{DateTime, Utc};
use partner_core::{EmailAddress, Member, ProviderName, ProviderOrgId, ProviderOrgIdFormat};
use partner_gateway::store::{
    Certainty, EventContext, Evidence, EvidenceKind, KeyClaim, NewOperation, NextState,
    OperationKind, OrgStatus, Organization, Plan, StoreError, StoreResult,
};
use serde_json::json;
use uuid::Uuid;

use super::call::{Changed, Next, Planned};

/// When nothing is said of it.
fn long_ago() -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap_or_default()
}

/// A time that is not over while a history is played.
fn far_ahead() -> DateTime<Utc> {
    DateTime::from_timestamp(4_000_000_000, 0).unwrap_or_default()
}

pub(super) fn key_claim(key: Option<u32>) -> Option<KeyClaim> {
    key.map(|key| KeyClaim {
        tenant: "crm".to_owned(),
        key: format!("key-{key}"),
        fingerprint: vec![1],
    })
}

pub(super) fn intent(id: Uuid, kind: OperationKind, request: serde_json::Value) -> NewOperation {
    NewOperation {
        id,
        kind,
        request,
        actor: "actor".to_owned(),
        request_id: "request".to_owned(),
        traceparent: None,
    }
}

pub(super) fn first_row(
    id: Uuid,
    tenant: &str,
    provider: &str,
    customer: u32,
) -> StoreResult<Organization> {
    let provider =
        ProviderName::new(provider).map_err(|error| StoreError::Corrupt(error.to_string()))?;
    Ok(Organization {
        id,
        tenant: tenant.to_owned(),
        customer_id: format!("customer-{customer}"),
        provider,
        provider_org_id: None,
        name: "Acme".to_owned(),
        status: OrgStatus::Pending,
        locks: Vec::new(),
        owner: partner_core::Owner::default(),
        siren_number: None,
        domain: None,
        address: None,
        marketplace_offers: None,
        comment: None,
        labels: std::collections::BTreeMap::new(),
        labra_subscription_id: None,
        provider_data: None,
        certainty: Certainty::Unknown,
        observed_at: None,
        route_rule: "rule".to_owned(),
        route_reason: "reason".to_owned(),
        create_fingerprint: None,
        last_event: 0,
        version: 1,
        created_at: long_ago(),
        updated_at: long_ago(),
    })
}

/// The text of an organization's id at its provider.
pub(super) fn provider_org_text(id: u32) -> String {
    format!("0f8f2a3c-1b5d-4c7e-9a41-{id:012x}")
}

fn provider_org_id(id: u32) -> Option<ProviderOrgId> {
    ProviderOrgIdFormat::Uuid.parse(&provider_org_text(id)).ok()
}

pub(super) fn evidence(id: Option<u32>) -> Evidence {
    Evidence {
        epoch: 1,
        kind: if id.is_some() { EvidenceKind::Answer } else { EvidenceKind::Failure },
        send_phase: None,
        provider_request_id: None,
        detail: id.map_or(json!({}), |id| json!({ "provider_org_id": provider_org_text(id) })),
    }
}

/// An organization that exists at its provider already.
pub(super) fn adopted_row(row: Organization, id: u32) -> Organization {
    Organization { provider_org_id: provider_org_id(id), status: OrgStatus::Active, ..row }
}

impl Planned {
    pub(super) fn make(self, id: Uuid, org: &mut Organization) -> Result<Plan, ()> {
        let send = |kind, request| Plan {
            operation: Some(intent(id, kind, request)),
            new_customer_id: None,
            must_send_now: false,
            local: None,
            settles: None,
        };
        match self {
            Self::Send { kind, must_send_now } => {
                Ok(Plan { must_send_now, ..send(kind, json!({})) })
            }
            Self::Rename { customer } => {
                let customer_id = format!("customer-{customer}");
                let request = json!({ "patch": { "customer_id": customer_id } });
                let plan = send(OperationKind::Update, request);
                Ok(Plan { new_customer_id: Some(customer_id), ..plan })
            }
            Self::Note { comment, customer } => {
                org.comment = Some(format!("note {comment}"));
                let new_customer_id = customer.map(|customer| format!("customer-{customer}"));
                if let Some(customer_id) = &new_customer_id {
                    org.customer_id.clone_from(customer_id);
                }
                let context = EventContext {
                    actor: "actor".to_owned(),
                    request_id: "request".to_owned(),
                    provider_request_id: None,
                    operation_id: None,
                };
                let local = Some((partner_gateway::store::EventType::OrganizationUpdated, context));
                Ok(Plan {
                    operation: None,
                    new_customer_id,
                    must_send_now: false,
                    local,
                    settles: None,
                })
            }
            Self::Refuse => Err(()),
        }
    }
}

impl Next {
    pub(super) fn make(self) -> NextState {
        match self {
            Self::Succeeded => NextState::Succeeded,
            Self::Rejected => NextState::Rejected { error: json!({ "code": "x" }) },
            Self::Accepted { after, give_back } => {
                NextState::Accepted { after, give_back_send: give_back }
            }
            Self::Unknown { look_after, is_absent, settles_late } => NextState::Unknown {
                settle_until: if settles_late { far_ahead() } else { long_ago() },
                look_after,
                absent_since: is_absent.then(long_ago),
            },
            Self::Quarantined => NextState::Quarantined,
        }
    }
}

impl Changed {
    pub(super) fn make(self, org: &mut Organization) {
        match self {
            Self::Nothing => {}
            Self::There(id) => {
                org.provider_org_id = provider_org_id(id);
                org.status = OrgStatus::Active;
                org.certainty = Certainty::Observed;
            }
            Self::Failed => {
                org.status = OrgStatus::Failed;
                org.provider_org_id = None;
            }
            Self::Doubted => org.certainty = Certainty::Unknown,
            Self::Customer(customer) => org.customer_id = format!("customer-{customer}"),
        }
    }
}

pub(super) fn members_of(change: Changed) -> Vec<Member> {
    let Changed::There(id) = change else { return Vec::new() };
    let address = EmailAddress::new(format!("Member{}@acme.test", id % 2));
    let role = id.is_multiple_of(3).then_some(partner_core::Role::Admin);
    address.map(|email| Member { email, role }).into_iter().collect()
}
