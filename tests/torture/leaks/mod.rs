//! Canaries sent through everything that the gateway does, with its log at TRACE, its traces collected and its
//! metrics read: secrets are found nowhere, and what tells of a person only where it belongs.
//!
//! The gateway is the real program, so that its log is whole. A canary that is nowhere to be found where it
//! should be fails the layer as well: it would show nothing.

mod canaries;
mod collector;
mod console;
mod flows;

use std::time::{Duration, Instant};

use url::Url;

use crate::{
    harness::Client,
    layer::{Layer, Report, Run},
    real::{Fault, HAS_POINTS, Pace, Replica, WITHOUT_POINTS, World},
};
use canaries::{COLUMNS, Canary, Kind, canaries};
use collector::Collector;
use flows::{Flows, Heard};

pub(crate) const LAYER: Layer =
    Layer { name: "leaks", shows: "secrets nowhere, personal data in its own columns", run };

/// The password of the database, where none is set by whoever runs the server.
const DATABASE_PASSWORD: &str = "cnry-database-pw";
/// Short, so that what is lost is given up soon.
const PACE: Pace = Pace {
    lease: Duration::from_millis(1500),
    settle_window: Duration::from_millis(400),
    timeout: Duration::from_millis(400),
    poll_every: Duration::from_millis(50),
};
/// Answers that must have been looked through, at least.
const ANSWERS: u64 = 300;

fn run(_run: &Run) -> Report {
    let mut report = Report::default();
    if !HAS_POINTS {
        report.fault(WITHOUT_POINTS.to_owned());
        return report;
    }
    let judged = tokio::runtime::Runtime::new()
        .map_err(Fault::of("no runtime"))
        .and_then(|runtime| runtime.block_on(judge(&mut report)));
    if let Err(fault) = judged {
        report.fault(fault.to_string());
    }
    report
}

/// What was said by whom, to be looked through.
struct Said {
    log: String,
    telemetry: String,
    metrics: String,
}

async fn judge(report: &mut Report) -> Result<(), Fault> {
    let begun = Instant::now();
    let world = World::new(&PACE).await?;
    let collector = Collector::start().await;
    let database = with_password(world.database_url())?;
    let endpoint = collector.address();
    let settings = [
        ("TEST_DATABASE", database.as_str()),
        ("GATEWAY_TELEMETRY__LOG_LEVEL", "trace"),
        ("GATEWAY_TELEMETRY__OTLP_ENDPOINT", endpoint.as_str()),
    ];
    let replica = world.start(settings).await?;
    let mut flows = flows_of(&world, &replica);
    flows.good().await;
    flows.refused_by_us().await;
    flows.refused_tokens().await;
    flows.echoed().await?;
    flows.lost().await?;
    console::look(&mut flows, replica.base()).await?;
    let metrics = flows.anonymous.get("/metrics").await.text;
    replica.end().await?;
    let panics = panics(&world, &mut flows, settings).await?;
    let log = world.told()?;
    let said = Said { log, telemetry: collector.text(), metrics };
    flows.missed.drain(..).for_each(|missed| report.fault(missed));
    let all = all_canaries(&world, &database)?;
    let looked = Looked { world: &world, said: &said, heard: &flows.heard };
    looked.through(report, &all, begun).await?;
    report.row("panics of handlers", panics, POINTS.len() as u64, 0, begun);
    world.end().await;
    Ok(())
}

fn flows_of(world: &World, replica: &Replica) -> Flows {
    let [scaleway, archera, _] = world.secrets();
    let token = world.token().to_owned();
    Flows::new(
        Client::of(replica.base(), token.clone()),
        Client::without_token(replica.base()),
        token,
        [scaleway, archera],
        world.providers(),
    )
}

/// Where a handler is made to panic: with all that it was sent in its hands, and with the answer made.
const POINTS: [&str; 3] = ["intent.begin", "answer.begin", "answer.made"];

/// A handler that panics answers that the gateway failed, and says nothing more.
async fn panics<'a>(
    world: &World,
    flows: &mut Flows,
    settings: [(&'a str, &'a str); 3],
) -> Result<u64, Fault> {
    let mut panicked = 0;
    for point in POINTS {
        let armed = [("GATEWAY_PANIC_POINT", point)];
        let replica = world.start(settings.into_iter().chain(armed)).await?;
        let client = Client::of(replica.base(), world.token());
        let body = canaries::cloud(&format!("cust-{point}"));
        let reply = client.post("/v1/organizations", &body).wait(4).await;
        if reply.status == 500 && replica.told()?.contains("was told to panic") {
            panicked += 1;
        } else {
            flows.missed.push(format!("no panic at {point}: {} {}", reply.status, reply.text));
        }
        flows.heard.push(Heard { what: format!("a panic at {point}"), reply });
        replica.end().await?;
    }
    Ok(panicked)
}

