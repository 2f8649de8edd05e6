//! Bringing an existing partner account in, by the real program.

use std::{collections::BTreeMap, path::PathBuf};

use nix::sys::signal::Signal;
use sandbox::{Answer, ConsoleEdit, Fault, FaultRule, Operation, Provider};
use serde_json::json;
use tempfile::TempDir;
use uuid::Uuid;

use crate::harness::{Ended, Settings, World, cloud_customer};

/// How many were counted under a word of the table that is printed at the end.
#[track_caller]
fn sum(ended: &Ended, word: &str) -> u64 {
    let lines = ended.stdout.lines();
    let found = lines.filter_map(|line| line.split_once(' ')).find(|(first, _)| *first == word);
    let number = found.and_then(|(_, rest)| rest.split_whitespace().next());
    let told = || format!("no {word} in: {}{}", ended.stdout, ended.stderr);
    number.unwrap_or_else(|| panic!("{}", told())).parse().unwrap()
}

/// The report's rows, each as its fields.
fn report(path: &std::path::Path) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

async fn mapped(world: &World) -> u64 {
    let page = world.admin().get("/v1/organizations?limit=1&include_total=true").await.expect(200);
    page["total_count"].as_u64().unwrap()
}

fn file(folder: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[tokio::test]
async fn a_dry_run_changes_nothing_applying_adopts_and_doing_it_again_adopts_nothing() {
    let world = World::new().await;
    let ids = world.providers().seed(Provider::Scaleway, 230).unwrap();
    world.providers().lock_by_provider(ids[7], "validate_email").unwrap();
    let before = world.dump().await;
    let dry = world.command("import --provider scaleway --tenant crm").run().await;
    assert_eq!(dry.code, Some(0), "{}{}", dry.stdout, dry.stderr);
    assert!(dry.stdout.contains("dry run, nothing is changed"), "{}", dry.stdout);
    assert_eq!((sum(&dry, "listed"), sum(&dry, "would_adopt")), (230, 230));
    assert_eq!(world.dump().await, before);

    let applied = world.command("import --provider scaleway --tenant crm --apply").run().await;
    assert_eq!(applied.code, Some(0), "{}{}", applied.stdout, applied.stderr);
    assert_eq!(sum(&applied, "adopted"), 230);
    assert_eq!(mapped(&world).await, 230);
    let client = world.client();
    let path = format!("/v1/organizations?provider_org_id={}", ids[7]);
    let org = client.get(&path).await.expect(200)["items"][0].clone();
    assert_eq!((&org["customer_id"], &org["name"]), (&json!("seed-7"), &json!("Seed 7")));
    assert_eq!((&org["certainty"], &org["usable"]), (&json!("observed"), &json!(false)));
    assert_eq!(org["locks"][0]["reason"], "validate_email");
    assert_eq!(org["owner"]["email"], "seed-7@seed.test");
    let dump = world.dump().await;
    let events = dump.lines().filter(|line| line.contains("organization.adopted"));
    assert_eq!(events.filter(|line| line.contains(",gateway:import,import-")).count(), 230);

    let again = world.command("import --provider scaleway --apply").run().await;
    assert!(again.stdout.contains("tenant: crm (the only one"), "{}", again.stdout);
    assert_eq!((sum(&again, "adopted"), sum(&again, "already")), (0, 230));
    assert_eq!(world.dump().await, dump);
    let requests = world.providers().requests();
    let listed = requests.iter().filter(|r| r.operation == Some(Operation::ListOrganizations));
    assert_eq!((requests.len(), listed.count()), (18, 18), "three times two listings, and no more");
    world.finish().await;
}

/// Ids that no provider has.
const SHORT: &str = "0f8f2a3c-1b5d-4c7e-9a41-2f0c5d1e8b90";
const NOWHERE: &str = "6170692e-7363-616c-6577-61792e636f6d";

/// Ten organizations, eight of which cannot simply be adopted, each for a reason of its own.
async fn seed_what_needs_a_person(world: &World) -> Vec<Uuid> {
    let providers = world.providers();
    let ids = providers.seed(Provider::Scaleway, 10).unwrap();
    let named = |id: usize, customer_id: &str| {
        let edit = ConsoleEdit { customer_id: Some(customer_id.to_owned()), ..Default::default() };
        providers.edit(ids[id], edit).unwrap();
    };
    named(0, "");
    named(1, "twice");
    named(2, "twice");
    named(3, "bell\u{7}");
    named(4, "cust-1");
    providers
        .edit(ids[5], ConsoleEdit { name: Some("a\0b".to_owned()), ..Default::default() })
        .unwrap();
    // A create that the provider turned away for now: it has not ended, and has the owner of one.
    let busy = Answer::TooManyRequests { retry_after_seconds: Some(600) };
    providers.inject(FaultRule::next(Operation::CreateOrganization, Fault::before(busy))).unwrap();
    let mut waits = cloud_customer("cust-2");
    waits["owner"]["email"] = json!(providers.scaleway_organization(ids[6]).unwrap().email);
    world.client().post("/v1/organizations", &waits).wait(0).await.expect(202);
    ids
}

#[tokio::test]
async fn what_needs_a_person_is_told_row_by_row_and_left() {
    let world = World::new().await;
    let client = world.client();
    let made = client.create(&cloud_customer("cust-1")).await;
    let ids = seed_what_needs_a_person(&world).await;

    let folder = tempfile::tempdir().unwrap();
    let rows = format!(
        "provider_org_id,customer_id,tenant\n{},by-hand,shop\n{},,\n{SHORT},cust-9\n{NOWHERE},cust-9,\n",
        ids[7].to_string().to_uppercase(),
        ids[8],
    );
    let map = file(&folder, "map.csv", &rows);
    let told = folder.path().join("report.csv");
    let ended = world
        .command("import --provider scaleway --apply")
        .with("--customers", &map)
        .with("--report", &told)
        .run()
        .await;
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    let rows = report(&told);
    assert_eq!(rows.len(), 1 + 11 + 2, "a heading, what is listed, and two lines of the map");
    let outcome = |id: &str| {
        let row = rows.iter().find(|row| row[1] == id).unwrap_or_else(|| panic!("no row of {id}"));
        (row[0].clone(), row[6..].join(","))
    };
    let of = |id: usize| outcome(&ids[id].to_string());
    assert_eq!(outcome(made["provider_org_id"].as_str().unwrap()).0, "already");
    assert_eq!(of(0).0, "no_customer_id");
    for id in [1, 2] {
        let twice = "2 listed organizations have this customer id";
        assert_eq!(of(id), ("customer_taken".to_owned(), twice.to_owned()));
    }
    assert_eq!(of(3).0, "invalid");
    assert!(of(3).1.contains("the control character U+0007 (position 5)"), "{:?}", of(3));
    assert_eq!(of(4).0, "customer_taken");
    assert_eq!(of(5), ("invalid".to_owned(), "a field holds the character U+0000".to_owned()));
    assert_eq!(of(6).0, "open_create");
    assert_eq!(of(7).0, "adopted");
    assert_eq!(of(8).0, "invalid");
    assert!(of(8).1.contains("customer_id: a customer id must not be empty"), "{:?}", of(8));
    assert_eq!(of(9).0, "adopted");
    assert_eq!(outcome(SHORT).0, "invalid", "it has a field less than the header");
    assert_eq!(outcome(NOWHERE).0, "not_listed");
    assert_eq!(sum(&ended, "adopted"), 2);

    let theirs = world.client_of("shop").get("/v1/organizations").await.expect(200);
    assert_eq!(theirs["items"][0]["customer_id"], "by-hand");
    let taken = client.get("/v1/organizations?customer_id=twice").await.expect(200);
    assert_eq!(taken["items"], json!([]));
    world.finish().await;
}

#[tokio::test]
async fn an_account_that_cannot_be_listed_is_no_empty_one() {
    let world = World::with(Settings { archera_lists: false, ..Settings::default() }).await;
    let ended = world.command("import --provider archera --apply").run().await;
    assert_eq!(ended.code, Some(1), "{}", ended.stdout);
    let last = ended.stderr.lines().last().unwrap();
    assert!(last.contains("the provider archera cannot be discovered"), "{last}");
    assert!(world.providers().requests().is_empty());
    let ended = world
        .command("import --provider scaleway --apply")
        .env("SCALEWAY_KEY", "8c5f0d7e-55f1-4f6e-9f0a-6a3f4b8e9c01")
        .run()
        .await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("cannot be discovered"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("8c5f0d7e") && !ended.stdout.contains("8c5f0d7e"));
    assert_eq!(mapped(&world).await, 0);
    world.finish().await;
}

#[tokio::test]
async fn what_a_provider_lists_without_customers_is_adopted_by_the_map() {
    let world = World::with(Settings { archera_lists: true, ..Settings::default() }).await;
    let ids = world.providers().seed(Provider::Archera, 3).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let map = format!("customer_id,provider_org_id\ncust-1,{}\n", ids[1]);
    let map = file(&folder, "map.csv", &map);
    let ended = world
        .command("import --provider archera --apply --tenant crm")
        .with("--customers", &map)
        .run()
        .await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!((sum(&ended, "adopted"), sum(&ended, "no_customer_id")), (1, 2));
    let found = world.client().get("/v1/customers/cust-1").await.expect(200);
    assert_eq!(found["organizations"][0]["provider_org_id"], ids[1].to_string());
    world.providers().allow_archera_list(false);
    let refused = world.command("import --provider archera --apply").run().await;
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("cannot be discovered"), "{}", refused.stderr);
    world.finish().await;
}

