//! Organization ids of providers: one canonical form at every entrance of the gateway.

use partner_gateway::auth::Scope;
use sandbox::{Answer, Fault, FaultRule, Operation, Provider};
use serde_json::{Value, json};

use crate::harness::{Reply, Settings, World, cloud_customer, commitments_customer};

const ADOPT: &str = "/v1/organizations/adopt";
const CREATES: &str = "/v1/organizations";
const ID: &str = "0f8f2a3c-1b5d-4c7e-9a41-2f0c5d1e8b90";

/// The other forms of an id.
fn other_forms(id: &str) -> [String; 5] {
    [
        id.to_uppercase(),
        format!("{{{id}}}"),
        id.replace('-', ""),
        format!("urn:uuid:{id}"),
        format!("URN:UUID:{}", id.to_uppercase()),
    ]
}

/// Texts without a canonical form.
const NO_IDS: [&str; 9] = [
    "../x",
    "a/b",
    "not-an-id",
    "acme-org",
    "lol",
    "00000000-0000-0000-0000-000000000000",
    "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
    " 0f8f2a3c-1b5d-4c7e-9a41-2f0c5d1e8b90",
    "0f8f2a3c-1b5d-4c7e-9a41-2f0c5d1e8b9",
];

fn adoption(provider: &str, id: &str, customer_id: &str) -> Value {
    json!({"provider": provider, "provider_org_id": id, "customer_id": customer_id, "name": "Acme",
           "confirm_unverified": true})
}

