//! What is meant, and what became of it when it was to be committed.

use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use super::{
    discrepancies::Settlement,
    event_types::EventType,
    events::EventContext,
    gates::CreateBudget,
    idempotency::{IdempotencyRecord, KeyClaim},
    model::{Operation, OperationKind, Organization},
};

/// An operation that is meant.
#[derive(Debug, Clone)]
pub struct NewOperation {
    /// UUIDv7.
    pub id: Uuid,
    /// What it does.
    pub kind: OperationKind,
    /// What is to be sent. Never a password.
    pub request: Value,
    /// Who asks.
    pub actor: String,
    /// The gateway's id of the request.
    pub request_id: String,
    /// The trace it belongs to.
    pub traceparent: Option<String>,
}

/// An organization that is meant: its first row.
pub type NewOrganization = Organization;

/// What became of a create.
#[derive(Debug)]
pub enum BeginCreate {
    /// It is committed: `sending` and ours, or `accepted` and waiting.
    Begun(Box<Operation>),
    /// The customer has one at this provider.
    AlreadyMapped(Box<Organization>),
    /// The idempotency key was taken before.
    Replay(IdempotencyRecord),
}

/// What became of an operation on an organization.
#[derive(Debug)]
pub enum BeginUpdate<E> {
    /// It is committed: `sending` and ours, or `accepted` and waiting. With the organization before it.
    Begun(Box<Operation>, Box<Organization>),
    /// Nothing had to be sent; it is done. With the organization after it.
    Done(Box<Organization>),
    /// The tenant has no such organization.
    NotFound,
    /// The caller's check refused; nothing was written.
    Refused(Refused<E>),
    /// The idempotency key was taken before.
    Replay(IdempotencyRecord),
}

/// Why an operation on an organization was not begun.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused<E> {
    /// By the caller's own check.
    ByCheck(E),
    /// The customer id is taken by this organization of the tenant's at the same provider.
    CustomerTaken(Uuid),
    /// It cannot wait its turn, and another operation is open.
    Busy,
    /// The discrepancy that it was to settle is settled already.
    SettledBefore,
}

/// How an operation is begun.
#[derive(Debug, Clone, Copy)]
pub struct BeginOptions<'a> {
    /// For how long the worker has it.
    pub lease: Duration,
    /// What creates may be in doubt.
    pub budget: &'a CreateBudget,
    /// The idempotency key.
    pub key: Option<&'a KeyClaim>,
}

/// What is to be done with an organization.
#[derive(Debug)]
pub struct Plan {
    /// What is to be sent; `None` where the change is the gateway's alone.
    pub operation: Option<NewOperation>,
    /// The customer id that the change gives it.
    pub new_customer_id: Option<String>,
    /// It cannot wait for another operation to end.
    pub must_send_now: bool,
    /// Who makes a change that is the gateway's alone, and its event.
    pub local: Option<(EventType, EventContext)>,
    /// The discrepancy that it settles.
    pub settles: Option<Settlement>,
}