/// The address with a password in it. A server that trusts whoever comes looks at none.
fn with_password(url: &str) -> Result<String, Fault> {
    let mut url: Url = url.parse().map_err(Fault::of("the database's address"))?;
    if url.password().is_none() {
        let set = url.set_password(Some(DATABASE_PASSWORD));
        set.map_err(|()| Fault("the database's address takes no password".to_owned()))?;
    }
    Ok(url.into())
}

fn all_canaries(world: &World, database: &str) -> Result<Vec<Canary>, Fault> {
    let url: Url = database.parse().map_err(Fault::of("the database's address"))?;
    let password = url.password().unwrap_or_default().to_owned();
    if password == url.username() {
        return Err(Fault("the database's password is a word like any other".to_owned()));
    }
    let [scaleway, archera, shared] = world.secrets();
    let token = world.token();
    let signature = token.rsplit('.').next().unwrap_or_default().to_owned();
    Ok(canaries(vec![
        ("Scaleway's key", scaleway),
        ("Archera's key", archera),
        ("the tokens' secret", shared),
        ("the database's password", password),
        ("a token's signature", signature),
    ]))
}

/// Everything that was said and kept.
struct Looked<'a> {
    world: &'a World,
    said: &'a Said,
    heard: &'a [Heard],
}

impl Looked<'_> {
    async fn through(
        &self,
        report: &mut Report,
        all: &[Canary],
        begun: Instant,
    ) -> Result<(), Fault> {
        let mut broken = [0, 0, 0, 0, 0];
        let mut columns = 0;
        for canary in all {
            let Said { log, telemetry, metrics } = self.said;
            for (place, text, what) in
                [(0, log, "the log"), (1, telemetry, "the telemetry"), (2, metrics, "the metrics")]
            {
                if let Some(line) = line_with(text, &canary.word) {
                    broken[place] += 1;
                    report.fault(format!("{} is in {what}: {line:.600}", canary.name));
                }
            }
            for fault in self.in_answers(canary) {
                broken[3] += 1;
                report.fault(fault);
            }
            let found = self.world.columns_with(&canary.word).await?;
            columns += found.len() as u64;
            for column in found.iter().filter(|column| !belongs(canary, column)) {
                broken[4] += 1;
                report.fault(format!("{} is in the column {column}", canary.name));
            }
            if let Some(fault) = self.is_missing(canary, &found) {
                report.fault(fault);
            }
        }
        let Said { log, telemetry, metrics } = self.said;
        let lines = |text: &str| text.lines().count() as u64;
        let traces = telemetry.matches("/v1/traces").count() as u64;
        let [in_log, in_telemetry, in_metrics, in_answers, in_columns] = broken;
        report.row("canaries", all.len() as u64, 15, 0, begun);
        report.row("lines of the log at TRACE", lines(log), 1_000, in_log, begun);
        report.row("exports of traces", traces, 1, in_telemetry, begun);
        report.row("lines of metrics", lines(metrics), 50, in_metrics, begun);
        report.row("answers and pages", self.heard.len() as u64, ANSWERS, in_answers, begun);
        report.row("columns with a canary that belongs there", columns, 10, in_columns, begun);
        Ok(())
    }

    fn in_answers(&self, canary: &Canary) -> Vec<String> {
        let mut found = Vec::new();
        for Heard { what, reply } in self.heard {
            let is_refusal = reply.status >= 400;
            if canary.kind == Kind::Personal && !is_refusal {
                continue;
            }
            // What was kept in the browser by the browser's own session is not said to anybody else.
            let headers = reply.headers.iter().filter(|(name, _)| *name != "set-cookie");
            let headers: String =
                headers.map(|(_, value)| String::from_utf8_lossy(value.as_bytes())).collect();
            if let Some(line) = line_with(&format!("{headers}\n{}", reply.text), &canary.word) {
                found.push(format!(
                    "{} is in the answer {} to {what}: {line:.600}",
                    canary.name, reply.status
                ));
            }
        }
        found
    }

    /// A canary that was not where it belongs shows nothing.
    fn is_missing(&self, canary: &Canary, columns: &[String]) -> Option<String> {
        let is_refused = canary.word.contains("refused");
        let is_kept = columns.iter().any(|column| belongs(canary, column));
        (canary.kind == Kind::Personal && !is_refused && !is_kept)
            .then(|| format!("{} was never kept where it belongs", canary.name))
    }
}

fn belongs(canary: &Canary, column: &str) -> bool {
    canary.kind == Kind::Personal && COLUMNS.iter().any(|own| column.starts_with(own))
}

/// The first line in which a word is, in any case.
fn line_with<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let word = word.to_ascii_lowercase();
    text.lines().find(|line| line.to_ascii_lowercase().contains(&word))
}