async fn mapped(world: &World) -> Vec<Value> {
    let page = world.admin().get("/v1/organizations?limit=200").await.expect(200);
    page["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn an_organization_is_adopted_once_whatever_form_its_id_has() {
    let world = World::new().await;
    let there = world.providers().seed(Provider::Scaleway, 1).unwrap()[0].to_string();
    for (provider, id) in [("archera", ID), ("scaleway", there.as_str())] {
        let first = adoption(provider, &format!("{{{}}}", id.to_uppercase()), "cust-1");
        let org = world.client_with("crm", Scope::ALL).post(ADOPT, &first).await.expect(201);
        assert_eq!(org["provider_org_id"], id);
        for (number, form) in other_forms(id).into_iter().chain([id.to_owned()]).enumerate() {
            let again = adoption(provider, &form, &format!("other-{number}"));
            let refused = world.client_with("billing", Scope::ALL).post(ADOPT, &again).await;
            refused.problem(409, "provider_org_already_mapped");
        }
    }
    assert_eq!(mapped(&world).await.len(), 2);
    world.finish().await;
}

#[tokio::test]
async fn what_is_no_id_is_not_adopted() {
    let world = World::new().await;
    for provider in ["archera", "scaleway"] {
        for text in NO_IDS {
            let refused = world.client().post(ADOPT, &adoption(provider, text, "cust-1")).await;
            let problem = refused.problem(422, "validation_failed");
            assert_eq!(Reply::pointers(&problem), ["/provider_org_id"], "{text}");
            let detail = problem["detail"].as_str().unwrap();
            assert!(detail.contains("UUID"), "{detail}");
        }
    }
    assert_eq!(mapped(&world).await, Vec::<Value>::new());
    assert!(world.providers().requests().is_empty());
    world.finish().await;
}

#[tokio::test]
async fn a_list_finds_an_organization_by_any_form_of_its_id() {
    let world = World::new().await;
    let client = world.client();
    client.create(&cloud_customer("cust-1")).await;
    let org = client.create(&commitments_customer("cust-2")).await;
    let id = org["provider_org_id"].as_str().unwrap();
    for form in other_forms(id).into_iter().chain([id.to_owned()]) {
        let form = form.replace('{', "%7B").replace('}', "%7D");
        let page =
            client.get(&format!("/v1/organizations?provider_org_id={form}")).await.expect(200);
        assert_eq!(page["items"].as_array().unwrap().len(), 1, "{form}");
        assert_eq!(page["items"][0]["id"], org["id"], "{form}");
    }
    for text in NO_IDS {
        let text = text.replace(' ', "%20");
        let refused = client.get(&format!("/v1/organizations?provider_org_id={text}")).await;
        let problem = refused.problem(422, "validation_failed");
        assert_eq!(Reply::pointers(&problem), ["/provider_org_id"], "{text}");
        assert_eq!(problem["errors"][0]["code"], "invalid", "{text}");
    }
    for account in ["archera", "scaleway"] {
        let account = client.get(&format!("/v1/providers/{account}")).await.expect(200);
        assert_eq!(account["capabilities"]["provider_org_id_format"], "uuid");
    }
    world.finish().await;
}

#[tokio::test]
async fn a_provider_that_writes_upper_case_is_understood() {
    let world = World::with(Settings { archera_lists: true, ..Settings::default() }).await;
    let client = world.client();
    let upper = Fault::after(Answer::UpperCaseIds);
    world.providers().inject(FaultRule::everywhere(upper)).unwrap();
    let cloud = client.create(&cloud_customer("cust-1")).await;
    let commitments = client.create(&commitments_customer("cust-2")).await;
    let made = world.providers().scaleway_organizations()[0].id.to_string();
    assert_eq!(cloud["provider_org_id"], made);
    let registered = world.providers().archera_orgs()[0].id.to_string();
    assert_eq!(commitments["provider_org_id"], registered);

    let path = |org: &Value| format!("/v1/organizations/{}", org["id"].as_str().unwrap());
    client.post(&format!("{}/lock", path(&cloud)), &json!({})).await.expect(200);
    client.patch(&path(&cloud), &json!({"name": "Acme SA"})).await.expect(200);
    let read = client.get(&format!("{}?refresh=true", path(&cloud))).await.expect(200);
    assert_eq!((&read["provider_org_id"], &read["name"]), (&json!(made), &json!("Acme SA")));
    let members = json!({"members": [{"email": "one@acme.test"}]});
    client.post(&format!("{}/members", path(&commitments)), &members).await.expect(200);
    for account in ["scaleway", "archera"] {
        let sweep = format!("/v1/providers/{account}/sweep");
        let swept = world.admin().post(&sweep, &json!({})).wait(60).await.expect(202);
        let counts = ["listed", "unmapped", "missing"].map(|name| swept[name].as_i64().unwrap());
        assert_eq!((&swept["state"], counts), (&json!("succeeded"), [1, 0, 0]), "{account}");
    }
    world.finish().await;
}

#[tokio::test]
async fn an_import_adopts_what_is_listed_in_upper_case() {
    let world = World::with(Settings { archera_lists: true, ..Settings::default() }).await;
    let ids = world.providers().seed(Provider::Scaleway, 3).unwrap();
    let upper = Fault::after(Answer::UpperCaseIds);
    world.providers().inject(FaultRule::everywhere(upper)).unwrap();
    let ended = world.command("import --provider scaleway --apply --tenant crm").run().await;
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    let mut found: Vec<_> = mapped(&world).await;
    found.sort_by_key(|org| org["customer_id"].as_str().unwrap().to_owned());
    let found: Vec<_> = found.iter().map(|org| org["provider_org_id"].clone()).collect();
    assert_eq!(found, ids.iter().map(|id| json!(id)).collect::<Vec<_>>());
    world.finish().await;
}

/// An answer to a create that names an organization that is mapped already, in upper case.
fn answer_of(id: &str) -> Fault {
    let body = json!({"id": id.to_uppercase(), "name": "Acme SAS", "status": "opened"});
    Fault::after(Answer::Status { status: 200, body: Some(body.to_string()) })
}

#[tokio::test]
async fn a_create_that_is_answered_with_a_mapped_id_makes_no_second_mapping() {
    let world = World::new().await;
    let (client, admin, providers) = (world.client(), world.admin(), world.providers());
    for (operation, body) in [
        (Operation::CreateOrganization, cloud_customer as fn(&str) -> Value),
        (Operation::RegisterOrg, commitments_customer),
    ] {
        let first = client.create(&body(&format!("{operation:?}-1"))).await;
        let id = first["provider_org_id"].as_str().unwrap();
        providers.inject(FaultRule::next(operation, answer_of(id))).unwrap();
        let second = body(&format!("{operation:?}-2"));
        let open = client.post(CREATES, &second).wait(30).await.expect(202);
        assert_eq!(open["state"], "quarantined", "{open}");
        let pending = format!("{CREATES}/{}", open["organization_id"].as_str().unwrap());
        assert_eq!(client.get(&pending).await.expect(200)["provider_org_id"], Value::Null);
        let page = admin.get(&format!("/v1/organizations?provider_org_id={id}")).await.expect(200);
        assert_eq!(page["items"].as_array().unwrap().len(), 1);
    }
    assert_eq!(
        mapped(&world).await.iter().filter(|org| org["provider_org_id"].is_string()).count(),
        2
    );
    world.finish().await;
}

#[tokio::test]
async fn a_create_is_resolved_with_a_canonical_id_alone() {
    let world = World::new().await;
    let client = world.client();
    let lost = Fault::after(Answer::Reset);
    world.providers().inject(FaultRule::next(Operation::RegisterOrg, lost)).unwrap();
    let open = client.post(CREATES, &commitments_customer("cust-1")).wait(30).await.expect(202);
    assert_eq!(open["state"], "quarantined", "{open}");
    let resolve = format!("/v1/operations/{}/resolve", open["id"].as_str().unwrap());
    let applied = |id: &str| json!({"outcome": "applied", "provider_org_id": id, "reason": "seen", "confirm_unverified": true});
    for text in NO_IDS {
        let problem = client.post(&resolve, &applied(text)).await.problem(422, "validation_failed");
        assert_eq!(Reply::pointers(&problem), ["/provider_org_id"], "{text}");
    }
    let path = format!("/v1/operations/{}", open["id"].as_str().unwrap());
    assert_eq!(client.get(&path).await.expect(200)["state"], "quarantined");

    let made = world.providers().archera_orgs()[0].id.to_string();
    let braced = format!("{{{}}}", made.to_uppercase());
    client.post(&resolve, &applied(&braced)).await.expect(200);
    let org = format!("{CREATES}/{}", open["organization_id"].as_str().unwrap());
    assert_eq!(client.get(&org).await.expect(200)["provider_org_id"], made);
    let members = json!({"members": [{"email": "one@acme.test"}]});
    client.post(&format!("{org}/members"), &members).await.expect(200);
    world.finish().await;
}
