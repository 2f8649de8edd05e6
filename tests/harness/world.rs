//! What a test runs in, from its start to the look at what it left behind.

use std::{sync::Arc, time::Duration};

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::Utc;
use partner_gateway::{
    app::App,
    auth::{MintRequest, Scope, ScopeSet, Tenant, mint},
    config::{AuthConfig, Config},
    run::Gateway,
    store::{DatabaseSettings, OperationState, Store, embedded_migrations},
    telemetry,
};
use sandbox::{Control, Sandbox};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use test_database::TestDatabase;

use super::{Client, Settings, settings::TOKEN_SECRET};

/// The tenant of clients that are not said to be another's.
const TENANT: &str = "crm";

/// The role that serves, as the migrations make it.
const APP_ROLE: &str = "gateway_app";

/// A database, both providers, and the gateways between them. To be ended by [`World::finish`].
pub(crate) struct World {
    database: TestDatabase,
    sandbox: Option<Sandbox>,
    gateways: Vec<Gateway>,
    config: Config,
    settings: Settings,
    finished: bool,
}

impl World {
    /// A world with one gateway.
    pub(crate) async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    /// A world as the settings say.
    pub(crate) async fn with(settings: Settings) -> Self {
        let database = TestDatabase::new(embedded_migrations()).await.unwrap();
        let sandbox = Sandbox::start(settings.sandbox()).await.unwrap();
        let config = settings.config(&database.url_as(APP_ROLE), &sandbox);
        let mut world = Self {
            database,
            sandbox: Some(sandbox),
            gateways: Vec::new(),
            config,
            settings: settings.clone(),
            finished: false,
        };
        for _ in 0..settings.gateways {
            world.add_gateway().await;
        }
        world
    }

    /// Starts one more gateway on the same database, and answers its place.
    pub(crate) async fn add_gateway(&mut self) -> usize {
        let telemetry = telemetry::init(&self.config.telemetry).unwrap();
        let (config, metrics) = (self.config.clone(), telemetry.metrics().clone());
        let started = Gateway::start_at(config, metrics, self.settings.clock).await;
        self.gateways.push(started.unwrap_or_else(|error| panic!("no gateway: {error}")));
        self.gateways.len() - 1
    }

    /// Ends the last gateway in good order. What it made stays in the database.
    pub(crate) async fn stop_gateway(&mut self) {
        self.gateways.pop().expect("a gateway runs").shutdown().await;
    }

    /// A client of the usual tenant that may do everything but what an admin may.
    pub(crate) fn client(&self) -> Client {
        self.client_of(TENANT)
    }

    /// A client of this tenant that may do everything but what an admin may.
    pub(crate) fn client_of(&self, tenant: &str) -> Client {
        let scopes = Scope::ALL.into_iter().filter(|scope| *scope != Scope::Admin);
        self.client_with(tenant, scopes)
    }

    /// A client with every scope.
    pub(crate) fn admin(&self) -> Client {
        self.client_with("operations", Scope::ALL)
    }

    /// A client of this tenant with these scopes, at the first gateway.
    pub(crate) fn client_with(
        &self,
        tenant: &str,
        scopes: impl IntoIterator<Item = Scope>,
    ) -> Client {
        let token = self.token(tenant, scopes.into_iter().collect());
        self.anonymous().with_token(token)
    }

