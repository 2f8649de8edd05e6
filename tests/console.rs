//! The console, used as a browser without scripts uses it.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use partner_gateway::auth::{MintRequest, Scope, ScopeSet, Tenant, mint};
use reqwest::Method;
use sandbox::{Answer, ConsoleEdit, Fault, FaultRule, Operation};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::harness::{Client, Reply, Settings, World, cloud_customer, commitments_customer};

/// A browser that is signed in.
pub(crate) struct Browser {
    client: Client,
    cookie: String,
}

impl Browser {
    /// Signs in with a token, which must be believed.
    async fn sign_in(client: Client, token: &str) -> Self {
        let reply = sign_in(&client, token).await;
        assert_eq!((reply.status, reply.header("location")), (303, "/ops"), "{}", reply.text);
        let cookie = reply.header("set-cookie").split(';').next().unwrap().to_owned();
        Self { client, cookie }
    }

    /// Signs in for this tenant with all scopes but an admin's.
    pub(crate) async fn of(world: &World, tenant: &str) -> Self {
        Self::sign_in(world.anonymous(), &world.token(tenant, every_scope_but_admin())).await
    }

    async fn get(&self, path: &str) -> Reply {
        self.client.get(path).header("Cookie", &self.cookie).await
    }

    /// A page that must be there.
    pub(crate) async fn page(&self, path: &str) -> String {
        let reply = self.get(path).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text);
        reply.text
    }

    /// Sends a form with the token of a page that this browser was shown.
    async fn send(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let token = form_token(&self.page("/ops").await);
        let fields = [&[("form_token", token.as_str())], fields].concat();
        self.send_as(path, &fields, &[("Origin", self.client.base())]).await
    }

    async fn send_as(
        &self,
        path: &str,
        fields: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> Reply {
        let call = self.client.call(Method::POST, path).header("Cookie", &self.cookie);
        let call = headers.iter().fold(call, |call, (name, value)| call.header(name, value));
        call.form(&encoded(fields)).await
    }
}

fn every_scope_but_admin() -> ScopeSet {
    Scope::ALL.into_iter().filter(|scope| *scope != Scope::Admin).collect()
}

fn encoded(fields: &[(&str, &str)]) -> String {
    let plain = |text: &str| -> String {
        text.bytes()
            .map(|b| match b {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                    char::from(b).to_string()
                }
                other => format!("%{other:02X}"),
            })
            .collect()
    };
    let pairs: Vec<String> =
        fields.iter().map(|(name, value)| format!("{}={}", plain(name), plain(value))).collect();
    pairs.join("&")
}

async fn sign_in(client: &Client, token: &str) -> Reply {
    let form = encoded(&[("token", token), ("next", "/ops")]);
    client.call(Method::POST, "/ops/sign-in").header("Origin", client.base()).form(&form).await
}

/// What stands between two texts of a page.
fn between<'a>(page: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = page.split_once(before).unwrap_or_else(|| panic!("no {before:?} in {page}"));
    rest.split_once(after).unwrap_or_else(|| panic!("no {after:?} behind {before:?}")).0
}

fn form_token(page: &str) -> String {
    between(page, "name=\"form_token\" value=\"", "\"").to_owned()
}

/// Loses the answer to a create at Archera that was done, and answers its operation.
async fn quarantined(world: &World, client: &Client, body: &Value) -> Value {
    let lost = Fault::after(Answer::Reset);
    world.providers().inject(FaultRule::next(Operation::RegisterOrg, lost)).unwrap();
    let operation = client.post("/v1/organizations", body).wait(30).await.expect(202);
    assert_eq!(operation["state"], "quarantined", "{operation}");
    operation
}

/// The id of the one organization at Archera.
fn only_made(world: &World) -> String {
    let [made] = &world.providers().archera_orgs()[..] else { panic!("not exactly one") };
    made.id.to_string()
}

fn page_of(operation: &Value) -> String {
    format!("/ops/operations/{}", operation["id"].as_str().unwrap())
}

/// What the form that says it was done holds, but for the token.
fn applied(id: &str) -> Vec<(&str, &str)> {
    vec![
        ("outcome", "applied"),
        ("provider_org_id", id),
        ("reason", "seen in the console"),
        ("confirm", "yes"),
    ]
}

