//! One database, both providers, and what it takes to start gateways between them.

use std::{path::PathBuf, sync::atomic::AtomicU64, time::Duration};

use chrono::Utc;
use partner_gateway::{
    auth::{MintRequest, Scope, ScopeSet, Tenant, mint},
    config::{AuthConfig, Environment, Sources},
    store::embedded_migrations,
};
use sandbox::{Control, Sandbox, SandboxConfig};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sqlx::PgPool;
use tempfile::TempDir;
use test_database::TestDatabase;

use super::{
    Fault, Kind, Pace,
    caller::Caller,
    settings::{Account, TOKEN_SECRET, toml, variables},
};

/// A customer of a round.
#[derive(Debug, Clone)]
pub(crate) struct Customer {
    /// Its id; the name and the e-mails are made of it.
    pub(crate) id: String,
    /// Its organization at the gateway, where it has one.
    pub(crate) organization_id: Option<String>,
}

/// One database, both providers, and what it takes to start gateways between them.
#[derive(Debug)]
pub(crate) struct World {
    /// Where the gateways find the database.
    url: String,
    /// It, where it is this world's own.
    database: Option<TestDatabase>,
    pool: PgPool,
    sandbox: Sandbox,
    pub(super) folder: TempDir,
    pub(super) started: AtomicU64,
    pub(super) http: reqwest::Client,
    pub(super) token: String,
}

impl World {
    /// A new one, with nothing in it.
    ///
    /// # Errors
    /// There is no database, or no address to listen on.
    pub(crate) async fn new(pace: &Pace) -> Result<Self, Fault> {
        let sandbox =
            Sandbox::start(SandboxConfig::default()).await.map_err(Fault::of("the sandbox"))?;
        let accounts = Account::both(&sandbox);
        Self::around(pace, sandbox, &accounts).await
    }

    /// A new one around these providers, reached by these accounts.
    ///
    /// # Errors
    /// There is no database.
    pub(crate) async fn around(
        pace: &Pace,
        sandbox: Sandbox,
        accounts: &[Account],
    ) -> Result<Self, Fault> {
        let database =
            TestDatabase::new(embedded_migrations()).await.map_err(Fault::of("a database"))?;
        let pool = database.pool().await.map_err(Fault::of("a pool"))?;
        let url = database.url_as("gateway_app");
        Self::made_of(pace, sandbox, accounts, (url, Some(database), pool))
    }

    /// A new one over a database that is somebody else's, and is migrated.
    ///
    /// # Errors
    /// The address is none.
    pub(crate) fn over(
        pace: &Pace,
        sandbox: Sandbox,
        accounts: &[Account],
        url: String,
    ) -> Result<Self, Fault> {
        let pool = PgPool::connect_lazy(&url).map_err(Fault::of("a pool"))?;
        Self::made_of(pace, sandbox, accounts, (url, None, pool))
    }

    fn made_of(
        pace: &Pace,
        sandbox: Sandbox,
        accounts: &[Account],
        (url, database, pool): (String, Option<TestDatabase>, PgPool),
    ) -> Result<Self, Fault> {
        let folder = TempDir::with_prefix("torture-").map_err(Fault::of("a folder"))?;
        let text = toml(pace, &sandbox, accounts);
        std::fs::write(folder.path().join("gateway.toml"), &text)
            .map_err(Fault::of("the configuration"))?;
        let token = token(text, &url, &sandbox)?;
        // Fresh connections: none of them leads to a process that is gone.
        let http = reqwest::Client::builder()
            .no_proxy()
            .pool_max_idle_per_host(0)
            .timeout(Duration::from_secs(60))
            .build()
            .map_err(Fault::of("the client"))?;
        let started = AtomicU64::new(0);
        Ok(Self { url, database, pool, sandbox, folder, started, http, token })
    }

    /// A token with every scope.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// The keys to the providers and the secret that tokens are signed with: in no answer, no table and no
    /// log.
    pub(crate) fn secrets(&self) -> [String; 3] {
        let keys = [self.sandbox.scaleway_secret_key(), self.sandbox.archera_api_key()];
        let [scaleway, archera] = keys.map(str::to_owned);
        [scaleway, archera, TOKEN_SECRET.to_owned()]
    }

