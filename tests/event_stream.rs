//! `/v1/events` as a stream: what comes, after what, until when, and that a reader who comes again misses
//! nothing and sees nothing twice.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use chrono::Utc;
use futures::future::join_all;
use nix::sys::signal::Signal;
use partner_gateway::auth::{MintRequest, Scope, Tenant, mint};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::sync::RwLock;

use crate::{
    events::sealed,
    harness::{Binary, Client, EventReader, Running, Settings, World, commitments_customer},
};

/// Makes an organization, and answers its path.
async fn organization(client: &Client, customer: &str) -> String {
    let made = client.create(&commitments_customer(customer)).await;
    format!("/v1/organizations/{}", made["id"].as_str().unwrap())
}

async fn relabel(client: &Client, path: &str, label: &str) {
    client.patch(path, &json!({"labels": {"round": label}})).await.expect(200);
}

async fn items(client: &Client, query: &str) -> Vec<Value> {
    client.get(&format!("/v1/events{query}")).await.expect(200)["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_stream_shows_what_a_page_does_and_then_what_comes() {
    let world = World::new().await;
    let client = world.client();
    let path = organization(&client, "cust-1").await;
    sealed(&world).await;
    let mut stream = EventReader::open(&client, "?after=0", None).await.unwrap();
    let page = items(&client, "").await;
    for (streamed, item) in stream.take(page.len()).await.iter().zip(&page) {
        assert_eq!(&streamed.data, item);
        assert_eq!(
            (json!(streamed.id), json!(streamed.event)),
            (item["sequence"].clone(), item["type"].clone())
        );
    }
    relabel(&client, &path, "a").await;
    let next = stream.next().await.unwrap();
    assert_eq!(next.event, "organization.updated");
    assert_eq!(next.id, page.last().unwrap()["sequence"].as_i64().unwrap() + 1);
    world.finish().await;
}

#[tokio::test]
async fn a_stream_begins_where_its_reader_was_and_else_with_what_comes() {
    let world = World::new().await;
    let (client, shop) = (world.client(), world.client_of("shop"));
    let path = organization(&client, "cust-1").await;
    organization(&shop, "cust-1").await;
    sealed(&world).await;
    let mut live = EventReader::open(&client, "", None).await.unwrap();
    let mut from_two = EventReader::open(&client, "?after=0", Some(1)).await.unwrap();
    let mut narrow =
        EventReader::open(&client, "?type=organization.updated&after=0", None).await.unwrap();
    relabel(&client, &path, "a").await;
    let comes = live.next().await.unwrap();
    assert_eq!(comes.event, "organization.updated", "what was before is not shown");
    assert_eq!(from_two.next().await.unwrap().id, 2, "Last-Event-ID goes before `after`");
    assert_eq!(narrow.next().await.unwrap(), comes);
    let own = items(&client, "").await.len();
    let mut all = EventReader::open(&client, "?after=0", None).await.unwrap();
    all.take(own).await;
    relabel(&client, &path, "b").await;
    let last = all.next().await.unwrap();
    assert_eq!(last.data["after"]["labels"]["round"], "b", "another tenant's are not there");
    world.finish().await;
}

#[tokio::test]
async fn what_is_asked_wrongly_of_a_stream_is_refused_before_it_begins() {
    let world = World::new().await;
    let client = world.client();
    let ask = |query: &str| {
        client.get(&format!("/v1/events{query}")).header("Accept", "text/event-stream")
    };
    ask("?limit=5&cursor=x").await.problem(422, "validation_failed");
    ask("?type=x").await.problem(422, "validation_failed");
    for id in ["", "first"] {
        ask("").header("Last-Event-ID", id).await.problem(400, "bad_request");
        let page = client.get("/v1/events").header("Last-Event-ID", id).await;
        page.problem(400, "bad_request");
    }
    let reader = world.client_with("crm", [Scope::OrganizationsRead]);
    let refused = reader.get("/v1/events").header("Accept", "text/event-stream").await;
    refused.problem(403, "forbidden");
    world.finish().await;
}

#[tokio::test]
async fn a_position_after_the_end_of_the_feed_is_unknown() {
    let world = World::new().await;
    let client = world.client();
    organization(&client, "cust-1").await;
    sealed(&world).await;
    let head = items(&client, "").await.last().unwrap()["sequence"].as_i64().unwrap();
    let at_the_end = format!("?after={head}");
    assert_eq!(items(&client, &at_the_end).await, Vec::<Value>::new());
    assert!(EventReader::open(&client, "", Some(head)).await.is_some());
    assert!(EventReader::open(&client, &at_the_end, None).await.is_some());
    let after = format!("/v1/events?after={}", head + 1);
    let stream = |path: &str| client.get(path).header("Accept", "text/event-stream");
    for refused in [
        stream("/v1/events").header("Last-Event-ID", &(head + 1).to_string()),
        stream("/v1/events?after=0").header("Last-Event-ID", &i64::MAX.to_string()),
        stream(&after),
        client.get(&after),
        client.get(&format!("{after}&include_total=true&type=organization.created")),
    ] {
        let problem = refused.await.problem(409, "unknown_position");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(&format!("ends at {head}")), "{detail}");
    }
    world.finish().await;
}

