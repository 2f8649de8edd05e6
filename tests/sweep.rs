//! Sweeps: what a provider lists is held against the mapping. What agrees is observed, the state is taken over,
//! and what does not agree is written down for a person and corrected by nobody else.

use std::{sync::Arc, time::Duration};

use partner_gateway::workers::sweep::Sweep;
use sandbox::{Answer, ConsoleEdit, Fault, FaultRule, Operation, Provider};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::harness::{Client, Settings, World, cloud_customer, commitments_customer};

const DISCREPANCIES: &str = "/v1/discrepancies";

/// Everything is judged at once.
fn at_once() -> Settings {
    Settings { settle_window: "0s", ..Settings::default() }
}

fn path(org: &Value) -> String {
    format!("/v1/organizations/{}", org["id"].as_str().unwrap())
}

fn provider_id(org: &Value) -> Uuid {
    org["provider_org_id"].as_str().unwrap().parse().unwrap()
}

/// Sweeps an account, and answers the pass as it ended.
async fn swept(world: &World, name: &str) -> Value {
    let path = format!("/v1/providers/{name}/sweep");
    let ended = world.admin().post(&path, &json!({})).wait(60).await.expect(202);
    assert_ne!(ended["state"], "running", "{ended}");
    ended
}

async fn found(client: &Client, query: &str) -> Vec<Value> {
    let page = client.get(&format!("{DISCREPANCIES}?{query}")).await.expect(200);
    page["items"].as_array().unwrap().clone()
}

async fn only(client: &Client, query: &str) -> Value {
    let all = found(client, query).await;
    let [one] = &all[..] else { panic!("not exactly one: {all:?}") };
    one.clone()
}

async fn resolve(client: &Client, found: &Value, body: &Value) -> crate::harness::Reply {
    let id = found["id"].as_str().unwrap();
    client.post(&format!("{DISCREPANCIES}/{id}/resolve"), body).await
}

fn counts(sweep: &Value) -> [i64; 4] {
    ["listed", "unmapped", "missing", "drifted"].map(|name| sweep[name].as_i64().unwrap())
}

#[tokio::test]
async fn what_agrees_is_observed_and_nothing_else_changes() {
    let world = World::with(at_once()).await;
    let client = world.client();
    let org = client.create(&cloud_customer("c-1")).await;
    // A locked_at that moved, and a phone number that the list shows as an empty text, are no drift.
    client.post(&format!("{}/lock", path(&org)), &json!({})).await.expect(200);
    let before = client.get(&path(&org)).await.expect(200);
    world.providers().lock_by_provider(provider_id(&org), "validate_email").unwrap();

    assert_eq!(counts(&swept(&world, "scaleway").await), [1, 0, 0, 0]);
    let after = client.get(&path(&org)).await.expect(200);
    assert_eq!(after["version"], before["version"], "a mere look is no new version");
    assert!(after["observed_at"].as_str() > before["observed_at"].as_str());
    assert_eq!(found(&client, "").await, Vec::<Value>::new());
    world.finish().await;
}

#[tokio::test]
async fn every_field_that_is_changed_there_drifts_and_no_other() {
    let world = World::with(at_once()).await;
    let client = world.client();
    let text = |text: &str| Some(text.to_owned());
    let edits = [
        ("name", ConsoleEdit { name: text("Renamed"), ..ConsoleEdit::default() }),
        ("owner.email", ConsoleEdit { email: text("new@acme.test"), ..ConsoleEdit::default() }),
        (
            "owner.first_name",
            ConsoleEdit { owner_firstname: text("Grace"), ..ConsoleEdit::default() },
        ),
        (
            "owner.last_name",
            ConsoleEdit { owner_lastname: text("Hopper"), ..ConsoleEdit::default() },
        ),
        (
            "owner.phone_number",
            ConsoleEdit { phone_number: text("+33 1"), ..ConsoleEdit::default() },
        ),
        ("customer_id", ConsoleEdit { customer_id: text("other"), ..ConsoleEdit::default() }),
        ("comment", ConsoleEdit { comment: text("by hand"), ..ConsoleEdit::default() }),
    ];
    for (number, (field, edit)) in edits.into_iter().enumerate() {
        let customer_id = format!("c-{number}");
        let org = client.create(&cloud_customer(&customer_id)).await;
        world.providers().edit(provider_id(&org), edit).unwrap();
        let sweep = swept(&world, "scaleway").await;
        assert_eq!(sweep["drifted"], number + 1, "{field}");
        let id = org["id"].as_str().unwrap();
        let drift = only(&client, &format!("kind=drifted&organization_id={id}")).await;
        let [differs] = drift["fields"].as_array().unwrap().as_slice() else { panic!("{drift}") };
        assert_eq!(differs["field"], field);
        assert_ne!(differs["ours"], differs["theirs"]);
        let now = client.get(&path(&org)).await.expect(200);
        assert_eq!(now["version"], org["version"], "nothing of it is taken over: {field}");
    }
    // Blanks and the case of an address are nothing.
    let org = client.create(&cloud_customer("c-same")).await;
    let same = ConsoleEdit {
        name: text(" Acme SAS "),
        email: text("C-Same@ACME.test"),
        ..ConsoleEdit::default()
    };
    world.providers().edit(provider_id(&org), same).unwrap();
    assert_eq!(counts(&swept(&world, "scaleway").await), [8, 0, 0, 7]);
    assert_eq!(found(&world.client_of("shop"), "").await, Vec::<Value>::new(), "another tenant's");
    world.finish().await;
}

