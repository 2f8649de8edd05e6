//! One tenant never gets what is another's: not by a create in flight, not by adoption, not by a replay.

use partner_gateway::auth::Scope;
use sandbox::{Answer, Fault, FaultRule, Operation, Provider};
use serde_json::{Value, json};

use crate::harness::{Client, Reply, Settings, World, cloud_customer, commitments_customer};

const CREATES: &str = "/v1/organizations";
const ADOPT: &str = "/v1/organizations/adopt";
const DISCREPANCIES: &str = "/v1/discrepancies";

fn id_of(value: &Value) -> &str {
    value["id"].as_str().unwrap()
}

async fn resolve(client: &Client, operation: &Value, body: &Value) -> Reply {
    client.post(&format!("/v1/operations/{}/resolve", id_of(operation)), body).await
}

async fn list_of(client: &Client, path: &str) -> Vec<Value> {
    client.get(path).await.expect(200)["items"].as_array().unwrap().clone()
}

/// Two tenants create the same customer at Scaleway at once. The provider does the first create and its answer is
/// lost while the second is on its way. Returns the two operations, both quarantined.
async fn both_quarantined(world: &World) -> [Value; 2] {
    let (crm, shop, providers) = (world.client(), world.client_of("shop"), world.providers());
    let create = Operation::CreateOrganization;
    let slow = |millis| FaultRule::next(create, Fault::Latency { millis });
    providers.inject(slow(500)).unwrap();
    providers.inject(FaultRule::next(create, Fault::after(Answer::Reset))).unwrap();
    let body = cloud_customer("race-1");
    let first = crm.post(CREATES, &body).respond_async().await.expect(202);
    providers.until_received(create, 1).await;
    // The second create is on its way before the first is done, and is refused after the first is lost.
    providers.inject(slow(1500)).unwrap();
    let second = shop.post(CREATES, &body).respond_async().await.expect(202);
    let ended = [crm.settled(id_of(&first)).await, shop.settled(id_of(&second)).await];
    assert_eq!(providers.scaleway_organizations().len(), 1);
    for operation in &ended {
        assert_eq!(operation["state"], "quarantined", "{operation}");
    }
    ended
}

fn patient() -> Settings {
    Settings { provider_timeout: "3s", ..Settings::default() }
}

#[tokio::test]
async fn a_create_in_flight_is_not_taken_by_another_tenant() {
    let world = World::with(patient()).await;
    let (crm, shop, admin) = (world.client(), world.client_of("shop"), world.admin());
    let [first, second] = both_quarantined(&world).await;
    let [made] = &world.providers().scaleway_organizations()[..] else { panic!("not one") };
    for (client, operation) in [(&crm, &first), (&shop, &second)] {
        let [candidate] = operation["evidence"]["candidates"].as_array().unwrap().as_slice() else {
            panic!("{operation}")
        };
        assert_eq!(
            (&candidate["provider_org_id"], &candidate["name"], &candidate["claimed_elsewhere"]),
            (&Value::Null, &Value::Null, &json!(true))
        );
        let applied = json!({"outcome": "applied", "provider_org_id": made.id, "reason": "mine"});
        resolve(client, operation, &applied).await.problem(409, "claimed_elsewhere");
    }
    let seen = admin.get(&format!("/v1/operations/{}", id_of(&first))).await.expect(200);
    let candidate = &seen["evidence"]["candidates"][0];
    assert_eq!(candidate["provider_org_id"], made.id.to_string());
    let adopt = json!({"provider": "scaleway", "provider_org_id": made.id, "customer_id": "other"});
    let problem = admin.post(ADOPT, &adopt).await.problem(409, "create_open");
    assert!(problem["operation_id"].is_string(), "an admin sees which create: {problem}");

    let applied = json!({"outcome": "applied", "provider_org_id": made.id, "reason": "the CRM's"});
    assert_eq!(resolve(&admin, &first, &applied).await.expect(200)["state"], "succeeded");
    let not_done = json!({"outcome": "not_applied", "retry": false, "reason": "the CRM has it"});
    assert_eq!(resolve(&admin, &second, &not_done).await.expect(200)["state"], "rejected");
    let [org] = &list_of(&crm, "/v1/organizations?customer_id=race-1").await[..] else {
        panic!("not one")
    };
    assert_eq!(org["provider_org_id"], made.id.to_string());
    let theirs = list_of(&shop, "/v1/organizations?usable=false").await;
    assert!(theirs.iter().all(|org| org["provider_org_id"].is_null()), "{theirs:?}");
    world.finish().await;
}

