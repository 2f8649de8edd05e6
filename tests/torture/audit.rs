//! Rows of the audit trail edited, deleted, reordered and cut off by somebody who has all rights in the database:
//! each must be found, and nothing else.

use std::time::Instant;

use partner_gateway::{
    app::{Audit, audit},
    store::{DatabaseSettings, FeedHead, Store, embedded_migrations},
};
use secrecy::SecretString;
use sqlx::{Connection, PgConnection};
use test_database::TestDatabase;

use crate::{
    layer::{Layer, Profile, Report, Run},
    real::{Fault, hold},
};

pub(crate) const LAYER: Layer =
    Layer { name: "audit", shows: "rows of the audit trail tampered with, all found", run };

/// Organizations whose events these are.
const ORGANIZATIONS: i64 = 20;

/// What is tampered with and put back, with the column that tells its rows apart.
const TABLES: [(&str, &str); 3] =
    [("events", "id"), ("event_feed", "sequence"), ("event_feed_head", "id")];

/// The hash of what comes before the row.
const HASH_BEFORE: &str = "coalesce((select hash from kept_event_feed where sequence = $row - 1),
                                    decode(repeat('00', 32), 'hex'))";

/// `$1` organizations with `$2` events each.
const ORGANIZATION_ROWS: &str = "
    insert into organizations (id, tenant, customer_id, provider, provider_org_id, name, status, certainty,
                               route_rule, route_reason, last_event)
    select ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'crm', 'cust-' || n, 'scaleway',
           'there-' || n, 'Acme', 'active', 'observed', 'default', '', $2
    from generate_series(1, $1) n";

const EVENT_ROWS: &str = "
    insert into events (type, tenant, organization_id, organization_sequence, actor, request_id, before,
                        after, at)
    select 'organization.updated', 'crm', ('00000000-0000-7000-8000-' || lpad(o::text, 12, '0'))::uuid, n,
           'actor-' || n || '-' || o, 'request-' || n, jsonb_build_object('name', n),
           jsonb_build_object('name', n + 1), now() + make_interval(secs => n * 100 + o)
    from generate_series(1, $2) n, generate_series(1, $1) o order by n, o";

/// A kind of tampering, and the ways in which it is done: statements in which `$row` is the row's number.
struct Kind {
    name: &'static str,
    ways: &'static [Way],
}

struct Way {
    statements: &'static [&'static str],
    /// Nothing in the database can tell: a head that was noted earlier does.
    needs_noted_head: bool,
    /// Where it must be told, counted from the row; `None` where no number can be told.
    told_at: Option<i64>,
}

const fn way(statements: &'static [&'static str]) -> Way {
    Way { statements, needs_noted_head: false, told_at: Some(0) }
}

/// What stands for the event of the row.
const EDITS: [Way; 12] = [
    way(&["update events set actor = actor || '!' where id = $event"]),
    way(&["update events set type = 'organization.locked' where id = $event"]),
    way(&["update events set tenant = 'shop' where id = $event"]),
    way(&["update events set request_id = '' where id = $event"]),
    way(&["update events set provider_request_id = '' where id = $event"]),
    way(&["update events set before = null where id = $event"]),
    way(&["update events set after = after || '{\"name\": \"Other\"}' where id = $event"]),
    way(&["update events set at = at + interval '1 microsecond' where id = $event"]),
    way(&["update events set operation_id = gen_random_uuid() where id = $event"]),
    way(&["update event_feed set tenant = 'shop' where sequence = $row"]),
    way(&["update event_feed set type = 'organization.locked' where sequence = $row"]),
    way(&["update event_feed set hash = sha256(hash) where sequence = $row"]),
];

const DELETIONS: [Way; 4] = [
    way(&["delete from event_feed where sequence = $row"]),
    way(&["delete from events where id = $event"]),
    way(&["delete from events where id = $event", "delete from event_feed where sequence = $row"]),
    way(&[
        "delete from events where id = $event",
        "delete from event_feed where sequence = $row",
        "update event_feed set sequence = sequence + 1000000 where sequence > $row",
        "update event_feed set sequence = sequence - 1000001 where sequence > 1000000",
        "update event_feed_head set sequence = sequence - 1",
    ]),
];

