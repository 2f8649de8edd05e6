//! Organization ids of providers: one canonical form at every entrance of the gateway.

use std::sync::LazyLock;

use partner_gateway::store::{DatabaseSettings, Store, embedded_migrations};
use sandbox::{Answer, Fault, FaultRule, Operation, Provider};
use secrecy::SecretString;
use serde_json::{Value, json};
use sqlx::migrate::Migrator;
use test_database::TestDatabase;

use crate::harness::{Binary, Reply, Settings, World, cloud_customer, commitments_customer};

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
    json!({"provider": provider, "provider_org_id": id, "customer_id": customer_id, "name": "Acme"})
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
        let org = world.client().post(ADOPT, &first).await.expect(201);
        assert_eq!(org["provider_org_id"], id);
        for (number, form) in other_forms(id).into_iter().chain([id.to_owned()]).enumerate() {
            let again = adoption(provider, &form, &format!("other-{number}"));
            let refused = world.client_of("billing").post(ADOPT, &again).await;
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
    let applied = |id: &str| json!({"outcome": "applied", "provider_org_id": id, "reason": "seen"});
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

/// The migrations of the version that stored ids as they were entered.
static EARLIER: LazyLock<Migrator> = LazyLock::new(|| {
    let all = embedded_migrations().iter();
    Migrator::with_migrations(all.filter(|migration| migration.version < 10).cloned().collect())
});

const STORED: &str = "
    insert into organizations (id, tenant, customer_id, provider, provider_org_id, name, status, certainty, route_rule,
                               route_reason, last_event)
    select ('01990000-0000-7000-8000-00000000000' || n)::uuid, tenant, 'cust-' || n, 'archera', stored, 'Acme', 'active',
           'asserted', 'adopted', '', 1
    from (values (1, 'crm', '{6170692E-7363-616C-6577-61792E636F6D}'),
                 (2, 'crm', '0f8f2a3c-1b5d-4c7e-9a41-2f0c5d1e8b90'),
                 (3, 'billing', '0F8F2A3C1B5D4C7E9A412F0C5D1E8B90'),
                 (4, 'billing', '../x')) as mappings (n, tenant, stored);
    insert into events (type, tenant, organization_id, organization_sequence, actor, request_id, after)
    select 'organization.adopted', tenant, id, 1, 'test', 'test', jsonb_build_object('provider_org_id', provider_org_id)
    from organizations order by id;
    insert into discrepancies (id, provider, kind, state, provider_org_id, first_seen_at, last_seen_at)
    values ('01990000-0000-7000-8000-0000000000a1', 'archera', 'unmapped', 'open',
            '7A1F3C52-6D0E-4B7A-9A41-2F0C5D1E8B90', now() - interval '1 hour', now() - interval '1 hour'),
           ('01990000-0000-7000-8000-0000000000a2', 'archera', 'unmapped', 'open',
            '7a1f3c52-6d0e-4b7a-9a41-2f0c5d1e8b90', now(), now());";

async fn seal_all(store: &Store) {
    while store.unsealed_events().await.unwrap() > 0 {
        store.seal_events().await.unwrap();
    }
}

#[tokio::test]
async fn ids_that_an_earlier_version_stored_become_canonical() {
    let database = TestDatabase::new(&EARLIER).await.unwrap();
    let pool = database.pool().await.unwrap();
    sqlx::raw_sql(STORED).execute(&pool).await.unwrap();
    let url = SecretString::from(database.url());
    let store = Store::connect(&DatabaseSettings { url, max_connections: 2 }).await.unwrap();
    seal_all(&store).await;

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.toml");
    std::fs::write(&file, "[database]\nurl = { env = \"TEST_DATABASE\" }\n").unwrap();
    let run = |words: &str| {
        let command = Binary::new(&format!("{words} --config")).arg(&file);
        command.env("TEST_DATABASE", database.url()).run()
    };
    let migrated = run("migrate").await;
    assert_eq!(migrated.code, Some(0), "{}", migrated.stderr);
    let org = |n: u32| format!("01990000-0000-7000-8000-00000000000{n}");
    let warned = |needles: [&str; 2]| {
        let mut lines = migrated.stderr.lines();
        lines.any(|line| line.contains("WARN") && needles.iter().all(|it| line.contains(it)))
    };
    assert!(warned([&org(3), &org(2)]), "{}", migrated.stderr);
    assert!(warned([&org(4), "is no UUID"]), "{}", migrated.stderr);

    let rows: Vec<(String, i64)> =
        sqlx::query_as("select provider_org_id, version from organizations order by id")
            .fetch_all(&pool)
            .await
            .unwrap();
    let rows: Vec<_> = rows.iter().map(|(id, version)| (id.as_str(), *version)).collect();
    let expected = [
        ("6170692e-7363-616c-6577-61792e636f6d", 2),
        ("0f8f2a3c-1b5d-4c7e-9a41-2f0c5d1e8b90", 1),
        ("0F8F2A3C1B5D4C7E9A412F0C5D1E8B90", 1),
        ("../x", 1),
    ];
    assert_eq!(rows, expected);
    let changed: Vec<(Value, Value)> =
        sqlx::query_as("select before, after from events where actor = 'gateway:migration'")
            .fetch_all(&pool)
            .await
            .unwrap();
    let of = |id: &str| json!({ "provider_org_id": id });
    let before = of("{6170692E-7363-616C-6577-61792E636F6D}");
    assert_eq!(changed, [(before, of("6170692e-7363-616c-6577-61792e636f6d"))]);
    let open: Vec<String> =
        sqlx::query_scalar("select provider_org_id from discrepancies where state = 'open'")
            .fetch_all(&pool)
            .await
            .unwrap();
    assert_eq!(open, ["7a1f3c52-6d0e-4b7a-9a41-2f0c5d1e8b90"]);

    seal_all(&store).await;
    let verified = run("audit verify").await;
    assert_eq!(verified.code, Some(0), "{}{}", verified.stdout, verified.stderr);
    assert!(verified.stdout.contains("checked: 5\n"), "{}", verified.stdout);
    pool.close().await;
    store.close().await;
}
