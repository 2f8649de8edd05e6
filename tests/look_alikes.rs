//! Identifiers that look alike and texts that reorder a page are refused from callers, and stay readable where they
//! exist already.

use std::time::Duration;

use chrono::Utc;
use partner_gateway::auth::{MintRequest, Scope, Tenant, mint};
use sandbox::{ConsoleEdit, Provider};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::console::Browser;
use crate::harness::{Client, Reply, Settings, World, cloud_customer, commitments_customer};

const ORGANIZATIONS: &str = "/v1/organizations";

/// Customer ids that a reader takes for another one, each with the code point that a refusal names.
const ALIKE: [(&str, &str); 9] = [
    ("cust-42 ", "U+0020 (position 8)"),
    (" cust-42", "U+0020 (position 1)"),
    ("cust-42\u{200b}", "U+200B (position 8)"),
    ("\u{feff}cust-42", "U+FEFF (position 1)"),
    ("cust-42\u{a0}", "U+00A0 (position 8)"),
    ("cust\u{202e}-42", "U+202E (position 5)"),
    ("cust\u{3164}-42", "U+3164 (position 5)"),
    ("cust\u{e000}-42", "U+E000 (position 5)"),
    ("cafe\u{301}", "U+0301 (position 5)"),
];

/// The one fault of a refused request.
#[track_caller]
fn only_fault(reply: Reply, pointer: &str) -> String {
    let problem = reply.problem(422, "validation_failed");
    assert_eq!(Reply::pointers(&problem), [pointer]);
    assert_eq!(problem["errors"][0]["code"], "invalid");
    problem["errors"][0]["message"].as_str().unwrap().to_owned()
}

fn path(org: &Value) -> String {
    format!("{ORGANIZATIONS}/{}", org["id"].as_str().unwrap())
}

/// Both kinds of customer: one at each provider.
fn customers(customer_id: &str) -> [Value; 2] {
    let mut cloud = cloud_customer("owner");
    cloud["customer_id"] = json!(customer_id);
    [cloud, commitments_customer(customer_id)]
}

#[tokio::test]
async fn customer_ids_that_look_alike_make_no_second_customer() {
    let world = World::new().await;
    let client = world.client();
    for (alike, code_point) in ALIKE {
        for body in customers(alike) {
            let message = only_fault(client.post(ORGANIZATIONS, &body).await, "/customer_id");
            assert!(message.starts_with("`customer_id` must"), "{message}");
            assert!(message.contains(code_point), "{message}");
        }
        for provider in ["scaleway", "archera"] {
            let body = json!({"provider": provider, "provider_org_id": Uuid::now_v7(), "name": "x",
                              "customer_id": alike});
            let adopt = client.post("/v1/organizations/adopt", &body).await;
            assert!(only_fault(adopt, "/customer_id").contains(code_point));
        }
        let route = client.post("/v1/routes/resolve", &json!({"customer_id": alike})).await;
        assert!(only_fault(route, "/customer_id").contains(code_point));
    }
    assert!(world.providers().requests().is_empty(), "nothing was sent");

    for body in customers("café 42") {
        let org = client.create(&body).await;
        world.providers().clear_requests();
        for (alike, code_point) in ALIKE {
            let patch = client.patch(&path(&org), &json!({"customer_id": alike})).await;
            assert!(only_fault(patch, "/customer_id").contains(code_point));
        }
        assert!(world.providers().requests().is_empty(), "nothing was sent");
    }
    let customer = client.get("/v1/customers/caf%C3%A9%2042").await.expect(200);
    assert_eq!(customer["organizations"].as_array().unwrap().len(), 2);
    client.get("/v1/customers/cafe%CC%81%2042").await.problem(404, "not_found");
    client
        .post("/v1/customers/caf%C3%A9%2042%E2%80%8B/lock", &json!({}))
        .await
        .problem(404, "not_found");
    world.finish().await;
}

/// A create with a fault in each kind of identifier and text.
fn odd_everywhere() -> Value {
    json!({
        "customer_id": "cust-42\u{200b}", "name": "Acme \u{202e}SAS", "comment": "one\n\ttwo \u{7}",
        "owner": {"email": "owner@acme.test\u{200b}", "first_name": "Ada\n", "last_name": "a\u{2067}b"},
        "domain": "acme\u{3164}.test",
        "address": {"line1": "1\u{202a}", "city": "Paris", "state": "x", "postal_code": "75001\t",
                    "country": "FR"},
        "labels": {"product\u{200b}": "commitments", "note": "a\u{202e}b"},
        "members": [{"email": "\u{feff}one@acme.test"}],
    })
}