/// The row and the next one change places.
const REORDERINGS: [Way; 3] = [
    way(&[
        "update event_feed set sequence = 1000000 where sequence = $row",
        "update event_feed set sequence = $row where sequence = $row + 1",
        "update event_feed set sequence = $row + 1 where sequence = 1000000",
    ]),
    way(&[
        "create temporary table swapped on commit drop as
             select sequence, event_id from event_feed where sequence in ($row, $row + 1)",
        "update event_feed set event_id = -event_id where sequence in ($row, $row + 1)",
        "update event_feed f set event_id = s.event_id from swapped s
         where f.sequence in ($row, $row + 1) and s.sequence = 2 * $row + 1 - f.sequence",
    ]),
    // What is told changes places, and all ids and numbers stay.
    way(&[
        "create temporary table swapped on commit drop as
             select f.sequence, e.actor, e.after, e.at from events e
             join event_feed f on f.event_id = e.id where f.sequence in ($row, $row + 1)",
        "update events e set actor = s.actor, after = s.after, at = s.at from swapped s, event_feed f
         where f.event_id = e.id and f.sequence in ($row, $row + 1)
           and s.sequence = 2 * $row + 1 - f.sequence",
    ]),
];

/// Everything from the row on is gone.
const TRUNCATIONS: [Way; 5] = [
    way(&["delete from event_feed where sequence >= $row"]),
    way(&[
        "delete from events where id in (select event_id from event_feed where sequence >= $row)",
        "delete from event_feed where sequence >= $row",
    ]),
    Way {
        statements: &[
            "delete from event_feed where sequence >= $row",
            "update event_feed_head set sequence = $row - 1, hash = $hash_before",
        ],
        needs_noted_head: false,
        told_at: None,
    },
    Way {
        statements: &[
            "delete from events where id in (select event_id from event_feed where sequence >= $row)",
            "delete from event_feed where sequence >= $row",
            "update event_feed_head set sequence = $row - 1, hash = $hash_before",
        ],
        needs_noted_head: false,
        told_at: None,
    },
    Way {
        statements: &[
            "delete from events where id in (select event_id from event_feed where sequence >= $row)",
            "delete from event_feed where sequence >= $row",
            "update event_feed_head set sequence = $row - 1, hash = $hash_before",
            "update organizations o set last_event = coalesce((select max(organization_sequence)
                 from events e where e.organization_id = o.id), 0)",
        ],
        needs_noted_head: true,
        told_at: None,
    },
];

const KINDS: [Kind; 4] = [
    Kind { name: "edited", ways: &EDITS },
    Kind { name: "deleted", ways: &DELETIONS },
    Kind { name: "reordered", ways: &REORDERINGS },
    Kind { name: "truncated", ways: &TRUNCATIONS },
];

fn run(run: &Run) -> Report {
    let rows = match run.profile {
        Profile::Ci => 50,
        Profile::Full => 1000,
    };
    let mut report = Report::default();
    match tokio::runtime::Runtime::new() {
        Ok(runtime) => {
            if let Err(fault) = runtime.block_on(tamper_with_all(rows, &mut report)) {
                report.fault(fault.to_string());
            }
        }
        Err(error) => report.fault(format!("no runtime: {error}")),
    }
    report
}

async fn tamper_with_all(rows: i64, report: &mut Report) -> Result<(), Fault> {
    let scene = Scene::new(rows).await?;
    let mut connection = scene.tamperer().await?;
    for kind in &KINDS {
        let (begun, mut found, mut violations) = (Instant::now(), 0, 0);
        for (row, way) in (1..=rows).zip(kind.ways.iter().cycle()) {
            match scene.round(&mut connection, row, way).await {
                Ok(()) => found += 1,
                Err(fault) => {
                    violations += 1;
                    report.fault(format!("row {row} {}: {fault}", kind.name));
                }
            }
        }
        let asked = u64::try_from(rows).unwrap_or(u64::MAX);
        report.row(&format!("rows {}, each found", kind.name), found, asked, violations, begun);
    }
    connection.close().await.map_err(Fault::of("the tamperer"))?;
    scene.store.close().await;
    Ok(())
}

/// A sealed feed, and copies of all its rows.
struct Scene {
    database: TestDatabase,
    store: Store,
    head: FeedHead,
}