#[tokio::test]
async fn the_state_is_taken_over_with_an_event_and_usable_once_over_two_replicas() {
    let world = World::with(Settings { gateways: 2, ..at_once() }).await;
    let client = world.client();
    let org = client.create(&cloud_customer("c-1")).await;
    world.providers().validate_email(provider_id(&org)).unwrap();
    for _ in 0..2 {
        let (one, other) = tokio::join!(swept(&world, "scaleway"), swept(&world, "scaleway"));
        assert_eq!((&one["error"], &other["error"]), (&Value::Null, &Value::Null));
    }
    let now = client.get(&path(&org)).await.expect(200);
    assert_eq!((&now["status"], &now["usable"]), (&json!("active"), &json!(true)));
    let dump = world.dump().await;
    for event in ["organization.usable", "organization.observed"] {
        let is_told =
            |row: &&str| row.contains(&format!(",{event},")) && row.contains(",gateway:sweep,");
        assert_eq!(dump.lines().filter(is_told).count(), 1, "{event} is told once");
    }

    world.providers().lock_by_provider(provider_id(&org), "abuse").unwrap();
    swept(&world, "scaleway").await;
    let now = client.get(&path(&org)).await.expect(200);
    assert_eq!((&now["usable"], &now["locks"][0]["reason"]), (&json!(false), &json!("abuse")));
    world.providers().unlock_by_provider(provider_id(&org)).unwrap();
    swept(&world, "scaleway").await;
    assert_eq!(client.get(&path(&org)).await.expect(200)["usable"], true);
    world.providers().close(provider_id(&org)).unwrap();
    swept(&world, "scaleway").await;
    assert_eq!(client.get(&path(&org)).await.expect(200)["status"], "closed");
    let dump = world.dump().await;
    let is_told =
        |row: &&str| row.contains(",organization.usable,") && row.contains(",gateway:sweep,");
    assert_eq!(dump.lines().filter(is_told).count(), 2, "once an edge");
    world.finish().await;
}