#[tokio::test]
async fn killed_at_any_moment_it_goes_on_and_each_is_mapped_once() {
    const ALL: u64 = 600;
    let world = World::new().await;
    world.providers().seed(Provider::Scaleway, 600).unwrap();
    for at_least in [100, 300] {
        let (mut running, _file) = world.command("import --provider scaleway --apply").start();
        let begun = |line: &str| {
            let so_far = line.strip_prefix("adopting: ").and_then(|rest| rest.split(' ').next());
            so_far.and_then(|number| number.parse::<u64>().ok()).is_some_and(|n| n >= at_least)
        };
        while !begun(&running.told().await.expect("it tells how far it is")) {}
        running.signal(Signal::SIGKILL);
        assert_eq!(running.ended().await.0, None, "it was killed");
    }
    let done = mapped(&world).await;
    assert!((100..ALL).contains(&done), "{done} were mapped when it was killed");
    let ended = world.command("import --provider scaleway --apply").run().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!((sum(&ended, "already"), sum(&ended, "adopted")), (done, ALL - done));
    assert_eq!(mapped(&world).await, ALL);
    assert_whole(&world).await;
    world.finish().await;
}

#[tokio::test]
async fn two_at_once_map_each_once() {
    let world = World::new().await;
    world.providers().seed(Provider::Scaleway, 300).unwrap();
    let run = || world.command("import --provider scaleway --apply --tenant crm").run();
    let (one, other) = tokio::join!(run(), run());
    for ended in [&one, &other] {
        assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
        assert_eq!(sum(ended, "adopted") + sum(ended, "already"), 300, "{}", ended.stdout);
    }
    assert_eq!(sum(&one, "adopted") + sum(&other, "adopted"), 300);
    assert_whole(&world).await;
    world.finish().await;
}

