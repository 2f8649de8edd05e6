//! `/v1/events`: what happened, in one order, to everybody's own organizations.

use partner_gateway::auth::Scope;
use serde_json::{Value, json};

use crate::harness::{Client, Reply, World, cloud_customer, commitments_customer};

/// Seals what waits, so that readers see it.
pub(crate) async fn sealed(world: &World) {
    while world.app().store().unsealed_events().await.unwrap() > 0 {
        world.app().seal_events().await.unwrap();
    }
}

fn items(page: &Value) -> &Vec<Value> {
    page["items"].as_array().unwrap()
}

fn numbers(page: &Value) -> Vec<i64> {
    items(page).iter().map(|item| item["sequence"].as_i64().unwrap()).collect()
}

async fn list(client: &Client, query: &str) -> Value {
    client.get(&format!("/v1/events{query}")).await.expect(200)
}

#[tokio::test]
async fn a_create_is_told_with_who_did_it_and_what_changed() {
    let world = World::new().await;
    let client = world.client();
    let request = client.post("/v1/organizations", &cloud_customer("cust-1"));
    let created = request.header("X-Request-Id", "the-create").await.expect(201);
    sealed(&world).await;
    let page = list(&client, "").await;
    let event = &items(&page)[0];
    let mut names: Vec<&str> = event.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    let expected = [
        "actor",
        "after",
        "at",
        "before",
        "operation_id",
        "organization_id",
        "organization_sequence",
        "provider_request_id",
        "request_id",
        "sequence",
        "type",
    ];
    assert_eq!(names, expected);
    assert_eq!(event["type"], "organization.created");
    assert_eq!(event["organization_id"], created["id"]);
    assert_eq!((&event["sequence"], &event["organization_sequence"]), (&json!(1), &json!(1)));
    assert_eq!(
        (&event["actor"], &event["request_id"]),
        (&json!("crm-service"), &json!("the-create"))
    );
    assert!(event["operation_id"].is_string() && event["provider_request_id"].is_string());
    assert_eq!(event["before"]["status"], "pending");
    assert_eq!(event["after"]["provider_org_id"], created["provider_org_id"]);
    assert!(!page.to_string().contains("acme.test"), "personal data is masked: {page}");
    world.finish().await;
}

