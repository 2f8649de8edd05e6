//! Creating an organization, at both providers: the good path, the repeat, the refusals, the plan.

use sandbox::{Answer, Fault, FaultRule, Operation};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Reply, Settings, World, cloud_customer, commitments_customer};

#[tokio::test]
async fn a_create_at_scaleway_answers_the_organization_as_the_provider_has_it() {
    let world = World::new().await;
    let mut body = cloud_customer("cust-42");
    body["domain"] = json!("acme.test");
    body["siren_number"] = json!("123456789");
    body["comment"] = json!("first customer");
    body["labels"] = json!({"product": "cloud"});
    body["address"] = json!({"line1": "1 rue de la Paix", "city": "Paris", "state": "IDF",
                             "postal_code": "75002", "country": "FR"});
    let reply = world.client().post("/v1/organizations", &body).await;
    let (location, tag) = (reply.header("location").to_owned(), reply.header("etag").to_owned());
    let org = reply.expect(201);

    let there = world.providers().scaleway_organizations();
    assert_eq!(there.len(), 1);
    assert_eq!(org["provider_org_id"], there[0].id.to_string());
    assert_eq!(there[0].customer_id, "cust-42");
    assert_eq!(there[0].siren_number.as_deref(), Some("123456789"));
    assert_eq!(org["status"], "locked");
    assert_eq!(org["usable"], false);
    assert_eq!(org["locks"][0]["origin"], "provider");
    assert_eq!(org["locks"][0]["reason"], "validate_email");
    assert_eq!(org["next_action"], "the owner must validate the e-mail sent by the provider");
    assert_eq!(org["held_locally"], json!(["domain", "address"]));
    assert_eq!(org["siren_number"], "123456789", "a field that vanished from answers is kept");
    assert_eq!(org["certainty"], "observed");
    assert!(org["observed_at"].is_string());
    assert_eq!(org["routed_by"], "default");
    assert_eq!(Uuid::try_parse(org["id"].as_str().unwrap()).unwrap().get_version_num(), 7);
    assert_eq!(location, format!("/v1/organizations/{}", org["id"].as_str().unwrap()));
    assert_eq!(tag, format!("\"{}\"", org["version"]));
    assert_eq!(world.client().get(&location).await.expect(200), org);
    world.finish().await;
}

#[tokio::test]
async fn a_create_at_archera_invites_and_sends_what_archera_holds() {
    let world = World::new().await;
    let mut body = commitments_customer("cust-7");
    body["owner"] = json!({"email": "owner@acme.test", "first_name": "Ada"});
    body["comment"] = json!("ours alone");
    body["address"] = json!({"line1": "1 Main St", "city": "Austin", "state": "TX",
                             "postal_code": "73301", "country": "US"});
    body["marketplace_offers"] =
        json!({"aws": "https://aws.test/offer", "gcp": "https://gcp.test/o"});
    body["members"] = json!([{"email": "a@acme.test", "role": "admin"}, {"email": "b@acme.test"}]);
    body["provider_options"] = json!({"labra_subscription_id": "labra-1"});
    let org = world.client().create(&body).await;

    let there = world.providers().archera_orgs();
    assert_eq!(there.len(), 1);
    assert_eq!(org["provider_org_id"], there[0].id.to_string());
    assert_eq!(there[0].name, "Acme SAS");
    assert_eq!(there[0].labra_subscription_id.as_deref(), Some("labra-1"));
    assert_eq!(there[0].profile["domain"], "acme.test");
    assert_eq!(there[0].profile["primary_address"]["zip"], "73301");
    assert_eq!(there[0].profile["aws_marketplace_offer_link"], "https://aws.test/offer");
    assert_eq!(there[0].memberships.len(), 2);
    assert_eq!((&org["status"], &org["usable"]), (&json!("active"), &json!(true)));
    assert_eq!(org["certainty"], "asserted");
    assert_eq!(org["observed_at"], Value::Null);
    assert_eq!(org["held_locally"], json!(["owner", "comment"]));
    assert_eq!(org["routed_by"], "commitments");
    let members = format!("/v1/organizations/{}/members", org["id"].as_str().unwrap());
    let members = world.client().get(&members).await.expect(200);
    assert_eq!(members["items"][0]["email"], "a@acme.test");
    assert_eq!(members["items"][0]["role"], "admin");
    assert_eq!(members["items"].as_array().unwrap().len(), 2);
    world.finish().await;
}

