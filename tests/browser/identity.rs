//! An identity provider as people know them: discovery, a page to sign in at, and codes for tokens.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use wiremock::{
    Mock, MockServer, Request, Respond, ResponseTemplate,
    matchers::{method, path},
};

/// Who the console is, and its secret.
pub(super) const CLIENT: (&str, &str) = ("console", "a:secret of the console");

/// A provider on another site than the gateway is: a name of this machine, not its address.
pub(super) struct Identity {
    _server: MockServer,
    pub(super) issuer: String,
    shared: Arc<Mutex<Shared>>,
}

/// What it knows, and how it behaves.
#[derive(Default)]
struct Shared {
    issuer: String,
    /// What a code is good for, each once: who began with it, by the query of that.
    codes: HashMap<String, HashMap<String, String>>,
    given: usize,
    access_token: String,
    nonce: Option<String>,
    denies: bool,
}

impl Identity {
    pub(super) async fn start() -> Self {
        let server = MockServer::start().await;
        let issuer = format!("http://localhost:{}", server.address().port());
        let shared = Arc::new(Mutex::new(Shared { issuer: issuer.clone(), ..Shared::default() }));
        let document = json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"),
        });
        let discovery = ResponseTemplate::new(200).set_body_json(document);
        let mount = |verb, at| Mock::given(method(verb)).and(path(at));
        mount("GET", "/.well-known/openid-configuration")
            .respond_with(discovery)
            .mount(&server)
            .await;
        mount("GET", "/authorize")
            .respond_with(Authorize(Arc::clone(&shared)))
            .mount(&server)
            .await;
        mount("POST", "/token").respond_with(Token(Arc::clone(&shared))).mount(&server).await;
        Self { _server: server, issuer, shared }
    }

    /// Gives this access token from now on.
    pub(super) fn gives(&self, access_token: &str) {
        self.shared.lock().unwrap().access_token = access_token.to_owned();
    }

    /// Puts this nonce into id tokens from now on, whatever it was asked for.
    pub(super) fn forgets_the_nonce(&self) {
        self.shared.lock().unwrap().nonce = Some("another".to_owned());
    }

    /// Lets nobody in from now on.
    pub(super) fn denies(&self) {
        self.shared.lock().unwrap().denies = true;
    }

    /// How many tokens it gave.
    pub(super) fn given(&self) -> usize {
        self.shared.lock().unwrap().given
    }
}

/// The page to sign in at. Its one link leads back with a code.
struct Authorize(Arc<Mutex<Shared>>);

impl Respond for Authorize {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let query: HashMap<String, String> = request.url.query_pairs().into_owned().collect();
        let mut shared = self.0.lock().unwrap();
        let is_asked = query["response_type"] == "code"
            && query["client_id"] == CLIENT.0
            && query["code_challenge_method"] == "S256"
            && query["scope"].split(' ').any(|scope| scope == "openid");
        if !is_asked {
            return ResponseTemplate::new(400).set_body_string("this is no sign-in");
        }
        let mut back = url::Url::parse(&query["redirect_uri"]).unwrap();
        let state = &query["state"];
        if shared.denies {
            back.query_pairs_mut()
                .append_pair("error", "access_denied")
                .append_pair("state", state);
            return ResponseTemplate::new(302).insert_header("location", back.as_str());
        }
        let code = format!("code-{}", shared.codes.len());
        back.query_pairs_mut()
            .append_pair("code", &code)
            .append_pair("state", state)
            .append_pair("iss", &shared.issuer)
            .append_pair("session_state", "of the provider's own");
        shared.codes.insert(code, query);
        let page = format!(
            "<h1>Identity</h1><a id=in href=\"{}\">Ada</a>",
            back.as_str().replace('&', "&amp;")
        );
        ResponseTemplate::new(200).set_body_raw(page, "text/html")
    }
}

/// Codes for tokens: each once, to the client, with the verifier of its challenge.
struct Token(Arc<Mutex<Shared>>);

impl Token {
    fn answer(&self, request: &Request) -> Option<Value> {
        let form: HashMap<String, String> =
            url::form_urlencoded::parse(&request.body).into_owned().collect();
        let basic = request.headers.get("authorization")?.to_str().ok()?.strip_prefix("Basic ")?;
        let basic = base64::engine::general_purpose::STANDARD.decode(basic).ok()?;
        if basic != b"console:a%3Asecret+of+the+console"
            || form.get("grant_type")? != "authorization_code"
        {
            return None;
        }
        let mut shared = self.0.lock().unwrap();
        let begun = shared.codes.remove(form.get("code")?)?;
        let challenge = digest::digest(&digest::SHA256, form.get("code_verifier")?.as_bytes());
        let is_theirs = URL_SAFE_NO_PAD.encode(challenge) == begun["code_challenge"]
            && *form.get("redirect_uri")? == begun["redirect_uri"];
        if !is_theirs {
            return None;
        }
        shared.given += 1;
        let nonce = shared.nonce.clone().unwrap_or_else(|| begun["nonce"].clone());
        let claims = json!({
            "iss": shared.issuer, "aud": CLIENT.0, "sub": "ada", "nonce": nonce,
            "exp": chrono::Utc::now().timestamp() + 60,
        });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let id_token = format!("{}.{}.c2ln", part(&json!({ "alg": "RS256" })), part(&claims));
        Some(json!({
            "access_token": shared.access_token, "token_type": "bearer", "id_token": id_token,
        }))
    }
}

impl Respond for Token {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        match self.answer(request) {
            Some(tokens) => ResponseTemplate::new(200).set_body_json(tokens),
            None => ResponseTemplate::new(400).set_body_json(json!({ "error": "invalid_grant" })),
        }
    }
}
