//! One call of the store, the same for both sides.

use std::time::Duration;

use partner_gateway::store::{
    BeginOptions, CreateBudget, CreateKeys, OpenCreate, OperationKind, Organization, Outcome,
    TenantScope,
};
use serde_json::json;
use uuid::Uuid;

use super::{
    given::{adopted_row, evidence, first_row, intent, key_claim, members_of, provider_org_text},
    sides::Side,
    told::{tell_begun, tell_create, tell_operations, tell_recorded, told},
};

/// A call with everything it says.
#[derive(Debug, Clone)]
pub(super) enum Call {
    BeginCreate {
        org: Uuid,
        operation: Uuid,
        tenant: &'static str,
        provider: &'static str,
        customer: u32,
        key: Option<u32>,
        terms: Terms,
    },
    BeginOperation {
        org: Uuid,
        operation: Uuid,
        scope: Option<&'static str>,
        plan: Planned,
        key: Option<u32>,
        terms: Terms,
    },
    Adopt {
        org: Uuid,
        provider: &'static str,
        customer: u32,
        id: u32,
        key: Option<u32>,
    },
    ClaimDue {
        provider: &'static str,
        creates: bool,
        limit: i64,
        terms: Terms,
    },
    ClaimUnknown {
        provider: &'static str,
        limit: i64,
        lease: Duration,
    },
    ClaimOne {
        operation: Uuid,
        epoch_off: i64,
        lease: Duration,
    },
    ExpireLeases {
        provider: &'static str,
        settle: Duration,
    },
    /// `seen`: as which of the versions that were answered so far the caller knows the operation.
    Record {
        is_accounted: bool,
        seen: usize,
        next: Next,
        change: Changed,
        evidence: Option<u32>,
        has_event: bool,
    },
    AddEvidence {
        operation: Uuid,
        id: Option<u32>,
    },
    Proven {
        operation: Uuid,
    },
    Mapped {
        provider: &'static str,
    },
    OpenCreates {
        provider: &'static str,
        customer: u32,
    },
    CloseGate {
        provider: &'static str,
        wait: Duration,
    },
    NoteReading {
        provider: &'static str,
    },
    LastOperation {
        org: Uuid,
        kind: OperationKind,
    },
}

/// How something is begun or taken up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    pub(super) lease: Duration,
    pub(super) budget: CreateBudget,
}

/// What is planned for an organization.
#[derive(Debug, Clone, Copy)]
pub(super) enum Planned {
    Send { kind: OperationKind, must_send_now: bool },
    Rename { customer: u32 },
    Note { comment: u32, customer: Option<u32> },
    Refuse,
}

/// Where an operation is to go.
#[derive(Debug, Clone, Copy)]
pub(super) enum Next {
    Succeeded,
    Rejected,
    Accepted { after: Duration, give_back: bool },
    Unknown { look_after: Duration, is_absent: bool, settles_late: bool },
    Quarantined,
}

/// What a record does to the organization.
#[derive(Debug, Clone, Copy)]
pub(super) enum Changed {
    Nothing,
    There(u32),
    Failed,
    Doubted,
    Customer(u32),
}

impl Call {
    /// Makes the call, and tells what was answered.
    pub(super) async fn make(&self, side: &mut impl Side) -> String {
        match self.clone() {
            begin @ (Self::BeginCreate { .. }
            | Self::BeginOperation { .. }
            | Self::Adopt { .. }) => begin.begin(side).await,
            Self::Record { seen, next, change, evidence: id, has_event, is_accounted } => {
                let Some(operation) = side.seen(seen) else { return "nothing was seen".to_owned() };
                let written = evidence(id);
                let outcome_change = move |org: &mut Organization| change.make(org);
                let members = members_of(change);
                let outcome = Outcome {
                    next: next.make(),
                    change: &outcome_change,
                    members: &members,
                    event: has_event
                        .then_some(partner_gateway::store::EventType::OrganizationObserved),
                    actor: None,
                    provider_request_id: None,
                    is_accounted,
                };
                let recorded = side.record(&operation, Some(&written), &outcome).await;
                tell_recorded(side, recorded)
            }
            claim @ (Self::ClaimDue { .. }
            | Self::ClaimUnknown { .. }
            | Self::ClaimOne { .. }
            | Self::ExpireLeases { .. }) => claim.claim(side).await,
            look @ (Self::AddEvidence { .. }
            | Self::Proven { .. }
            | Self::Mapped { .. }
            | Self::OpenCreates { .. }
            | Self::CloseGate { .. }
            | Self::NoteReading { .. }
            | Self::LastOperation { .. }) => look.look(side).await,
        }
    }

