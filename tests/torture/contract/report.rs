//! What the tool found, read from its own reports: a summary of the run, and each case with its checks.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::{
    excuses::{CHECK, Excuse},
    tool::{EVENTS, RUN_REPORT},
};
use crate::real::Fault;

/// Checks of an answer against the document; the others are of what is taken and what is refused.
const CONFORMANCE: [&str; 5] = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
];

/// Characters of a request's body that are told.
const BODY_TOLD: usize = 1000;

/// How often checks of a kind were made, and how often they failed.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Tally {
    pub(super) done: u64,
    pub(super) failed: u64,
}

/// What the tool found.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// Requests that were made up.
    pub(super) cases: u64,
    /// Cases that could not be carried out.
    pub(super) cases_errored: u64,
    /// Operations that were tested.
    pub(super) operations_tested: u64,
    /// Operations of which no request could be made.
    pub(super) operations_errored: u64,
    /// Answers that came.
    pub(super) answers: u64,
    /// Answers of 500 and above.
    pub(super) server_errors: u64,
    /// Checks of answers against the document.
    pub(super) conformance: Tally,
    /// Checks of what is taken and what is refused.
    pub(super) conduct: Tally,
    /// Failed checks that are excused.
    pub(super) excused: BTreeMap<&'static str, u64>,
    /// The checks that were made, by name.
    pub(super) checks: BTreeSet<String>,
    /// What was broken, in full; each kind once.
    pub(super) faults: Vec<String>,
    told: BTreeSet<String>,
}

impl Findings {
    /// Reads the reports in this folder.
    ///
    /// # Errors
    /// There are none, or the run was not complete.
    pub(super) fn read(folder: &Path) -> Result<Self, Fault> {
        let text = std::fs::read_to_string(folder.join(RUN_REPORT))
            .map_err(Fault::of("the tool left no report"))?;
        let summary: Value =
            serde_json::from_str(&text).map_err(Fault::of("its report is no JSON"))?;
        let mut findings = Self::of_summary(&summary)?;
        let events = File::open(folder.join(EVENTS)).map_err(Fault::of("its events"))?;
        for line in BufReader::new(events).lines() {
            let line = line.map_err(Fault::of("its events"))?;
            let event: Value = serde_json::from_str(&line).map_err(Fault::of("an event"))?;
            findings.add(&event["ScenarioFinished"]["recorder"]);
        }
        Ok(findings)
    }

    fn of_summary(summary: &Value) -> Result<Self, Fault> {
        let count = |pointer: &str| {
            let found = summary.pointer(pointer).and_then(Value::as_u64);
            found.ok_or_else(|| Fault(format!("its report has no {pointer}")))
        };
        if summary["complete"] != Value::Bool(true) {
            return Err(Fault(format!("the run was not complete: {}", summary["stop_reason"])));
        }
        let faults = summary["errors"].as_array().into_iter().flatten();
        Ok(Self {
            cases: count("/test_cases/generated")?,
            cases_errored: count("/test_cases/errored")?,
            operations_tested: count("/operations/tested")?,
            operations_errored: count("/operations/errored")?,
            faults: faults.map(|error| format!("the tool failed: {error}")).collect(),
            ..Self::default()
        })
    }

    fn add(&mut self, recorder: &Value) {
        let interactions = recorder["interactions"].as_object();
        for interaction in interactions.into_iter().flat_map(|them| them.values()) {
            let Some(status) = interaction["response"]["status_code"].as_u64() else { continue };
            self.answers += 1;
            self.server_errors += u64::from(status >= 500);
        }
        for (case, checks) in recorder["checks"].as_object().into_iter().flatten() {
            let interaction = &recorder["interactions"][case];
            for check in checks.as_array().into_iter().flatten() {
                self.check(check, interaction);
            }
        }
    }

    fn check(&mut self, check: &Value, interaction: &Value) {
        let name = check["name"].as_str().unwrap_or_default();
        if !self.checks.contains(name) {
            self.checks.insert(name.to_owned());
        }
        let is_conformance = CONFORMANCE.contains(&name);
        let fails = check["status"] != "success" && !self.is_excused(name, interaction);
        let tally = if is_conformance { &mut self.conformance } else { &mut self.conduct };
        tally.done += 1;
        if fails {
            tally.failed += 1;
            self.tell(name, check, interaction);
        }
    }

    fn is_excused(&mut self, name: &str, interaction: &Value) -> bool {
        let status = interaction["response"]["status_code"].as_u64().unwrap_or_default();
        let (CHECK, Ok(status)) = (name, u16::try_from(status)) else { return false };
        let problem = serde_json::from_str(&body_of(interaction)).unwrap_or(Value::Null);
        let excuses = Excuse::of(status, &problem);
        for excuse in &excuses {
            *self.excused.entry(excuse.why).or_default() += 1;
        }
        !excuses.is_empty()
    }

    /// Tells a failed check, once for each operation and kind.
    fn tell(&mut self, name: &str, check: &Value, interaction: &Value) {
        let failure = &check["failure_info"]["failure"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let kind =
            format!("{name} of {}: {}", text(&failure["operation"]), text(&failure["title"]));
        if self.told.insert(kind.clone()) {
            let request = &interaction["request"];
            self.faults.push(format!(
                "{kind}: {}; sent {} {} {} {}, answered {} {}",
                text(&failure["message"]).replace('\n', "; "),
                text(&request["method"]),
                text(&request["uri"]),
                request["headers"],
                decoded(&request["body"]).chars().take(BODY_TOLD).collect::<String>(),
                interaction["response"]["status_code"],
                body_of(interaction),
            ));
        }
    }
}

/// The body of an answer.
fn body_of(interaction: &Value) -> String {
    decoded(&interaction["response"]["content"])
}

fn decoded(content: &Value) -> String {
    let bytes = STANDARD.decode(content["$base64"].as_str().unwrap_or_default());
    String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn recorder(status: u64, check: &str, body: &Value) -> Value {
        let content = STANDARD.encode(body.to_string());
        json!({
            "interactions": { "a": {
                "request": {
                    "method": "GET", "uri": "http://127.0.0.1/v1/x", "headers": {},
                    "body": { "$base64": STANDARD.encode("what was sent") },
                },
                "response": { "status_code": status, "content": { "$base64": content } },
            } },
            "checks": { "a": [
                { "name": "not_a_server_error", "status": "success" },
                { "name": check, "status": "failure",
                  "failure_info": { "failure": { "operation": "GET /v1/x", "title": "Broken" } } },
            ] },
        })
    }

    #[test]
    fn failed_checks_are_counted_and_told_once_unless_they_are_excused() {
        let mut findings = Findings::default();
        for _ in 0..2 {
            findings.add(&recorder(500, "response_schema_conformance", &json!({})));
        }
        findings.add(&recorder(412, CHECK, &json!({ "code": "precondition_failed" })));
        assert_eq!((findings.answers, findings.server_errors), (3, 2));
        assert_eq!((findings.conformance.done, findings.conformance.failed), (5, 2));
        assert_eq!((findings.conduct.done, findings.conduct.failed), (1, 0));
        assert_eq!(findings.faults.len(), 1, "{:?}", findings.faults);
        assert!(
            findings.faults[0].contains("what was sent, answered 500 {}"),
            "{:?}",
            findings.faults
        );
        assert_eq!(findings.excused.values().sum::<u64>(), 1);
    }

    #[test]
    fn a_run_that_broke_off_is_none() {
        let summary = json!({ "complete": false, "stop_reason": "interrupted" });
        assert!(Findings::of_summary(&summary).is_err());
    }
}
