//! What each fault says.

use super::*;

#[test]
fn all_faults_are_told_at_once_each_by_its_key() {
    let text = r#"
        sever = 1
        [server]
        listen = "here"
        max_in_flight = 0
        timeout = "1s"
        [auth]
        audience = 3
        [[providers]]
        name = "one"
        kind = "scaleway"
        partner_id = "x"
        secret_key = { env = "UNSET_KEY" }
        api_key = { env = "UNSET_KEY" }
        [[routes]]
        name = "r"
        provider = "two"
        [limits]
        burst = -1
        [operations]
        lease = "soon"
    "#;
    let all = faults(text, &[]);
    for start in [
        "sever: unknown key",
        "server.listen: `here` is not an IP address and port",
        "server.max_in_flight: 0 is not between 1 and 1000000",
        "server.timeout: unknown key",
        "auth: exactly one of jwks_url, public_key and hmac_secret is needed",
        "auth.issuer: is needed",
        "auth.audience: expected a string, found a number",
        "providers[0].partner_id: is not a UUID",
        "providers[0].secret_key: environment variable UNSET_KEY is not set",
        "providers[0].api_key: belongs to kind = \"archera\", not to \"scaleway\"",
        "limits.burst: -1 is not between 1 and 1000000",
        "operations.lease: `soon` is not a duration",
    ] {
        assert!(all.iter().any(|fault| fault.starts_with(start)), "{start}\n{all:#?}");
    }
    assert_eq!(all.len(), 12, "{all:#?}");
}

#[test]
fn a_sign_in_of_the_console_that_cannot_be_is_refused() {
    let issuer = "issuer = \"https://id.example.test\"\n";
    for (lines, fault) in [
        (issuer.to_owned(), "console.oidc.client_id: is needed"),
        (
            "issuer = \"http://id.example.test\"\nclient_id = \"x\"".to_owned(),
            "console.oidc.issuer: must be https",
        ),
        (
            format!("{issuer}client_id = \"x\"\nscopes = [\"email\"]"),
            "console.oidc.scopes: must be words",
        ),
        (
            format!("{issuer}client_id = \"x\"\nredirect_uri = \"https://ops.example.test/ops\""),
            "console.oidc.redirect_uri: must end in /ops/sign-in/callback",
        ),
        (
            format!("{issuer}client_id = \"x\"\nclient_secret = \"canary\""),
            "console.oidc.client_secret: a secret is never",
        ),
        ("clientid = \"x\"".to_owned(), "console.oidc.clientid: unknown key"),
    ] {
        let told = one_fault(&format!("{LEAST}\n[console.oidc]\n{lines}"));
        assert!(told.starts_with(fault) && !told.contains("canary"), "{told}");
    }
}

#[test]
fn a_plain_secret_is_refused_and_not_shown() {
    let plain = [
        with_auth("hmac_secret = \"canary-0123456789abcdef0123456789abcdef\""),
        with_scaleway("").replace("{ env = \"SCW_SECRET_KEY\" }", "\"canary\""),
        format!("{LEAST}\n[database]\nurl = \"postgres://u:canary@db.acme.test/x\""),
        format!("{LEAST}\n[database]\nurl = \"postgres://db.acme.test/x?password=canary\""),
        format!("{LEAST}\n[database]\nurl = \"mysql://u:canary@db.acme.test/x\""),
    ];
    for text in plain {
        let fault = one_fault(&text);
        assert!(!fault.contains("canary"), "{fault}");
    }
    let fault = one_fault(&with_auth("hmac_secret = \"canary\""));
    assert!(fault.starts_with("auth.hmac_secret: a secret is never a plain value;"), "{fault}");
}

#[test]
fn a_file_that_is_not_toml_is_refused_without_its_text() {
    let text = file("[auth]\nhmac_secret = canary\n");
    let mut sources = sources(LEAST, &[]);
    sources.files = vec![text.path().into()];
    let error = Config::from_sources(&sources).unwrap_err().to_string();
    assert!(error.contains("line 2 is not valid TOML"), "{error}");
    assert!(!error.contains("canary"), "{error}");
    sources.files = vec![PathBuf::from("/nonexistent/gateway.toml")];
    let error = Config::from_sources(&sources).unwrap_err().to_string();
    assert!(error.starts_with("/nonexistent/gateway.toml: cannot be read"), "{error}");
}

