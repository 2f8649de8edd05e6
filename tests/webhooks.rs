//! Telling webhooks: what is sent, in which order, how often, and where it may go at all.

use chrono::{TimeDelta, Utc};
use nix::sys::signal::Signal;
use partner_gateway::auth::Scope;
use serde_json::{Value, json};
use standardwebhooks::Webhook;

use crate::harness::{Client, Receiver, Settings, World, cloud_customer};

const HOOKS: &str = "/v1/webhooks";

/// A world whose webhooks may lie on this machine.
async fn local() -> World {
    World::with(settings()).await
}

fn settings() -> Settings {
    Settings::default()
        .with("GATEWAY_WEBHOOKS__ALLOW_PRIVATE_ADDRESSES", "true")
        .with("GATEWAY_WEBHOOKS__TIMEOUT", "1s")
}

async fn hook(client: &Client, receiver: &Receiver) -> Value {
    client.post(HOOKS, &json!({"url": receiver.url()})).await.expect(201)
}

fn path(hook: &Value, action: &str) -> String {
    format!("{HOOKS}/{}{action}", hook["id"].as_str().unwrap())
}

/// All deliveries of a webhook.
async fn deliveries(client: &Client, hook: &Value) -> Vec<Value> {
    let page = client.get(&path(hook, "/deliveries?limit=200")).await.expect(200);
    page["items"].as_array().unwrap().clone()
}

/// Locks an organization and unlocks it, `times` over: two events each.
async fn keep_busy(client: &Client, org: &Value, times: usize) {
    let id = org["id"].as_str().unwrap();
    for _ in 0..times {
        for action in ["lock", "unlock"] {
            let path = format!("/v1/organizations/{id}/{action}");
            client.post(&path, &json!({})).await.expect(200);
        }
    }
}

#[tokio::test]
async fn events_are_posted_as_the_specification_asks_and_the_secret_is_shown_once() {
    let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let world = World::with(
        settings().with("HOOK_KEY", key).with("GATEWAY_WEBHOOKS__ENCRYPTION_KEY__ENV", "HOOK_KEY"),
    )
    .await;
    let (client, receiver) = (world.client(), Receiver::start().await);
    let made = hook(&client, &receiver).await;
    let secret = made["secret"].as_str().unwrap();
    let org = client.create(&cloud_customer("cust-1")).await;
    let seen = receiver.until(|seen| !seen.is_empty()).await;
    let oracle = Webhook::new(secret).unwrap();
    for post in &seen {
        oracle.verify(&post.body, &post.headers).unwrap();
        assert_eq!(post.json()["data"]["organization_id"], org["id"]);
    }
    let first = seen[0].json();
    assert_eq!(first["type"], "organization.created");
    assert_eq!(first["data"]["organization_sequence"], 1);
    assert!(!String::from_utf8_lossy(&seen[0].body).contains("cust-1@acme.test"), "it is masked");
    let shown = client.get(&path(&made, "")).await.expect(200);
    assert!(shown.get("secret").is_none(), "{shown}");
    let bare = secret.strip_prefix("whsec_").unwrap();
    let dump = world.dump().await;
    assert!(!dump.contains(bare) && !dump.contains(key));
    world.finish().await;
}

#[tokio::test]
async fn of_two_secrets_both_sign_after_a_rotation() {
    let world = local().await;
    let (client, receiver) = (world.client(), Receiver::start().await);
    let made = hook(&client, &receiver).await;
    let rotated = client.post(&path(&made, "/rotate-secret"), &json!({})).await.expect(200);
    assert_ne!(rotated["secret"], made["secret"]);
    let test = client.post(&path(&made, "/test"), &json!({})).await.expect(202);
    assert_eq!((&test["type"], &test["sequence"]), (&json!("webhook.test"), &Value::Null));
    let seen = receiver.until(|seen| seen.len() == 1).await;
    for hook in [&made, &rotated] {
        let oracle = Webhook::new(hook["secret"].as_str().unwrap()).unwrap();
        oracle.verify(&seen[0].body, &seen[0].headers).unwrap();
    }
    world.finish().await;
}