#[tokio::test]
async fn a_create_that_was_settled_first_is_a_conflict_for_the_second() {
    let world = World::new().await;
    let (crm, shop) = (world.client(), world.client_of("shop"));
    let lost = FaultRule::next(Operation::CreateOrganization, Fault::after(Answer::Reset));
    world.providers().inject(lost).unwrap();
    let org = crm.post(CREATES, &cloud_customer("race-1")).wait(30).await.expect(201);
    let refused = shop.post(CREATES, &cloud_customer("race-1")).wait(30).await;
    let problem = refused.problem(409, "conflict_at_provider");
    assert!(!problem.to_string().contains(org["provider_org_id"].as_str().unwrap()), "{problem}");
    world.finish().await;
}

#[tokio::test]
async fn two_lost_creates_of_one_name_at_archera_are_each_hidden_from_the_other_tenant() {
    let world = World::with(Settings { archera_lists: true, ..Settings::default() }).await;
    let (crm, shop, admin) = (world.client(), world.client_of("shop"), world.admin());
    let lost = FaultRule::next(Operation::RegisterOrg, Fault::after(Answer::Reset));
    world.providers().inject(lost.times(2)).unwrap();
    let body = commitments_customer("race-1");
    crm.post(CREATES, &body).wait(30).await.expect(202);
    let second = shop.post(CREATES, &body).wait(30).await.expect(202);
    let shown = second["evidence"]["candidates"].as_array().unwrap().clone();
    assert_eq!(shown.len(), 2, "{second}");
    assert!(shown.iter().all(|one| one["provider_org_id"].is_null()), "{second}");
    let made = world.providers().archera_orgs()[0].id;
    let applied = json!({"outcome": "applied", "provider_org_id": made, "reason": "mine"});
    resolve(&shop, &second, &applied).await.problem(409, "claimed_elsewhere");
    assert_eq!(resolve(&admin, &second, &applied).await.expect(200)["state"], "succeeded");
    world.finish().await;
}

#[tokio::test]
async fn adoption_needs_an_admin_or_an_assigned_discrepancy() {
    let settings = Settings { settle_window: "0s", ..Settings::default() };
    let world = World::with(settings).await;
    let (crm, shop, admin) = (world.client(), world.client_of("shop"), world.admin());
    let id = world.providers().seed(Provider::Scaleway, 1).unwrap()[0];
    let adopt = json!({"provider": "scaleway", "provider_org_id": id, "customer_id": "cust-1"});
    crm.post(ADOPT, &adopt).await.problem(403, "forbidden");
    let nowhere = json!({"provider": "scaleway", "customer_id": "cust-1",
                         "provider_org_id": "6170692e-7363-616c-6577-61792e636f6d"});
    crm.post(ADOPT, &nowhere).await.problem(403, "forbidden");
    assert!(
        world.providers().requests_of(Operation::GetOrganization).is_empty(),
        "nothing is read"
    );

    admin.post("/v1/providers/scaleway/sweep", &json!({})).wait(60).await.expect(202);
    let [found] = &list_of(&admin, DISCREPANCIES).await[..] else { panic!("not one") };
    let assign = format!("{DISCREPANCIES}/{}/assign", id_of(found));
    crm.post(&assign, &json!({"tenant": "crm"})).await.problem(403, "forbidden");
    let problem = admin.post(&assign, &json!({})).await.problem(422, "validation_failed");
    assert_eq!(Reply::pointers(&problem), ["/tenant"]);
    let assigned = admin.post(&assign, &json!({"tenant": "crm"})).key("a").await.expect(200);
    assert_eq!(
        (&assigned["tenant"], &assigned["assigned_by"]),
        (&json!("crm"), &json!("operations-service"))
    );
    let replay = admin.post(&assign, &json!({"tenant": "crm"})).key("a").await;
    assert_eq!(replay.header("idempotent-replayed"), "true");

    assert_eq!(list_of(&shop, DISCREPANCIES).await, Vec::<Value>::new());
    shop.post(ADOPT, &adopt).await.problem(403, "forbidden");
    let for_another = crm.post(&format!("{ADOPT}?tenant=shop"), &adopt).await;
    for_another.problem(403, "forbidden");
    assert_eq!(list_of(&crm, DISCREPANCIES).await.len(), 1);
    let path = format!("{DISCREPANCIES}/{}/resolve", id_of(found));
    let elsewhere = json!({"action": "adopt", "tenant": "shop", "customer_id": "cust-1"});
    crm.post(&path, &elsewhere).await.problem(403, "forbidden");
    let own = json!({"action": "adopt", "customer_id": "cust-1"});
    let settled = crm.post(&path, &own).await.expect(200);
    assert_eq!(
        (&settled["state"], &settled["resolution"]),
        (&json!("resolved"), &json!("adopted"))
    );
    let [org] = &list_of(&crm, CREATES).await[..] else { panic!("not one") };
    assert_eq!(org["provider_org_id"], id.to_string());
    world.finish().await;
}