#[test]
fn references_must_lead_to_something() {
    let cases = [
        ("{ env = \"NOT_THERE\" }", "environment variable NOT_THERE is not set"),
        ("{ file = \"/nonexistent/key\" }", "cannot read /nonexistent/key"),
        ("{ env = \"A\", file = \"b\" }", "name it as { env = \"NAME\" } or { file"),
        ("{}", "name it as { env = \"NAME\" } or { file"),
        ("3", "a secret is never a plain value"),
    ];
    for (reference, message) in cases {
        let fault = one_fault(&with_auth(&format!("hmac_secret = {reference}")));
        assert!(fault.starts_with(&format!("auth.hmac_secret: {message}")), "{fault}");
    }
    let all = faults(&with_auth("hmac_secret = { evn = \"A\" }"), &[]);
    assert!(all.iter().any(|f| f.starts_with("auth.hmac_secret.evn: unknown key")), "{all:?}");
    let all = faults(LEAST, &[("TOKEN_SECRET", "")]);
    assert_eq!(all, ["auth.hmac_secret: the secret that it names is empty"]);
}

#[test]
fn scopes_that_cannot_be_are_refused() {
    let jwks = "jwks_url = \"https://id.example.test/keys\"";
    for (line, expected) in [
        ("scope_claim = \"sub\"", "auth.scope_claim: `sub` already has a meaning of its own"),
        ("scope_claim = \"tenant\"", "auth.scope_claim: `tenant` is already auth.tenant_claim"),
        ("scope_claim = \"\"", "auth.scope_claim: is needed"),
        ("scope_map = 7", "auth.scope_map: expected a table, found a number"),
        (
            "scope_map = { \"Gateway.Read\" = \"organizations:raed\" }",
            "auth.scope_map.Gateway.Read: `organizations:raed` is not a scope; the scopes are: \
             organizations:read, organizations:write, organizations:lock, operations:resolve, \
             events:read, admin",
        ),
        (
            "scope_map = { ops = [\"events:read\", 7] }",
            "auth.scope_map.ops: expected a string or a list of strings, found a list",
        ),
        ("scope_map = { ops = 7 }", "auth.scope_map.ops: expected a string or a list of strings"),
        ("jwks_max_stale = \"0s\"", "auth.jwks_max_stale: must be longer than zero"),
        ("jwks_max_stale = \"soon\"", "auth.jwks_max_stale: `soon` is not a duration"),
    ] {
        let fault = one_fault(&with_auth(&format!("{jwks}\n{line}")));
        assert!(fault.starts_with(expected), "{fault}");
    }
    let two = "scope_map = { a = \"x\", b = [\"admin\", \"y\"] }";
    let both = faults(&with_auth(&format!("{jwks}\n{two}")), &[]);
    assert_eq!(both.len(), 2, "{both:?}");
    let alone = one_fault(&format!("{LEAST}\njwks_max_stale = \"1h\""));
    assert_eq!(alone, "auth.jwks_max_stale: is for jwks_url alone");
}

#[test]
fn the_signatures_must_fit_the_kind_of_key() {
    let jwks = "jwks_url = \"https://id.example.test/keys\"";
    let hmac = "hmac_secret = { env = \"TOKEN_SECRET\" }";
    let cases = [
        (format!("{jwks}\nalgorithms = [\"RS256\", \"HS256\"]"), "HS256 is for hmac_secret"),
        (format!("{jwks}\nalgorithms = [\"none\"]"), "`none` is not known here"),
        (format!("{jwks}\nalgorithms = []"), "must name at least one"),
        (format!("{hmac}\nalgorithms = [\"RS256\"]"), "RS256 does not fit hmac_secret"),
    ];
    for (lines, message) in cases {
        let fault = one_fault(&with_auth(&lines));
        assert!(fault.starts_with(&format!("auth.algorithms: {message}")), "{fault}");
    }
    let both = one_fault(&with_auth(&format!("{jwks}\n{hmac}")));
    assert!(both.starts_with("auth: exactly one of"), "{both}");
    let short = faults(LEAST, &[("TOKEN_SECRET", "short")]);
    assert_eq!(short, ["auth.hmac_secret: must be at least 32 bytes long"]);
    let open = one_fault(&with_auth("jwks_url = \"http://id.example.test/keys\""));
    assert!(open.starts_with("auth.jwks_url: must be https"), "{open}");
    let meaning = one_fault(&format!("{LEAST}\ntenant_claim = \"iss\""));
    assert!(meaning.starts_with("auth.tenant_claim: `iss` already has"), "{meaning}");
}