#[tokio::test]
async fn an_organization_waits_for_its_failing_event_and_others_go_on() {
    let world = local().await;
    let (client, receiver) = (world.client(), Receiver::start().await);
    let made = hook(&client, &receiver).await;
    let one = client.create(&cloud_customer("cust-1")).await;
    receiver.until(|seen| !seen.is_empty()).await;
    receiver.until_quiet(&client, &made).await;
    let slow = one["id"].as_str().unwrap().to_owned();
    receiver.answer(move |post| if post.organization() == slow { 500 } else { 204 });
    let before = receiver.seen().len();
    keep_busy(&client, &one, 2).await;
    let other = client.create(&cloud_customer("cust-2")).await;
    keep_busy(&client, &other, 1).await;
    let of = |posts: &[crate::harness::Post], org: &Value| {
        let all = posts.iter().filter(|post| post.organization() == org["id"].as_str().unwrap());
        all.map(crate::harness::Post::number).collect::<Vec<_>>()
    };
    let seen = receiver.until(|seen| of(seen, &other).len() >= 3).await;
    assert_eq!(of(&seen, &other)[..3], [1, 2, 3]);
    let held = of(&seen[before..], &one);
    assert!(held.iter().all(|number| *number == held[0]), "only the first was sent: {held:?}");

    receiver.answer(|_| 204);
    let seen = receiver.until(|seen| of(seen, &one).last() >= Some(&(held[0] + 3))).await;
    let mut order = of(&seen[before..], &one);
    order.dedup();
    assert_eq!(order, (held[0]..held[0] + 4).collect::<Vec<_>>());
    world.finish().await;
}

#[tokio::test]
async fn what_is_not_taken_for_a_day_is_given_up_and_the_next_goes() {
    let world = local().await;
    let (client, receiver) = (world.client(), Receiver::start().await);
    let made = hook(&client, &receiver).await;
    receiver.answer(|post| if post.number() == 1 { 307 } else { 204 });
    let org = client.create(&cloud_customer("cust-1")).await;
    keep_busy(&client, &org, 1).await;
    while deliveries(&client, &made).await.len() < 3 {}
    receiver.until(|seen| !seen.is_empty()).await;
    receiver.until_quiet(&client, &made).await;
    let first = deliveries(&client, &made).await[0].clone();
    assert_eq!((&first["state"], &first["last_status"]), (&json!("pending"), &json!(307)));
    assert!(first["last_error"].as_str().unwrap().contains("redirect"), "{first}");
    for hours in [12, 25] {
        world.app().tell_webhooks(Utc::now() + TimeDelta::hours(hours)).await.unwrap();
    }
    receiver.until(|seen| seen.iter().any(|post| post.number() == 3)).await;
    receiver.until_quiet(&client, &made).await;
    let all = deliveries(&client, &made).await;
    assert_eq!(all[0]["state"], "failed");
    assert!(!all[0]["finished_at"].is_null());
    assert!(all[1..].iter().all(|delivery| delivery["state"] == "delivered"), "{all:?}");
    world.finish().await;
}

#[tokio::test]
async fn nothing_but_failures_for_days_disables_it() {
    let world = local().await;
    let (client, receiver) = (world.client(), Receiver::start().await);
    let made = hook(&client, &receiver).await;
    receiver.answer(|_| 500);
    client.create(&cloud_customer("cust-1")).await;
    receiver.until(|seen| !seen.is_empty()).await;
    receiver.until_quiet(&client, &made).await;
    let failing = client.get(&path(&made, "")).await.expect(200);
    assert_eq!(failing["state"], "active");
    assert!(!failing["failing_since"].is_null());
    world.app().tell_webhooks(Utc::now() + TimeDelta::days(6)).await.unwrap();
    let disabled = client.get(&path(&made, "")).await.expect(200);
    assert_eq!(disabled["state"], "disabled");
    assert!(disabled["disabled_reason"].as_str().unwrap().contains("for days"), "{disabled}");
    world.finish().await;
}