#[tokio::test]
async fn a_tenant_has_so_many_streams_and_a_place_comes_back() {
    let settings = Settings::default()
        .with("GATEWAY_LIMITS__EVENT_STREAMS", "2")
        .with("GATEWAY_LIMITS__EVENT_STREAMS_IN_ALL", "3")
        // Streams are no requests in flight: one of those is enough for all that this test does.
        .with("GATEWAY_SERVER__MAX_IN_FLIGHT", "1");
    let world = World::with(settings).await;
    let (client, shop) = (world.client(), world.client_of("shop"));
    let path = organization(&client, "cust-1").await;
    sealed(&world).await;
    let mut first = EventReader::open(&client, "", None).await.unwrap();
    let _second = EventReader::open(&client, "", None).await.unwrap();
    let ask = |client: &Client| client.get("/v1/events").header("Accept", "text/event-stream");
    let refused = ask(&client).await;
    assert_eq!(refused.header("retry-after"), "5");
    refused.problem(429, "too_many_streams");
    let _theirs = EventReader::open(&shop, "", None).await.unwrap();
    ask(&shop).await.problem(503, "overloaded");
    relabel(&client, &path, "a").await;
    assert_eq!(first.next().await.unwrap().event, "organization.updated");
    drop(first);
    // The place comes back when the gateway sees that its reader is gone: with the next event at the latest.
    let mut label = 0;
    let again = loop {
        label += 1;
        relabel(&client, &path, &label.to_string()).await;
        sealed(&world).await;
        if let Some(again) = EventReader::open(&client, "", None).await {
            break again;
        }
        assert!(label < 1000, "the place never came back");
    };
    drop(again);
    world.finish().await;
}

#[tokio::test]
async fn a_stream_ends_with_its_token() {
    let world = World::new().await;
    // Expired, but for what is left of the leeway that clocks are given: a few seconds.
    let request = MintRequest {
        subject: "crm-service".to_owned(),
        tenant: Tenant::new("crm").unwrap(),
        scopes: [Scope::EventsRead].into_iter().collect(),
        ttl: Duration::from_secs(1),
    };
    let token = mint(world.auth(), &request, Utc::now() - Duration::from_secs(26)).unwrap();
    let token = token.expose_secret().to_owned();
    let client = Client::of(world.client().base(), token);
    let mut stream = EventReader::open(&client, "?after=0", None).await.unwrap();
    assert_eq!(stream.next().await, None);
    client.get("/v1/events").await.problem(401, "unauthenticated");
    world.finish().await;
}

#[tokio::test]
async fn a_stream_ends_when_its_gateway_goes_down() {
    let mut world = World::with(Settings { gateways: 2, ..Settings::default() }).await;
    let client = world.client();
    let path = organization(&client, "cust-1").await;
    sealed(&world).await;
    let leaving = world.at(1, &client);
    let mut stream = EventReader::open(&leaving, "?after=0", None).await.unwrap();
    let seen = stream.next().await.unwrap();
    let ((), rest) = futures::join!(world.stop_gateway(), async {
        let mut rest = Vec::new();
        while let Some(event) = stream.next().await {
            rest.push(event.id);
        }
        rest
    });
    let last = rest.last().copied().unwrap_or(seen.id);
    relabel(&client, &path, "a").await;
    let mut again = EventReader::open(&client, "", Some(last)).await.unwrap();
    assert_eq!(again.next().await.unwrap().id, last + 1, "the next replica goes on from there");
    world.finish().await;
}

/// A replica in a process of its own.
async fn replica(folder: &Path, world: &World) -> (Running, Client) {
    let (config, variables) = world.written_config();
    let file = folder.join("gateway.toml");
    std::fs::write(&file, config).unwrap();
    let mut binary = Binary::new("serve --config").arg(&file);
    for (name, value) in &variables {
        binary = binary.env(name, value);
    }
    // Told nothing but where it listens, so that nobody need read on.
    let binary = binary.env("RUST_LOG", "off,partner_gateway::run=info");
    let mut running = binary.env("GATEWAY_TELEMETRY__LOG_FORMAT", "json").start();
    let address = loop {
        let line = running.told().await.expect("it runs");
        if let Some((_, rest)) = line.split_once("\"listen\":\"") {
            break rest.split('"').next().unwrap().to_owned();
        }
    };
    let token = world.token("crm", Scope::ALL.into_iter().filter(|s| *s != Scope::Admin).collect());
    (running, Client::of(format!("http://{address}"), token))
}

const WRITERS: usize = 8;
const EDITS: usize = 20;