#[test]
fn an_account_must_be_one_that_can_be_used() {
    let cases = [
        ("base_url = \"http://api.acme.test\"", "base_url: must be https"),
        ("base_url = \"api.acme.test\"", "base_url: is not an absolute URL"),
        ("timeout = \"0s\"", "timeout: must be longer than zero"),
        ("timeout = \"1s\"", "timeout: connect_timeout must be shorter"),
        ("connect_timeout = \"20s\"", "connect_timeout: connect_timeout must be shorter"),
        ("sweep_every = \"-1s\"", "sweep_every: `-1s` is not a duration"),
        ("sweep_every = 15", "sweep_every: expected a string, found a number"),
        ("sweep_requests_per_second = 0", "sweep_requests_per_second: 0 is not between 1 and 1000"),
        ("list_orgs = true", "list_orgs: belongs to kind = \"archera\""),
        ("colour = 1", "colour: unknown key"),
    ];
    for (line, message) in cases {
        let fault = one_fault(&with_scaleway(line));
        assert!(fault.starts_with(&format!("providers[0].{message}")), "{fault}");
    }
}

#[test]
fn an_account_must_have_a_name_a_kind_and_a_key() {
    let cases = [
        ("kind = \"scaleway\"", "kind = \"other\"", "kind: `other` is not known"),
        ("name = \"scaleway\"", "name = \"Scale way\"", "name: `Scale way` does not match"),
        ("name = \"scaleway\"", "", "name: is needed"),
    ];
    for (from, to, message) in cases {
        let fault = one_fault(&with_scaleway("").replace(from, to));
        assert!(fault.starts_with(&format!("providers[0].{message}")), "{fault}");
    }
    let all = faults(&with_scaleway(""), &[("SCW_SECRET_KEY", "with space")]);
    assert!(all[0].contains("a header cannot carry"), "{all:?}");
}

#[test]
fn names_are_unique_and_rules_lead_somewhere() {
    let twice = WHOLE.replace("name = \"archera\"", "name = \"scaleway\"");
    let all = faults(&twice, &[]);
    assert!(all.contains(&"providers[1].name: `scaleway` is taken by another provider".into()));
    let astray = WHOLE.replace("provider = \"archera\"", "provider = \"nobody\"");
    assert_eq!(one_fault(&astray), "routes[0].provider: there is no provider named `nobody`");
    let twice = WHOLE.replace("name = \"default\"", "name = \"commitments\"");
    assert_eq!(one_fault(&twice), "routes[1].name: `commitments` is taken by another route");
    let empty = WHOLE.replace("tenant = \"crm\"", "tenant = \"\"");
    assert_eq!(one_fault(&empty), "routes[0].when.tenant: must not be empty");
    for (prefix, fault) in [
        ("vip\u{200b}", "must not contain the invisible character U+200B (position 4); remove it"),
        (" vip", "must not begin or end with white space, U+0020 (position 1); remove it"),
        ("  ", "must not begin or end with white space, U+0020 (position 1); remove it"),
    ] {
        let odd = WHOLE.replace("\"c-\"", &format!("\"{prefix}\""));
        assert_eq!(one_fault(&odd), format!("routes[0].when.customer_id_prefix: {fault}"));
    }
    let spaced = WHOLE.replace("\"c-\"", "\"Big Corp \"");
    assert_eq!(load(&spaced).routes[0].when.customer_id_prefix.as_deref(), Some("Big Corp "));
    let odd = WHOLE.replace("tenant = \"crm\"", "tenant = \"crm\u{feff}\"");
    assert!(one_fault(&odd).starts_with("routes[0].when.tenant: must not contain the invisible"));
    let odd = WHOLE.replace("Product = \"x\"", "\"Product\u{200b}\" = \"x\"");
    assert!(one_fault(&odd).starts_with("routes[0].when.labels: a key must not contain the"));
    let odd = WHOLE.replace("Product = \"x\"", "Product = \"x\u{202e}\"");
    assert!(one_fault(&odd).starts_with("routes[0].when.labels: the value of `Product` must not"));
    let country = WHOLE.replace("\"fr\"", "\"france\"");
    assert!(one_fault(&country).starts_with("routes[0].when.country: `france` is not"));
    let label = WHOLE.replace("Product = \"x\"", "Product = 1");
    assert!(one_fault(&label).starts_with("routes[0].when.labels.Product: expected a string"));
    let unknown = WHOLE.replace("tenant = \"crm\"", "region = \"eu\"");
    assert!(one_fault(&unknown).starts_with("routes[0].when.region: unknown key"));
}

#[test]
fn what_is_risky_is_taken_with_a_warning() {
    let text = WHOLE.replace("\"181s\"", "\"5s\"").replace("lease = \"91s\"", "lease = \"21s\"");
    let warnings = load(&text).warnings;
    assert!(warnings[0].starts_with("providers[0].settle_window: 5s is below the 180s"));
    assert!(warnings[1].starts_with("operations.lease: 21s is not longer than providers[0]"));
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    let text = format!("{WHOLE}\n[[routes]]\nname = \"late\"\nprovider = \"archera\"");
    assert_eq!(load(&text).warnings, ["routes[2]: never reached, since routes[1] always matches"]);
}