/// Each mapping has its claim and exactly one event, and leads where no other leads.
async fn assert_whole(world: &World) {
    let dump = world.dump().await;
    let mut tables: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut table = "";
    for line in dump.lines() {
        if line.starts_with('(') {
            tables.entry(table).or_default().push(line);
        } else {
            table = line;
        }
    }
    // What is usable from the first is told so besides.
    tables.entry("events").or_default().retain(|row| row.contains(",organization.adopted,"));
    let ids = |table: &str, column: usize| -> Vec<&str> {
        let rows = tables.get(table).into_iter().flatten();
        let mut ids: Vec<&str> =
            rows.map(|row| row.trim_matches(['(', ')']).split(',').nth(column).unwrap()).collect();
        ids.sort_unstable();
        ids
    };
    let mapped = ids("organizations", 0);
    assert_eq!(ids("customer_claims", 3), mapped);
    assert_eq!(ids("events", 3), mapped);
    let mut leads_to = ids("organizations", 4);
    leads_to.dedup();
    assert_eq!(leads_to.len(), mapped.len());
}

#[tokio::test]
async fn a_pause_that_the_provider_asks_for_is_kept() {
    let world = World::new().await;
    world.providers().seed(Provider::Scaleway, 120).unwrap();
    let busy = Answer::TooManyRequests { retry_after_seconds: Some(2) };
    let mut rule = FaultRule::next(Operation::ListOrganizations, Fault::before(busy));
    rule.skip = 1;
    world.providers().inject(rule).unwrap();
    let html = Fault::before(Answer::BadGatewayHtml);
    let mut rule = FaultRule::next(Operation::ListOrganizations, html);
    rule.skip = 3;
    world.providers().inject(rule).unwrap();
    let ended = world.command("import --provider scaleway --apply").run().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(sum(&ended, "adopted"), 120);
    assert!(ended.stdout.contains("tenant: default ("), "{}", ended.stdout);
    let asked = world.providers().requests();
    let limited = asked.iter().position(|request| request.status == Some(429)).unwrap();
    let pause = asked[limited + 1].received_at - asked[limited].received_at;
    assert!(pause >= chrono::TimeDelta::seconds(2), "{pause}");
    world.finish().await;
}