#[tokio::test]
async fn whoever_is_not_signed_in_gets_the_sign_in_page_and_nothing_else() {
    let world = World::new().await;
    let stranger = world.anonymous();
    for path in ["/ops", "/ops/operations", "/ops/organizations?status=active"] {
        let reply = stranger.get(path).await;
        assert_eq!((reply.status, reply.header("www-authenticate")), (401, "Bearer"), "{path}");
        assert_eq!(reply.header("content-type"), "text/html; charset=utf-8");
        assert!(reply.header("content-security-policy").starts_with("default-src 'none';"));
        assert!(reply.text.contains("action=\"/ops/sign-in\""), "{}", reply.text);
        assert!(reply.text.contains(&format!("value=\"{path}\"")), "it comes back to {path}");
        let styles = between(&reply.text, "rel=\"stylesheet\" href=\"", "\"").to_owned();
        let styles = stranger.get(&styles).await;
        assert_eq!(
            (styles.status, styles.header("content-type")),
            (200, "text/css; charset=utf-8")
        );
    }
    world.finish().await;
}

#[tokio::test]
async fn a_good_token_signs_in_and_a_sign_out_ends_it() {
    let world = World::new().await;
    let token = world.token("crm", every_scope_but_admin());
    let reply = sign_in(&world.anonymous(), &format!(" Bearer {token}\n")).await;
    let cookie = reply.header("set-cookie");
    assert!(cookie.ends_with("; Path=/ops; HttpOnly; SameSite=Strict"), "{cookie}");

    let browser = Browser::sign_in(world.anonymous(), &token).await;
    let page = browser.page("/ops").await;
    assert!(page.contains("crm-service · crm"), "{page}");
    assert!(!page.contains(&token), "the token is in no page");
    let out = browser.send("/ops/sign-out", &[]).await;
    assert_eq!((out.status, out.header("location")), (303, "/ops"));
    assert!(out.header("set-cookie").starts_with("ops_session=; "), "the cookie goes");
    world.finish().await;
}

#[tokio::test]
async fn a_token_that_is_not_believed_is_told_why() {
    let world = World::new().await;
    let client = world.anonymous();
    let request = MintRequest {
        subject: "crm-service".to_owned(),
        tenant: Tenant::new("crm").unwrap(),
        scopes: every_scope_but_admin(),
        ttl: Duration::from_secs(60),
    };
    let auth = world.auth();
    let expired = mint(auth, &request, Utc::now() - TimeDelta::hours(1)).unwrap();
    let mut elsewhere = auth.clone();
    elsewhere.issuer = "https://id.elsewhere.test".to_owned();
    let foreign = mint(&elsewhere, &request, Utc::now()).unwrap();
    for (token, why) in [
        (expired.expose_secret(), "the token has expired"),
        (foreign.expose_secret(), "the token is not valid"),
        ("nonsense", "the token is not valid"),
        ("", "the token is not valid"),
    ] {
        let reply = sign_in(&client, token).await;
        assert_eq!(reply.status, 401);
        assert!(reply.text.contains(why), "{}", reply.text);
        assert_eq!(reply.header("set-cookie"), "");
        assert!(token.is_empty() || !reply.text.contains(token), "it is not shown again");
    }
    let blind = world.token("crm", [Scope::EventsRead].into_iter().collect());
    let reply = sign_in(&client, &blind).await;
    assert_eq!(reply.status, 403);
    assert!(reply.text.contains("organizations:read"), "{}", reply.text);

    let cookie = format!("ops_session={}", expired.expose_secret());
    let late = client.get("/ops").header("Cookie", &cookie).await;
    assert_eq!(late.status, 401, "a session ends with its token");
    assert!(late.text.contains("the token has expired"));
    assert!(late.header("set-cookie").contains("Max-Age=0"));
    assert!(late.header("www-authenticate").contains("error_description=\"the token has expired"));
    world.finish().await;
}

