//! Tokens and key sets in the shape of six large identity providers, and the reasons of refusals.

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rand::SystemRandom,
    rsa,
    signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::Utc;
use partner_gateway::{
    auth::Scope,
    config::{AuthKey, SigningAlgorithm},
};
use serde_json::{Value, json};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

use crate::harness::{Client, Settings, World};

const PATH: &str = "/v1/providers";
const ISSUER: &str = "https://id.acme.test/oauth2/default";

/// A signing key of an identity provider.
struct Signer {
    pair: RsaKeyPair,
    n: Vec<u8>,
    e: Vec<u8>,
}

impl Signer {
    fn new() -> Self {
        let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
        let public = KeyPair::public_key(&pair);
        let n = public.modulus().big_endian_without_leading_zero().to_vec();
        let e = public.exponent().big_endian_without_leading_zero().to_vec();
        let pkcs8: Pkcs8V1Der<'_> = pair.as_der().unwrap();
        Self { pair: RsaKeyPair::from_pkcs8(pkcs8.as_ref()).unwrap(), n, e }
    }

    /// The public key as it is published, with these members besides.
    fn published(&self, members: Value) -> Value {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let mut key = json!({ "kty": "RSA", "n": encode(&self.n), "e": encode(&self.e) });
        key.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        key
    }

