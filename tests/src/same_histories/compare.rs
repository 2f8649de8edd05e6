//! What both sides hold, in lines that can be compared: times only as before now, after now, or none.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use partner_gateway::store::{Operation, Organization};
use sqlx::{PgPool, Row};

use super::CannotPlay;
use crate::memory::Tables;

/// Everything that a side holds, one line a row.
pub(super) type Rows = BTreeSet<String>;

fn lies(at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> &'static str {
    match at {
        None => "none",
        Some(at) if at <= now => "past",
        Some(_) => "future",
    }
}

fn operation(row: &Operation, now: DateTime<Utc>) -> String {
    format!(
        "operation {} {} {} of {} {} epoch {} attempts {} sends {} lease {} next {} sent {} unknown {} \
         settle {} absent {} finished {} error {:?} request {}",
        row.id,
        row.kind,
        row.state,
        row.tenant,
        row.organization_id,
        row.epoch,
        row.attempts,
        row.sends,
        lies(row.lease_until, now),
        lies(row.next_attempt_at, now),
        lies(row.first_sent_at, now),
        lies(row.unknown_since, now),
        lies(row.settle_until, now),
        lies(row.absent_read_at, now),
        lies(row.finished_at, now),
        row.error,
        row.request,
    )
}

fn organization(row: &Organization) -> String {
    format!(
        "organization {} {} {} {} {:?} {} {} event {} version {} {:?}",
        row.id,
        row.tenant,
        row.customer_id,
        row.provider,
        row.provider_org_id,
        row.status,
        row.certainty,
        row.last_event,
        row.version,
        row.comment,
    )
}

/// A gate of which nothing is known is as good as none.
const OPEN_GATE: &str = "shut false shaken false read false";

/// How an account's gate stands: what its rule looks at, and no more.
fn gate(provider: &str, is_shut: bool, shaken: bool, was_read: bool) -> String {
    format!("gate {provider} shut {is_shut} shaken {shaken} read {was_read}")
}

pub(super) fn of_memory(tables: &Tables, now: DateTime<Utc>) -> Rows {
    let mut rows: Rows = tables.operations().map(|row| operation(row, now)).collect();
    rows.extend(tables.organizations().map(organization));
    rows.extend(
        tables.claims().map(|(key, by)| format!("claim {} {} {} {by}", key.0, key.1, key.2)),
    );
    for row in tables.operations() {
        let attempts = tables.attempts_of(row.id);
        rows.extend(attempts.map(|(number, epoch)| format!("attempt {} {number} {epoch}", row.id)));
        for (number, seen) in (1..).zip(tables.evidence_of(row.id)) {
            let (kind, detail) = (seen.kind, &seen.detail);
            rows.insert(format!("evidence {} {number} {} {kind} {detail}", row.id, seen.epoch));
        }
    }
    for row in tables.organizations() {
        rows.extend(tables.members_of(row.id).map(|member| {
            let role = member.role.map_or("", partner_core::Role::as_str);
            format!("member {} {} {role}", row.id, member.email.as_str())
        }));
    }
    for (name, held) in tables.gates() {
        let is_shut = held.closed_until.is_some_and(|until| until > now);
        let shaken = held.last_unknown_create_at > held.last_create_success_at;
        let was_read = held.last_read_at > held.last_unknown_create_at;
        rows.insert(gate(name, is_shut, shaken, was_read));
    }
    rows.retain(|line| !line.ends_with(OPEN_GATE));
    rows.extend(tables.keys().map(|(tenant, key, record)| {
        format!("key {tenant} {key} {:?} {:?}", record.operation_ids, record.organization_id)
    }));
    rows
}

/// Each query tells its rows as lines of the very same form.
const LINES: [&str; 6] = [
    "select format('claim %s %s %s %s', tenant, customer_id, provider, organization_id) from customer_claims",
    "select format('attempt %s %s %s', operation_id, number, epoch) from attempts",
    "select format('member %s %s %s', organization_id, email, coalesce(role, '')) from members",
    "select format('gate %s shut %s shaken %s read %s', provider,
         case when coalesce(closed_until > now(), false) then 'true' else 'false' end,
         case when coalesce(last_unknown_create_at, '-infinity')
             > coalesce(last_create_success_at, '-infinity') then 'true' else 'false' end,
         case when coalesce(last_read_at, '-infinity')
             > coalesce(last_unknown_create_at, '-infinity') then 'true' else 'false' end)
     from provider_gates",
    "select format('key %s %s [%s] %s', tenant, key, array_to_string(operation_ids, ', '),
         case when organization_id is null then 'None' else format('Some(%s)', organization_id) end)
     from idempotency_keys",
    "select format('events of %s: %s', organization_id, count(*)) from events group by organization_id
     having count(*) <> max(organization_sequence)",
];

pub(super) async fn of_postgres(
    pool: &PgPool,
    operations: Vec<Operation>,
    organizations: Vec<Organization>,
) -> Result<Rows, CannotPlay> {
    let now: DateTime<Utc> = sqlx::query_scalar("select clock_timestamp()").fetch_one(pool).await?;
    let mut rows: Rows = operations.iter().map(|row| operation(row, now)).collect();
    rows.extend(organizations.iter().map(organization));
    for query in LINES {
        let lines: Vec<String> = sqlx::query_scalar(query).fetch_all(pool).await?;
        rows.extend(lines);
    }
    rows.retain(|line| !line.ends_with(OPEN_GATE));
    let evidence = sqlx::query(
        "select operation_id::text, row_number() over (partition by operation_id order by id)::text,
                epoch::text, kind, detail from evidence",
    );
    for row in evidence.fetch_all(pool).await? {
        let text = |index: usize| row.try_get::<String, _>(index);
        let detail: serde_json::Value = row.try_get(4)?;
        rows.insert(format!(
            "evidence {} {} {} {} {detail}",
            text(0)?,
            text(1)?,
            text(2)?,
            text(3)?
        ));
    }
    Ok(rows)
}

/// The lines that only one side has.
pub(super) fn tell(memory: &Rows, postgres: &Rows) -> String {
    let only = |name: &str, one: &Rows, other: &Rows| {
        one.difference(other).map(|line| format!("  only {name}: {line}")).collect::<Vec<_>>()
    };
    let mut lines = only("memory", memory, postgres);
    lines.extend(only("postgresql", postgres, memory));
    lines.join("\n")
}