#[tokio::test]
async fn the_same_create_again_answers_the_one_that_is_there_and_another_is_refused() {
    let world = World::new().await;
    let client = world.client();
    for body in [cloud_customer("cust-1"), commitments_customer("cust-1")] {
        let first = client.create(&body).await;
        let again = client.post("/v1/organizations", &body).await.expect(200);
        assert_eq!(again, first);
        let mut other = body.clone();
        other["name"] = json!("Another name");
        let refused = client.post("/v1/organizations", &other).await;
        let problem = refused.problem(409, "customer_already_mapped");
        assert_eq!(problem["organization_id"], first["id"]);
    }
    assert_eq!(world.providers().tally(Operation::CreateOrganization).received, 1);
    assert_eq!(world.providers().tally(Operation::RegisterOrg).received, 1);
    world.finish().await;
}

#[tokio::test]
async fn a_routed_create_is_found_again_after_the_rules_have_changed() {
    let mut world = World::new().await;
    let body = cloud_customer("cust-1");
    let first = world.client().create(&body).await;
    world.stop_gateway().await;
    world.reroute("[[routes]]\nname = \"all\"\nprovider = \"archera\"\n");
    world.add_gateway().await;
    let again = world.client().post("/v1/organizations", &body).await.expect(200);
    assert_eq!(again["id"], first["id"]);
    assert_eq!(world.providers().archera_orgs().len(), 0);
    world.finish().await;
}

#[tokio::test]
async fn every_fault_is_named_at_once_ours_and_the_providers() {
    let world = World::new().await;
    let body = json!({
        "name": "A",
        "owner": {"email": "nobody", "phone": "1"},
        "members": [{"email": "x@acme.test"}],
        "siren_number": "12",
        "surprise": 1,
    });
    let reply = world.client().post("/v1/organizations", &body).await;
    let problem = reply.problem(422, "validation_failed");
    let found = Reply::pointers(&problem);
    for pointer in [
        "/customer_id",
        "/name",
        "/owner/email",
        "/owner/phone",
        "/owner/first_name",
        "/owner/last_name",
        "/members",
        "/siren_number",
        "/surprise",
    ] {
        assert!(found.contains(&pointer), "{pointer} is not among {found:?}");
    }
    assert!(world.providers().requests().is_empty(), "nothing is sent");
    let list = world.client().get("/v1/organizations").await.expect(200);
    assert_eq!(list["items"], json!([]), "nothing is kept");
    world.finish().await;
}

#[tokio::test]
async fn members_where_the_provider_cannot_invite_are_unsupported() {
    let world = World::new().await;
    let mut body = cloud_customer("cust-1");
    body["members"] = json!([{"email": "a@acme.test"}]);
    let reply = world.client().post("/v1/organizations", &body).await;
    let problem = reply.problem(422, "unsupported_by_provider");
    assert_eq!(Reply::pointers(&problem), ["/members"]);
    assert!(world.providers().requests().is_empty());
    world.finish().await;
}

#[tokio::test]
async fn a_refused_create_tells_what_the_provider_said_and_may_be_tried_again() {
    let world = World::new().await;
    let client = world.client();
    client.create(&cloud_customer("cust-1")).await;
    let mut taken = cloud_customer("cust-2");
    taken["owner"]["email"] = json!("cust-1@acme.test");
    let reply = client.post("/v1/organizations", &taken).await;
    let problem = reply.problem(409, "conflict_at_provider");
    assert_eq!(problem["provider"]["name"], "scaleway");
    assert_eq!(problem["provider"]["status"], 409);
    assert!(problem["provider"]["request_id"].is_string());
    let failed = client.get("/v1/organizations?customer_id=cust-2").await.expect(200);
    assert_eq!(failed["items"][0]["status"], "failed");
    assert_eq!(failed["items"][0]["provider_org_id"], Value::Null);

    taken["owner"]["email"] = json!("cust-2@acme.test");
    let org = client.create(&taken).await;
    assert_ne!(org["id"], failed["items"][0]["id"]);
    world.finish().await;
}