/// One platform: it edits, and asks elsewhere with the same key where a replica gives no answer.
async fn write(
    writer: usize,
    paths: &[String],
    survivor: &Client,
    mortal: &RwLock<Client>,
    done: &AtomicUsize,
) {
    for edit in 0..EDITS {
        let path = &paths[(writer + edit) % paths.len()];
        let body = json!({"labels": {"round": format!("{writer}-{edit}")}});
        let key = format!("key-{writer}-{edit}");
        let client = if edit % 2 == 0 { survivor.clone() } else { mortal.read().await.clone() };
        let answer = client.patch(path, &body).key(&key).answered().await;
        if answer.is_none_or(|reply| reply.status != 200) {
            survivor.patch(path, &body).key(&key).await.expect(200);
        }
        done.fetch_add(1, Ordering::SeqCst);
    }
}

/// Follows the stream of the mortal replica, and comes again wherever one answers, until it has `last`.
async fn follow(
    survivor: &Client,
    mortal: &RwLock<Client>,
    last: &AtomicI64,
) -> (Vec<Value>, usize) {
    let (mut seen, mut opened): (Vec<Value>, usize) = (Vec::new(), 0);
    loop {
        let after = seen.last().map_or(0, |event| event["sequence"].as_i64().unwrap());
        let at = mortal.read().await.clone();
        let stream = match EventReader::open(&at, "", Some(after)).await {
            Some(stream) => Some(stream),
            None => EventReader::open(survivor, "", Some(after)).await,
        };
        let mut stream = stream.expect("a replica answers");
        opened += 1;
        while let Some(event) = stream.next().await {
            assert_eq!(json!(event.id), event.data["sequence"]);
            seen.push(event.data);
            if event.id == last.load(Ordering::SeqCst) {
                return (seen, opened);
            }
        }
    }
}

/// Polls by `after`, a few at a time, until it has `last`.
async fn poll(client: &Client, last: &AtomicI64) -> Vec<Value> {
    let mut seen: Vec<Value> = Vec::new();
    loop {
        let after = seen.last().map_or(0, |event| event["sequence"].as_i64().unwrap());
        seen.extend(items(client, &format!("?after={after}&limit=7")).await);
        let last = json!(last.load(Ordering::SeqCst));
        let is_last = seen.last().is_some_and(|event| event["sequence"] == last);
        if is_last {
            return seen;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_event_is_missed_or_doubled_across_a_kill_and_two_replicas() {
    let folder = crate::harness::state_dir();
    let world = World::new().await;
    let survivor = world.client();
    let (victim, client) = replica(folder.path(), &world).await;
    let mortal = Arc::new(RwLock::new(client));
    let mut paths = Vec::new();
    for n in 0..4 {
        paths.push(organization(&survivor, &format!("cust-{n}")).await);
    }
    let (done, last) = (AtomicUsize::new(0), AtomicI64::new(i64::MAX));
    let writers = async {
        let all = (0..WRITERS).map(|writer| write(writer, &paths, &survivor, &mortal, &done));
        join_all(all).await;
        // One more, once all is sealed, so that the readers know the last.
        sealed(&world).await;
        let head = world.app().store().feed_head().await.unwrap().sequence;
        last.store(head + 1, Ordering::SeqCst);
        relabel(&survivor, &paths[0], "the last").await;
    };
    let killer = async {
        while done.load(Ordering::SeqCst) < WRITERS * EDITS / 3 {
            tokio::task::yield_now().await;
        }
        victim.signal(Signal::SIGKILL);
        let (code, _) = victim.ended().await;
        assert_eq!(code, None, "it was killed");
        let (again, client) = replica(folder.path(), &world).await;
        *mortal.write().await = client;
        again
    };
    let streamed = follow(&survivor, &mortal, &last);
    let polled = poll(&survivor, &last);
    let ((), again, (streamed, opened), polled) = futures::join!(writers, killer, streamed, polled);
    assert!(opened >= 2, "the stream was broken off by the kill");
    let table = table(&world).await;
    assert!(table.len() > WRITERS * EDITS);
    assert!(streamed == table, "the stream showed other events than the table has");
    assert!(polled == table, "the pages showed other events than the table has");
    drop(again);
    world.finish().await;
}

/// What the table has, as the API would show it.
async fn table(world: &World) -> Vec<Value> {
    let rows = "select jsonb_build_object('sequence', f.sequence, 'id', e.organization_id,
                    'number', e.organization_sequence, 'after', e.after)
                from events e join event_feed f on f.event_id = e.id order by f.sequence";
    let pool = sqlx::PgPool::connect(world.database_url()).await.unwrap();
    let rows: Vec<Value> = sqlx::query_scalar(rows).fetch_all(&pool).await.unwrap();
    pool.close().await;
    let admin = world.client_with("crm", [Scope::EventsRead]);
    let mut shown = Vec::new();
    for page in rows.chunks(200) {
        let after = page[0]["sequence"].as_i64().unwrap() - 1;
        shown.extend(items(&admin, &format!("?after={after}&limit=200")).await);
    }
    assert_eq!(shown.len(), rows.len());
    for (row, item) in rows.iter().zip(&shown) {
        let told = [&item["sequence"], &item["organization_id"], &item["organization_sequence"]];
        assert_eq!(told, [&row["sequence"], &row["id"], &row["number"]]);
        assert_eq!(item["after"], row["after"]);
    }
    shown
}
