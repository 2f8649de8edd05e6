//! What is sent to an identity provider, and which of its answers are taken.

use std::collections::HashMap;
use std::sync::Mutex as StdMutex;

use serde_json::json;

use super::*;

/// The fields of a form, and who sent it with what.
type Sent = (HashMap<String, String>, Option<String>);

/// A provider that answers what it is told to, and remembers what it was sent.
struct Provider {
    metadata: Value,
    answer: Result<Value, IdentityProviderError>,
    asked: StdMutex<Vec<String>>,
    sent: StdMutex<Vec<Sent>>,
}

#[async_trait]
impl IdentityProvider for Provider {
    async fn get(&self, url: &Url) -> Result<Value, IdentityProviderError> {
        self.asked.lock().unwrap().push(url.to_string());
        if self.metadata.is_null() {
            return Err(IdentityProviderError { message: "down".to_owned(), is_refusal: false });
        }
        Ok(self.metadata.clone())
    }

    async fn post(
        &self,
        url: &Url,
        fields: &[(&str, &str)],
        basic: Option<(&str, &SecretString)>,
    ) -> Result<Value, IdentityProviderError> {
        assert_eq!(url.as_str(), "https://id.acme.test/token");
        let fields = fields.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let basic = basic.map(|(user, secret)| format!("{user}:{}", secret.expose_secret()));
        self.sent.lock().unwrap().push((fields, basic));
        self.answer.clone()
    }
}

fn metadata() -> Value {
    json!({
        "issuer": "https://id.acme.test",
        "authorization_endpoint": "https://id.acme.test/authorize?x=1",
        "token_endpoint": "https://id.acme.test/token",
        "jwks_uri": "https://id.acme.test/keys",
    })
}

fn provider(metadata: Value, answer: Value) -> Arc<Provider> {
    let (asked, sent) = Default::default();
    Arc::new(Provider { metadata, answer: Ok(answer), asked, sent })
}

fn oidc(provider: &Arc<Provider>, secret: Option<&str>) -> Oidc {
    let config = OidcConfig {
        issuer: "https://id.acme.test".to_owned(),
        client_id: "console".to_owned(),
        client_secret: secret.map(SecretString::from),
        scopes: vec!["openid".to_owned(), "gateway".to_owned()],
        redirect_uri: None,
        ca: None,
    };
    Oidc::new(config, Arc::clone(provider) as Arc<dyn IdentityProvider>)
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000, 0).unwrap()
}

fn back() -> Url {
    "https://ops.acme.test/ops/sign-in/callback".parse().unwrap()
}

/// An id token of these claims. Its signature is nobody's.
fn id_token(claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.c2ln", part(&json!({ "alg": "RS256" })), part(claims))
}

fn claims(nonce: &str) -> Value {
    json!({
        "iss": "https://id.acme.test", "aud": "console", "nonce": nonce,
        "exp": now().timestamp() + 60, "sub": "ada",
    })
}

fn tokens(claims: &Value) -> Value {
    json!({ "access_token": "a.b.c", "token_type": "Bearer", "id_token": id_token(claims) })
}

#[tokio::test]
async fn a_browser_is_sent_with_all_that_binds_the_answer_to_it() {
    let provider = provider(metadata(), Value::Null);
    let oidc = oidc(&provider, None);
    let (url, sign_in) = oidc.begin(&back(), "/ops", now()).await.unwrap();
    let sent: HashMap<_, _> = url.query_pairs().into_owned().collect();
    assert_eq!(url.path(), "/authorize");
    for (name, value) in [
        ("x", "1"),
        ("response_type", "code"),
        ("client_id", "console"),
        ("redirect_uri", back().as_str()),
        ("scope", "openid gateway"),
        ("state", &sign_in.state),
        ("nonce", &sign_in.nonce),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(sent[name], value, "{name}");
    }
    let challenge = digest::digest(&digest::SHA256, sign_in.verifier.as_bytes());
    assert_eq!(sent["code_challenge"], URL_SAFE_NO_PAD.encode(challenge));
    assert!(!url.as_str().contains(&sign_in.verifier), "the verifier stays here");
    let (_, other) = oidc.begin(&back(), "/ops", now()).await.unwrap();
    assert!(other.state != sign_in.state && other.verifier != sign_in.verifier);
    let asked = provider.asked.lock().unwrap().clone();
    assert_eq!(asked, ["https://id.acme.test/.well-known/openid-configuration"], "once");
}

#[tokio::test]
async fn an_answer_is_to_its_own_sign_in_and_in_time() {
    let oidc = oidc(&provider(metadata(), Value::Null), None);
    let (_, sign_in) = oidc.begin(&back(), "/ops", now()).await.unwrap();
    assert!(sign_in.is_answered_by(&sign_in.state, now() + SIGN_IN_TIME));
    assert!(!sign_in.is_answered_by(&sign_in.state, now() + SIGN_IN_TIME + TimeDelta::seconds(1)));
    assert!(!sign_in.is_answered_by("", now()) && !sign_in.is_answered_by("x", now()));
}

