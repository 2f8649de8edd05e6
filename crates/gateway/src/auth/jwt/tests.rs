//! Tokens that are good, and many that are not.

mod keys;
mod refusals;

use chrono::TimeDelta;
use jsonwebtoken::{Algorithm, EncodingKey};
use partner_core::{TextFault, TextRule};
use serde_json::json;

use super::super::caller::{ScopeSet, Tenant};
use super::super::error::Claim;
use super::super::jwks::KeySourceError;
use super::super::mint::{MintRequest, mint};
use super::*;
use crate::config::{Environment, Scope, Sources};

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const NOW: i64 = 1_800_000_000;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(NOW, 0).unwrap()
}

/// The configuration with this public key, or with the shared secret where there is none.
fn config(public_pem: Option<&str>) -> AuthConfig {
    let key = if public_pem.is_some() { "public_key" } else { "hmac_secret" };
    let base = format!(
        "[auth]\nissuer = \"https://id.example.test\"\n{key} = {{ env = \"TOKEN_KEY\" }}\n"
    );
    let environment: Environment =
        [("TOKEN_KEY", public_pem.unwrap_or(SECRET))].into_iter().collect();
    AuthConfig::from_sources(&Sources { base, environment, ..Sources::default() }).unwrap()
}

fn verifier(config: &AuthConfig) -> Verifier {
    struct Nothing;
    #[async_trait::async_trait]
    impl KeySource for Nothing {
        async fn fetch(&self) -> Result<Vec<u8>, KeySourceError> {
            Err(KeySourceError("there is none".to_owned()))
        }
    }
    Verifier::new(config, |_url| Arc::new(Nothing), &TaskTracker::new()).unwrap()
}

fn good_claims() -> Value {
    json!({
        "iss": "https://id.example.test",
        "aud": "partner-gateway",
        "exp": NOW + 60,
        "sub": "svc-crm",
        "tenant": "crm",
        "scope": "organizations:read events:read",
    })
}

/// The good claims with one changed; null takes it away.
fn claims_with(name: &str, value: Value) -> Value {
    let mut claims = good_claims();
    claims[name] = value;
    let claims = claims.as_object_mut().unwrap();
    claims.retain(|_, value| !value.is_null());
    Value::Object(claims.clone())
}

fn encoded(json: &Value) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(json).unwrap())
}

fn signed(header: &Value, claims: &Value, key: &EncodingKey, algorithm: Algorithm) -> String {
    sealed(&format!("{}.{}", encoded(header), encoded(claims)), key, algorithm)
}

fn sealed(message: &str, key: &EncodingKey, algorithm: Algorithm) -> String {
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm).unwrap();
    format!("{message}.{signature}")
}

/// Signed with the shared secret, whatever these bytes are.
fn bytes_by_secret(header: &[u8], claims: &[u8]) -> String {
    let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part));
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    sealed(&format!("{header}.{claims}"), &key, Algorithm::HS256)
}

/// Signed with the shared secret, whatever the header says.
fn by_secret(header: &Value, claims: &Value) -> String {
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    signed(header, claims, &key, Algorithm::HS256)
}

fn hs256() -> Value {
    json!({ "alg": "HS256", "typ": "JWT" })
}

async fn verify(token: &str) -> Result<Caller, AuthError> {
    verifier(&config(None)).verify_at(token, now()).await
}

async fn verify_claims(claims: &Value) -> Result<Caller, AuthError> {
    verify(&by_secret(&hs256(), claims)).await
}

async fn verify_header(header: &Value) -> Result<Caller, AuthError> {
    verify(&by_secret(header, &good_claims())).await
}

#[tokio::test]
async fn a_good_token_becomes_its_caller() {
    let caller = verify_claims(&good_claims()).await.unwrap();
    assert_eq!(caller.tenant.as_str(), "crm");
    assert_eq!(caller.actor, "svc-crm");
    assert!(caller.may(Scope::EventsRead));
    assert!(!caller.may(Scope::OrganizationsWrite));
}

