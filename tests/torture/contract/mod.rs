//! What the gateway answers, held against its own OpenAPI document: schemathesis makes requests of it, good
//! ones and broken ones, and every one of its checks judges every answer.
//!
//! Nothing is judged here: the numbers and the failures are read from the tool's own reports.

mod excuses;
mod report;
mod tool;

use std::{fmt::Write, time::Instant};

use partner_gateway::auth::Scope;
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    harness::{Settings, World, cloud_customer, commitments_customer},
    layer::{Layer, Profile, Report, Run},
    real::Fault,
};
use report::Findings;
use tool::{Schemathesis, Task};

pub(crate) const LAYER: Layer =
    Layer { name: "contract", shows: "every answer is as the OpenAPI document says", run };

/// The tool's settings. What is known only when a gateway runs is added below them.
const SETTINGS: &str = include_str!("schemathesis.toml");
/// Customers that are there before the first request, so that not every id leads nowhere.
const CUSTOMERS: usize = 4;

/// How much is asked for.
#[derive(Debug, Clone, Copy)]
struct Extent {
    /// Cases that must have been made.
    cases: u64,
    /// Cases that are made of one operation by chance, at most.
    examples: u32,
}

fn run(run: &Run) -> Report {
    let extent = match run.profile {
        Profile::Ci => Extent { cases: 1_500, examples: 20 },
        Profile::Full => Extent { cases: 20_000, examples: 900 },
    };
    let mut report = Report::default();
    let judged = tokio::runtime::Runtime::new()
        .map_err(Fault::of("no runtime"))
        .and_then(|runtime| runtime.block_on(judge(run, extent, &mut report)));
    if let Err(fault) = judged {
        report.fault(fault.to_string());
    }
    report
}

async fn judge(run: &Run, extent: Extent, report: &mut Report) -> Result<(), Fault> {
    let tool = Schemathesis::at_hand().await?;
    let begun = Instant::now();
    let folder = TempDir::with_prefix("torture-contract-").map_err(Fault::of("a folder"))?;
    // A create that hangs would only make the run long: nothing is lost here.
    let world = World::with(Settings { provider_timeout: "5s", ..Settings::default() }).await;
    let document = world.anonymous().get("/openapi.json").await.expect(200);
    let settings = folder.path().join("schemathesis.toml");
    std::fs::write(&settings, settings_for(&world).await).map_err(Fault::of("the settings"))?;
    let task = Task {
        folder: folder.path(),
        settings: &settings,
        base: world.anonymous().base().to_owned(),
        token: world.token("crm", Scope::ALL.into_iter().collect()),
        examples: extent.examples,
        seed: run.seed,
    };
    let ended = tool.run(&task).await;
    world.finish_whatever_struck().await;
    let findings = Findings::read(folder.path()).map_err(|fault| match &ended {
        Ok(told) => Fault(format!("{fault}; it told:\n{told}")),
        Err(died) => Fault(format!("{fault}; {died}")),
    })?;
    tell(report, extent, &document, &findings, begun);
    report.detail(run, || format!("refused, since no schema says: {:?}", findings.excused));
    ended.map(|told| report.detail(run, || told))
}

/// The settings, with the ids of what is there.
async fn settings_for(world: &World) -> String {
    let client = world.client();
    let (mut organizations, mut operations, mut customers) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..CUSTOMERS {
        let customer = format!("cust-{number}");
        for body in [cloud_customer(&customer), commitments_customer(&customer)] {
            organizations.push(text(&client.create(&body).await["id"]));
        }
        customers.push(customer);
    }
    let page = client.get("/v1/operations").await.expect(200);
    operations.extend(page["items"].as_array().into_iter().flatten().map(|item| text(&item["id"])));
    let mut settings = SETTINGS.to_owned();
    for (name, values) in
        [("organizations", organizations), ("operations", operations), ("customers", customers)]
    {
        // A string that cannot be written is none.
        let _never = write!(settings, "\n[dictionaries.{name}]\nvalues = {values:?}\n");
    }
    settings
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn tell(
    report: &mut Report,
    extent: Extent,
    document: &Value,
    findings: &Findings,
    begun: Instant,
) {
    let operations = operations_of(document);
    report.row(
        "operations of the document",
        findings.operations_tested,
        operations,
        findings.operations_errored,
        begun,
    );
    report.row("cases", findings.cases, extent.cases, findings.cases_errored, begun);
    let answers = findings.answers;
    report.row(
        "answers, none a server error",
        answers,
        extent.cases,
        findings.server_errors,
        begun,
    );
    report.row(
        "checks of answers against the document",
        findings.conformance.done,
        extent.cases,
        findings.conformance.failed,
        begun,
    );
    report.row(
        "checks of what is taken and refused",
        findings.conduct.done,
        extent.cases,
        findings.conduct.failed,
        begun,
    );
    for fault in &findings.faults {
        report.fault(fault.clone());
    }
    for check in tool::CHECKS {
        if !findings.checks.contains(check) {
            report.fault(format!("never happened: the check `{check}`"));
        }
    }
}

fn operations_of(document: &Value) -> u64 {
    const METHODS: [&str; 5] = ["get", "put", "post", "delete", "patch"];
    let items = document["paths"].as_object().into_iter().flat_map(|paths| paths.values());
    let methods = items.filter_map(Value::as_object).flat_map(|item| item.keys());
    methods.filter(|method| METHODS.contains(&method.as_str())).count() as u64
}