#[tokio::test]
async fn what_is_there_and_not_mapped_is_the_admins_to_adopt() {
    let world = World::with(at_once()).await;
    let (client, admin) = (world.client(), world.admin());
    let ids = world.providers().seed(Provider::Scaleway, 2).unwrap();
    assert_eq!(counts(&swept(&world, "scaleway").await), [2, 2, 0, 0]);
    assert_eq!(found(&client, "").await, Vec::<Value>::new(), "it is no tenant's");
    let all = found(&admin, "kind=unmapped&state=open&provider=scaleway").await;
    let seen: Vec<_> = all.iter().map(|one| one["provider_org_id"].as_str().unwrap()).collect();
    assert!(ids.iter().all(|id| seen.contains(&id.to_string().as_str())), "{seen:?}");
    let shown = all[0]["fields"].as_array().unwrap();
    assert!(shown.iter().any(|field| field["field"] == "customer_id"), "{shown:?}");

    let id = all[0]["id"].as_str().unwrap();
    client.get(&format!("{DISCREPANCIES}/{id}")).await.problem(404, "not_found");
    resolve(&client, &all[0], &json!({"action": "dismiss"})).await.problem(404, "not_found");
    let wrong = resolve(&admin, &all[0], &json!({"action": "accept"})).await;
    wrong.problem(422, "wrong_action");
    let faults = resolve(&admin, &all[0], &json!({"action": "adopt"})).await;
    let faults = faults.problem(422, "validation_failed");
    assert_eq!(crate::harness::Reply::pointers(&faults), ["/customer_id"]);
    let unassigned = json!({"action": "adopt", "customer_id": "cust-9"});
    let faults = resolve(&admin, &all[0], &unassigned).await.problem(422, "validation_failed");
    assert_eq!(crate::harness::Reply::pointers(&faults), ["/tenant"]);

    let adopt = json!({"action": "adopt", "tenant": "crm", "customer_id": "cust-9"});
    let adopted = resolve(&admin, &all[0], &adopt).await.expect(200);
    assert_eq!(
        (&adopted["state"], &adopted["resolution"]),
        (&json!("resolved"), &json!("adopted"))
    );
    let page = client.get("/v1/organizations?customer_id=cust-9").await.expect(200);
    assert_eq!(page["items"][0]["provider_org_id"], all[0]["provider_org_id"]);
    resolve(&admin, &all[0], &adopt).await.problem(409, "discrepancy_not_open");
    // Their customer is mapped now under another id: that is drift, and not what is unmapped.
    assert_eq!(counts(&swept(&world, "scaleway").await), [2, 1, 0, 1]);

    let reason = json!({"action": "dismiss", "reason": "the partner's own"});
    let dismissed = resolve(&admin, &all[1], &reason).await.expect(200);
    assert_eq!(dismissed["state"], "dismissed");
    assert_eq!(swept(&world, "scaleway").await["unmapped"], 0, "it stays dismissed");
    let renamed = ConsoleEdit { name: Some("Other".to_owned()), ..ConsoleEdit::default() };
    let there = all[1]["provider_org_id"].as_str().unwrap().parse().unwrap();
    world.providers().edit(there, renamed).unwrap();
    assert_eq!(swept(&world, "scaleway").await["unmapped"], 1, "until its values change");
    let again = only(&admin, "kind=unmapped&state=open").await;
    assert_eq!(again["id"], all[1]["id"], "and it is the same");
    world.finish().await;
}

#[tokio::test]
async fn what_an_open_create_may_have_made_is_not_unmapped() {
    let world = World::with(Settings { archera_lists: true, ..at_once() }).await;
    let (client, admin) = (world.client(), world.admin());
    let lost = FaultRule::next(Operation::RegisterOrg, Fault::after(Answer::Reset));
    world.providers().inject(lost).unwrap();
    let create = client.post("/v1/organizations", &commitments_customer("c-1"));
    let open = create.wait(1).await.expect(202);
    for _ in 0..2 {
        assert_eq!(counts(&swept(&world, "archera").await), [1, 0, 0, 0]);
    }
    let given_up = json!({"outcome": "abandoned", "reason": "nobody knows"});
    let path = format!("/v1/operations/{}/resolve", open["id"].as_str().unwrap());
    client.post(&path, &given_up).await.expect(200);
    for unmapped in [0, 1] {
        assert_eq!(swept(&world, "archera").await["unmapped"], unmapped);
    }
    assert_eq!(found(&admin, "kind=unmapped").await.len(), 1);
    world.finish().await;
}

#[tokio::test]
async fn what_is_younger_than_the_settle_window_is_not_judged() {
    let world = World::with(Settings { settle_window: "60s", ..Settings::default() }).await;
    let client = world.client();
    let org = client.create(&cloud_customer("c-1")).await;
    world.providers().remove(provider_id(&org)).unwrap();
    let other = client.create(&cloud_customer("c-2")).await;
    let edit = ConsoleEdit { name: Some("By Hand".to_owned()), ..ConsoleEdit::default() };
    world.providers().edit(provider_id(&other), edit).unwrap();
    world.providers().seed(Provider::Scaleway, 1).unwrap();
    assert_eq!(counts(&swept(&world, "scaleway").await), [2, 0, 0, 0]);
    assert_eq!(found(&world.admin(), "").await, Vec::<Value>::new());
    world.finish().await;
}