    /// A client of the usual tenant whose token has this `sub`, though no such token would be made.
    pub(crate) fn client_as(&self, subject: &str) -> Client {
        let scopes = Scope::ALL.into_iter().filter(|scope| *scope != Scope::Admin);
        let token = self.token(TENANT, scopes.collect());
        let [header, claims, _] = token.split('.').collect::<Vec<_>>()[..] else {
            panic!("a token has three parts")
        };
        let mut claims: Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
        claims["sub"] = subject.into();
        let message = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let key = hmac::Key::new(hmac::HMAC_SHA256, TOKEN_SECRET.as_bytes());
        let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&key, message.as_bytes()));
        self.anonymous().with_token(format!("{message}.{signature}"))
    }

    /// The same client at another gateway.
    pub(crate) fn at(&self, gateway: usize, client: &Client) -> Client {
        client.elsewhere(format!("http://{}", self.gateways[gateway].addr()))
    }

    /// A client without a token.
    pub(crate) fn anonymous(&self) -> Client {
        Client::without_token(format!("http://{}", self.gateways[0].addr()))
    }

    /// A client without a token, at the first gateway's internal listener.
    pub(crate) fn internal(&self) -> Client {
        let address = self.gateways[0].internal_addr().expect("it has an internal listener");
        Client::new(format!("http://{address}"), None)
    }

    /// Whose tokens the gateways believe.
    pub(crate) fn auth(&self) -> &AuthConfig {
        &self.config.auth
    }

    /// A token that is good for an hour.
    pub(crate) fn token(&self, tenant: &str, scopes: ScopeSet) -> String {
        let request = MintRequest {
            subject: format!("{tenant}-service"),
            tenant: Tenant::new(tenant).unwrap(),
            scopes,
            ttl: Duration::from_secs(3600),
        };
        mint(&self.config.auth, &request, Utc::now()).unwrap().expose_secret().to_owned()
    }

    /// The handle that moves the providers.
    pub(crate) fn providers(&self) -> Control {
        self.sandbox.as_ref().expect("the sandbox runs until the end").control()
    }

    /// Where Scaleway and Archera are.
    pub(crate) fn provider_urls(&self) -> [String; 2] {
        let sandbox = self.sandbox.as_ref().expect("the sandbox runs until the end");
        [sandbox.scaleway_url(), sandbox.archera_url()]
    }

    /// The configuration of the gateways as TOML, and the variables that it names.
    pub(crate) fn configuration(&self) -> (String, Vec<(&'static str, String)>) {
        let sandbox = self.sandbox.as_ref().expect("the sandbox runs until the end");
        let variables = self.settings.variables(&self.gateway_database_url(), sandbox);
        (self.settings.base(sandbox), variables)
    }

    /// Changes the database by hand.
    pub(crate) async fn change_database(&self, statement: &'static str) {
        let pool = self.database.pool().await.unwrap();
        sqlx::raw_sql(statement).execute(&pool).await.unwrap();
        pool.close().await;
    }

    /// Gives the gateways that are started from now on other routing rules, in TOML.
    pub(crate) fn reroute(&mut self, routes: &'static str) {
        let sandbox = self.sandbox.as_ref().expect("the sandbox runs until the end");
        let settings = Settings { routes, ..self.settings.clone() };
        self.config = settings.config(&self.gateway_database_url(), sandbox);
    }

    /// Gives the gateways that are started from now on another configuration.
    pub(crate) fn reconfigure(&mut self, change: impl FnOnce(&mut Config)) {
        change(&mut self.config);
    }

    /// Where the database is for the gateways: with the rights of a gateway alone.
    fn gateway_database_url(&self) -> String {
        self.database.url_as(APP_ROLE)
    }

    /// Where the database is, for whoever may do everything there.
    pub(crate) fn database_url(&self) -> &str {
        self.database.url()
    }

    /// The configuration in a file's words, and the variables that it names: for a process of its own.
    pub(crate) fn written_config(&self) -> (String, Vec<(&'static str, String)>) {
        let sandbox = self.sandbox.as_ref().expect("the sandbox runs until the end");
        let url = self.gateway_database_url();
        let variables = [
            ("TEST_DATABASE", url.as_str()),
            ("TOKEN_SECRET", TOKEN_SECRET),
            ("SCALEWAY_KEY", sandbox.scaleway_secret_key()),
            ("ARCHERA_KEY", sandbox.archera_api_key()),
        ];
        let variables = variables.map(|(name, value)| (name, value.to_owned()));
        (self.settings.base(sandbox), variables.to_vec())
    }

    /// The use cases of the first gateway.
    pub(crate) fn app(&self) -> &Arc<App> {
        self.gateways[0].app()
    }

    /// Makes every idempotency key so many days older.
    pub(crate) async fn age_keys(&self, days: i32) {
        let older =
            "update idempotency_keys set created_at = created_at - make_interval(days => $1)";
        let pool = self.database.pool().await.unwrap();
        sqlx::query(older).bind(days).execute(&pool).await.unwrap();
    }

    /// What no answer may hold: the keys to the providers, and the secret that tokens are signed with.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let sandbox = self.sandbox.as_ref().expect("the sandbox runs until the end");
        let keys = [sandbox.scaleway_secret_key(), sandbox.archera_api_key(), TOKEN_SECRET];
        keys.map(str::to_owned).to_vec()
    }

    /// Every row of every table, as text.
    pub(crate) async fn dump(&self) -> String {
        let pool = self.database.pool().await.unwrap();
        let tables: Vec<String> =
            sqlx::query_scalar("select tablename::text from pg_tables where schemaname = 'public'")
                .fetch_all(&pool)
                .await
                .unwrap();
        let mut dump = String::new();
        for table in tables {
            let rows = format!("select coalesce(string_agg(t::text, chr(10)), '') from {table} t");
            let rows: String =
                sqlx::query_scalar(sqlx::AssertSqlSafe(rows)).fetch_one(&pool).await.unwrap();
            dump.push_str(&format!("{table}\n{rows}\n"));
        }
        pool.close().await;
        dump
    }

    /// Ends the world. Fails where a fault never struck or an operation is left as if it were being
    /// sent.
    pub(crate) async fn finish(self) {
        let unfired = self.providers().unfired_faults();
        assert!(unfired.is_empty(), "faults that never struck: {unfired:?}");
        self.finish_whatever_struck().await;
    }

    /// As [`World::finish`], for tests whose faults need not strike.
    pub(crate) async fn finish_whatever_struck(mut self) {
        for gateway in self.gateways.drain(..) {
            gateway.shutdown().await;
        }
        let sending = self.count(OperationState::Sending).await;
        assert_eq!(sending, 0, "operations are left in `sending`");
        if let Some(sandbox) = self.sandbox.take() {
            sandbox.shutdown().await;
        }
        self.finished = true;
    }

    async fn count(&self, state: OperationState) -> i64 {
        let url = SecretString::from(self.database.url());
        let settings = DatabaseSettings { url, max_connections: 2 };
        let store = Store::connect(&settings).await.unwrap();
        let open = store.open_operations().await.unwrap();
        store.close().await;
        open.into_iter().find(|(of, _)| *of == state).map_or(0, |(_, count)| count)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        assert!(
            self.finished || std::thread::panicking(),
            "the test ends without having called `finish`"
        );
    }
}
