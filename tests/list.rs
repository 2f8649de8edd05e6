//! Lists: filters, order, pages that neither skip nor repeat.

use serde_json::{Value, json};

use crate::harness::{Client, World, cloud_customer, commitments_customer};

fn ids(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().unwrap();
    items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

async fn all_pages(client: &Client, list: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = client.get(&format!("{list}{cursor}")).await.expect(200);
        found.extend(ids(&page));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return found,
        }
    }
}

#[tokio::test]
async fn pages_show_every_organization_once_in_either_order() {
    let world = World::new().await;
    let client = world.client();
    let mut made = Vec::new();
    for n in 0..7 {
        let org = client.create(&commitments_customer(&format!("cust-{n}"))).await;
        made.push(org["id"].as_str().unwrap().to_owned());
    }
    assert_eq!(all_pages(&client, "/v1/organizations?limit=3").await, made);
    made.reverse();
    let newest_first = "/v1/organizations?limit=3&order_by=created_at_desc";
    assert_eq!(all_pages(&client, newest_first).await, made);
    let page = client.get("/v1/organizations?limit=3&include_total=true").await.expect(200);
    assert_eq!(page["total_count"], 7);
    let cursor = page["next_cursor"].as_str().unwrap();
    let other_order = format!("{newest_first}&cursor={cursor}");
    client.get(&other_order).await.problem(422, "validation_failed");
    assert_eq!(ids(&client.get("/v1/organizations").await.expect(200)).len(), 7);
    world.finish().await;
}

#[tokio::test]
async fn each_filter_narrows_to_what_it_says() {
    let world = World::new().await;
    let client = world.client();
    let mut cloud = cloud_customer("cust-1");
    cloud["name"] = json!("50%_Off SAS");
    cloud["labels"] = json!({"product": "cloud", "tier": "a:b", "env:prod": "eu:1"});
    let cloud = client.create(&cloud).await;
    let commitments = client.create(&commitments_customer("cust-2")).await;
    let (cloud_id, commitments_id) =
        (cloud["id"].as_str().unwrap(), commitments["id"].as_str().unwrap());
    let provider_org_id = cloud["provider_org_id"].as_str().unwrap();
    let since = commitments["updated_at"].as_str().unwrap().replace('+', "%2B");
    for (filter, expected) in [
        ("customer_id=cust-1", vec![cloud_id]),
        ("provider=archera", vec![commitments_id]),
        (&format!("provider_org_id={provider_org_id}"), vec![cloud_id]),
        ("status=locked", vec![cloud_id]),
        ("status=active", vec![commitments_id]),
        ("usable=true", vec![commitments_id]),
        ("usable=false", vec![cloud_id]),
        ("email=CUST-1%40acme.test", vec![cloud_id]),
        ("locked_by=provider", vec![cloud_id]),
        ("locked_by=partner", vec![]),
        ("label=product:commitments", vec![commitments_id]),
        ("label=tier:a:b", vec![cloud_id]),
        ("label=tier:a", vec![]),
        ("label=env:prod:eu:1", vec![cloud_id]),
        ("label=env:prod:eu", vec![]),
        ("q=50%25_o", vec![cloud_id]),
        ("q=acme", vec![commitments_id]),
        ("q=%25", vec![]),
        (&format!("updated_since={since}"), vec![commitments_id]),
        ("provider=scaleway&usable=true", vec![]),
    ] {
        let page = client.get(&format!("/v1/organizations?include_total=true&{filter}")).await;
        let page = page.expect(200);
        assert_eq!(ids(&page), expected, "{filter}");
        assert_eq!(page["total_count"], expected.len(), "{filter}");
    }
    world.finish().await;
}

#[tokio::test]
async fn a_faulty_query_names_every_fault() {
    let world = World::new().await;
    let client = world.client();
    let reply = client
        .get("/v1/organizations?limit=0&status=lost&usable=perhaps&label=x&cursor=%21&custmer_id=1&q=a&q=b")
        .await;
    let problem = reply.problem(422, "validation_failed");
    let mut found = crate::harness::Reply::pointers(&problem);
    found.sort_unstable();
    let expected = ["/cursor", "/custmer_id", "/label", "/limit", "/q", "/status", "/usable"];
    assert_eq!(found, expected);
    for query in ["organization_id=7", "state=lost", "kind=delete", "limit=201", "cursor=AAAA"] {
        let reply = client.get(&format!("/v1/operations?{query}")).await;
        reply.problem(422, "validation_failed");
    }
    world.finish().await;
}

#[tokio::test]
async fn operations_are_listed_by_what_they_are() {
    let world = World::new().await;
    let client = world.client();
    let org = client.create(&cloud_customer("cust-1")).await;
    client.create(&commitments_customer("cust-2")).await;
    let lock = format!("/v1/organizations/{}/lock", org["id"].as_str().unwrap());
    client.post(&lock, &json!({})).await.expect(200);
    for (filter, count) in [
        ("", 3),
        ("kind=create", 2),
        ("kind=lock", 1),
        ("state=succeeded", 3),
        ("state=quarantined", 0),
        ("provider=archera", 1),
        (&format!("organization_id={}", org["id"].as_str().unwrap()), 2),
    ] {
        let page = client.get(&format!("/v1/operations?{filter}")).await.expect(200);
        assert_eq!(ids(&page).len(), count, "{filter}");
    }
    assert_eq!(all_pages(&client, "/v1/operations?limit=2").await.len(), 3);
    let elsewhere = world.client_of("shop").get("/v1/operations").await.expect(200);
    assert_eq!(ids(&elsewhere).len(), 0);
    assert_eq!(ids(&world.admin().get("/v1/operations").await.expect(200)).len(), 3);
    world.finish().await;
}