#[tokio::test]
async fn an_assignment_can_be_withdrawn_and_adoption_settles_the_discrepancy() {
    let world = World::with(Settings { settle_window: "0s", ..Settings::default() }).await;
    let (crm, admin) = (world.client(), world.admin());
    let id = world.providers().seed(Provider::Scaleway, 1).unwrap()[0];
    let adopt = json!({"provider": "scaleway", "provider_org_id": id, "customer_id": "cust-1"});
    admin.post("/v1/providers/scaleway/sweep", &json!({})).wait(60).await.expect(202);
    let [found] = &list_of(&admin, DISCREPANCIES).await[..] else { panic!("not one") };
    let assign = format!("{DISCREPANCIES}/{}/assign", id_of(found));
    admin.post(&assign, &json!({"tenant": "crm"})).await.expect(200);
    let withdrawn = admin.post(&assign, &json!({"tenant": null})).await.expect(200);
    assert_eq!((&withdrawn["tenant"], &withdrawn["assigned_by"]), (&Value::Null, &Value::Null));
    crm.post(ADOPT, &adopt).await.problem(403, "forbidden");
    let for_crm = format!("{ADOPT}?tenant=crm");
    let org = admin.post(&for_crm, &adopt).await.expect(201);
    crm.get(&format!("{CREATES}/{}", id_of(&org))).await.expect(200);
    let settled = admin.get(&format!("{DISCREPANCIES}/{}", id_of(found))).await.expect(200);
    assert_eq!(settled["resolution"], "adopted");
    admin.post(&assign, &json!({"tenant": "crm"})).await.problem(409, "discrepancy_not_open");
    world.finish().await;
}

#[tokio::test]
async fn an_account_that_cannot_be_read_needs_a_confirmation() {
    let world = World::new().await;
    let (crm, admin) = (world.client(), world.admin());
    let id = "6170692e-7363-616c-6577-61792e636f6d";
    let mut adopt = json!({"provider": "archera", "provider_org_id": id, "customer_id": "cust-1", "name": "Acme"});
    let problem = admin.post(ADOPT, &adopt).await.problem(422, "unverified_provider_org_id");
    assert_eq!(Reply::pointers(&problem), ["/provider_org_id"]);
    adopt["confirm_unverified"] = json!(true);
    crm.post(ADOPT, &adopt).await.problem(403, "forbidden");
    admin.post(ADOPT, &adopt).await.expect(201);

    let lost = FaultRule::next(Operation::RegisterOrg, Fault::after(Answer::Reset));
    world.providers().inject(lost).unwrap();
    let open = crm.post(CREATES, &commitments_customer("cust-2")).wait(30).await.expect(202);
    let made = world.providers().archera_orgs()[0].id;
    let mut applied = json!({"outcome": "applied", "provider_org_id": made, "reason": "seen"});
    resolve(&crm, &open, &applied).await.problem(422, "unverified_provider_org_id");
    applied["confirm_unverified"] = json!(true);
    assert_eq!(resolve(&crm, &open, &applied).await.expect(200)["state"], "succeeded");
    world.finish().await;
}

