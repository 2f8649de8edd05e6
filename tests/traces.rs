//! What a collector is told: one trace from the caller to the provider, and links where a worker goes on. The
//! gateway is a process of its own, as its traces are the process's.

use futures::{StreamExt, stream};
use nix::sys::signal::Signal;
use partner_gateway::auth::Scope;
use sandbox::{Answer, Fault, FaultRule, Operation};
use serde_json::Value;

use crate::harness::{
    Client, Collector, Running, Seen, Settings, World, cloud_customer, commitments_customer,
};

const CREATES: &str = "/v1/organizations";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// A gateway that exports to this address.
struct Traced {
    world: World,
    running: Running,
    client: Client,
    _file: tempfile::NamedTempFile,
}

impl Traced {
    async fn start(endpoint: &str) -> Self {
        let world = World::with(Settings { gateways: 0, ..Settings::default() }).await;
        let command = world
            .command("serve")
            .env("GATEWAY_TELEMETRY__LOG_LEVEL", "info")
            .env("GATEWAY_TELEMETRY__LOG_FORMAT", "json")
            .env("GATEWAY_TELEMETRY__OTLP_ENDPOINT", endpoint);
        let (mut running, file) = command.start();
        let token = world.token("crm", Scope::ALL.into_iter().collect());
        let client = Client::of(running.address().await, token);
        Self { world, running, client, _file: file }
    }

    /// Ends it, which exports all that waits. Answers the lines of its log.
    async fn end(self) -> Vec<Value> {
        self.running.signal(Signal::SIGTERM);
        let (code, told) = self.running.ended().await;
        assert_eq!(code, Some(0), "{told:?}");
        self.world.finish().await;
        told.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// The only span of this name that fits.
fn only<'a>(spans: &'a [Seen], name: &str, fits: impl Fn(&Seen) -> bool) -> &'a Seen {
    let found: Vec<&Seen> = spans.iter().filter(|at| at.name() == name && fits(at)).collect();
    let [one] = found[..] else {
        let all: Vec<_> = spans.iter().map(|at| (at.name(), at.trace(), at.parent())).collect();
        panic!("{} spans {name}: {all:#?}", found.len())
    };
    one
}

const PROVIDER_CREATE: &str = "POST /partner/v1/organizations";
const PROVIDER_LIST: &str = "GET /partner/v1/organizations";

#[tokio::test]
async fn a_create_that_was_lost_and_found_is_one_trace_and_a_link() {
    let collector = Collector::start().await;
    let traced = Traced::start(&collector.address()).await;
    let providers = traced.world.providers();
    // The answer is lost, and so is the first look: a worker must look again.
    let lost = FaultRule::next(Operation::CreateOrganization, Fault::after(Answer::Reset));
    providers.inject(lost).unwrap();
    let blind = Fault::before(Answer::Status { status: 503, body: None });
    providers.inject(FaultRule::next(Operation::ListOrganizations, blind)).unwrap();
    let create = traced.client.post(CREATES, &cloud_customer("c-1")).wait(30);
    let create = create.header("traceparent", &format!("00-{TRACE}-{CALLER}-01"));
    create.header("tracestate", "vendor=1").await.expect(201);
    let sent = providers.requests_of(Operation::CreateOrganization);
    let log = traced.end().await;

    let (spans, resources) = collector.spans().await;
    let request = only(&spans, "POST /v1/organizations", |_| true);
    assert_eq!((request.trace().as_str(), request.parent().as_str()), (TRACE, CALLER));
    let operation = only(&spans, "operation create", |_| true);
    assert_eq!((operation.trace().as_str(), operation.parent()), (TRACE, request.id()));
    let call = only(&spans, PROVIDER_CREATE, |_| true);
    assert_eq!((call.trace().as_str(), call.parent()), (TRACE, operation.id()));
    let [sent] = &sent[..] else { panic!("{sent:?}") };
    let parent = format!("00-{TRACE}-{}-01", call.id());
    assert_eq!(sent.traceparent.as_deref(), Some(parent.as_str()), "what the provider saw");

    let first = only(&spans, "settle create", |at| at.trace() == TRACE);
    assert_eq!(first.parent(), operation.id());
    only(&spans, PROVIDER_LIST, |at| at.parent() == first.id() && at.is_error());
    let later = only(&spans, "settle create", |at| at.trace() != TRACE);
    assert_eq!((later.parent().as_str(), later.links()), ("", vec![(TRACE.into(), request.id())]));
    let found = spans.iter().filter(|at| at.name() == PROVIDER_LIST && !at.is_error());
    assert!(found.clone().count() > 0 && found.clone().all(|at| at.parent() == later.id()));

    are_told_in_the_words_of_the_conventions(request, call, &spans);
    let names = ["service.instance.id", "service.name", "service.version"];
    assert!(resources.iter().all(|of| names.iter().all(|n| of.iter().any(|(name, _)| name == n))));
    let lines = log.iter().filter(|line| line["trace_id"] == TRACE);
    assert!(lines.clone().any(|line| line["span_id"] == request.id().as_str()), "{log:#?}");
    assert!(lines.clone().any(|line| line["span_id"] == operation.id().as_str()), "{log:#?}");
}