#[tokio::test]
async fn a_database_that_fails_on_the_way_breaks_it_off() {
    let world = World::new().await;
    world.providers().seed(Provider::Scaleway, 150).unwrap();
    let broken = "create function break_off() returns trigger language plpgsql as $$
                  begin raise exception 'canary'; end $$;
                  create trigger break_off before insert on organizations for each row
                  when (new.customer_id = 'seed-120') execute function break_off();";
    world.change_database(broken).await;
    let ended = world.command("import --provider scaleway --apply").run().await;
    assert_eq!(ended.code, Some(1), "{}", ended.stdout);
    assert!(ended.stdout.contains("it broke off; what was adopted stays"), "{}", ended.stdout);
    assert!(ended.stderr.contains("error: the database failed"), "{}", ended.stderr);
    let done = mapped(&world).await;
    assert_eq!(sum(&ended, "adopted"), done);
    assert!((100..150).contains(&done), "{done}");
    world.change_database("drop trigger break_off on organizations").await;
    let again = world.command("import --provider scaleway --apply").run().await;
    assert_eq!((sum(&again, "already"), sum(&again, "adopted")), (done, 150 - done));
    world.finish().await;
}

#[tokio::test]
async fn the_map_names_organizations_in_any_form_of_their_ids() {
    let world = World::new().await;
    let ids = world.providers().seed(Provider::Scaleway, 7).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let forms = [
        format!("{{{}}}", ids[0]),
        ids[1].simple().to_string(),
        format!("\u{a0}{}\u{a0}", ids[2]),
        ids[3].to_string().to_uppercase(),
        ids[4].urn().to_string(),
    ];
    let lines: String =
        forms.iter().enumerate().map(|(n, form)| format!("{form},by-hand-{n}\n")).collect();
    // A line that cannot be used leaves its organization alone.
    let rows =
        format!("provider_org_id,customer_id\n{lines}{},\n{},=HYPERLINK(1)\n", ids[5], ids[6]);
    let map = file(&folder, "map.csv", &rows);
    let told = folder.path().join("report.csv");
    let ended = world
        .command("import --provider scaleway --apply --tenant crm")
        .with("--customers", &map)
        .with("--report", &told)
        .run()
        .await;
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    assert_eq!((sum(&ended, "adopted"), sum(&ended, "invalid")), (6, 1), "{}", ended.stdout);
    let page = world.client().get("/v1/organizations").await.expect(200);
    let page = page["items"].as_array().unwrap().clone();
    for (number, id) in ids[..forms.len()].iter().enumerate() {
        let org = page.iter().find(|org| org["provider_org_id"] == id.to_string()).unwrap();
        assert_eq!(org["customer_id"], format!("by-hand-{number}"));
    }
    let rows = report(&told);
    let row = |id: Uuid| rows.iter().find(|row| row[1] == id.to_string()).unwrap();
    assert_eq!((row(ids[5])[0].as_str(), row(ids[5])[5].as_str()), ("invalid", "7"));
    assert!(page.iter().all(|org| org["provider_org_id"] != ids[5].to_string()));
    assert_eq!((row(ids[6])[0].as_str(), row(ids[6])[2].as_str()), ("adopted", "'=HYPERLINK(1)"));
    world.finish().await;
}