#[tokio::test]
async fn a_resolution_names_an_organization_that_exists_and_fits() {
    let world = World::new().await;
    let (crm, admin) = (world.client(), world.admin());
    let other = world.providers().seed(Provider::Scaleway, 1).unwrap()[0];
    let lost = FaultRule::next(Operation::CreateOrganization, Fault::before(Answer::Reset));
    world.providers().inject(lost.times(2)).unwrap();
    let open = crm.post(CREATES, &cloud_customer("cust-1")).wait(60).await.expect(202);
    assert_eq!(open["state"], "quarantined");
    let applied = |id: &str| json!({"outcome": "applied", "provider_org_id": id, "reason": "seen"});
    let nowhere = applied("6170692e-7363-616c-6577-61792e636f6d");
    resolve(&crm, &open, &nowhere).await.problem(422, "not_found_at_provider");
    let unrelated = applied(&other.to_string());
    resolve(&crm, &open, &unrelated).await.problem(422, "cannot_resolve");
    assert_eq!(resolve(&admin, &open, &unrelated).await.expect(200)["state"], "succeeded");
    world.finish().await;
}

#[tokio::test]
async fn a_dry_run_names_nothing_that_the_caller_may_not_read() {
    let world = World::new().await;
    let (crm, shop, admin) = (world.client(), world.client_of("shop"), world.admin());
    let org = crm.create(&cloud_customer("cust-1")).await;
    let mut body = cloud_customer("cust-9");
    body["owner"]["email"] = json!("CUST-1@acme.test");
    let collisions = async |client: &Client| {
        let plan = client.post("/v1/organizations?dry_run=true", &body).await.expect(200);
        plan["collisions"].clone()
    };
    for client in [&crm, &admin] {
        let seen = collisions(client).await;
        assert_eq!(seen[0]["provider_org_id"], org["provider_org_id"]);
        assert_eq!(seen[0]["organization_id"], org["id"]);
    }
    let hidden = collisions(&shop).await;
    assert_eq!(hidden[0]["code"], "email_taken_at_provider");
    assert_eq!(
        (&hidden[0]["provider_org_id"], &hidden[0]["organization_id"]),
        (&Value::Null, &Value::Null)
    );
    world.finish().await;
}

#[tokio::test]
async fn a_key_of_another_tenant_is_never_looked_up() {
    let world = World::with(Settings { settle_window: "0s", ..Settings::default() }).await;
    let (crm, shop, admin) = (world.client(), world.client_of("shop"), world.admin());
    world.providers().seed(Provider::Scaleway, 1).unwrap();
    admin.post("/v1/providers/scaleway/sweep", &json!({})).wait(60).await.expect(202);
    let [found] = &list_of(&admin, DISCREPANCIES).await[..] else { panic!("not one") };
    let path = format!("{DISCREPANCIES}/{}/resolve", id_of(found));
    let assign = format!("{DISCREPANCIES}/{}/assign", id_of(found));
    admin.post(&assign, &json!({"tenant": "shop"})).await.expect(200);
    crm.post(CREATES, &cloud_customer("cust-1")).key("secret-key").await.expect(201);
    let adopt = json!({"action": "adopt", "tenant": "crm", "customer_id": "cust-2"});
    for key in ["secret-key", "unused-key"] {
        shop.post(&path, &adopt).key(key).await.problem(403, "forbidden");
    }
    world.finish().await;
}