#[tokio::test]
async fn two_sessions_in_one_request_are_none() {
    let world = World::new().await;
    let browser =
        Browser::sign_in(world.anonymous(), &world.token("crm", every_scope_but_admin())).await;
    let other =
        Browser::sign_in(world.anonymous(), &world.token("shop", every_scope_but_admin())).await;
    for cookies in [
        format!("{}; {}", other.cookie, browser.cookie),
        format!("{}; {}", browser.cookie, browser.cookie),
    ] {
        let reply = browser.client.get("/ops").header("Cookie", &cookies).await;
        assert_eq!(reply.status, 401);
        assert!(reply.text.contains("two sessions"), "{}", reply.text);
        assert!(!reply.text.contains("shop"), "nobody is signed in");
    }
    assert_eq!(browser.get("/ops").await.status, 200);
    world.finish().await;
}

#[tokio::test]
async fn the_counts_are_the_apis() {
    let world = World::new().await;
    let client = world.client();
    client.create(&cloud_customer("c-1")).await;
    client.create(&commitments_customer("c-1")).await;
    client.create(&commitments_customer("c-2")).await;
    quarantined(&world, &client, &commitments_customer("c-3")).await;
    world.client_of("shop").create(&commitments_customer("c-1")).await;

    let page = Browser::of(&world, "crm").await.page("/ops").await;
    let words = [
        ("operations?state", &["accepted", "sending", "unknown", "quarantined"][..]),
        ("operations?state", &["succeeded", "rejected"]),
        ("organizations?status", &["pending", "active", "locked", "closed", "failed"]),
    ];
    for (list, words) in words {
        for word in words {
            let total = client.get(&format!("/v1/{list}={word}&include_total=true")).await;
            let total = total.expect(200)["total_count"].to_string();
            let shown = between(&page, &format!("data-count=\"{word}\">"), "<");
            assert_eq!(shown, total, "{word}");
        }
    }
    assert!(page.contains("1 operation waits for a person"), "{page}");
    world.finish().await;
}

#[tokio::test]
async fn a_lost_create_is_found_in_the_queue_and_settled_by_its_form() {
    let world = World::new().await;
    let client = world.client();
    let operation = quarantined(&world, &client, &commitments_customer("c-1")).await;
    let made = only_made(&world);
    let browser = Browser::of(&world, "crm").await;

    let (queue, path) = (browser.page("/ops/operations").await, page_of(&operation));
    assert!(queue.contains(&format!("href=\"{path}\"")), "{queue}");
    let page = browser.page(&path).await;
    let seen = ["Attempt 1", "was lost before it answered", "nothing can be read back here"];
    let places: Vec<usize> = seen.iter().map(|text| page.find(text).expect(text)).collect();
    assert!(places.is_sorted(), "the evidence is in order");
    assert!(page.contains("A mapping cannot be undone"), "{page}");

    let resolve = format!("{path}/resolve");
    let unconfirmed = &applied(made.as_str())[..3];
    let refused = browser.send(&resolve, unconfirmed).await;
    assert_eq!(refused.status, 422);
    assert!(refused.text.contains("tick the box"), "{}", refused.text);
    assert!(refused.text.contains(made.as_str()), "what was filled in stays");
    let done = browser.send(&resolve, &applied(made.as_str())).await;
    assert_eq!((done.status, done.header("location")), (303, path.as_str()), "{}", done.text);

    let settled = browser.page(&path).await;
    assert!(settled.contains("Settled by crm-service"), "{settled}");
    assert!(settled.contains("<q>seen in the console</q>"));
    assert!(!settled.contains("id=\"settle\""), "there is nothing left to settle");
    let org = operation["organization_id"].as_str().unwrap();
    let read = client.get(&format!("/v1/organizations/{org}")).await.expect(200);
    assert_eq!((&read["status"], &read["provider_org_id"]), (&json!("active"), &json!(made)));
    let page = browser.page(&format!("/ops/organizations/{org}")).await;
    assert!(page.contains("operation.resolved") && page.contains(made.as_str()), "{page}");

    let again = browser.send(&resolve, &applied(made.as_str())).await;
    assert_eq!(again.status, 409);
    assert!(again.text.contains("The operation is not open"), "{}", again.text);
    world.finish().await;
}