    async fn begin(self, side: &mut impl Side) -> String {
        match self {
            Self::BeginCreate { org, operation, tenant, provider, customer, key, terms } => {
                let row = first_row(org, tenant, provider, customer);
                let request = json!({ "new": {
                    "customer_id": format!("customer-{customer}"),
                    "owner": { "email": format!("owner-{customer}@acme.test") },
                    "name": "Acme",
                } });
                let operation = intent(operation, OperationKind::Create, request);
                let key = key_claim(key);
                let options =
                    BeginOptions { lease: terms.lease, budget: &terms.budget, key: key.as_ref() };
                let begun = match row {
                    Ok(row) => side.begin_create(&row, &operation, options).await,
                    Err(error) => Err(error),
                };
                tell_create(side, begun)
            }
            Self::BeginOperation { org, operation, scope, plan, key, terms } => {
                let key = key_claim(key);
                let options =
                    BeginOptions { lease: terms.lease, budget: &terms.budget, key: key.as_ref() };
                let scope = scope.map_or(TenantScope::All, |one| TenantScope::One(one.to_owned()));
                let planned = move |org: &mut Organization| plan.make(operation, org);
                let begun = side.begin_operation(&scope, org, planned, options).await;
                tell_begun(side, begun)
            }
            Self::Adopt { org, provider, customer, id, key } => {
                let adopted = match first_row(org, "crm", provider, customer) {
                    Ok(row) => side.adopt(&adopted_row(row, id), key_claim(key).as_ref()).await,
                    Err(error) => Err(error),
                };
                tell_create(side, adopted)
            }
            Self::Record { .. }
            | Self::ClaimDue { .. }
            | Self::ClaimUnknown { .. }
            | Self::ClaimOne { .. }
            | Self::ExpireLeases { .. }
            | Self::AddEvidence { .. }
            | Self::Proven { .. }
            | Self::Mapped { .. }
            | Self::OpenCreates { .. }
            | Self::CloseGate { .. }
            | Self::NoteReading { .. }
            | Self::LastOperation { .. } => String::new(),
        }
    }

    async fn claim(self, side: &mut impl Side) -> String {
        let journal = side.journal();
        match self {
            Self::ClaimDue { provider, creates, limit, terms } => {
                let (lease, budget) = (terms.lease, &terms.budget);
                let due = journal.claim_due(provider, creates, limit, lease, budget).await;
                told(due, |due| {
                    let text = format!("{} more {}", tell_operations(&due.claimed), due.more_waits);
                    side.see_all(due.claimed);
                    text
                })
            }
            Self::ClaimUnknown { provider, limit, lease } => {
                let claimed = journal.claim_unknown(provider, limit, lease).await;
                told(claimed, |claimed| {
                    let text = tell_operations(&claimed);
                    side.see_all(claimed);
                    text
                })
            }
            Self::ClaimOne { operation, epoch_off, lease } => {
                let now = journal.reread_operation(operation).await.ok().flatten();
                let epoch = now.map_or(0, |now| now.epoch) + epoch_off;
                let claimed = journal.claim_one_unknown(operation, epoch, lease).await;
                told(claimed, |claimed| {
                    let text = tell_operations(claimed.as_slice());
                    side.see_all(claimed.into_iter().collect());
                    text
                })
            }
            Self::ExpireLeases { provider, settle } => {
                told(journal.expire_leases(provider, settle).await, |count| count.to_string())
            }
            Self::BeginCreate { .. }
            | Self::BeginOperation { .. }
            | Self::Adopt { .. }
            | Self::Record { .. }
            | Self::AddEvidence { .. }
            | Self::Proven { .. }
            | Self::Mapped { .. }
            | Self::OpenCreates { .. }
            | Self::CloseGate { .. }
            | Self::NoteReading { .. }
            | Self::LastOperation { .. } => String::new(),
        }
    }

    async fn look(self, side: &mut impl Side) -> String {
        let journal = side.journal();
        match self {
            Self::AddEvidence { operation, id } => {
                told(journal.add_evidence(operation, &evidence(id)).await, |()| "added".to_owned())
            }
            Self::Proven { operation } => {
                told(journal.proven_provider_org_id(operation).await, |id| format!("{id:?}"))
            }
            Self::Mapped { provider } => {
                let ids: Vec<String> = (0..6).map(provider_org_text).collect();
                told(journal.known_mappings(provider, &ids).await, |mut mapped| {
                    mapped.sort_by(|a, b| a.provider_org_id.cmp(&b.provider_org_id));
                    format!("{mapped:?}")
                })
            }
            Self::OpenCreates { provider, customer } => {
                let keys = CreateKeys {
                    customer_ids: vec![format!("customer-{customer}")],
                    emails: vec![format!("OWNER-{}@acme.test", customer + 1)],
                    names: Vec::new(),
                    all: false,
                };
                told(journal.open_creates_like(provider, &keys).await, |found| {
                    let tell = |create: &OpenCreate| {
                        (create.operation_id, create.tenant.clone(), create.may_have_left)
                    };
                    format!("{:?}", found.iter().map(tell).collect::<Vec<_>>())
                })
            }
            Self::CloseGate { provider, wait } => {
                told(journal.close_gate(provider, wait, "asked").await, |()| "shut".to_owned())
            }
            Self::NoteReading { provider } => {
                told(journal.note_reading(provider).await, |()| "noted".to_owned())
            }
            Self::LastOperation { org, kind } => {
                told(journal.last_operation(org, kind).await, |last| {
                    tell_operations(last.as_slice())
                })
            }
            Self::BeginCreate { .. }
            | Self::BeginOperation { .. }
            | Self::Adopt { .. }
            | Self::Record { .. }
            | Self::ClaimDue { .. }
            | Self::ClaimUnknown { .. }
            | Self::ClaimOne { .. }
            | Self::ExpireLeases { .. } => String::new(),
        }
    }
}