#[tokio::test]
async fn every_odd_identifier_and_text_of_a_request_is_named_at_once() {
    let world = World::new().await;
    let reply = world.client().post(ORGANIZATIONS, &odd_everywhere()).await;
    let problem = reply.problem(422, "validation_failed");
    let mut pointers = Reply::pointers(&problem);
    pointers.sort_unstable();
    assert_eq!(
        pointers,
        [
            "/address/line1",
            "/address/postal_code",
            "/comment",
            "/customer_id",
            "/domain",
            "/labels/note",
            "/labels/product\u{200b}",
            // The provider cannot invite members.
            "/members",
            "/members/0/email",
            "/name",
            "/owner/email",
            "/owner/first_name",
            "/owner/last_name",
        ]
    );
    assert!(world.providers().requests().is_empty(), "nothing was sent");
    world.finish().await;
}

#[tokio::test]
async fn a_refusal_names_the_field_the_rule_the_code_point_and_the_fix() {
    let world = World::new().await;
    let reply = world.client().post(ORGANIZATIONS, &odd_everywhere()).await;
    let problem = reply.problem(422, "validation_failed");
    let errors = problem["errors"].as_array().unwrap();
    for (pointer, says) in [
        (
            "/name",
            "`name` must not contain the bidirectional control U+202E (position 6); remove it",
        ),
        (
            "/comment",
            "`comment` must not contain the control character U+0007 (position 10); remove it",
        ),
        (
            "/owner/email",
            "`owner.email` must not contain the invisible character U+200B (position 16); remove it",
        ),
        (
            "/owner/first_name",
            "`owner.first_name` must not contain the line break U+000A (position 4); write one line",
        ),
        (
            "/members/0/email",
            "`members.0.email` must not contain the invisible character U+FEFF (position 1); remove it",
        ),
        (
            "/labels/product\u{200b}",
            "its key must not contain the invisible character U+200B (position 8); remove it",
        ),
        (
            "/labels/note",
            "`labels.note` must not contain the bidirectional control U+202E (position 2); remove it",
        ),
    ] {
        let fault = errors.iter().find(|fault| fault["pointer"] == pointer).unwrap();
        assert_eq!(fault["message"], says);
    }
    world.finish().await;
}

#[tokio::test]
async fn odd_reasons_seats_and_members_are_refused_and_nothing_is_sent() {
    let world = World::new().await;
    let client = world.client();
    let org = client.create(&cloud_customer("cust-1")).await;
    let commitments = client.create(&commitments_customer("cust-1")).await;
    world.providers().clear_requests();
    let reason = json!({"reason": "unpaid \u{202e}"});
    for action in ["lock", "unlock"] {
        let refused = client.post(&format!("{}/{action}", path(&org)), &reason).await;
        assert!(only_fault(refused, "/reason").contains("U+202E (position 8)"));
        let refused = client.post(&format!("/v1/customers/cust-1/{action}"), &reason).await;
        assert!(only_fault(refused, "/reason").contains("U+202E (position 8)"));
    }
    let seat = json!({"username": "ops\u{200b}", "email": "ops@reseller.test ", "password": "x"});
    let refused = client.post(&format!("{}/admin-role", path(&org)), &seat).await;
    let problem = refused.problem(422, "validation_failed");
    assert_eq!(Reply::pointers(&problem), ["/username", "/email"]);
    let people = json!({"members": [{"email": "two@acme.test\u{200b}"}]});
    let refused = client.post(&format!("{}/members", path(&commitments)), &people).await;
    assert!(only_fault(refused, "/members/0/email").contains("U+200B (position 14)"));
    assert!(world.providers().requests().is_empty(), "nothing was sent");
    world.finish().await;
}

#[tokio::test]
async fn a_comment_has_lines_and_a_text_of_every_script_is_accepted() {
    let world = World::new().await;
    let client = world.client();
    let mut body = cloud_customer("cust-1");
    body["name"] = json!("شركة \u{2066}Acme\u{2069}");
    body["comment"] = json!("one\n\ttwo");
    body["labels"] = json!({"größe": "👨\u{200d}👩", "empty": ""});
    let org = client.create(&body).await;
    assert_eq!((&org["name"], &org["comment"]), (&body["name"], &body["comment"]));
    assert_eq!(org["labels"], body["labels"]);
    world.finish().await;
}