#[tokio::test]
async fn a_candidate_can_be_chosen() {
    let world = World::with(Settings { archera_lists: true, ..Settings::default() }).await;
    let client = world.client();
    let operation = quarantined(&world, &client, &commitments_customer("c-1")).await;
    let made = only_made(&world);
    let browser = Browser::of(&world, "crm").await;
    let page = browser.page(&page_of(&operation)).await;
    let radio = format!("type=\"radio\" name=\"candidate\" value=\"{made}\"");
    assert!(page.contains(&radio), "{page}");
    let chosen = [
        ("outcome", "applied"),
        ("candidate", made.as_str()),
        ("provider_org_id", ""),
        ("reason", "the only one"),
        ("confirm", "yes"),
    ];
    let done = browser.send(&format!("{}/resolve", page_of(&operation)), &chosen).await;
    assert_eq!(done.status, 303, "{}", done.text);
    let settled = client.settled(operation["id"].as_str().unwrap()).await;
    assert_eq!(settled["state"], "succeeded");
    world.finish().await;
}

#[tokio::test]
async fn a_form_that_is_not_ours_is_refused_and_changes_nothing() {
    let world = World::new().await;
    let client = world.client();
    let operation = quarantined(&world, &client, &commitments_customer("c-1")).await;
    let made = only_made(&world);
    let browser = Browser::of(&world, "crm").await;
    let other =
        Browser::sign_in(world.anonymous(), &world.token("crm", ScopeSet::from_iter(Scope::ALL)))
            .await;
    let (path, fields) = (format!("{}/resolve", page_of(&operation)), applied(made.as_str()));
    let token = form_token(&browser.page("/ops").await);
    let others = form_token(&other.page("/ops").await);
    let with = |token: &'static str| [&[("form_token", token)], &fields[..]].concat();
    let (token, others): (&'static str, &'static str) = (token.leak(), others.leak());
    let ours = browser.client.base();

    type Pairs<'a> = Vec<(&'a str, &'a str)>;
    let attempts: [(Pairs<'_>, Pairs<'_>); 6] = [
        (fields.clone(), vec![("Origin", ours)]),
        (with(""), vec![("Origin", ours)]),
        (with(others), vec![("Origin", ours)]),
        (with(token), vec![("Origin", "https://evil.test")]),
        (with(token), vec![("Origin", "null")]),
        (with(token), vec![("Sec-Fetch-Site", "cross-site")]),
    ];
    for (fields, headers) in attempts {
        let reply = browser.send_as(&path, &fields, &headers).await;
        assert_eq!(reply.status, 403, "{fields:?} {headers:?}");
        assert_eq!(reply.header("content-type"), "text/html; charset=utf-8");
    }
    let evil = client.call(Method::POST, "/ops/sign-in").header("Origin", "https://evil.test");
    assert_eq!(evil.form(&encoded(&[("token", token)])).await.status, 403);
    let now = client.get(&format!("/v1/operations/{}", operation["id"].as_str().unwrap())).await;
    assert_eq!(now.expect(200), operation, "nothing has changed");
    world.finish().await;
}

#[tokio::test]
async fn what_is_anothers_is_not_there() {
    let world = World::new().await;
    let client = world.client();
    let operation = quarantined(&world, &client, &commitments_customer("c-1")).await;
    let org = format!("/ops/organizations/{}", operation["organization_id"].as_str().unwrap());
    let stranger = Browser::of(&world, "shop").await;
    for path in [&page_of(&operation), &org, "/ops/operations/nonsense", "/ops/nowhere"] {
        let reply = stranger.get(path).await;
        assert_eq!((reply.status, reply.header("content-type")), (404, "text/html; charset=utf-8"));
    }
    let resolve = format!("{}/resolve", page_of(&operation));
    assert_eq!(stranger.send(&resolve, &applied("any")).await.status, 404);
    assert!(!stranger.page("/ops/operations").await.contains("Acme SAS"));
    assert!(!stranger.page("/ops/organizations").await.contains("Acme SAS"));
    world.finish().await;
}

#[tokio::test]
async fn a_form_is_shown_to_those_who_may_send_it() {
    let world = World::new().await;
    let client = world.client();
    let operation = quarantined(&world, &client, &commitments_customer("c-1")).await;
    let reader = world.token("crm", [Scope::OrganizationsRead].into_iter().collect());
    let reader = Browser::sign_in(world.anonymous(), &reader).await;
    let page = reader.page(&page_of(&operation)).await;
    assert!(page.contains("operations:resolve") && !page.contains("name=\"outcome\""), "{page}");
    let resolve = format!("{}/resolve", page_of(&operation));
    assert_eq!(reader.send(&resolve, &applied("any")).await.status, 403);
    let org = operation["organization_id"].as_str().unwrap();
    let org = reader.page(&format!("/ops/organizations/{org}")).await;
    assert!(org.contains("events:read") && !org.contains("organization.created"), "{org}");
    world.finish().await;
}

