//! What is read, and the defaults.

use super::*;

#[test]
fn every_key_of_the_manual_is_read() {
    let config = load(WHOLE);
    assert_eq!(config.server.listen.port(), 18080);
    assert_eq!(config.server.internal_listen.unwrap().port(), 18081);
    assert_eq!(config.server.request_timeout, Duration::from_secs(31));
    assert_eq!(config.server.max_in_flight, 513);
    assert_eq!(config.server.max_connections, 901);
    assert!(config.server.tls.is_none());
    assert_eq!(config.server.drain_timeout, Duration::from_secs(21));
    assert_eq!(config.database.max_connections, 17);
    assert!(config.database.migrate_on_start);
    assert_eq!(config.database.state_dir, PathBuf::from("/tmp/gateway-state"));
    assert_eq!(config.auth.audience, "gateway");
    assert_eq!(config.auth.tenant_claim, "platform");
    let limits = LimitsConfig {
        requests_per_second: 201,
        burst: 401,
        event_streams: 17,
        event_streams_in_all: 257,
    };
    assert_eq!(config.limits, limits);
    assert_eq!(config.operations.lease, Duration::from_secs(91));
    assert_eq!(config.operations.poll_every, Duration::from_secs(2));
    assert_eq!(config.telemetry.log_filter, "debug");
    assert_eq!(config.telemetry.log_format, LogFormat::Text);
    assert_eq!(config.telemetry.otlp_endpoint.as_deref(), Some("http://127.0.0.1:4318"));
    assert_eq!(config.warnings, Vec::<String>::new());
}

#[test]
fn the_consoles_sign_in_is_read_and_is_off_by_default() {
    let oidc = load(WHOLE).console.oidc.unwrap();
    assert_eq!(
        (oidc.issuer.as_str(), oidc.client_id.as_str()),
        ("https://id.example.test/realm", "console")
    );
    assert_eq!(oidc.client_secret.unwrap().expose_secret(), VARIABLES[3].1);
    assert_eq!(oidc.scopes, ["openid", "gateway"]);
    assert_eq!(oidc.redirect_uri.unwrap().path(), "/ops/sign-in/callback");
    assert!(load(LEAST).console.oidc.is_none());
    let set = [
        ("GATEWAY_CONSOLE__OIDC__ISSUER", "http://localhost:9"),
        ("GATEWAY_CONSOLE__OIDC__CLIENT_ID", "x"),
        ("GATEWAY_CONSOLE__OIDC__SCOPES", "openid,y"),
    ];
    let oidc = Config::from_sources(&sources(LEAST, &set)).unwrap().console.oidc.unwrap();
    assert_eq!((oidc.issuer.as_str(), oidc.scopes.len()), ("http://localhost:9", 2));
}

#[test]
fn the_accounts_and_their_secrets_are_read() {
    let config = load(WHOLE);
    let DatabaseUrl::Url(url) = &config.database.url else { panic!("not a URL") };
    assert_eq!(url.expose_secret(), VARIABLES[0].1);
    let [scaleway, archera] = &config.providers[..] else { panic!("not two") };
    assert_eq!(scaleway.settle_window, Duration::from_secs(181));
    assert_eq!(scaleway.timeout, Duration::from_secs(22));
    assert_eq!(scaleway.connect_timeout, Duration::from_secs(3));
    assert_eq!(scaleway.sweep_every, Duration::from_secs(960));
    assert_eq!(scaleway.sweep_requests_per_second.get(), 11);
    assert_eq!(scaleway.keys.present.expose_secret(), "scw-canary");
    let ProviderAccount::Archera { list_orgs, .. } = &archera.account else { panic!() };
    assert_eq!(archera.keys.present.expose_secret(), "archera-canary");
    assert!(list_orgs);
    assert_eq!(archera.settle_window, Duration::ZERO);
    assert_eq!(archera.timeout, Duration::from_secs(20));
    assert_eq!(archera.sweep_requests_per_second.get(), 10);
}

#[test]
fn the_rules_keep_their_order_and_their_conditions() {
    let config = load(WHOLE);
    let [first, second] = &config.routes[..] else { panic!("not two") };
    assert_eq!(first.when.customer_id_prefix.as_deref(), Some("c-"));
    assert_eq!(first.when.tenant.as_deref(), Some("crm"));
    assert_eq!(first.when.country.as_deref(), Some("FR"));
    assert_eq!(first.when.labels.get("Product").map(String::as_str), Some("x"));
    assert!(!first.overridable);
    assert_eq!(second.when, RouteWhen::default());
    assert!(second.overridable);
}