#[tokio::test]
async fn a_replay_shows_only_rows_that_the_caller_may_read() {
    let world = World::new().await;
    let (crm, shop) = (world.client(), world.client_of("shop"));
    let admin_of_shop = world.client_with("shop", Scope::ALL);
    let theirs = crm.create(&cloud_customer("cust-1")).await;
    let lock = "/v1/customers/cust-1/lock";
    let body = json!({"reason": "invoice 7"});
    let done = admin_of_shop.post(lock, &body).key("k").await.expect(200);
    assert_eq!(done["results"][0]["organization_id"], theirs["id"]);
    let replay = shop.post(lock, &body).key("k").await.problem(404, "not_found");
    assert!(!replay.to_string().contains(id_of(&theirs)));

    let path = format!("{CREATES}/{}/unlock", id_of(&theirs));
    admin_of_shop.post(&path, &json!({})).key("u").await.expect(200);
    shop.post(&path, &json!({})).key("u").await.problem(404, "not_found");
    let mut body = cloud_customer("cust-1");
    body["owner"]["email"] = json!("shop@acme.test");
    let own = shop.create(&body).await;
    let again = admin_of_shop.post(lock, &json!({})).key("both").await.expect(200);
    assert_eq!(again["results"].as_array().unwrap().len(), 2);
    let replay = shop.post(lock, &json!({})).key("both").await.expect(200);
    let rows = replay["results"].as_array().unwrap();
    assert_eq!(rows.iter().map(|row| &row["organization_id"]).collect::<Vec<_>>(), [&own["id"]]);
    world.finish().await;
}

#[tokio::test]
async fn a_refused_create_takes_no_organization_that_was_there_before() {
    let world = World::new().await;
    let (shop, providers) = (world.client_of("shop"), world.providers());
    let id = providers.seed(Provider::Scaleway, 1).unwrap()[0];
    let there = providers.scaleway_organization(id).unwrap();
    let mut body = cloud_customer(&there.customer_id);
    body["owner"]["email"] = json!(there.email);
    shop.post(CREATES, &body).wait(30).await.problem(409, "conflict_at_provider");
    let rows = list_of(&shop, CREATES).await;
    assert!(rows.iter().all(|org| org["provider_org_id"].is_null()), "{rows:?}");
    world.finish().await;
}

#[tokio::test]
async fn a_confirmed_id_is_the_admins_while_another_tenants_create_is_open() {
    let world = World::new().await;
    let (crm, shop, admin) = (world.client(), world.client_of("shop"), world.admin());
    let lost = FaultRule::next(Operation::RegisterOrg, Fault::after(Answer::Reset));
    world.providers().inject(lost.times(2)).unwrap();
    let first = crm.post(CREATES, &commitments_customer("cust-1")).wait(30).await.expect(202);
    let made = world.providers().archera_orgs()[0].id;
    let mut body = commitments_customer("cust-2");
    body["name"] = json!("Other");
    let second = shop.post(CREATES, &body).wait(30).await.expect(202);
    let applied = json!({"outcome": "applied", "provider_org_id": made, "reason": "mine",
                         "confirm_unverified": true});
    resolve(&shop, &second, &applied).await.problem(409, "claimed_elsewhere");
    assert_eq!(resolve(&admin, &first, &applied).await.expect(200)["state"], "succeeded");
    world.finish().await;
}

#[tokio::test]
async fn a_failed_read_confirms_nothing_for_a_tenant() {
    let world = World::new().await;
    let (crm, admin, providers) = (world.client(), world.admin(), world.providers());
    let other = providers.seed(Provider::Scaleway, 1).unwrap()[0];
    let lost = FaultRule::next(Operation::CreateOrganization, Fault::before(Answer::Reset));
    providers.inject(lost.times(2)).unwrap();
    let open = crm.post(CREATES, &cloud_customer("cust-1")).wait(60).await.expect(202);
    let down = Fault::before(Answer::Status { status: 503, body: None });
    providers.inject(FaultRule::always(Operation::GetOrganization, down)).unwrap();
    let applied = json!({"outcome": "applied", "provider_org_id": other, "reason": "mine",
                         "confirm_unverified": true});
    resolve(&crm, &open, &applied).await.problem(503, "provider_unavailable");
    assert_eq!(resolve(&admin, &open, &applied).await.expect(200)["state"], "succeeded");
    world.finish().await;
}