#[tokio::test]
async fn a_state_that_differs_soon_after_a_write_is_read_by_its_id_and_taken_over() {
    let world = World::with(Settings { settle_window: "60s", ..Settings::default() }).await;
    let client = world.client();
    let org = client.create(&cloud_customer("c-1")).await;
    world.providers().validate_email(provider_id(&org)).unwrap();
    let before = world.providers().tally(Operation::GetOrganization).received;
    assert_eq!(counts(&swept(&world, "scaleway").await), [1, 0, 0, 0], "it is listed once");
    let now = client.get(&path(&org)).await.expect(200);
    assert_eq!((&now["usable"], &now["certainty"]), (&json!(true), &json!("observed")));
    assert_eq!(world.providers().tally(Operation::GetOrganization).received, before + 1);
    world.finish().await;
}

#[tokio::test]
async fn a_list_without_times_or_reads_needs_two_passes() {
    let settings = Settings { archera_lists: true, ..at_once() };
    let world = World::with(settings).await;
    let (client, admin) = (world.client(), world.admin());
    let org = client.create(&commitments_customer("c-1")).await;
    world.providers().seed(Provider::Archera, 1).unwrap();
    world.providers().remove(provider_id(&org)).unwrap();
    let first = swept(&world, "archera").await;
    assert_eq!(counts(&first), [1, 0, 0, 0], "once proves nothing");
    assert_eq!(found(&admin, "").await, Vec::<Value>::new());
    assert_eq!(counts(&swept(&world, "archera").await), [1, 1, 1, 0]);
    let missing = only(&client, "kind=missing").await;
    assert_eq!(missing["organization_id"], org["id"]);
    world.finish().await;
}

#[tokio::test]
async fn an_account_without_a_list_cannot_be_discovered() {
    let world = World::new().await;
    let admin = world.admin();
    let refused = admin.post("/v1/providers/archera/sweep", &json!({})).await;
    refused.problem(422, "unsupported_by_provider");
    let account = admin.get("/v1/providers/archera").await.expect(200);
    assert_eq!(account["sweep"]["state"], "cannot_be_discovered");
    assert_eq!(account["sweep"]["unmapped"], Value::Null, "never zero");
    let account = admin.get("/v1/providers/scaleway").await.expect(200);
    assert_eq!(
        (&account["sweep"]["state"], &account["sweep"]["listed"]),
        (&json!("never"), &Value::Null)
    );
    let refused = world.client().post("/v1/providers/scaleway/sweep", &json!({})).await;
    refused.problem(403, "forbidden");
    admin.post("/v1/providers/nowhere/sweep", &json!({})).await.problem(404, "not_found");
    world.finish().await;
}

#[tokio::test]
async fn what_is_gone_is_missing_until_it_is_there_again() {
    let world = World::with(at_once()).await;
    let client = world.client();
    let (org, other) =
        (client.create(&cloud_customer("c-1")).await, client.create(&cloud_customer("c-2")).await);
    // The list skips one that is there: it is asked for by its id.
    let skipped = provider_id(&other);
    world.providers().remove(provider_id(&org)).unwrap();
    assert_eq!(counts(&swept(&world, "scaleway").await), [1, 0, 1, 0]);
    let missing = only(&client, "kind=missing").await;
    assert_eq!((&missing["organization_id"], &missing["fields"]), (&org["id"], &json!([])));
    assert!(world.providers().scaleway_organization(skipped).is_some());
    let wrong = resolve(&client, &missing, &json!({"action": "reapply"})).await;
    wrong.problem(422, "wrong_action");

    swept(&world, "scaleway").await;
    let again = only(&client, "kind=missing").await;
    assert_eq!(
        (&again["id"], &again["first_seen_at"]),
        (&missing["id"], &missing["first_seen_at"])
    );
    assert!(again["last_seen_at"].as_str() > missing["last_seen_at"].as_str());
    let accepted = resolve(&client, &missing, &json!({"action": "accept"})).await.expect(200);
    assert_eq!(accepted["resolution"], "accepted");
    let closed = client.get(&path(&org)).await.expect(200);
    assert_eq!((&closed["status"], &closed["usable"]), (&json!("closed"), &json!(false)));
    world.finish().await;
}