#[tokio::test]
async fn a_webhook_that_was_answered_410_goes_on_from_that_event_when_it_is_active_again() {
    let world = local().await;
    let (client, receiver) = (world.client(), Receiver::start().await);
    let made = hook(&client, &receiver).await;
    receiver.answer(|_| 410);
    let org = client.create(&cloud_customer("cust-1")).await;
    receiver.until(|seen| !seen.is_empty()).await;
    receiver.until_quiet(&client, &made).await;
    let gone = client.get(&path(&made, "")).await.expect(200);
    assert_eq!(gone["state"], "disabled");
    assert!(gone["disabled_reason"].as_str().unwrap().contains("410"));
    client.post(&path(&made, "/test"), &json!({})).await.problem(409, "webhook_not_active");
    keep_busy(&client, &org, 1).await;
    receiver.answer(|_| 204);
    let back = client.patch(&path(&made, ""), &json!({"state": "active"})).await.expect(200);
    assert_eq!((&back["state"], &back["disabled_reason"]), (&json!("active"), &Value::Null));
    let seen = receiver.until(|seen| seen.iter().any(|post| post.number() == 2)).await;
    let of_first: Vec<_> =
        seen.iter().filter(|post| post.organization() == org["id"].as_str().unwrap()).collect();
    let numbers: Vec<i64> = of_first.iter().map(|post| post.number()).collect();
    assert_eq!(
        numbers[..3],
        [1, 1, 2],
        "the event that was answered 410 comes again, then the next"
    );
    assert_eq!(of_first[0].id(), of_first[1].id());
    receiver.until_quiet(&client, &made).await;
    let all = deliveries(&client, &made).await;
    assert!(all.iter().all(|delivery| delivery["state"] == "delivered"), "{all:?}");
    world.finish().await;
}

#[tokio::test]
async fn deliveries_that_wait_get_their_whole_time_again_when_it_is_active_again() {
    let world = local().await;
    let (client, receiver) = (world.client(), Receiver::start().await);
    let made = hook(&client, &receiver).await;
    receiver.answer(|_| 410);
    client.create(&cloud_customer("cust-1")).await;
    receiver.until(|seen| !seen.is_empty()).await;
    receiver.until_quiet(&client, &made).await;
    receiver.answer(|_| 500);
    client.patch(&path(&made, ""), &json!({"state": "active"})).await.expect(200);
    let before = receiver.seen().len();
    receiver.until(|seen| seen.len() > before).await;
    let first = deliveries(&client, &made).await[0].clone();
    assert_eq!(first["state"], "pending", "{first}");
    assert!(first["attempts"].as_i64() <= Some(1), "{first}");
    world.finish().await;
}

#[tokio::test]
async fn what_happens_while_it_is_paused_is_told_later_and_again_on_request() {
    let world = local().await;
    let (client, receiver) = (world.client(), Receiver::start().await);
    let made = hook(&client, &receiver).await;
    client.patch(&path(&made, ""), &json!({"state": "paused"})).await.expect(200);
    client.create(&cloud_customer("cust-1")).await;
    world.app().tell_webhooks(Utc::now()).await.unwrap();
    assert!(receiver.seen().is_empty());
    client.patch(&path(&made, ""), &json!({"state": "active"})).await.expect(200);
    let seen = receiver.until(|seen| !seen.is_empty()).await;
    receiver.until_quiet(&client, &made).await;
    let told = receiver.seen().len();
    let (first, id) = (seen[0].json()["data"]["sequence"].as_i64().unwrap(), seen[0].id());
    let replay = client.post(&path(&made, "/replay"), &json!({"after": first - 1})).await;
    replay.expect(202);
    let seen = receiver.until(|seen| seen.len() == 2 * told).await;
    assert_eq!(seen[told].id(), id, "an event keeps its id");
    client
        .post(&path(&made, "/replay"), &json!({"after": -1}))
        .await
        .problem(422, "validation_failed");
    client.delete(&path(&made, "")).await.expect(204);
    client.get(&path(&made, "")).await.problem(404, "not_found");
    world.finish().await;
}

