//! Who asks, by which request, and how long they wait.

use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use crate::store::{EventContext, NewOperation, OperationKind, TenantScope};

/// A caller's idempotency key, with what its request is recognised by.
#[derive(Debug, Clone)]
pub struct IdempotencyKey {
    /// The key.
    pub key: String,
    /// The method of the request.
    pub method: String,
    /// Its path.
    pub path: String,
    /// Its body's JSON value.
    pub body: Value,
}

/// A write that a caller asks for.
#[derive(Debug, Clone)]
pub struct WriteContext {
    /// The tenant of the caller's token: what is made belongs to it.
    pub tenant: String,
    /// Whose rows the caller may touch.
    pub scope: TenantScope,
    /// Who asks.
    pub actor: String,
    /// The gateway's id of the request.
    pub request_id: String,
    /// The trace it belongs to.
    pub traceparent: Option<String>,
    /// The idempotency key.
    pub key: Option<IdempotencyKey>,
    /// The versions that the caller believes the organization may have; `None` for any.
    pub if_match: Option<Vec<i64>>,
    /// How long the caller waits for the outcome.
    pub wait: Duration,
}

impl WriteContext {
    pub(super) fn operation(&self, kind: OperationKind, request: Value) -> NewOperation {
        NewOperation {
            id: Uuid::now_v7(),
            kind,
            request,
            actor: self.actor.clone(),
            request_id: self.request_id.clone(),
            traceparent: self.traceparent.clone(),
        }
    }

    pub(super) fn event(&self) -> EventContext {
        EventContext {
            actor: self.actor.clone(),
            request_id: self.request_id.clone(),
            provider_request_id: None,
            operation_id: None,
        }
    }
}