    /// The database's address.
    pub(crate) fn database_url(&self) -> &str {
        &self.url
    }

    /// What every gateway has told.
    ///
    /// # Errors
    /// A log cannot be read.
    pub(crate) fn told(&self) -> Result<String, Fault> {
        let mut told = String::new();
        let files = std::fs::read_dir(self.folder.path()).map_err(Fault::of("the folder"))?;
        for file in files {
            let path = file.map_err(Fault::of("the folder"))?.path();
            if path.extension().is_some_and(|extension| extension == "log") {
                told += &std::fs::read_to_string(&path).map_err(Fault::of("a log"))?;
            }
        }
        Ok(told)
    }

    /// The columns in which a text is found, as `table.column`.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) async fn columns_with(&self, text: &str) -> Result<Vec<String>, Fault> {
        let columns: Vec<(String, String, String)> = sqlx::query_as(
            "select c.table_name::text, c.column_name::text, c.data_type::text
             from information_schema.columns c join pg_tables t
                  on t.schemaname = c.table_schema and t.tablename = c.table_name
             where c.table_schema = 'public' order by 1, 2",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(Fault::of("listing columns"))?;
        let mut found = Vec::new();
        for (table, column, data_type) in columns {
            let shown = match data_type.as_str() {
                "bytea" => format!("encode(\"{column}\", 'escape')"),
                _ => format!("\"{column}\"::text"),
            };
            let query = format!(
                "select exists (select 1 from {table} where strpos(lower({shown}), lower($1)) > 0)"
            );
            let is_there: bool = sqlx::query_scalar(sqlx::AssertSqlSafe(query))
                .bind(text)
                .fetch_one(&self.pool)
                .await
                .map_err(Fault::of("searching a column"))?;
            if is_there {
                found.push(format!("{table}.{column}"));
            }
        }
        Ok(found)
    }

    /// The handle that moves the providers.
    pub(crate) fn providers(&self) -> Control {
        self.sandbox.control()
    }

    pub(super) fn configuration(&self) -> PathBuf {
        self.folder.path().join("gateway.toml")
    }

    pub(super) fn variables(&self) -> Vec<(&'static str, String)> {
        variables(&self.url, &self.sandbox)
    }