#[tokio::test]
async fn a_repeated_request_makes_nothing_twice_and_shows_what_it_made() {
    let world = local().await;
    let (client, receiver) = (world.client(), Receiver::start().await);
    let body = json!({"url": receiver.url()});
    let made = client.post(HOOKS, &body).key("hook-1").await.expect(201);
    let again = client.post(HOOKS, &body).key("hook-1").await;
    assert_eq!(again.header("idempotent-replayed"), "true");
    let again = again.expect(200);
    assert_eq!((&again["id"], &again["secret"]), (&made["id"], &made["secret"]));
    let other = json!({"url": receiver.url(), "types": ["organization.locked"]});
    client.post(HOOKS, &other).key("hook-1").await.problem(422, "idempotency_key_reused");
    let rotate = || client.post(&path(&made, "/rotate-secret"), &json!({})).key("rotate-1");
    let rotated = rotate().await.expect(200);
    assert_ne!(rotated["secret"], made["secret"]);
    assert_eq!(rotate().await.expect(200)["secret"], rotated["secret"]);
    let test = || client.post(&path(&made, "/test"), &json!({})).key("test-1");
    assert_eq!(test().await.expect(202)["id"], test().await.expect(202)["id"]);
    let pause = json!({"state": "paused"});
    client.patch(&path(&made, ""), &pause).key("pause-1").await.expect(200);
    client.patch(&path(&made, ""), &json!({"state": "active"})).await.expect(200);
    let replay = client.patch(&path(&made, ""), &pause).key("pause-1").await;
    assert_eq!(replay.header("idempotent-replayed"), "true");
    assert_eq!(replay.expect(200)["state"], "active", "it answers what is, and does nothing");
    receiver.until(|seen| seen.len() == 1).await;
    assert_eq!(client.get(HOOKS).await.expect(200)["items"].as_array().unwrap().len(), 1);
    world.finish().await;
}

#[tokio::test]
async fn kinds_that_are_not_asked_for_are_not_told_nor_are_others_events() {
    let world = local().await;
    let (client, receiver) = (world.client(), Receiver::start().await);
    let body = json!({"url": receiver.url(), "types": ["organization.locked"]});
    let made = client.post(HOOKS, &body).await.expect(201);
    let shop = world.client_of("shop");
    let theirs = shop.create(&cloud_customer("cust-9")).await;
    keep_busy(&shop, &theirs, 1).await;
    let org = client.create(&cloud_customer("cust-1")).await;
    keep_busy(&client, &org, 1).await;
    let seen = receiver.until(|seen| !seen.is_empty()).await;
    receiver.until_quiet(&client, &made).await;
    assert_eq!(receiver.seen().len(), 1);
    assert_eq!(seen[0].json()["type"], "organization.locked");
    assert_eq!(seen[0].organization(), org["id"].as_str().unwrap());

    shop.get(&path(&made, "")).await.problem(404, "not_found");
    shop.get(&path(&made, "/deliveries")).await.problem(404, "not_found");
    shop.patch(&path(&made, ""), &json!({"state": "paused"})).await.problem(404, "not_found");
    shop.delete(&path(&made, "")).await.problem(404, "not_found");
    for action in ["/test", "/rotate-secret"] {
        shop.post(&path(&made, action), &json!({})).await.problem(404, "not_found");
    }
    shop.post(&path(&made, "/replay"), &json!({"after": 0})).await.problem(404, "not_found");
    assert_eq!(shop.get(HOOKS).await.expect(200)["items"], json!([]));
    let reader = world.client_with("crm", [Scope::EventsRead]);
    assert_eq!(reader.get(HOOKS).await.expect(200)["items"][0]["id"], made["id"]);
    reader.post(HOOKS, &body).await.problem(403, "forbidden");
    let writer = world.client_with("crm", [Scope::OrganizationsWrite]);
    writer.post(HOOKS, &body).await.problem(403, "forbidden");
    writer.get(HOOKS).await.problem(403, "forbidden");
    world.finish().await;
}