#[tokio::test]
async fn a_pass_that_breaks_off_proves_no_absence() {
    let world = World::with(at_once()).await;
    let client = world.client();
    let org = client.create(&cloud_customer("c-1")).await;
    world.providers().remove(provider_id(&org)).unwrap();
    let status = |status| Fault::before(Answer::Status { status, body: None });
    let refused = FaultRule::next(Operation::ListOrganizations, status(403));
    world.providers().inject(refused).unwrap();
    let failed = swept(&world, "scaleway").await;
    assert_eq!(failed["state"], "failed");
    assert!(failed["error"].as_str().unwrap().contains("403"), "{failed}");
    assert_eq!(found(&client, "").await, Vec::<Value>::new());

    // One refusal for its pace, and one failure, are waited out.
    let limited = Answer::TooManyRequests { retry_after_seconds: Some(1) };
    let limited = FaultRule::next(Operation::ListOrganizations, Fault::before(limited));
    world.providers().inject(limited).unwrap();
    world.providers().inject(FaultRule::next(Operation::GetOrganization, status(503))).unwrap();
    let sweep = swept(&world, "scaleway").await;
    assert_eq!((&sweep["state"], &sweep["missing"]), (&json!("succeeded"), &json!(1)));
    world.finish().await;
}

/// Organizations of which the provider has another name and another customer id; the last one's is taken.
async fn three_drifts(world: &World, client: &Client) -> Vec<Value> {
    let mut drifts = Vec::new();
    for (number, name) in ["accept", "reapply", "taken"].into_iter().enumerate() {
        let org = client.create(&cloud_customer(&format!("c-{number}"))).await;
        let customer_id = if name == "taken" { "c-0".to_owned() } else { format!("{name}-there") };
        let edit = ConsoleEdit {
            name: Some("By Hand".to_owned()),
            customer_id: Some(customer_id),
            ..ConsoleEdit::default()
        };
        world.providers().edit(provider_id(&org), edit).unwrap();
        drifts.push(org);
    }
    drifts
}

#[tokio::test]
async fn a_drift_is_accepted_reapplied_or_dismissed() {
    let world = World::with(at_once()).await;
    let client = world.client();
    let drifts = three_drifts(&world, &client).await;
    assert_eq!(swept(&world, "scaleway").await["drifted"], 3);
    let of = async |org: &Value| {
        only(&client, &format!("organization_id={}", org["id"].as_str().unwrap())).await
    };

    let taken = of(&drifts[2]).await;
    let refused = resolve(&client, &taken, &json!({"action": "accept"})).await;
    refused.problem(409, "customer_already_mapped");

    let accept = of(&drifts[0]).await;
    let stale = client.patch(&path(&drifts[0]), &json!({"labels": {"a": "b"}})).await.expect(200);
    let refused = resolve(&client, &accept, &json!({"action": "accept"})).await;
    refused.problem(409, "discrepancy_stale");
    swept(&world, "scaleway").await;
    let id = accept["id"].as_str().unwrap();
    let with_tag = |tag: &str| {
        let body = json!({"action": "accept", "reason": "renamed"});
        let call = client.post(&format!("{DISCREPANCIES}/{id}/resolve"), &body);
        call.header("If-Match", tag).key("accept")
    };
    with_tag("\"1\"").await.problem(412, "precondition_failed");
    let accepted = with_tag(&format!("\"{}\"", stale["version"])).await.expect(200);
    assert_eq!((&accepted["state"], &accepted["reason"]), (&json!("resolved"), &json!("renamed")));
    let replay = with_tag(&format!("\"{}\"", stale["version"])).await;
    assert_eq!(replay.header("idempotent-replayed"), "true");
    let org = client.get(&path(&drifts[0])).await.expect(200);
    assert_eq!((&org["name"], &org["customer_id"]), (&json!("By Hand"), &json!("accept-there")));

    let reapply = of(&drifts[1]).await;
    let sent = resolve(&client, &reapply, &json!({"action": "reapply"})).await.expect(200);
    assert_eq!(sent["resolution"], "reapplied");
    let operation = client.settled(sent["operation_id"].as_str().unwrap()).await;
    assert_eq!(operation["state"], "succeeded");
    let there = world.providers().scaleway_organization(provider_id(&drifts[1])).unwrap();
    assert_eq!((there.name.as_str(), there.customer_id.as_str()), ("Acme SAS", "c-1"));

    let dismissed = resolve(&client, &taken, &json!({"action": "dismiss"})).await.expect(200);
    assert_eq!(dismissed["state"], "dismissed");
    assert_eq!(swept(&world, "scaleway").await["drifted"], 0);
    let back = ConsoleEdit {
        name: Some("Acme SAS".to_owned()),
        customer_id: Some("c-2".to_owned()),
        ..ConsoleEdit::default()
    };
    world.providers().edit(provider_id(&drifts[2]), back).unwrap();
    swept(&world, "scaleway").await;
    assert_eq!(of(&drifts[2]).await["resolution"], "gone", "it holds no more");
    let dump = world.dump().await;
    for event in ["discrepancy.opened", "discrepancy.accepted", "discrepancy.dismissed"] {
        assert!(dump.contains(event), "{event}");
    }
    world.finish().await;
}