#[test]
fn the_defaults_are_those_of_the_contract() {
    let config = load(LEAST);
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.server.internal_listen, None);
    assert_eq!(config.server.request_timeout, Duration::from_secs(30));
    assert_eq!(config.server.max_in_flight, 512);
    assert_eq!(config.server.max_connections, 900);
    assert_eq!(config.server.drain_timeout, Duration::from_secs(20));
    assert_eq!(config.database.max_connections, 16);
    assert!(!config.database.migrate_on_start);
    assert_eq!(config.auth.audience, "partner-gateway");
    assert_eq!(config.auth.tenant_claim, "tenant");
    let limits = LimitsConfig {
        requests_per_second: 200,
        burst: 400,
        event_streams: 16,
        event_streams_in_all: 256,
    };
    assert_eq!(config.limits, limits);
    assert_eq!(config.operations.lease, Duration::from_secs(90));
    assert_eq!(config.operations.poll_every, Duration::from_secs(1));
    assert_eq!(config.telemetry.log_filter, "info");
    assert_eq!(config.telemetry.log_format, LogFormat::Json);
    assert_eq!(config.telemetry.otlp_endpoint, None);
    let [warning] = &config.warnings[..] else { panic!("{:?}", config.warnings) };
    assert!(warning.starts_with("providers: there is none"));
}

#[test]
fn the_example_in_the_manual_is_valid_as_it_stands() {
    let examples: String = DEFAULTS
        .lines()
        .filter(|line| {
            [
                "public_key =",
                "hmac_secret =",
                "encryption_key =",
                "client_secret =",
                " file = ",
                "ca_file =",
            ]
            .iter()
            .all(|key| !line.contains(key))
        })
        .map(|line| match line.strip_prefix("# ") {
            Some(code) if is_toml(code) => format!("{code}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let config = Config::from_sources(&sources(&examples, &[])).unwrap();
    assert_eq!(config.providers.len(), 2);
    assert_eq!(config.routes.len(), 2);
}

/// Whether a comment's text is an example: a table's head or a key and its value.
fn is_toml(code: &str) -> bool {
    let key = code.split_once(" = ").map(|(key, _)| key);
    code.starts_with("[[") && code.ends_with("]]")
        || key.is_some_and(|key| key.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
}

#[test]
fn no_secret_is_shown_by_debug() {
    let shown = format!("{:?} {:?}", load(WHOLE), sources(WHOLE, &[]).environment);
    assert!(!shown.contains("canary"), "{shown}");
}

#[test]
fn the_state_folder_follows_the_user() {
    let state = |more: &[(&str, &str)], is_root| {
        let sources = Sources { is_root, ..sources(LEAST, more) };
        Config::from_sources(&sources).unwrap().database.state_dir
    };
    assert_eq!(state(&[], true), PathBuf::from("/var/lib/partner-gateway"));
    assert_eq!(state(&[], false), PathBuf::from("/home/acme/.local/state/partner-gateway"));
    let xdg = state(&[("XDG_STATE_HOME", "/data/state")], false);
    assert_eq!(xdg, PathBuf::from("/data/state/partner-gateway"));
}

#[test]
fn scopes_are_named_by_the_issuers_words() {
    let lines = r#"
        jwks_url = "https://id.example.test/keys"
        jwks_max_stale = "90m"
        scope_claim = "https://example.test/scopes"
        [auth.scope_map]
        "Gateway.Read" = "organizations:read"
        ops = ["operations:resolve", "events:read"]
        admin = []
    "#;
    let auth = load(&with_auth(lines)).auth;
    assert_eq!(auth.scope_claim, "https://example.test/scopes");
    let map: Vec<_> = auth.scope_map.into_iter().collect();
    let expected = [
        ("Gateway.Read".to_owned(), vec![Scope::OrganizationsRead]),
        ("admin".to_owned(), vec![]),
        ("ops".to_owned(), vec![Scope::OperationsResolve, Scope::EventsRead]),
    ];
    assert_eq!(map, expected);
    let AuthKey::Jwks { max_stale, .. } = auth.key else { panic!("not a key set") };
    assert_eq!(max_stale, Duration::from_secs(90 * 60));
    let usual = load(&with_auth("jwks_url = \"https://id.example.test/keys\"")).auth;
    assert_eq!((usual.scope_claim.as_str(), usual.scope_map.len()), ("scope", 0));
    let AuthKey::Jwks { max_stale, .. } = usual.key else { panic!("not a key set") };
    assert_eq!(max_stale, Duration::from_secs(24 * 3600));
}