#[tokio::test]
async fn what_may_differ_in_a_good_token() {
    for claims in [
        claims_with("aud", json!(["other", "partner-gateway"])),
        claims_with("exp", json!(NOW as f64 + 0.5)),
        claims_with("exp", json!(NOW - 29)),
        claims_with("nbf", json!(NOW + 30)),
        claims_with("iat", json!(NOW + 5)),
        claims_with("unheard_of", json!({ "a": 1 })),
    ] {
        assert!(verify_claims(&claims).await.is_ok(), "{claims}");
    }
    let caller = verify_claims(&claims_with("scope", Value::Null)).await.unwrap();
    assert_eq!(caller.scopes.iter().count(), 0);
    for header in [
        json!({ "alg": "HS256" }),
        json!({ "alg": "HS256", "typ": "jwt" }),
        json!({ "alg": "HS256", "typ": "at+JWT" }),
        json!({ "alg": "HS256", "typ": "application/at+jwt" }),
        json!({ "alg": "HS256", "kid": "whatever" }),
    ] {
        assert!(verify_header(&header).await.is_ok(), "{header}");
    }
}

#[tokio::test]
async fn the_header_does_not_choose_the_kind_of_signature() {
    for name in ["none", "None", "nOnE", "", "HS384", "HS512", "RS256", "ES256", "EdDSA", "hs256"] {
        let outcome = verify_header(&json!({ "alg": name })).await;
        assert_eq!(outcome, Err(AuthError::Algorithm), "{name}");
    }
    let unsigned = format!("{}.{}.", encoded(&json!({ "alg": "none" })), encoded(&good_claims()));
    assert_eq!(verify(&unsigned).await, Err(AuthError::Malformed("not three parts")));
    for header in [json!({}), json!({ "alg": null }), json!({ "alg": ["HS256"] }), json!([])] {
        assert_eq!(verify_header(&header).await, Err(AuthError::Malformed("header")), "{header}");
    }
}

#[tokio::test]
async fn what_must_be_understood_is_refused() {
    for crit in [json!(["exp"]), json!(["b64"]), json!([]), json!(null), json!("exp")] {
        let outcome = verify_header(&json!({ "alg": "HS256", "crit": crit })).await;
        assert_eq!(outcome, Err(AuthError::Header("crit")), "{crit}");
    }
    for typ in ["logout+jwt", "dpop+jwt", "secevent+jwt", "JWE", ""] {
        let outcome = verify_header(&json!({ "alg": "HS256", "typ": typ })).await;
        assert_eq!(outcome, Err(AuthError::Header("typ")), "{typ}");
    }
}

#[tokio::test]
async fn each_claim_is_held_to_its_rule() {
    use AuthError::{InvalidClaim, MissingClaim};
    let odd = |claim, rule, character, position| {
        AuthError::ClaimText(claim, TextFault { rule, character, position })
    };
    let cases = [
        ("iss", Value::Null, MissingClaim(Claim::Issuer)),
        ("iss", json!("https://evil.acme.test"), AuthError::Issuer),
        ("iss", json!("https://id.example.test/"), AuthError::Issuer),
        ("iss", json!(["https://id.example.test"]), InvalidClaim(Claim::Issuer)),
        ("aud", Value::Null, MissingClaim(Claim::Audience)),
        ("aud", json!("other"), AuthError::Audience),
        ("aud", json!([]), AuthError::Audience),
        ("aud", json!(["other"]), AuthError::Audience),
        ("aud", json!({ "partner-gateway": 1 }), AuthError::Audience),
        ("exp", Value::Null, MissingClaim(Claim::Expiry)),
        ("exp", json!((NOW + 60).to_string()), InvalidClaim(Claim::Expiry)),
        ("exp", json!(true), InvalidClaim(Claim::Expiry)),
        ("exp", json!(-1), InvalidClaim(Claim::Expiry)),
        ("exp", json!(1e300), InvalidClaim(Claim::Expiry)),
        ("exp", json!(NOW - 30), AuthError::Expired(now() - TimeDelta::seconds(30))),
        ("exp", json!(0), AuthError::Expired(DateTime::UNIX_EPOCH)),
        ("nbf", json!(NOW + 31), AuthError::NotYetValid),
        ("nbf", json!("soon"), InvalidClaim(Claim::NotBefore)),
        ("iat", json!("then"), InvalidClaim(Claim::IssuedAt)),
        ("sub", Value::Null, MissingClaim(Claim::Subject)),
        ("sub", json!(""), MissingClaim(Claim::Subject)),
        ("sub", json!(7), InvalidClaim(Claim::Subject)),
        ("sub", json!("a\nb"), InvalidClaim(Claim::Subject)),
        ("sub", json!("x".repeat(256)), InvalidClaim(Claim::Subject)),
        ("tenant", Value::Null, MissingClaim(Claim::Tenant("tenant".into()))),
        ("tenant", json!(""), MissingClaim(Claim::Tenant("tenant".into()))),
        ("tenant", json!(["crm"]), InvalidClaim(Claim::Tenant("tenant".into()))),
        ("tenant", json!("c rm"), InvalidClaim(Claim::Tenant("tenant".into()))),
        ("sub", json!("ops\u{200b}"), odd(Claim::Subject, TextRule::Invisible, '\u{200b}', 4)),
        ("sub", json!(" ops"), odd(Claim::Subject, TextRule::EdgeWhiteSpace, ' ', 1)),
        ("sub", json!("o\u{202e}ps"), odd(Claim::Subject, TextRule::Invisible, '\u{202e}', 2)),
        ("sub", json!("jose\u{301}"), odd(Claim::Subject, TextRule::Composed, '\u{301}', 5)),
        (
            "tenant",
            json!("crm\u{a0}"),
            odd(Claim::Tenant("tenant".into()), TextRule::OtherWhiteSpace, '\u{a0}', 4),
        ),
        (
            "tenant",
            json!("\u{feff}crm"),
            odd(Claim::Tenant("tenant".into()), TextRule::Invisible, '\u{feff}', 1),
        ),
        ("scope", json!(["admin", 7]), InvalidClaim(Claim::Scope("scope".into()))),
        ("scope", json!({ "admin": true }), InvalidClaim(Claim::Scope("scope".into()))),
    ];
    for (name, value, error) in cases {
        let outcome = verify_claims(&claims_with(name, value.clone())).await;
        assert_eq!(outcome, Err(error), "{name} = {value}");
    }
}