#[tokio::test]
async fn the_gateways_own_credentials_failing_is_never_the_callers_fault() {
    let world = World::new().await;
    let answer = Answer::Status { status: 401, body: None };
    for (operation, body) in [
        (Operation::CreateOrganization, cloud_customer("cust-1")),
        (Operation::RegisterOrg, commitments_customer("cust-1")),
    ] {
        let fault = Fault::before(answer.clone());
        world.providers().inject(FaultRule::next(operation, fault)).unwrap();
        let reply = world.client().post("/v1/organizations", &body).await;
        reply.problem(502, "provider_refused_gateway");
    }
    let providers = world.client().get("/v1/providers/scaleway").await.expect(200);
    assert_eq!(providers["health"]["state"], "refused");
    world.finish().await;
}

#[tokio::test]
async fn an_exceeded_quota_at_the_provider_is_a_conflict_and_no_refusal_of_the_credentials() {
    let world = World::new().await;
    let client = world.client();
    let body = json!({"type": "quotas_exceeded", "message": "quota(s) exceeded for this resource"});
    let answer = Answer::Status { status: 403, body: Some(body.to_string()) };
    let fault = FaultRule::next(Operation::CreateOrganization, Fault::before(answer));
    world.providers().inject(fault).unwrap();
    let problem = client
        .post("/v1/organizations", &cloud_customer("cust-1"))
        .await
        .problem(409, "quota_exceeded_at_provider");
    assert_eq!(problem["provider"]["type"], "quotas_exceeded");
    assert!(problem["detail"].as_str().unwrap().contains("provider `scaleway`"), "{problem}");
    let rejected = client.get("/v1/operations").await.expect(200);
    assert_eq!(rejected["items"][0]["error"]["code"], "quota_exceeded_at_provider");
    let provider = client.get("/v1/providers/scaleway").await.expect(200);
    assert_eq!(provider["health"]["state"], "up", "the credentials are valid");
    // Nothing was created, so the customer can be created once there is quota again.
    client.create(&cloud_customer("cust-1")).await;
    world.finish().await;
}

#[tokio::test]
async fn a_fault_that_the_provider_finds_in_a_leaf_points_at_that_leaf() {
    let world = World::new().await;
    let client = world.client();
    let errors = json!({
        "users": {"1": {"role": ["Must be one of: user."]}, "0": {"_schema": ["Invalid input type."]}},
        "primary_address": {"zip": ["Not a valid postal code."]},
        "aws_marketplace_offer_link": ["Not a valid URL."],
    });
    let body = json!({"code": 422, "status": "Unprocessable Content", "errors": {"json": errors}});
    let answer = Answer::Status { status: 422, body: Some(body.to_string()) };
    let refuse = |operation| FaultRule::next(operation, Fault::before(answer.clone()));
    world.providers().inject(refuse(Operation::RegisterOrg)).unwrap();
    let create = client.post("/v1/organizations", &commitments_customer("cust-1"));
    let problem = create.await.problem(422, "rejected_by_provider");
    let mut found = Reply::pointers(&problem);
    found.sort_unstable();
    let leaves =
        ["/address/postal_code", "/marketplace_offers/aws", "/members/0", "/members/1/role"];
    assert_eq!(found, leaves);
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.starts_with("provider `archera` rejected the request: "), "{detail}");
    assert!(detail.contains("`address.postal_code` Not a valid postal code."), "{detail}");

    let organization = client.create(&commitments_customer("cust-1")).await;
    world.providers().inject(refuse(Operation::InviteUsers)).unwrap();
    let members = format!("/v1/organizations/{}/members", organization["id"].as_str().unwrap());
    let invited = json!({"members": [{"email": "a@acme.test"}, {"email": "b@acme.test"}]});
    let problem = client.post(&members, &invited).await.problem(422, "rejected_by_provider");
    assert!(Reply::pointers(&problem).contains(&"/members/1/role"), "{problem}");
    world.finish().await;
}