#[tokio::test]
async fn a_token_whose_subject_looks_like_another_is_refused_with_the_reason() {
    let world = World::new().await;
    let request = |subject: &str| MintRequest {
        subject: subject.to_owned(),
        tenant: Tenant::new("crm").unwrap(),
        scopes: [Scope::OrganizationsRead].into_iter().collect(),
        ttl: Duration::from_secs(60),
    };
    let client = |subject: &str| {
        let token = mint(world.auth(), &request(subject), Utc::now()).unwrap();
        world.anonymous().with_token(token.expose_secret())
    };
    client("ops").get("/v1/providers").await.expect(200);
    for subject in ["ops\u{200b}", "ops ", "o\u{202e}ps", "jose\u{301}"] {
        let problem = client(subject).get("/v1/providers").await.problem(401, "unauthenticated");
        assert!(problem["detail"].as_str().unwrap().contains("`sub`"), "{problem}");
    }
    world.finish().await;
}

/// The organization of a customer as an earlier version stored it, with the same values at the provider.
async fn stored_before_the_rules(world: &World, client: &Client) -> Value {
    let org = client.create(&cloud_customer("cust-42")).await;
    let id: Uuid = org["provider_org_id"].as_str().unwrap().parse().unwrap();
    let edit = ConsoleEdit {
        customer_id: Some("cust-42\u{200b}".to_owned()),
        email: Some("cust-42@acme.test\u{200b}".to_owned()),
        name: Some("Acme \u{202e}SAS".to_owned()),
        ..ConsoleEdit::default()
    };
    world.providers().edit(id, edit).unwrap();
    world
        .change_database(
            "update organizations
             set customer_id = U&'cust-42\\200B', owner_email = U&'cust-42@acme.test\\200B',
                 name = U&'Acme \\202ESAS', labels = jsonb_build_object(U&'a\\200B', U&'x\\202E');
             update customer_claims set customer_id = U&'cust-42\\200B'",
        )
        .await;
    org
}

#[tokio::test]
async fn what_was_stored_before_the_rules_is_read_listed_locked_and_corrected() {
    let world = World::with(Settings { settle_window: "0s", ..Settings::default() }).await;
    let client = world.client();
    let org = stored_before_the_rules(&world, &client).await;
    let path = path(&org);
    let read = client.get(&path).await.expect(200);
    assert_eq!(read["customer_id"], "cust-42\u{200b}");
    assert_eq!(read["owner"]["email"], "cust-42@acme.test\u{200b}");
    for query in [
        "customer_id=cust-42%E2%80%8B",
        "email=cust-42%40acme.test%E2%80%8B",
        "q=Acme",
        "label=a%E2%80%8B%3Ax%E2%80%AE",
    ] {
        let list = client.get(&format!("{ORGANIZATIONS}?{query}")).await.expect(200);
        assert_eq!(list["items"][0]["id"], org["id"], "{query}");
    }
    let customer = "/v1/customers/cust-42%E2%80%8B";
    assert_eq!(client.get(customer).await.expect(200)["organizations"][0]["id"], org["id"]);
    for (at, action) in
        [(customer, "lock"), (customer, "unlock"), (&path, "lock"), (&path, "unlock")]
    {
        client.post(&format!("{at}/{action}"), &json!({})).await.expect(200);
    }
    let refreshed = client.get(&format!("{path}?refresh=true")).await.expect(200);
    assert_eq!(refreshed["owner"]["email"], "cust-42@acme.test\u{200b}");
    let sweep = world.admin().post("/v1/providers/scaleway/sweep", &json!({})).wait(60).await;
    let sweep = sweep.expect(202);
    assert_eq!((&sweep["listed"], &sweep["drifted"]), (&json!(1), &json!(0)), "{sweep}");

    let browser = Browser::of(&world, "crm").await;
    for page in [
        format!("/ops/organizations/{}", org["id"].as_str().unwrap()),
        "/ops/organizations".to_owned(),
        "/ops/operations?state=succeeded".to_owned(),
    ] {
        let shown = browser.page(&page).await;
        assert!(!shown.contains(['\u{202e}', '\u{200b}']), "{page}: {shown}");
        assert!(
            shown.contains("<bdi>cust-42<span class=\"code-point\">U+200B</span></bdi>"),
            "{page}"
        );
        assert!(shown.contains("U+202E"), "{page}");
    }

    let patch = json!({"owner": {"first_name": "Grace"}, "labels": {"b": "2"}});
    let patched = client.patch(&path, &patch).await.expect(200);
    assert_eq!(patched["owner"]["first_name"], "Grace");
    assert_eq!(patched["owner"]["email"], "cust-42@acme.test\u{200b}", "it is not named and stays");
    assert_eq!(patched["labels"], json!({"a\u{200b}": "x\u{202e}", "b": "2"}));
    let corrected = json!({"customer_id": "cust-42", "name": "Acme SAS", "labels": {"a\u{200b}": null},
                           "owner": {"email": "cust-42@acme.test"}});
    let patched = client.patch(&path, &corrected).await.expect(200);
    assert_eq!(
        (&patched["customer_id"], &patched["name"]),
        (&json!("cust-42"), &json!("Acme SAS"))
    );
    assert_eq!(patched["owner"]["email"], "cust-42@acme.test");
    assert_eq!(patched["labels"], json!({"b": "2"}));
    client.get("/v1/customers/cust-42").await.expect(200);
    world.finish().await;
}