#[tokio::test]
async fn an_event_is_shown_with_its_number_in_the_feed() {
    let world = World::new().await;
    let client = world.client();
    client.create(&cloud_customer("c-1")).await;
    let org = client.create(&cloud_customer("c-2")).await;
    crate::events::sealed(&world).await;
    let browser = Browser::of(&world, "crm").await;
    let page = browser.page(&format!("/ops/organizations/{}", org["id"].as_str().unwrap())).await;
    assert!(page.contains("number 1, in the feed 2"), "{page}");
    world.finish().await;
}

#[tokio::test]
async fn what_others_have_written_is_shown_and_never_run() {
    let world = World::new().await;
    let client = world.client();
    let evil = "<script>alert(1)</script>";
    let body = json!({
        "customer_id": "\"><img src=x onerror=alert(1)>", "name": evil, "domain": "acme.test",
        "comment": evil, "labels": { "product": "commitments", "note": evil },
    });
    let operation = quarantined(&world, &client, &body).await;
    let browser = Browser::of(&world, "crm").await;
    let id = operation["organization_id"].as_str().unwrap();
    let search = "/ops/organizations?q=%3Cscript%3E&customer_id=";
    for path in
        [&page_of(&operation), &format!("/ops/organizations/{id}"), "/ops/operations", search]
    {
        let page = browser.page(path).await;
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{path}: {page}");
        let ours = page.matches("<script src=\"/ops/assets/console-").count();
        assert_eq!((page.matches("<script").count(), ours), (1, 1), "{path}: {page}");
        assert!(!page.contains("<img"), "{path}: {page}");
    }
    world.finish().await;
}

#[tokio::test]
async fn organizations_are_searched_page_by_page() {
    let world = World::new().await;
    let client = world.client();
    for at in 0..51 {
        client.create(&commitments_customer(&format!("c-{at}"))).await;
    }
    let browser = Browser::of(&world, "crm").await;
    let first = browser.page("/ops/organizations?provider=archera&q=acme&status=").await;
    assert_eq!(first.matches("data-label=\"Customer\"").count(), 50);
    let next = between(&first, "rel=\"next\" href=\"", "\"").replace("&amp;", "&");
    let second = browser.page(&next).await;
    assert_eq!(second.matches("data-label=\"Customer\"").count(), 1);
    assert!(second.contains("<code>c-0</code>") && !second.contains("rel=\"next\""), "{second}");
    let one = browser.page("/ops/organizations?customer_id=c-7").await;
    assert_eq!(one.matches("data-label=\"Customer\"").count(), 1);
    let wrong = browser.get("/ops/organizations?statsu=active").await;
    assert_eq!(wrong.status, 422, "a misspelt filter does not show everything");
    world.finish().await;
}