#[tokio::test]
async fn a_dry_run_plans_and_does_nothing() {
    let world = World::new().await;
    let client = world.client();
    let mut body = cloud_customer("cust-1");
    body["domain"] = json!("acme.test");
    body["owner"]["last_name"].take();
    let plan = client.post("/v1/organizations?dry_run=true", &body).await.expect(200);
    assert_eq!((&plan["provider"], &plan["rule"]), (&json!("scaleway"), &json!("default")));
    assert_eq!(plan["would_send"]["owner"]["email"], "cust-1@acme.test");
    assert_eq!(plan["would_send"]["domain"], Value::Null);
    assert_eq!(plan["held_locally"], json!(["domain"]));
    assert_eq!(plan["missing_fields"][0]["pointer"], "/owner/last_name");
    assert_eq!(plan["collisions"], json!([]));
    assert!(plan["cannot_be_undone"][0].as_str().unwrap().contains("deleted"));
    assert_eq!(world.providers().tally(Operation::CreateOrganization).received, 0);

    let org = client.create(&cloud_customer("cust-1")).await;
    let mut other = cloud_customer("cust-1");
    other["name"] = json!("Another");
    let plan = client.post("/v1/organizations?dry_run=true", &other).await.expect(200);
    let codes: Vec<&Value> =
        plan["collisions"].as_array().unwrap().iter().map(|collision| &collision["code"]).collect();
    assert_eq!(codes, ["customer_already_mapped", "email_taken_at_provider"]);
    assert_eq!(plan["collisions"][0]["organization_id"], org["id"]);

    let unknown = client.post("/v1/organizations?dry_run=true", &json!({"nme": "x"})).await;
    unknown.problem(422, "validation_failed");
    world.finish().await;
}

#[tokio::test]
async fn no_route_is_said_and_nothing_happens() {
    let settings = Settings {
        routes: "[[routes]]\nname = \"french\"\nwhen = { country = \"FR\" }\nprovider = \"scaleway\"\noverridable = false\n",
        ..Settings::default()
    };
    let world = World::with(settings).await;
    let reply = world.client().post("/v1/organizations", &cloud_customer("cust-1")).await;
    reply.problem(422, "no_route");
    let mut body = cloud_customer("cust-1");
    body["provider"] = json!("nowhere");
    let reply = world.client().post("/v1/organizations", &body).await;
    let problem = reply.problem(422, "validation_failed");
    assert_eq!(Reply::pointers(&problem), ["/provider"]);
    body["provider"] = json!("archera");
    body["address"] = json!({"line1": "1 rue X", "city": "Paris", "state": "IDF",
                             "postal_code": "75002", "country": "FR"});
    let reply = world.client().post("/v1/organizations", &body).await;
    reply.problem(422, "route_not_overridable");
    assert!(world.providers().requests().is_empty());
    body["provider"] = json!("scaleway");
    assert_eq!(world.client().create(&body).await["provider"], "scaleway");
    world.finish().await;
}

#[tokio::test]
async fn a_caller_that_does_not_wait_is_told_where_to_ask() {
    let world = World::new().await;
    for body in [cloud_customer("cust-1"), commitments_customer("cust-1")] {
        let reply = world.client().post("/v1/organizations", &body).respond_async().await;
        let location = reply.header("location").to_owned();
        assert!(!reply.header("retry-after").is_empty());
        let operation = reply.expect(202);
        assert_eq!(location, format!("/v1/operations/{}", operation["id"].as_str().unwrap()));
        assert_eq!(operation["kind"], "create");
        let settled = world.client().settled(operation["id"].as_str().unwrap()).await;
        assert_eq!(settled["state"], "succeeded");
        let org = format!("/v1/organizations/{}", settled["organization_id"].as_str().unwrap());
        assert!(world.client().get(&org).await.expect(200)["provider_org_id"].is_string());
    }
    world.finish().await;
}

#[tokio::test]
async fn the_callers_trace_goes_on_to_the_provider() {
    let world = World::new().await;
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let create = world.client().post("/v1/organizations", &cloud_customer("cust-1"));
    create.header("traceparent", parent).await.expect(201);
    let sent = world.providers().requests_of(Operation::CreateOrganization);
    let traceparent = sent[0].traceparent.as_deref().unwrap();
    assert!(traceparent.starts_with("00-0af7651916cd43dd8448eb211c80319c-"), "{traceparent}");
    assert!(!traceparent.contains("b7ad6b7169203331"), "it is a span of its own: {traceparent}");
    world.finish().await;
}