#[tokio::test]
async fn a_receiver_lies_on_the_public_internet() {
    let world = World::new().await;
    let client = world.client();
    for url in [
        "http://hooks.acme.test/",
        "https://localhost/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://169.254.169.254/latest/meta-data",
        "https://10.1.2.3/",
        "https://100.100.100.200/",
        "https://[fd00:ec2::254]/",
        "https://[::ffff:127.0.0.1]/",
        "https://0x7f000001/",
        "https://user:secret@hooks.acme.test/",
        "ftp://hooks.acme.test/",
        "hooks.acme.test",
        "https://hooks.acme.test:0/",
        "https://hooks.acme.test/\n",
        "https://hooks.ac\tme.test/in",
        "https://hooks.acme.test/in out",
        " https://hooks.acme.test/",
        "https:\\\\hooks.acme.test\\in",
    ] {
        let problem = client.post(HOOKS, &json!({"url": url})).await;
        let problem = problem.problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["pointer"], "/url", "{url}: {problem}");
        assert_eq!(problem["errors"].as_array().unwrap().len(), 1, "{url}: {problem}");
    }
    let made = client.post(HOOKS, &json!({"url": "https://hooks.acme.test/in"})).await.expect(201);
    let edit = json!({"url": "https://192.168.1.1/"});
    client.patch(&path(&made, ""), &edit).await.problem(422, "validation_failed");
    world.finish().await;
}

#[tokio::test]
async fn killed_in_the_middle_it_loses_nothing_and_keeps_the_order() {
    let world = World::with(Settings { gateways: 0, ..settings() }).await;
    let receiver = Receiver::start().await;
    let serve = || {
        let command = world.command("serve").env("GATEWAY_TELEMETRY__LOG_LEVEL", "info");
        command.env("GATEWAY_TELEMETRY__LOG_FORMAT", "json").start()
    };
    let (mut running, file) = serve();
    let mut files = vec![file];
    let client = Client::of(running.address().await, world.token("crm", all_scopes()));
    hook(&client, &receiver).await;
    let orgs = [
        client.create(&cloud_customer("cust-1")).await,
        client.create(&cloud_customer("cust-2")).await,
    ];
    tokio::join!(keep_busy(&client, &orgs[0], 6), keep_busy(&client, &orgs[1], 6));
    for at_least in [5, 12] {
        receiver.until(|seen| seen.len() >= at_least).await;
        running.signal(Signal::SIGKILL);
        running.ended().await;
        let (again, file) = serve();
        running = again;
        files.push(file);
        running.address().await;
    }
    let complete = |seen: &[crate::harness::Post]| {
        orgs.iter().all(|org| {
            let id = org["id"].as_str().unwrap();
            let of = seen.iter().filter(|post| post.organization() == id);
            of.map(crate::harness::Post::number).max() >= Some(13)
        })
    };
    let seen = receiver.until(complete).await;
    for org in &orgs {
        let id = org["id"].as_str().unwrap();
        let mut numbers: Vec<i64> = seen
            .iter()
            .filter(|post| post.organization() == id)
            .map(crate::harness::Post::number)
            .collect();
        numbers.dedup();
        let last = *numbers.last().unwrap();
        assert_eq!(
            numbers,
            (1..=last).collect::<Vec<_>>(),
            "each, in order, again at most at once"
        );
    }
    running.signal(Signal::SIGTERM);
    assert_eq!(running.ended().await.0, Some(0));
    world.finish().await;
}

fn all_scopes() -> partner_gateway::auth::ScopeSet {
    Scope::ALL.into_iter().collect()
}