#[tokio::test]
async fn a_providers_odd_values_stop_no_sweep_and_no_import() {
    let world = World::with(Settings { settle_window: "0s", ..Settings::default() }).await;
    let client = world.client();
    let org = client.create(&cloud_customer("cust-1")).await;
    let id: Uuid = org["provider_org_id"].as_str().unwrap().parse().unwrap();
    let odd = |customer_id: &str, name: &str, email: &str| ConsoleEdit {
        customer_id: Some(customer_id.to_owned()),
        name: Some(name.to_owned()),
        email: Some(email.to_owned()),
        ..ConsoleEdit::default()
    };
    let providers = world.providers();
    providers.edit(id, odd("cust-1\u{200b}", "Acme \u{202e}", "x@acme.test\u{200b}")).unwrap();
    let seeded = providers.seed(Provider::Scaleway, 2).unwrap();
    providers.edit(seeded[0], odd("cust-9\u{200b}", "Nine", "nine@acme.test")).unwrap();
    providers.edit(seeded[1], odd("cust-8", "Eight \u{202e}", "eight@acme.test\u{200b}")).unwrap();

    let sweep = world.admin().post("/v1/providers/scaleway/sweep", &json!({})).wait(60).await;
    let sweep = sweep.expect(202);
    let counts = ["listed", "unmapped", "missing", "drifted"].map(|name| sweep[name].as_i64());
    assert_eq!(counts, [Some(3), Some(2), Some(0), Some(1)], "{sweep}");
    let drifts = client.get("/v1/discrepancies?kind=drifted").await.expect(200);
    let resolve =
        format!("/v1/discrepancies/{}/resolve", drifts["items"][0]["id"].as_str().unwrap());
    let accept = client.post(&resolve, &json!({"action": "accept"})).await;
    let problem = accept.problem(422, "validation_failed");
    assert!(problem["detail"].as_str().unwrap().contains("U+200B (position 7)"), "{problem}");
    client.post(&resolve, &json!({"action": "reapply"})).wait(60).await.expect(200);
    assert_eq!(providers.scaleway_organization(id).unwrap().customer_id, "cust-1");

    let unmapped = world.admin().get("/v1/discrepancies?kind=unmapped").await.expect(200);
    let mut unmapped = unmapped["items"].as_array().unwrap().iter();
    let nine = unmapped.find(|it| it["provider_org_id"] == seeded[0].to_string()).unwrap();
    let resolve = format!("/v1/discrepancies/{}/resolve", nine["id"].as_str().unwrap());
    let adopt = |customer_id: &str| json!({"action": "adopt", "tenant": "shop", "customer_id": customer_id});
    let refused = world.admin().post(&resolve, &adopt("cust-9\u{200b}")).await;
    assert!(only_fault(refused, "/customer_id").contains("U+200B (position 7)"));

    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.csv");
    let import = world.command("import --provider scaleway --tenant crm --apply");
    let ended = import.with("--report", &report).run().await;
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    let report = std::fs::read_to_string(&report).unwrap();
    let row = |id: Uuid| report.lines().find(|row| row.contains(&id.to_string())).unwrap();
    assert!(row(seeded[0]).starts_with("invalid,"), "{report}");
    assert!(row(seeded[0]).contains("U+200B (position 7)"), "{report}");
    assert!(row(seeded[1]).starts_with("adopted,"), "{report}");
    let eight = client.get("/v1/customers/cust-8").await.expect(200);
    let eight = &eight["organizations"][0];
    assert_eq!(eight["owner"]["email"], "eight@acme.test\u{200b}");
    client.get("/v1/customers/cust-9%E2%80%8B").await.problem(404, "not_found");
    world.admin().post(&resolve, &adopt("cust-9")).await.expect(200);
    world.client_of("shop").get("/v1/customers/cust-9").await.expect(200);
    world.finish().await;
}