#[tokio::test]
async fn a_write_that_is_open_is_not_overtaken() {
    let world = World::with(at_once()).await;
    let client = world.client();
    let org = client.create(&cloud_customer("c-1")).await;
    let edit = ConsoleEdit { name: Some("By Hand".to_owned()), ..ConsoleEdit::default() };
    world.providers().edit(provider_id(&org), edit).unwrap();
    let slow = FaultRule::next(Operation::LockOrganization, Fault::Latency { millis: 900 });
    world.providers().inject(slow).unwrap();
    let lock = format!("{}/lock", path(&org));
    let open = client.post(&lock, &json!({})).respond_async().await.expect(202);
    world.providers().until_received(Operation::LockOrganization, 1).await;
    assert_eq!(swept(&world, "scaleway").await["drifted"], 0, "it is left for the next pass");
    client.settled(open["id"].as_str().unwrap()).await;
    assert_eq!(client.get(&path(&org)).await.expect(200)["locks"][1]["origin"], "partner");
    world.finish().await;
}

#[tokio::test]
async fn two_replicas_never_sweep_one_account_at_once() {
    // On a busy machine a page may take longer than the usual lease: then another has it, and rightly.
    let settings = Settings { gateways: 2, provider_timeout: "20s", ..at_once() };
    let world = World::with(settings.with("GATEWAY_OPERATIONS__LEASE", "60s")).await;
    world.providers().seed(Provider::Scaleway, 250).unwrap();
    let (admin, providers) = (world.admin(), world.providers());
    let slow = FaultRule::next(Operation::ListOrganizations, Fault::Latency { millis: 700 });
    providers.inject(slow).unwrap();
    let ask = |gateway| world.at(gateway, &admin).post("/v1/providers/scaleway/sweep", &json!({}));
    let first = ask(0).key("now").await.expect(202);
    providers.until_received(Operation::ListOrganizations, 1).await;
    // A replica that looks for work finds none.
    let worker = Sweep::new(Arc::clone(world.app()), Duration::from_secs(1));
    assert!(!worker.step("scaleway", &CancellationToken::new()).await.unwrap());
    let second = ask(1).wait(60).await.expect(202);
    assert_eq!((&second["id"], &second["state"]), (&first["id"], &json!("succeeded")));
    assert_eq!(providers.tally(Operation::ListOrganizations).received, 3, "each page once");
    let replay = ask(0).key("now").await;
    assert_eq!(replay.header("idempotent-replayed"), "true");
    assert_eq!((&replay.json["id"], &replay.json["listed"]), (&first["id"], &json!(250)));
    world.finish().await;
}

#[tokio::test]
async fn a_pass_begins_by_itself_once_over_all_replicas() {
    let mut world = World::with(Settings { gateways: 0, ..at_once() }).await;
    world.reconfigure(|config| {
        for provider in &mut config.providers {
            provider.sweep_every = Duration::from_millis(700);
        }
    });
    world.add_gateway().await;
    world.add_gateway().await;
    let providers = world.providers();
    providers.until_received(Operation::ListOrganizations, 3).await;
    let requests = providers.requests_of(Operation::ListOrganizations);
    let between = requests.windows(2).map(|pair| pair[1].received_at - pair[0].received_at);
    for pause in between {
        assert!(pause.num_milliseconds() >= 600, "{pause}: both replicas count together");
    }
    world.finish().await;
}