#[tokio::test]
async fn a_code_is_changed_for_a_token_as_the_client_may() {
    let nothing = provider(metadata(), Value::Null);
    let (_, sign_in) = oidc(&nothing, None).begin(&back(), "/ops", now()).await.unwrap();
    let post_alone = json!({ "token_endpoint_auth_methods_supported": ["client_secret_post"] });
    let mut posts = metadata();
    posts.as_object_mut().unwrap().extend(post_alone.as_object().unwrap().clone());
    for (metadata, secret, in_form, basic) in [
        (metadata(), None, false, None),
        (metadata(), Some("canary"), false, Some("console:canary")),
        (posts, Some("canary"), true, None),
    ] {
        let provider = provider(metadata, tokens(&claims(&sign_in.nonce)));
        let token = oidc(&provider, secret).finish(&sign_in, "code-1", now()).await.unwrap();
        assert_eq!(token.expose_secret(), "a.b.c");
        let sent = provider.sent.lock().unwrap().clone();
        let [(fields, given)] = &sent[..] else { panic!("not one request") };
        assert_eq!(fields["grant_type"], "authorization_code");
        assert_eq!(fields["code"], "code-1");
        assert_eq!(fields["code_verifier"], sign_in.verifier);
        assert_eq!(fields["redirect_uri"], back().as_str());
        assert_eq!(given.as_deref(), basic);
        assert_eq!(fields.contains_key("client_id"), basic.is_none());
        assert_eq!(fields.get("client_secret").is_some(), in_form);
    }
}

#[tokio::test]
async fn what_is_not_the_answer_to_this_sign_in_is_refused() {
    let nothing = provider(metadata(), Value::Null);
    let (_, sign_in) = oidc(&nothing, None).begin(&back(), "/ops", now()).await.unwrap();
    let with = |name: &str, value: Value| {
        let mut claims = claims(&sign_in.nonce);
        claims[name] = value;
        tokens(&claims)
    };
    let but = |name: &str, value: Value| {
        let mut answer = tokens(&claims(&sign_in.nonce));
        answer[name] = value;
        answer
    };
    for answer in [
        with("nonce", json!("another")),
        with("nonce", Value::Null),
        with("iss", json!("https://id.evil.test")),
        with("aud", json!("another")),
        with("aud", json!(["another"])),
        with("azp", json!("another")),
        with("exp", json!(now().timestamp() - 31)),
        but("id_token", json!("x")),
        but("id_token", Value::Null),
        but("token_type", json!("mac")),
        json!({}),
    ] {
        let provider = provider(metadata(), answer.clone());
        let refused = oidc(&provider, None).finish(&sign_in, "c", now()).await.unwrap_err();
        assert!(matches!(refused, OidcError::Answer(_)), "{answer}: {refused}");
    }
    let many = with("aud", json!(["another", "console"]));
    assert!(oidc(&provider(metadata(), many), None).finish(&sign_in, "c", now()).await.is_ok());
}

#[tokio::test]
async fn a_provider_that_cannot_be_used_is_told_from_one_that_refuses() {
    let nothing = provider(metadata(), Value::Null);
    let (_, sign_in) = oidc(&nothing, None).begin(&back(), "/ops", now()).await.unwrap();
    for (is_refusal, unavailable) in [(true, false), (false, true)] {
        let error = IdentityProviderError { message: "no".to_owned(), is_refusal };
        let (asked, sent) = Default::default();
        let provider = Arc::new(Provider { metadata: metadata(), answer: Err(error), asked, sent });
        let refused = oidc(&provider, None).finish(&sign_in, "c", now()).await.unwrap_err();
        assert_eq!(refused.is_unavailable(), unavailable);
    }
    let mut other = metadata();
    other["issuer"] = json!("https://id.evil.test");
    let mut script = metadata();
    script["authorization_endpoint"] = json!("javascript:alert(1)");
    for metadata in [Value::Null, json!({}), other, script] {
        let provider = provider(metadata.clone(), Value::Null);
        let oidc = oidc(&provider, None);
        for seconds in [0, 1, 4] {
            let at = now() + TimeDelta::seconds(seconds);
            assert!(
                oidc.begin(&back(), "/ops", at).await.unwrap_err().is_unavailable(),
                "{metadata}"
            );
        }
        assert_eq!(provider.asked.lock().unwrap().len(), 1, "not asked again at once");
        let _again = oidc.begin(&back(), "/ops", now() + COOLDOWN).await;
        assert_eq!(provider.asked.lock().unwrap().len(), 2);
    }
}
