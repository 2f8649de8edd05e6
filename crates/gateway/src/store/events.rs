//! The audit and change feed: one row for each change, numbered without a gap within an organization.
//!
//! An event about a webhook belongs to a tenant and to no organization.

use serde_json::{Map, Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    error::{StoreResult, store_error},
    event_types::EventType,
    model::Organization,
};

/// Replaces personal data in the feed.
pub(super) const MASK: &str = "***";

/// Who did it and by which request.
#[derive(Debug, Clone)]
pub struct EventContext {
    /// Who.
    pub actor: String,
    /// The gateway's id of the request.
    pub request_id: String,
    /// The provider's id of the request, where there was one.
    pub provider_request_id: Option<String>,
    /// The operation, where there was one.
    pub operation_id: Option<Uuid>,
}

/// Adds an event to an organization whose row is locked, and raises its number in `after`. Where the change
/// makes the organization usable, or unusable, that is an event of its own, whoever made the change.
pub(super) async fn append_event(
    connection: &mut PgConnection,
    event_type: EventType,
    context: &EventContext,
    before: Option<&Organization>,
    after: &mut Organization,
) -> StoreResult<()> {
    append_events(connection, Some(event_type), context, before, after, Vec::new()).await
}

/// As [`append_event`], where the change itself may be none, and may come with warnings.
pub(super) async fn append_events(
    connection: &mut PgConnection,
    event_type: Option<EventType>,
    context: &EventContext,
    before: Option<&Organization>,
    after: &mut Organization,
    warnings: Vec<Value>,
) -> StoreResult<()> {
    if let Some(event_type) = event_type {
        let (old, mut new) = changes(before, after);
        if !warnings.is_empty() {
            new["warnings"] = Value::Array(warnings);
        }
        insert_of(connection, event_type, context, after, (old, new)).await?;
    }
    let is_usable = after.is_usable();
    if is_usable != before.is_some_and(Organization::is_usable) {
        let edge =
            if is_usable { EventType::OrganizationUsable } else { EventType::OrganizationUnusable };
        let changed = (Some(json!({ "usable": !is_usable })), json!({ "usable": is_usable }));
        insert_of(connection, edge, context, after, changed).await?;
    }
    Ok(())
}

/// Adds an event about a webhook of a tenant.
pub(super) async fn append_webhook_event(
    connection: &mut PgConnection,
    event_type: EventType,
    context: &EventContext,
    tenant: &str,
    changed: (Option<Value>, Value),
) -> StoreResult<()> {
    insert(connection, event_type, context, (tenant, None), changed).await
}

async fn insert_of(
    connection: &mut PgConnection,
    event_type: EventType,
    context: &EventContext,
    after: &mut Organization,
    changed: (Option<Value>, Value),
) -> StoreResult<()> {
    after.last_event += 1;
    let subject = (after.tenant.as_str(), Some((after.id, after.last_event)));
    insert(connection, event_type, context, subject, changed).await
}

/// Writes an event of a tenant, with the organization and its number there if it belongs to one.
async fn insert(
    connection: &mut PgConnection,
    event_type: EventType,
    context: &EventContext,
    (tenant, organization): (&str, Option<(Uuid, i64)>),
    (old, new): (Option<Value>, Value),
) -> StoreResult<()> {
    sqlx::query!(
        "insert into events (type, tenant, organization_id, organization_sequence, operation_id, actor,
                             request_id, provider_request_id, before, after)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        event_type.as_str(),
        tenant,
        organization.map(|(id, _)| id),
        organization.map(|(_, number)| number),
        context.operation_id,
        context.actor,
        context.request_id,
        context.provider_request_id,
        old,
        new
    )
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// The fields that differ, before and after, personal data masked.
fn changes(before: Option<&Organization>, after: &Organization) -> (Option<Value>, Value) {
    let new = fields(after);
    let Some(before) = before else {
        return (None, mask(new));
    };
    let old = fields(before);
    let differs = |name: &String| old.get(name) != new.get(name);
    let names: Vec<String> = new.keys().filter(|name| differs(name)).cloned().collect();
    let pick = |from: &Map<String, Value>| {
        names.iter().filter_map(|n| from.get(n).map(|v| (n.clone(), v.clone()))).collect()
    };
    (Some(mask(pick(&old))), mask(pick(&new)))
}

/// The fields of an organization, flat.
fn fields(org: &Organization) -> Map<String, Value> {
    let document = json!({
        "customer_id": org.customer_id,
        "provider": org.provider,
        "provider_org_id": org.provider_org_id,
        "name": org.name,
        "status": org.status,
        "usable": org.is_usable(),
        "locks": org.locks,
        "owner.email": org.owner.email,
        "owner.first_name": org.owner.first_name,
        "owner.last_name": org.owner.last_name,
        "owner.phone_number": org.owner.phone_number,
        "siren_number": org.siren_number,
        "domain": org.domain,
        "address": org.address,
        "marketplace_offers": org.marketplace_offers,
        "comment": org.comment,
        "labels": org.labels,
        "certainty": org.certainty,
        "route_rule": org.route_rule,
    });
    match document {
        Value::Object(map) => map,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Map::new()
        }
    }
}

/// Hides what tells of a person; what was empty stays visibly empty.
fn mask(mut fields: Map<String, Value>) -> Value {
    for (name, value) in &mut fields {
        let personal = name.starts_with("owner.") || name == "address" || name == "comment";
        if personal && !value.is_null() {
            *value = Value::String(MASK.to_owned());
        }
    }
    Value::Object(fields)
}