    /// Maps what the sandbox was seeded with at Scaleway, as it made them, in one statement.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn map_seeded(&self, ids: &[uuid::Uuid]) -> Result<(), Fault> {
        let seeded = self.providers().scaleway_organizations();
        let of = |what: fn(&sandbox::ScalewayOrganization) -> String| {
            seeded.iter().filter(|org| ids.contains(&org.id)).map(what).collect::<Vec<_>>()
        };
        sqlx::query(
            "insert into organizations (id, tenant, customer_id, provider, provider_org_id, name, status,
                 owner_email, owner_first_name, owner_last_name, certainty, observed_at, route_rule,
                 route_reason, created_at)
             select gen_random_uuid(), 'crm', customer, 'scaleway', id, name, 'active', email, 'Sam', 'Seed',
                    'observed', now() - interval '1 hour', 'adopted', 'seeded', now() - interval '1 hour'
             from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as s (id, customer, name, email)",
        )
        .bind(of(|org| org.id.to_string()))
        .bind(of(|org| org.customer_id.clone()))
        .bind(of(|org| org.name.clone()))
        .bind(of(|org| org.email.clone()))
        .execute(&self.pool)
        .await
        .map_err(Fault::of("mapping what was seeded"))?;
        Ok(())
    }

    /// How many operations of an organization have not ended.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn open_operations(&self, organization_id: &str) -> Result<i64, Fault> {
        sqlx::query_scalar(
            "select count(*) from operations
             where organization_id = $1::uuid and state not in ('succeeded', 'rejected')",
        )
        .bind(organization_id)
        .fetch_one(&self.pool)
        .await
        .map_err(Fault::of("counting open operations"))
    }

    /// A number that a query of the database answers.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn count(&self, query: &'static str) -> Result<u64, Fault> {
        let count: i64 =
            sqlx::query_scalar(query).fetch_one(&self.pool).await.map_err(Fault::of("counting"))?;
        u64::try_from(count).map_err(Fault::of("counting"))
    }

    /// Where a text is found: in a table, or in what a gateway has told.
    ///
    /// # Errors
    /// The database or a file cannot be read.
    pub(crate) async fn places_of(&self, text: &str) -> Result<Vec<String>, Fault> {
        let mut places = Vec::new();
        let tables: Vec<String> =
            sqlx::query_scalar("select tablename::text from pg_tables where schemaname = 'public'")
                .fetch_all(&self.pool)
                .await
                .map_err(Fault::of("listing tables"))?;
        for table in tables {
            let query =
                format!("select exists (select 1 from {table} t where strpos(t::text, $1) > 0)");
            let found: bool = sqlx::query_scalar(sqlx::AssertSqlSafe(query))
                .bind(text)
                .fetch_one(&self.pool)
                .await
                .map_err(Fault::of("searching a table"))?;
            if found {
                places.push(format!("the table {table}"));
            }
        }
        let files = std::fs::read_dir(self.folder.path()).map_err(Fault::of("the folder"))?;
        for file in files {
            let path = file.map_err(Fault::of("the folder"))?.path();
            let told = std::fs::read_to_string(&path).map_err(Fault::of("a file"))?;
            if told.contains(text) {
                places.push(format!("the file {}", path.display()));
            }
        }
        Ok(places)
    }

    /// Makes the organization that an operation of this kind is for, unless it makes it itself.
    ///
    /// # Errors
    /// It could not be made.
    pub(crate) async fn prepare(
        &self,
        caller: &Caller,
        kind: Kind,
        id: String,
    ) -> Result<Customer, Fault> {
        let mut customer = Customer { id, organization_id: None };
        if kind.is_create() {
            return Ok(customer);
        }
        let body = if kind.is_at_scaleway() {
            create_body(&customer.id)
        } else {
            commitments_body(&customer.id)
        };
        let made = caller.post("/v1/organizations", &body).await?;
        match made.json["id"].as_str() {
            Some(id) if made.status == 201 => customer.organization_id = Some(id.to_owned()),
            Some(_) | None => return Err(Fault(format!("not prepared: {made}"))),
        }
        Ok(customer)
    }

    /// Stops the providers and drops the database.
    pub(crate) async fn end(self) {
        self.pool.close().await;
        self.sandbox.shutdown().await;
        drop(self.database);
    }
}

/// A create that goes to Scaleway.
pub(crate) fn create_body(id: &str) -> Value {
    json!({
        "customer_id": id,
        "name": id,
        "owner": { "email": format!("{id}@acme.test"), "first_name": "Ada", "last_name": "Martin" },
    })
}

/// A create that goes to Archera.
pub(crate) fn commitments_body(id: &str) -> Value {
    json!({ "customer_id": id, "name": id, "labels": { "product": "commitments" } })
}

/// A token with every scope, good for as long as any run takes.
fn token(base: String, database_url: &str, sandbox: &Sandbox) -> Result<String, Fault> {
    let environment: Environment = variables(database_url, sandbox).into_iter().collect();
    let sources = Sources { base, environment, files: Vec::new(), is_root: false };
    let auth = AuthConfig::from_sources(&sources).map_err(Fault::of("the configuration"))?;
    let request = MintRequest {
        subject: "torture".to_owned(),
        tenant: Tenant::new("crm").map_err(Fault::of("the tenant"))?,
        scopes: Scope::ALL.into_iter().collect::<ScopeSet>(),
        ttl: Duration::from_secs(24 * 3600),
    };
    let token = mint(&auth, &request, Utc::now()).map_err(Fault::of("the token"))?;
    Ok(token.expose_secret().to_owned())
}