impl Scene {
    /// A feed of some more than so many events.
    async fn new(rows: i64) -> Result<Self, Fault> {
        let database =
            TestDatabase::new(embedded_migrations()).await.map_err(Fault::of("a database"))?;
        let url = SecretString::from(database.url());
        let settings = DatabaseSettings { url, max_connections: 4 };
        let store = Store::connect(&settings).await.map_err(Fault::of("the store"))?;
        let pool = database.pool().await.map_err(Fault::of("a pool"))?;
        let each = rows / ORGANIZATIONS + 2;
        for statement in [ORGANIZATION_ROWS, EVENT_ROWS] {
            let made = sqlx::query(statement).bind(ORGANIZATIONS).bind(each).execute(&pool).await;
            made.map_err(Fault::of("filling the tables"))?;
        }
        while store.seal_events().await.map_err(Fault::of("sealing"))?.events > 0 {}
        for table in TABLES.iter().map(|(table, _)| *table).chain(["organizations"]) {
            let copy = format!("create table kept_{table} as select * from {table}");
            let copied = sqlx::query(sqlx::AssertSqlSafe(copy)).execute(&pool).await;
            copied.map_err(Fault::of("copying a table"))?;
        }
        pool.close().await;
        let head = store.feed_head().await.map_err(Fault::of("the head"))?;
        hold(head.sequence > rows, || format!("there are only {} events", head.sequence))?;
        Ok(Self { database, store, head })
    }

    /// A connection of somebody whom no trigger holds up.
    async fn tamperer(&self) -> Result<PgConnection, Fault> {
        let connected = PgConnection::connect(self.database.url()).await;
        let mut connection = connected.map_err(Fault::of("the tamperer"))?;
        let all_rights = sqlx::query("set session_replication_role = replica");
        all_rights.execute(&mut connection).await.map_err(Fault::of("the tamperer"))?;
        Ok(connection)
    }

    /// Tampers with one row in one way, looks, puts everything back, and looks again.
    async fn round(&self, connection: &mut PgConnection, row: i64, way: &Way) -> Result<(), Fault> {
        let done = self.tamper(connection, row, way).await;
        let judged = match done {
            Ok(()) => self.is_found(row, way).await,
            Err(fault) => Err(fault),
        };
        self.put_back(connection).await?;
        judged?;
        let clean = self.audit(true).await?;
        hold(clean.faults == 0, || format!("a false alarm: {:?}", clean.first))?;
        let checked = i64::try_from(clean.checked).unwrap_or(i64::MAX);
        hold(checked == self.head.sequence, || format!("only {checked} rows were looked at"))
    }

    async fn tamper(
        &self,
        connection: &mut PgConnection,
        row: i64,
        way: &Way,
    ) -> Result<(), Fault> {
        let mut tx = connection.begin().await.map_err(Fault::of("tampering"))?;
        let mut changed = 0;
        for statement in way.statements {
            let statement = statement
                .replace("$event", "(select event_id from kept_event_feed where sequence = $row)")
                .replace("$hash_before", HASH_BEFORE)
                .replace("$row", &row.to_string());
            let done = sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut *tx).await;
            changed += done.map_err(Fault::of("tampering"))?.rows_affected();
        }
        hold(changed > 0, || "nothing was tampered with".to_owned())?;
        tx.commit().await.map_err(Fault::of("tampering"))
    }

    async fn is_found(&self, row: i64, way: &Way) -> Result<(), Fault> {
        let found = self.audit(way.needs_noted_head).await?;
        let Some(first) = found.first else { return Err(Fault("it was not found".to_owned())) };
        if let Some(offset) = way.told_at {
            hold(first.sequence == Some(row + offset), || format!("told elsewhere: {first}"))?;
        }
        if way.needs_noted_head {
            let without = self.audit(false).await?;
            hold(without.faults == 0, || "it needs no noted head".to_owned())?;
        }
        Ok(())
    }

    async fn audit(&self, with_noted_head: bool) -> Result<Audit, Fault> {
        let noted = with_noted_head.then_some(&self.head);
        audit(&self.store, noted).await.map_err(Fault::of("the audit"))
    }

    /// Puts back every row that is not as it was.
    async fn put_back(&self, connection: &mut PgConnection) -> Result<(), Fault> {
        let mut tx = connection.begin().await.map_err(Fault::of("putting back"))?;
        let mut statements = vec![
            "update organizations o set last_event = k.last_event from kept_organizations k
             where k.id = o.id and k.last_event <> o.last_event"
                .to_owned(),
        ];
        for (table, key) in TABLES {
            statements.push(format!(
                "delete from {table} t where not exists (
                     select 1 from kept_{table} k where k.{key} = t.{key} and k::text = t::text)"
            ));
            statements.push(format!(
                "insert into {table} overriding system value select k.* from kept_{table} k
                 where not exists (select 1 from {table} t where t.{key} = k.{key})"
            ));
        }
        for statement in statements {
            let done = sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut *tx).await;
            done.map_err(Fault::of("putting back"))?;
        }
        tx.commit().await.map_err(Fault::of("putting back"))
    }
}