#[tokio::test]
async fn what_was_changed_after_signing_is_refused() {
    let token = by_secret(&hs256(), &good_claims());
    let parts: Vec<_> = token.split('.').collect();
    let [header, claims, signature] = parts[..] else { panic!("not three parts") };
    let admin = encoded(&claims_with("scope", json!("admin")));
    let padded = encoded(&json!({ "alg": "HS256", "typ": "JWT", "kid": "x" }));
    for changed in [
        format!("{header}.{admin}.{signature}"),
        format!("{padded}.{claims}.{signature}"),
        format!("{header}.{claims}.{}", &signature[1..]),
        format!("{header}.{claims}.A{}", &signature[1..]),
        format!("{header}.{claims}.{signature}="),
        format!("{header}.{claims}.{signature}{signature}"),
    ] {
        assert_eq!(verify(&changed).await, Err(AuthError::Signature), "{changed}");
    }
    let other = EncodingKey::from_secret(b"another-secret-of-32-bytes-or-more");
    let token = signed(&hs256(), &good_claims(), &other, Algorithm::HS256);
    assert_eq!(verify(&token).await, Err(AuthError::Signature));
}

#[tokio::test]
async fn what_is_not_a_token_is_refused() {
    let good = by_secret(&hs256(), &good_claims());
    for (token, part) in [
        (String::new(), "not three parts"),
        ("a".to_owned(), "not three parts"),
        ("a.b".to_owned(), "not three parts"),
        ("..".to_owned(), "not three parts"),
        (format!("{good}.{good}"), "not three parts"),
        ("a.b.c.d.e".to_owned(), "not three parts"),
        (format!("!!!.{}.AA", encoded(&good_claims())), "header"),
        (format!("{}.e30.AA", URL_SAFE_NO_PAD.encode("{\"alg\":")), "header"),
        (format!("{}.e30.AA", URL_SAFE_NO_PAD.encode(r#"{"alg":"none","alg":"HS256"}"#)), "header"),
    ] {
        assert_eq!(verify(&token).await, Err(AuthError::Malformed(part)), "{token}");
    }
    for (once, twice) in [
        ("\"tenant\":\"crm\"", "\"tenant\":\"shop\",\"tenant\":\"crm\""),
        ("\"exp\":", "\"exp\":1,\"exp\":"),
    ] {
        let claims = good_claims().to_string().replace(once, twice);
        let token = bytes_by_secret(hs256().to_string().as_bytes(), claims.as_bytes());
        assert_eq!(verify(&token).await, Err(AuthError::Malformed("claims")), "{twice}");
    }
    let list = by_secret(&hs256(), &json!([1]));
    assert_eq!(verify(&list).await, Err(AuthError::Malformed("claims")));
    let long = by_secret(&hs256(), &claims_with("extra", json!("x".repeat(8192))));
    assert_eq!(verify(&long).await, Err(AuthError::TooLarge));
}

#[tokio::test]
async fn the_tenant_is_in_the_configured_claim() {
    let mut config = config(None);
    config.tenant_claim = "platform".to_owned();
    let verifier = verifier(&config);
    let token = by_secret(&hs256(), &claims_with("platform", json!("shop")));
    let caller = verifier.verify_at(&token, now()).await.unwrap();
    assert_eq!(caller.tenant.as_str(), "shop");
    let token = by_secret(&hs256(), &good_claims());
    let outcome = verifier.verify_at(&token, now()).await;
    assert_eq!(outcome, Err(AuthError::MissingClaim(Claim::Tenant("platform".into()))));
}

#[tokio::test]
async fn a_minted_token_is_good_until_its_end() {
    let config = config(None);
    let request = MintRequest {
        subject: "ops".to_owned(),
        tenant: Tenant::new("crm").unwrap(),
        scopes: [Scope::Admin].into_iter().collect(),
        ttl: std::time::Duration::from_secs(600),
    };
    let token = mint(&config, &request, now()).unwrap();
    let header = format!("bearer {}", token.expose_secret());
    let verifier = verifier(&config);
    let at = |seconds| DateTime::from_timestamp(NOW + seconds, 0).unwrap();
    let caller = verifier.authenticate_at(Some(header.as_bytes()), at(629)).await.unwrap();
    assert!(caller.is_admin());
    assert_eq!(caller.actor, "ops");
    let outcome = verifier.authenticate_at(Some(header.as_bytes()), at(630)).await;
    assert_eq!(outcome, Err(AuthError::Expired(at(600))));
}

#[tokio::test]
async fn the_scopes_are_in_the_configured_claim_and_mapped() {
    let mut config = config(None);
    config.scope_claim = "realm_access.roles".to_owned();
    config.scope_map =
        [("Gateway.Read".to_owned(), vec![Scope::OrganizationsRead]), ("admin".to_owned(), vec![])]
            .into();
    let verifier = verifier(&config);
    let roles = json!({ "roles": ["Gateway.Read", "admin", "offline_access", "events:read"] });
    let token = by_secret(&hs256(), &claims_with("realm_access", roles));
    let caller = verifier.verify_at(&token, now()).await.unwrap();
    assert_eq!(caller.scopes.to_string(), "organizations:read events:read");
    let token = by_secret(&hs256(), &claims_with("scope", json!("admin")));
    let caller = verifier.verify_at(&token, now()).await.unwrap();
    assert_eq!(caller.scopes.to_string(), "", "`scope` is ignored");
    let request = |scope| MintRequest {
        subject: "ops".to_owned(),
        tenant: Tenant::new("crm").unwrap(),
        scopes: [scope].into_iter().collect(),
        ttl: std::time::Duration::from_secs(600),
    };
    let minted = mint(&config, &request(Scope::EventsRead), now()).unwrap();
    let caller = verifier.verify_at(minted.expose_secret(), now()).await.unwrap();
    assert_eq!(caller.scopes.to_string(), "events:read");
    let error = mint(&config, &request(Scope::Admin), now()).unwrap_err();
    assert!(error.to_string().starts_with("auth.scope_map: "), "{error}");
}

#[tokio::test]
async fn a_header_is_json_in_what_is_not_acted_on_too() {
    let claims = good_claims().to_string();
    for rest in [
        &b"\"x\":\"\xfa\""[..],
        br#""x":"\ud800""#,
        br#""x":1,"x":2"#,
        br#""jwk":{"kty":"oct"},"jwk":{}"#,
    ] {
        let header = [&br#"{"alg":"HS256","#[..], rest, b"}"].concat();
        let outcome = verify(&bytes_by_secret(&header, claims.as_bytes())).await;
        assert_eq!(outcome, Err(AuthError::Malformed("header")), "{}", rest.escape_ascii());
    }
    let header = br#"{"alg":"HS256","x":{"y":["\u00fa"]}}"#;
    assert!(verify(&bytes_by_secret(header, claims.as_bytes())).await.is_ok());
}
