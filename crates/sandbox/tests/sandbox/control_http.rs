//! The control over HTTP.

use crate::support::{Answer, World, read, start};
use reqwest::Method;
use serde_json::{Value, json};

async fn control(world: &World, method: Method, path: &str, body: Option<Value>) -> Answer {
    let url = format!("{}/_sandbox/{path}", world.sandbox.scaleway_url());
    let mut request = world.client.request(method, url);
    if let Some(body) = body {
        request = request.json(&body);
    }
    read(request.send().await.unwrap()).await
}

async fn post(world: &World, path: &str, body: Value) -> Answer {
    control(world, Method::POST, path, Some(body)).await
}

#[tokio::test]
async fn faults_are_put_on_read_and_ended() {
    let world = start().await;
    let rule = json!({"operation": "CreateOrganization", "times": 2,
                      "fault": {"kind": "answer", "work": "done", "answer": "reset"}});
    let put = post(&world, "faults", rule).await;
    assert_eq!((put.status.as_u16(), &put.body["id"]), (200, &json!(1)));
    assert!(world.create_request("owner@acme.test").send().await.is_err());

    let faults = control(&world, Method::GET, "faults", None).await;
    assert_eq!(faults.body["faults"][0]["fired"], 1);
    assert!(faults.body["profiles"].as_array().unwrap().contains(&json!("flaky")));
    let ended = control(&world, Method::DELETE, "faults", None).await;
    assert_eq!(ended.status, 204);
    assert_eq!(world.created("other@acme.test").await.status, 200);

    assert_eq!(post(&world, "faults/profiles/outage", json!({})).await.status, 204);
    assert_eq!(world.list("").await.status, 503);
    let unknown = post(&world, "faults/profiles/chaos", json!({})).await;
    assert_eq!(unknown.status, 404);
    assert!(unknown.body["message"].as_str().unwrap().contains("lossy-creates"));
    let broken = post(&world, "faults", json!({"fault": {"kind": "boom"}})).await;
    assert_eq!(broken.status, 422);
}

#[tokio::test]
async fn the_documented_example_and_each_kind_of_fault_can_be_said_in_json() {
    let world = start().await;
    let faults = [
        json!({"kind": "latency", "millis": 5}),
        json!({"kind": "twice"}),
        json!({"kind": "lag", "until": {"reads": 2}}),
        json!({"kind": "lag", "until": "command"}),
        json!({"kind": "answer", "work": "late", "answer": "hang"}),
        json!({"kind": "answer", "work": {"late_after": {"millis": 5}}, "answer": "half_body"}),
        json!({"kind": "answer", "work": "skipped", "answer": {"status": {"status": 500}}}),
        json!({"kind": "answer", "work": "skipped",
               "answer": {"too_many_requests": {"retry_after_seconds": 3}}}),
        json!({"kind": "answer", "work": "skipped", "answer": {"redirect": {"status": 302}}}),
    ];
    for fault in &faults {
        let answer = post(&world, "faults", json!({"fault": fault})).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    let kept = control(&world, Method::GET, "faults", None).await;
    let kept: Vec<&Value> = kept.body["faults"]
        .as_array()
        .unwrap()
        .iter()
        .map(|report| &report["rule"]["fault"])
        .collect();
    assert_eq!(kept, faults.iter().collect::<Vec<_>>());
}

#[tokio::test]
async fn the_outside_world_can_be_moved() {
    let world = start().await;
    let id = world.created("owner@acme.test").await.id();
    let at = |verb: &str| format!("organizations/{id}/{verb}");
    assert_eq!(post(&world, &at("validate-email"), json!({})).await.status, 204);
    assert_eq!(world.get(id).await.body["status"], "opened");
    post(&world, &at("lock"), json!({"reason": "fraud"})).await;
    assert_eq!(world.get(id).await.body["lock_reason_message"], "fraud");
    post(&world, &at("unlock"), json!({})).await;
    assert_eq!(world.get(id).await.body["status"], "opened");
    let edit = json!({"name": "Edited"});
    let path = format!("organizations/{id}");
    control(&world, Method::PATCH, &path, Some(edit)).await;
    assert_eq!(world.get(id).await.body["name"], "Edited");
    post(&world, &at("close"), json!({})).await;
    assert_eq!(world.get(id).await.body["status"], "closed");
    assert_eq!(control(&world, Method::DELETE, &path, None).await.status, 204);
    assert_eq!(world.get(id).await.status, 404);
    assert_eq!(post(&world, &at("close"), json!({})).await.status, 404);
}

#[tokio::test]
async fn the_state_and_the_log_can_be_read_without_a_key_in_them() {
    let world = start().await;
    let seeded = post(&world, "organizations", json!({"provider": "scaleway", "count": 2})).await;
    assert_eq!(seeded.body["ids"].as_array().unwrap().len(), 2);
    world.created("owner@acme.test").await;
    world.register(&json!({"name": "Acme"})).await;

    let state = control(&world, Method::GET, "state", None).await;
    let organizations = state.body["scaleway"]["organizations"].as_array().unwrap();
    assert_eq!(organizations.len(), 3);
    assert_eq!(organizations[2]["email"], "owner@acme.test");
    assert_eq!(organizations[2]["status"], "locked");
    assert_eq!(state.body["archera"]["orgs"][0]["name"], "Acme");
    assert_eq!(state.body["operations"]["CreateOrganization"]["applied"], 1);
    let requests = control(&world, Method::GET, "requests", None).await;
    assert_eq!(requests.body["requests"][1]["operation"], "RegisterOrg");
    for text in [&state.text, &requests.text] {
        assert!(!text.contains(world.sandbox.scaleway_secret_key()));
        assert!(!text.contains(world.sandbox.archera_api_key()));
    }
}

#[tokio::test]
async fn settings_change_while_it_runs() {
    let world = start().await;
    let settings = json!({"rate_limit": 1, "archera_list_orgs": true});
    assert_eq!(post(&world, "settings", settings).await.status, 204);
    let list = world.archera(Method::GET, "/v1/orgs").send().await.unwrap();
    assert_eq!(list.status(), 200);
    post(&world, "settings", json!({"rate_limit": 0})).await;
    assert_eq!(world.list("").await.status, 200);
    let limit = world.list("").await;
    assert_eq!(limit.header("x-ratelimit-limit"), Some("50, 50;w=1"));
    let unknown = post(&world, "settings", json!({"speed": 3})).await;
    assert_eq!(unknown.status, 422);
}