#[tokio::test]
async fn pages_go_on_and_a_poller_goes_on_after_the_last_number() {
    let world = World::new().await;
    let client = world.client();
    for n in 0..5 {
        client.create(&commitments_customer(&format!("cust-{n}"))).await;
    }
    sealed(&world).await;
    let all = numbers(&list(&client, "?limit=200").await);
    assert!(all.len() >= 5 && all.is_sorted());
    let mut paged = Vec::new();
    let mut cursor = String::new();
    loop {
        // The query stays as it was: the cursor goes on from where the page ended.
        let page = list(&client, &format!("?limit=2&after=1&include_total=true{cursor}")).await;
        assert_eq!(page["total_count"], all.len() - 1);
        paged.extend(numbers(&page));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(paged, all[1..]);
    let last = all.last().unwrap();
    let after_all = list(&client, &format!("?after={last}")).await;
    assert_eq!(after_all, json!({"items": [], "next_cursor": null}));
    client.create(&commitments_customer("cust-9")).await;
    sealed(&world).await;
    let new = list(&client, &format!("?after={last}")).await;
    assert!(!items(&new).is_empty() && numbers(&new).iter().all(|number| number > last));
    world.finish().await;
}

#[tokio::test]
async fn filters_narrow_and_another_tenants_events_are_not_there() {
    let world = World::new().await;
    let (crm, shop, admin) = (world.client(), world.client_of("shop"), world.admin());
    let first = crm.create(&commitments_customer("cust-1")).await;
    let second = crm.create(&commitments_customer("cust-2")).await;
    let theirs = shop.create(&commitments_customer("cust-1")).await;
    let path = format!("/v1/organizations/{}", first["id"].as_str().unwrap());
    crm.patch(&path, &json!({"labels": {"tier": "gold"}})).await.expect(200);
    sealed(&world).await;
    let of = |org: &Value| format!("?organization_id={}", org["id"].as_str().unwrap());
    let types = |page: &Value| -> Vec<String> {
        items(page).iter().map(|item| item["type"].as_str().unwrap().to_owned()).collect()
    };
    let updates = list(&crm, &format!("{}&type=organization.updated", of(&first))).await;
    assert_eq!(types(&updates), ["organization.updated"]);
    let labels = json!({"labels": {"product": "commitments", "tier": "gold"}});
    assert_eq!(items(&updates)[0]["after"], labels);
    assert!(
        items(&list(&crm, &of(&second)).await).len() < items(&list(&crm, &of(&first)).await).len()
    );
    assert!(items(&list(&crm, &of(&theirs)).await).is_empty());
    assert!(items(&list(&crm, "?type=organization.locked").await).is_empty());
    let is_own = |client: &Client, own: Vec<Value>| {
        let client = client.clone();
        async move {
            let page = list(&client, "").await;
            let seen = items(&page).iter().all(|item| own.contains(&item["organization_id"]));
            assert!(seen && !items(&page).is_empty(), "{page}");
        }
    };
    is_own(&crm, vec![first["id"].clone(), second["id"].clone()]).await;
    is_own(&shop, vec![theirs["id"].clone()]).await;
    let everything = numbers(&list(&admin, "").await);
    assert_eq!(everything, (1..).take(everything.len()).collect::<Vec<i64>>());
    world.finish().await;
}

#[tokio::test]
async fn every_fault_of_the_query_is_told_at_once() {
    let world = World::new().await;
    let client = world.client();
    let reply =
        client.get("/v1/events?after=-1&type=Created&limit=0&cursor=x&organization_id=7&kind=a");
    let problem = reply.await.problem(422, "validation_failed");
    let mut pointers = Reply::pointers(&problem);
    pointers.sort_unstable();
    assert_eq!(pointers, ["/after", "/cursor", "/kind", "/limit", "/organization_id", "/type"]);
    let page = client.get("/v1/operations?limit=1").await.expect(200);
    assert_eq!(page["next_cursor"], Value::Null);
    world.finish().await;
}

/// What was told of an organization, in order.
async fn told_of(world: &World, org: &Value) -> Vec<String> {
    sealed(world).await;
    let query = format!("?organization_id={}", org["id"].as_str().unwrap());
    let page = list(&world.client(), &query).await;
    items(&page).iter().map(|item| item["type"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn usable_is_told_once_whatever_made_it_so() {
    let world = World::new().await;
    let client = world.client();
    let at_once = client.create(&commitments_customer("cust-1")).await;
    assert_eq!(told_of(&world, &at_once).await, ["organization.created", "organization.usable"]);

    let cloud = client.create(&cloud_customer("cust-2")).await;
    assert_eq!(told_of(&world, &cloud).await, ["organization.created"], "its owner must validate");
    let path = format!("/v1/organizations/{}", cloud["id"].as_str().unwrap());
    let id = cloud["provider_org_id"].as_str().unwrap().parse().unwrap();
    world.providers().validate_email(id).unwrap();
    for _ in 0..2 {
        client.get(&format!("{path}?refresh=true")).await.expect(200);
    }
    let mut expected = vec!["organization.created", "organization.observed", "organization.usable"];
    assert_eq!(told_of(&world, &cloud).await, expected, "the second reading changed nothing");
    client.patch(&path, &json!({"labels": {"tier": "gold"}})).await.expect(200);
    client.post(&format!("{path}/lock"), &json!({})).await.expect(200);
    client.post(&format!("{path}/unlock"), &json!({})).await.expect(200);
    expected.extend([
        "organization.updated",
        "organization.locked",
        "organization.unusable",
        "organization.unlocked",
        "organization.usable",
    ]);
    assert_eq!(told_of(&world, &cloud).await, expected);
    let page = list(&client, "?type=organization.unusable").await;
    let edge = &items(&page)[0];
    assert_eq!(
        (&edge["before"], &edge["after"]),
        (&json!({"usable": true}), &json!({"usable": false}))
    );
    assert_eq!(edge["actor"], "crm-service");
    world.finish().await;
}

#[tokio::test]
async fn what_is_adopted_usable_is_told_as_usable() {
    let world = World::new().await;
    let id = world.providers().seed(sandbox::Provider::Scaleway, 1).unwrap()[0];
    let body = json!({"provider": "scaleway", "provider_org_id": id, "customer_id": "cust-1"});
    let admin = world.client_with("crm", Scope::ALL);
    let org = admin.post("/v1/organizations/adopt", &body).await.expect(201);
    assert_eq!(org["usable"], true);
    assert_eq!(told_of(&world, &org).await, ["organization.adopted", "organization.usable"]);
    world.finish().await;
}