#[tokio::test]
async fn a_tenant_has_fifty_webhooks_at_most_and_one_deleted_makes_room() {
    let world = local().await;
    let (client, receiver) = (world.client(), Receiver::start().await);
    let first = hook(&client, &receiver).await;
    for _ in 1..50 {
        hook(&client, &receiver).await;
    }
    let one_more = || client.post(HOOKS, &json!({"url": receiver.url()}));
    one_more().await.problem(409, "too_many_webhooks");
    hook(&world.client_of("shop"), &receiver).await;
    client.delete(&path(&first, "")).await.expect(204);
    one_more().await.expect(201);
    one_more().await.problem(409, "too_many_webhooks");
    world.finish().await;
}

#[tokio::test]
async fn a_type_of_event_that_does_not_exist_is_refused_with_the_nearest() {
    let world = World::new().await;
    let client = world.client();
    let body = |types: &[&str]| json!({"url": "https://hooks.acme.test/in", "types": types});
    let wrong = client.post(HOOKS, &body(&["organization.created", "organization.lockd"])).await;
    let wrong = wrong.problem(422, "validation_failed");
    assert_eq!(wrong["errors"][0]["pointer"], "/types/1");
    let message = wrong["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("`organization.locked`"), "{message}");
    assert_eq!(client.get(HOOKS).await.expect(200)["items"], json!([]));
    let made = client.post(HOOKS, &body(&["organization.locked"])).await.expect(201);
    let edit = json!({"types": ["organisation.created"]});
    client.patch(&path(&made, ""), &edit).await.problem(422, "validation_failed");
    let filter = client.get("/v1/events?type=organization.lockd").await;
    let message = filter.problem(422, "validation_failed")["errors"][0]["message"].to_string();
    assert!(message.contains("`organization.locked`"), "{message}");
    world.finish().await;
}

/// The events about webhooks that the client may see, each as its type, actor, request id, before and after.
async fn changes(world: &World, client: &Client) -> Vec<Value> {
    // The gateway gives them their numbers.
    while world.app().store().unsealed_events().await.unwrap() > 0 {
        tokio::task::yield_now().await;
    }
    let page = client.get("/v1/events?limit=200").await.expect(200);
    let of_webhooks = |event: &&Value| event["type"].as_str().unwrap().starts_with("webhook.");
    page["items"].as_array().unwrap().iter().filter(of_webhooks).cloned().collect()
}

#[tokio::test]
async fn each_change_of_a_webhook_is_an_event_with_its_actor_and_request() {
    let world = local().await;
    let (client, receiver) = (world.client(), Receiver::start().await);
    let body =
        json!({"url": format!("{}/hidden?token=hidden", receiver.url()), "description": "hidden"});
    let made = client.post(HOOKS, &body).header("x-request-id", "r-create").await.expect(201);
    let change = |edit: Value| client.patch(&path(&made, ""), &edit);
    change(json!({"state": "paused"})).header("x-request-id", "r-pause").await.expect(200);
    change(json!({"state": "paused"})).header("x-request-id", "r-same").await.expect(200);
    change(json!({"state": "active"})).header("x-request-id", "r-active").await.expect(200);
    let moved = json!({"url": format!("{}/elsewhere?hidden", receiver.url())});
    change(moved).header("x-request-id", "r-move").await.expect(200);
    for (action, body, status) in [
        ("/test", json!({}), 202),
        ("/rotate-secret", json!({}), 200),
        ("/replay", json!({"after": 0}), 202),
    ] {
        let id = format!("r{}", action.replace('/', "-"));
        client.post(&path(&made, action), &body).header("x-request-id", &id).await.expect(status);
    }
    let admin = world.admin();
    admin.delete(&path(&made, "")).header("x-request-id", "r-delete").await.expect(204);

    let seen = changes(&world, &client).await;
    let told: Vec<_> = seen
        .iter()
        .map(|event| (event["type"].as_str().unwrap(), event["request_id"].as_str().unwrap()))
        .collect();
    assert_eq!(
        told,
        [
            ("webhook.created", "r-create"),
            ("webhook.updated", "r-pause"),
            ("webhook.updated", "r-active"),
            ("webhook.updated", "r-move"),
            ("webhook.tested", "r-test"),
            ("webhook.secret_rotated", "r-rotate-secret"),
            ("webhook.replayed", "r-replay"),
            ("webhook.deleted", "r-delete"),
        ]
    );
    for event in &seen {
        assert_eq!(event["after"]["webhook_id"], made["id"], "{event}");
        assert_eq!(
            (&event["organization_id"], &event["organization_sequence"]),
            (&Value::Null, &Value::Null)
        );
        assert!(
            !event.to_string().contains("hidden") && !event.to_string().contains("whsec"),
            "{event}"
        );
    }
    assert_eq!(seen[0]["actor"], "crm-service");
    assert_ne!(seen[7]["actor"], "crm-service", "the admin deleted it");
    assert_eq!(seen[1]["before"]["state"], "active");
    assert_eq!(seen[1]["after"]["state"], "paused");
    assert!(seen[3]["after"]["url"].as_str().unwrap().ends_with("/***"), "{}", seen[3]);
    assert!(changes(&world, &world.client_of("shop")).await.is_empty());
    let audit = world.command("audit verify").run().await;
    assert!(audit.stdout.contains("faults: 0"), "{} {}", audit.stdout, audit.stderr);
    world.finish().await;
}

#[tokio::test]
async fn events_about_webhooks_are_sent_where_they_are_named() {
    let world = local().await;
    let (client, all, named) = (world.client(), Receiver::start().await, Receiver::start().await);
    let everything = hook(&client, &all).await;
    let body = json!({"url": named.url(), "types": ["webhook.updated", "webhook.disabled"]});
    let watching = client.post(HOOKS, &body).await.expect(201);
    all.answer(|_| 410);
    let org = client.create(&cloud_customer("cust-1")).await;
    let seen = named.until(|seen| !seen.is_empty()).await;
    let disabled = seen[0].json();
    assert_eq!(disabled["type"], "webhook.disabled");
    assert_eq!(disabled["data"]["actor"], "gateway:webhooks");
    assert_eq!(disabled["data"]["organization_id"], Value::Null);
    assert_eq!(disabled["data"]["after"]["webhook_id"], everything["id"]);
    all.answer(|_| 204);
    keep_busy(&client, &org, 1).await;
    client.patch(&path(&everything, ""), &json!({"state": "active"})).await.expect(200);
    named.until(|seen| seen.len() >= 2).await;
    all.until(|seen| seen.iter().any(|post| post.number() == 2)).await;
    all.until_quiet(&client, &everything).await;
    named.until_quiet(&client, &watching).await;
    assert!(all.seen().iter().all(|post| !post.organization().is_empty()), "no event without one");
    assert_eq!(named.seen().len(), 2);
    world.finish().await;
}

#[tokio::test]
async fn who_changes_a_webhook_is_in_the_log_without_its_url_and_secret() {
    let world = World::with(Settings { gateways: 0, ..settings() }).await;
    let command = world.command("serve").env("GATEWAY_TELEMETRY__LOG_LEVEL", "info");
    let (mut running, _file) = command.env("GATEWAY_TELEMETRY__LOG_FORMAT", "json").start();
    let client = Client::of(running.address().await, world.token("crm", all_scopes()));
    let body = json!({"url": "https://hooks.acme.test/hidden-path?hidden-query"});
    let made = client.post(HOOKS, &body).header("x-request-id", "r-log").await.expect(201);
    client.delete(&path(&made, "")).await.expect(204);
    running.signal(Signal::SIGTERM);
    let (_, log) = running.ended().await;
    let lines: Vec<&String> =
        log.iter().filter(|line| line.contains("changed a webhook")).collect();
    assert_eq!(lines.len(), 2, "{log:?}");
    for (line, action) in lines.iter().zip(["create", "delete"]) {
        assert!(line.contains(made["id"].as_str().unwrap()), "{line}");
        assert!(line.contains("crm-service") && line.contains(action), "{line}");
    }
    assert!(lines[0].contains("r-log"), "{}", lines[0]);
    let is_secret = |line: &String| line.contains("hidden") || line.contains("whsec_");
    assert!(!log.iter().any(is_secret), "{log:?}");
    world.finish().await;
}