fn are_told_in_the_words_of_the_conventions(request: &Seen, call: &Seen, spans: &[Seen]) {
    for (span, kind, attributes) in [
        (
            request,
            "server",
            &[
                ("http.request.method", "POST"),
                ("http.route", "/v1/organizations"),
                ("http.response.status_code", "201"),
                ("url.scheme", "http"),
                ("url.path", ""),
                ("tenant", "crm"),
            ][..],
        ),
        (
            call,
            "client",
            &[
                ("http.request.method", "POST"),
                ("url.template", "/partner/v1/organizations"),
                ("server.address", "127.0.0.1"),
                ("error.type", "unknown"),
                ("provider", "scaleway"),
            ],
        ),
        (
            only(spans, "begin_create", |_| true),
            "client",
            &[("db.system.name", "postgresql"), ("db.operation.name", "begin_create")],
        ),
    ] {
        assert_eq!(span.kind(), kind, "{}", span.name());
        for (name, value) in attributes {
            assert_eq!(span.attribute(name), *value, "{}: {name}", span.name());
        }
    }
    assert!(!call.attribute("server.port").is_empty());
    assert!(call.is_error() && !request.is_error());
    let begun = only(spans, "begin_create", |_| true);
    assert_eq!(begun.parent(), request.id());
}

#[tokio::test]
async fn metrics_are_told_in_the_words_of_the_conventions_too() {
    let collector = Collector::start().await;
    let traced = Traced::start(&collector.address()).await;
    traced.client.create(&commitments_customer("c-1")).await;
    traced.end().await;

    let metrics = collector.metrics().await;
    let of = |name: &str| metrics.iter().find(|(found, _, _)| found == name);
    let (_, unit, points) = of("http.server.request.duration").expect("it is told");
    assert_eq!(unit, "s");
    let create: Vec<(String, String)> = [
        ("http.request.method", "POST"),
        ("http.response.status_code", "201"),
        ("http.route", "/v1/organizations"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    assert!(points.contains(&create), "{points:?}");
    let (_, _, pools) = of("db.client.connection.count").expect("it is told");
    assert!(pools.iter().all(|of| of[0].0 == "db.client.connection.pool.name"), "{pools:?}");
    assert!(of("gateway_operations").is_some(), "what there is no convention for");
}

#[tokio::test]
async fn a_collector_that_does_not_answer_costs_nothing() {
    // It takes connections and never says a word.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let traced = Traced::start(&format!("http://{}", silent.local_addr().unwrap())).await;
    // More spans than may wait for it, and work besides.
    let asked = (0..6_000).map(|_| async { traced.client.get("/livez").await.status });
    let answered: Vec<u16> = stream::iter(asked).buffer_unordered(32).collect().await;
    assert!(answered.iter().all(|status| *status == 200));
    traced.client.create(&cloud_customer("c-1")).await;
    let log = traced.end().await;
    let dropped = log.iter().any(|line| line["max_queue_size"].as_u64() == Some(4096));
    assert!(dropped, "spans above the queue are dropped, and that is told: {log:#?}");
    let told = log.iter().any(|line| line["message"] == "telemetry was not exported to its end");
    assert!(told, "{log:#?}");
    drop(silent);
}