#[tokio::test]
async fn a_drift_is_found_on_the_page_and_settled_by_its_form() {
    let settings = Settings { settle_window: "0s", ..Settings::default() };
    let world = World::with(settings).await;
    let client = world.client();
    let org = client.create(&cloud_customer("c-1")).await;
    let there = org["provider_org_id"].as_str().unwrap().parse().unwrap();
    let edit = ConsoleEdit { name: Some("By Hand".to_owned()), ..ConsoleEdit::default() };
    world.providers().edit(there, edit).unwrap();
    let sweep = world.admin().post("/v1/providers/scaleway/sweep", &json!({})).wait(60).await;
    assert_eq!(sweep.expect(202)["drifted"], 1);

    let browser = Browser::of(&world, "crm").await;
    let overview = browser.page("/ops").await;
    assert!(
        overview.contains("0 missing, 1 drifted") && !overview.contains("listed"),
        "{overview}"
    );
    let admin = world.token("operations", Scope::ALL.into_iter().collect());
    let admin = Browser::sign_in(world.anonymous(), &admin).await;
    let overview = admin.page("/ops").await;
    assert!(overview.contains("1 listed, 0 unmapped, 0 missing, 1 drifted"), "{overview}");
    let list = browser.page("/ops/discrepancies").await;
    let page = format!("/ops/discrepancies/{}", between(&list, "/ops/discrepancies/", "\""));
    let shown = browser.page(&page).await;
    assert!(shown.contains("Acme SAS") && shown.contains("By Hand"), "{shown}");
    let settle = format!("{page}/resolve");
    let unconfirmed = browser.send(&settle, &[("action", "accept")]).await;
    assert_eq!(unconfirmed.status, 422);
    let settled = browser.send(&settle, &[("action", "accept"), ("confirm", "yes")]).await;
    assert_eq!((settled.status, settled.header("location")), (303, page.as_str()));
    assert!(browser.page(&page).await.contains("accepted"));
    let path = format!("/v1/organizations/{}", org["id"].as_str().unwrap());
    assert_eq!(client.get(&path).await.expect(200)["name"], "By Hand");
    let other = Browser::of(&world, "shop").await;
    assert_eq!(other.get(&page).await.status, 404);
    world.finish().await;
}

#[tokio::test]
async fn open_pages_hear_that_something_changed_and_no_more() {
    let settings = Settings::default().with("GATEWAY_LIMITS__EVENT_STREAMS", "1");
    let world = World::with(settings).await;
    assert_eq!(world.anonymous().get("/ops/live").await.status, 401);
    let browser = Browser::of(&world, "crm").await;
    let live = browser.client.get("/ops/live").header("Cookie", &browser.cookie);
    let mut live = live.unread().await.unwrap();
    assert_eq!(
        (live.status().as_u16(), &live.headers()["content-type"]),
        (200, &"text/event-stream".parse().unwrap())
    );
    let second = browser.get("/ops/live").await;
    assert_eq!((second.status, second.header("retry-after")), (429, "5"), "{}", second.text);
    let other = Browser::of(&world, "shop").await;
    let theirs = other.client.get("/ops/live").header("Cookie", &other.cookie).unread().await;
    assert_eq!(theirs.unwrap().status(), 200, "each tenant has its own places");

    world.client().create(&cloud_customer("c-1")).await;
    let mut told = String::new();
    while !told.contains("changed") {
        let chunk = live.chunk().await.unwrap().expect("the stream goes on");
        told.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    let lines: Vec<&str> =
        told.lines().filter(|line| !line.is_empty() && !line.starts_with(':')).collect();
    assert_eq!(lines, ["event: ready", "data: now", "retry: 2000", "event: changed", "data: now"]);
    drop(live);
    world.finish().await;
}

#[tokio::test]
async fn what_an_open_page_hears_ends_with_its_token() {
    let world = World::new().await;
    // Expired, but for what is left of the leeway that clocks are given: a few seconds.
    let request = MintRequest {
        subject: "crm-service".to_owned(),
        tenant: Tenant::new("crm").unwrap(),
        scopes: [Scope::OrganizationsRead].into_iter().collect(),
        ttl: Duration::from_secs(1),
    };
    let token = mint(world.auth(), &request, Utc::now() - Duration::from_secs(26)).unwrap();
    let cookie = format!("ops_session={}", token.expose_secret());
    let live = world.anonymous().get("/ops/live").header("Cookie", &cookie).unread().await.unwrap();
    assert_eq!(live.status(), 200);
    assert!(!live.text().await.unwrap().contains("changed"), "it ends");
    let again = world.anonymous().get("/ops/live").header("Cookie", &cookie).await;
    assert_eq!(again.status, 401);
    world.finish().await;
}

#[tokio::test]
async fn with_an_internal_listener_the_console_is_there_alone() {
    let settings = Settings::default().with("GATEWAY_SERVER__INTERNAL_LISTEN", "127.0.0.1:0");
    let world = World::with(settings).await;
    world.anonymous().get("/ops").await.problem(404, "no_such_endpoint");
    let token = world.token("crm", every_scope_but_admin());
    let browser = Browser::sign_in(world.internal(), &token).await;
    assert!(browser.page("/ops").await.contains("Provider accounts"));
    world.finish().await;
}