#[tokio::test]
async fn a_map_whose_lines_cannot_be_told_apart_is_refused_whole() {
    let world = World::new().await;
    let ids = world.providers().seed(Provider::Scaleway, 3).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for (number, (lines, told)) in [
        (format!("{},\"cust-1\n{},cust-2\n{},cust-3\n", ids[0], ids[1], ids[2]), "line 2: a quote"),
        (format!("{},cust-1\n{},\"cust-2", ids[0], ids[1]), "line 3: a quote"),
        (format!("{},cust-1\norg-2,cust-2\n", ids[0]), "line 3: provider_org_id: "),
    ]
    .into_iter()
    .enumerate()
    {
        let rows = format!("provider_org_id,customer_id\n{lines}");
        let map = file(&folder, &format!("map-{number}.csv"), &rows);
        let import = world.command("import --provider scaleway --apply --tenant crm");
        let ended = import.with("--customers", &map).run().await;
        assert_eq!(ended.code, Some(2), "{}{}", ended.stdout, ended.stderr);
        assert!(ended.stderr.contains(told), "{}", ended.stderr);
    }
    assert_eq!(mapped(&world).await, 0);
    assert!(world.providers().requests().is_empty());
    world.finish().await;
}

#[tokio::test]
async fn bad_usage_is_2_and_nothing_is_done() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let header = file(&folder, "map.csv", "id,customer\n");
    let nowhere = folder.path().join("no/such/file.csv");
    let usual = || world.command("import --provider scaleway --apply");
    for (command, told) in [
        (world.command("import --provider azure"), "there are: archera, scaleway"),
        (world.command("import"), "--provider"),
        (world.command("import --provider scaleway --tenant="), "--tenant"),
        (usual().with("--customers", &nowhere), "--customers: "),
        (usual().with("--customers", &header), "lacks the column provider_org_id"),
        (usual().with("--report", &nowhere), "--report: "),
    ] {
        let ended = command.run().await;
        assert_eq!(ended.code, Some(2), "{told}: {}", ended.stderr);
        assert!(ended.stderr.contains(told), "{told}: {}", ended.stderr);
    }
    assert!(world.providers().requests().is_empty());
    world.finish().await;
}

#[tokio::test]
async fn interrupted_it_says_what_was_done() {
    let world = World::new().await;
    world.providers().seed(Provider::Scaleway, 400).unwrap();
    let (mut running, _file) = world.command("import --provider scaleway --apply").start();
    while !running.told().await.expect("it tells how far it is").starts_with("adopting: ") {}
    running.signal(Signal::SIGINT);
    let mut printed = String::new();
    while let Some(line) = running.line().await {
        printed.push_str(&format!("{line}\n"));
    }
    let (code, told) = running.ended().await;
    assert_eq!(code, Some(1), "{told:?}");
    assert!(told.last().unwrap().contains("interrupted"), "{told:?}");
    let (stdout, stderr) = (printed, told.join("\n"));
    let ended = Ended { code, stdout, stderr };
    let done = mapped(&world).await;
    // What was being committed when it was interrupted may be there and not be told.
    assert!((sum(&ended, "adopted")..400).contains(&done), "{done}: {}", ended.stdout);
    world.finish().await;
}