    fn token(&self, header: &Value, claims: &Value) -> String {
        let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let message = format!("{}.{}", part(header), part(claims));
        let mut signature = vec![0; self.pair.public_modulus_len()];
        let random = SystemRandom::new();
        self.pair.sign(&RSA_PKCS1_SHA256, &random, message.as_bytes(), &mut signature).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// Claims that every provider sets, with these besides.
fn claims(more: Value) -> Value {
    let now = Utc::now().timestamp();
    let mut claims = json!({
        "iss": ISSUER, "aud": "partner-gateway", "sub": "svc-crm", "tenant": "crm",
        "iat": now, "exp": now + 3600,
    });
    claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    claims
}

/// How one provider publishes its keys and names scopes.
struct Shape {
    name: &'static str,
    scope_claim: &'static str,
    scope_map: Vec<(&'static str, Vec<Scope>)>,
    /// The published keys; the first argument signs, the second one does not.
    keys: fn(&Signer, &Signer) -> Value,
    header: Value,
    /// Claims that allow to read, and claims that allow nothing.
    granted: Value,
    denied: Value,
}

/// Shapes as the providers document them; keys and names are made up.
fn shapes() -> [Shape; 6] {
    [okta(), entra_id(), auth0(), keycloak(), google(), cognito()]
}

fn read() -> Vec<Scope> {
    vec![Scope::OrganizationsRead]
}

fn okta() -> Shape {
    Shape {
        name: "Okta",
        scope_claim: "scp",
        scope_map: vec![],
        keys: |signs, other| {
            json!([
                other.published(json!({ "alg": "RS256", "kid": "old", "use": "sig" })),
                signs.published(json!({ "alg": "RS256", "kid": "k-1", "use": "sig" })),
            ])
        },
        header: json!({ "kid": "k-1", "alg": "RS256" }),
        granted: json!({ "ver": 1, "cid": "0oa1", "scp": ["organizations:read", "openid"] }),
        denied: json!({ "scp": ["openid"], "scope": "organizations:read" }),
    }
}

fn entra_id() -> Shape {
    Shape {
        name: "Entra ID",
        scope_claim: "roles",
        scope_map: vec![("Gateway.Read", read())],
        keys: |signs, other| {
            let more = |kid: &str| {
                json!({
                    "use": "sig", "kid": kid, "x5t": kid, "x5c": ["MIIC/zCCAeegAwIBAgI"],
                    "cloud_instance_name": "microsoftonline.com", "issuer": ISSUER,
                })
            };
            json!([signs.published(more("Mb_k1")), other.published(more("Mb_k2"))])
        },
        header: json!({ "typ": "JWT", "alg": "RS256", "x5t": "Mb_k1", "kid": "Mb_k1" }),
        granted: json!({ "tid": "t", "ver": "2.0", "azpacr": "1", "roles": ["Gateway.Read"] }),
        denied: json!({ "scp": "Gateway.Read", "roles": ["Gateway.Other"] }),
    }
}

fn auth0() -> Shape {
    Shape {
        name: "Auth0",
        scope_claim: "permissions",
        scope_map: vec![],
        keys: |signs, other| {
            let more = |kid: &str| {
                json!({
                    "alg": "RS256", "use": "sig", "kid": kid, "x5t": "AbC", "x5c": ["MIIDDTCC"],
                })
            };
            json!([other.published(more("next")), signs.published(more("now"))])
        },
        header: json!({ "alg": "RS256", "typ": "at+jwt", "kid": "now" }),
        granted: json!({ "azp": "a", "gty": "client-credentials", "scope": "x",
                "permissions": ["organizations:read"] }),
        denied: json!({ "scope": "organizations:read", "permissions": [] }),
    }
}

fn keycloak() -> Shape {
    Shape {
        name: "Keycloak",
        scope_claim: "realm_access.roles",
        scope_map: vec![("gateway-reader", read()), ("admin", vec![])],
        keys: |signs, other| {
            json!([
                other.published(json!({ "kid": "enc-1", "alg": "RSA-OAEP", "use": "enc",
                        "x5c": ["MIICmzCCAYM"], "x5t": "a", "x5t#S256": "b" })),
                signs.published(json!({ "kid": "sig-1", "alg": "RS256", "use": "sig",
                        "x5c": ["MIICmzCCAYM"], "x5t": "c", "x5t#S256": "d" })),
                json!({ "kid": "hs", "kty": "oct", "alg": "HS512", "use": "sig" }),
            ])
        },
        header: json!({ "alg": "RS256", "typ": "JWT", "kid": "sig-1" }),
        granted: json!({ "typ": "Bearer", "azp": "crm", "scope": "openid profile email",
                "realm_access": { "roles": ["offline_access", "gateway-reader"] } }),
        denied: json!({ "scope": "admin", "realm_access": { "roles": ["admin"] } }),
    }
}

fn google() -> Shape {
    Shape {
        name: "Google",
        scope_claim: "https://acme.test/scopes",
        scope_map: vec![],
        keys: |signs, other| {
            let more = |kid: &str| json!({ "kid": kid, "alg": "RS256", "use": "sig" });
            json!([signs.published(more("6f1d")), other.published(more("9c0e"))])
        },
        // A token that does not name its key.
        header: json!({ "alg": "RS256", "typ": "JWT" }),
        granted: json!({ "azp": "1", "https://acme.test/scopes": "organizations:read" }),
        denied: json!({ "azp": "1" }),
    }
}

fn cognito() -> Shape {
    Shape {
        name: "Cognito",
        scope_claim: "cognito:groups",
        scope_map: vec![("readers", read())],
        keys: |signs, other| {
            let more = |kid: &str| json!({ "kid": kid, "alg": "RS256", "use": "sig" });
            let padded = |key: Value, n: &[u8]| {
                let mut key = key;
                // As Java's BigInteger has it, with its sign, and padded.
                let n = URL_SAFE_NO_PAD.encode([&[0], n].concat());
                key["n"] = json!(format!("{n}=="));
                key
            };
            json!([
                padded(signs.published(more("aB+c/1=")), &signs.n),
                other.published(more("aB+c/2=")),
            ])
        },
        header: json!({ "kid": "aB+c/1=", "alg": "RS256" }),
        granted: json!({ "token_use": "id", "cognito:groups": ["readers"] }),
        denied: json!({ "token_use": "id", "cognito:groups": ["writers"] }),
    }
}

/// A server that publishes these keys from now on.
async fn publish(server: &MockServer, keys: &Value) {
    server.reset().await;
    let answer = ResponseTemplate::new(200).set_body_json(json!({ "keys": keys }));
    Mock::given(any()).respond_with(answer).mount(server).await;
}

/// Adds a gateway that trusts the server's key set.
async fn add_gateway(
    world: &mut World,
    server: &MockServer,
    claim: &str,
    map: &[(&str, Vec<Scope>)],
) {
    world.reconfigure(|config| {
        config.auth.issuer = ISSUER.to_owned();
        config.auth.scope_claim = claim.to_owned();
        config.auth.scope_map =
            map.iter().map(|(name, scopes)| ((*name).to_owned(), scopes.clone())).collect();
        config.auth.key = AuthKey::Jwks {
            url: format!("{}/keys", server.uri()).parse().unwrap(),
            algorithms: SigningAlgorithm::ASYMMETRIC.to_vec(),
            ca: None,
            max_stale: std::time::Duration::from_secs(3600),
        };
    });
    world.add_gateway().await;
}

fn with(world: &World, token: String) -> Client {
    world.anonymous().with_token(token)
}

#[tokio::test]
async fn the_tokens_of_six_identity_providers_are_read() {
    let (signs, other) = (Signer::new(), Signer::new());
    let server = MockServer::start().await;
    let mut world = World::with(Settings { gateways: 0, ..Settings::default() }).await;
    for shape in shapes() {
        publish(&server, &(shape.keys)(&signs, &other)).await;
        add_gateway(&mut world, &server, shape.scope_claim, &shape.scope_map).await;
        let granted = signs.token(&shape.header, &claims(shape.granted));
        let reply = with(&world, granted.clone()).get(PATH).await;
        assert_eq!(reply.status, 200, "{}: {}", shape.name, reply.text);
        let denied = signs.token(&shape.header, &claims(shape.denied));
        let reply = with(&world, denied).get(PATH).await;
        assert!(
            reply.header("www-authenticate").ends_with(", scope=\"organizations:read\""),
            "{}: {:?}",
            shape.name,
            reply.headers
        );
        reply.problem(403, "forbidden");
        let forged = other.token(&shape.header, &claims(json!({})));
        let reply = with(&world, forged).get(PATH).await;
        let expected = if shape.name == "Google" { "organizations:read" } else { "signature" };
        let challenge = reply.header("www-authenticate").to_owned();
        assert!(challenge.contains(expected), "{}: {challenge}", shape.name);
        // The console signs in with the same tokens.
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("token", &granted)
            .finish();
        let signed_in = world.anonymous().call(reqwest::Method::POST, "/ops/sign-in");
        assert_eq!(signed_in.form(&form).await.status, 303, "{}", shape.name);
        world.stop_gateway().await;
    }
    world.finish().await;
}

#[tokio::test]
async fn a_new_key_is_found_at_once_and_a_made_up_one_disturbs_nobody() {
    let (first, second) = (Signer::new(), Signer::new());
    let key = |signer: &Signer, kid: &str| signer.published(json!({ "kid": kid }));
    let token = |signer: &Signer, kid: &str| {
        let scope = json!({ "scope": "organizations:read" });
        signer.token(&json!({ "alg": "RS256", "kid": kid }), &claims(scope))
    };
    let server = MockServer::start().await;
    publish(&server, &json!([key(&first, "a")])).await;
    let mut world = World::with(Settings { gateways: 0, ..Settings::default() }).await;
    add_gateway(&mut world, &server, "scope", &[]).await;
    let status = async |token: String| with(&world, token).get(PATH).await.status;
    assert_eq!(status(token(&first, "a")).await, 200);
    publish(&server, &json!([key(&first, "a"), key(&second, "b")])).await;
    assert_eq!(status(token(&second, "b")).await, 200, "right after a fetch");
    for number in 0..20 {
        let made_up = token(&first, &format!("made-up-{number}"));
        let reply = with(&world, made_up).get(PATH).await;
        let wait: u64 = reply.header("retry-after").parse().unwrap();
        assert!((1..=30).contains(&wait), "{wait}");
        assert_eq!(reply.header("www-authenticate"), "");
        reply.problem(503, "keys_unavailable");
        assert_eq!(status(token(&first, "a")).await, 200);
    }
    let fetches = server.received_requests().await.unwrap().len();
    assert_eq!(fetches, 1, "of the set with the new key");
    // The endpoint is gone, and known keys go on working.
    drop(server);
    assert_eq!(status(token(&second, "b")).await, 200);
    let metrics = world.anonymous().get("/metrics").await.text;
    assert!(metrics.contains("gateway_auth_refusals_total{reason=\"key_pending\"}"), "{metrics}");
    assert!(metrics.contains("gateway_auth_key_set_fetched_timestamp_seconds 1"), "{metrics}");
    world.finish().await;
}

#[tokio::test]
async fn a_refusal_has_its_reason_and_nothing_of_the_token() {
    let signer = Signer::new();
    let server = MockServer::start().await;
    publish(&server, &json!([signer.published(json!({ "kid": "a" }))])).await;
    let mut world = World::with(Settings { gateways: 0, ..Settings::default() }).await;
    add_gateway(&mut world, &server, "scp", &[]).await;
    let past = Utc::now().timestamp() - 3600;
    let header = json!({ "alg": "RS256", "kid": "a" });
    for (name, value, reason) in [
        ("exp", json!(past), "the token has expired: `exp` was 20"),
        ("nbf", json!(past + 7200), "`nbf` is more than 30 seconds in the future"),
        ("iss", json!("https://evil\"x.test"), "`iss` is not the issuer"),
        ("aud", json!("evil\"x"), "`aud` does not contain the audience"),
        ("tenant", json!(""), "it lacks the claim `tenant`"),
        ("tenant", json!(["evil\"x"]), "`tenant` must be a string of 1 to 128"),
        ("sub", json!(7), "`sub` must be a string"),
        ("scp", json!(["organizations:read", 7]), "`scp` must be a string or an array of strings"),
    ] {
        let token = signer.token(&header, &claims(json!({ name: value })));
        let reply = with(&world, token).get(PATH).await;
        let challenge = reply.header("www-authenticate").to_owned();
        let start = "Bearer error=\"invalid_token\", error_description=\"";
        assert!(challenge.starts_with(start) && challenge.ends_with('"'), "{challenge}");
        assert!(challenge.contains(reason), "{challenge}");
        assert!(!challenge.contains("evil"), "{challenge}");
        let problem = reply.problem(401, "unauthenticated");
        assert!(problem["detail"].as_str().unwrap().contains(reason), "{problem}");
    }
    for (method, path, needed) in [
        ("GET", "/v1/events", "events:read"),
        ("POST", "/v1/organizations", "organizations:write"),
        ("POST", "/v1/webhooks", "organizations:write events:read"),
    ] {
        let token = signer.token(&header, &claims(json!({ "scp": "organizations:read" })));
        let reply = with(&world, token).call(method.parse().unwrap(), path).json(&json!({})).await;
        let challenge = reply.header("www-authenticate").to_owned();
        assert!(challenge.starts_with("Bearer error=\"insufficient_scope\""), "{challenge}");
        assert!(challenge.ends_with(&format!(", scope=\"{needed}\"")), "{challenge}");
        reply.problem(403, "forbidden");
    }
    world.finish().await;
}
