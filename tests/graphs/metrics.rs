//! What the dashboard "Gateway" asks of Prometheus, asked of a real one that scrapes a real gateway.

use std::process::Stdio;

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStderr, Command},
};

use super::{
    dashboards::{put_in, queries, variables},
    filled::Filled,
    tools::{deployed, tool},
};
use crate::harness::{Client, until};

/// A Prometheus of the test's own. It is killed when this is dropped.
struct Prometheus {
    _child: Child,
    _log: Lines<BufReader<ChildStderr>>,
    _folder: tempfile::TempDir,
    client: Client,
}

impl Prometheus {
    /// Scrapes this target every second, as the configuration that is deployed does more seldom.
    async fn start(program: &std::path::Path, target: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = std::fs::read_to_string(deployed("prometheus/prometheus.yml")).unwrap();
        let text = text
            .replace("interval: 15s", "interval: 1s")
            .replace("timeout: 10s", "timeout: 1s")
            .replace("127.0.0.1:9090", target)
            .replace("rules/*.yml", deployed("prometheus/rules/*.yml").to_str().unwrap());
        let file = folder.path().join("prometheus.yml");
        std::fs::write(&file, text).unwrap();
        let mut child = Command::new(program)
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .args(["--web.listen-address=127.0.0.1:0", "--log.level=info"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut told = Vec::new();
        let address = loop {
            let Some(line) = log.next_line().await.unwrap() else { panic!("{told:#?}") };
            if let Some((_, address)) = line.split_once("msg=\"Listening on\" address=") {
                break address.trim().to_owned();
            }
            told.push(line);
        };
        let client = Client::without_token(format!("http://{address}"));
        Self { _child: child, _log: log, _folder: folder, client }
    }

    /// What an expression is now; fails where Prometheus refuses it.
    async fn ask(&self, expression: &str) -> Vec<Value> {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("query", expression)
            .finish();
        let answer = self.client.get(&format!("/api/v1/query?{query}")).await;
        assert_eq!(answer.json["status"], "success", "{expression}: {}", answer.text);
        answer.json["data"]["result"].as_array().cloned().unwrap_or_default()
    }
}

#[tokio::test]
async fn every_query_of_the_dashboard_has_an_answer() {
    let Some(program) = tool("prometheus") else { return };
    let filled = Filled::start().await;
    let target = filled.client.base().trim_start_matches("http://").to_owned();
    let prometheus = Prometheus::start(&program, &target).await;

    let asked = queries("prometheus", "expr");
    assert!(asked.len() > 30, "only {} queries", asked.len());
    let values = [("$__rate_interval", "30s"), ("$instance", ".*"), ("$provider", ".*")];
    for one in asked {
        let expression = put_in(&one.query, &values);
        // A rate needs two scrapes, and some things are measured every few seconds.
        until(&format!("{}: {expression}", one.place), async || {
            (!prometheus.ask(&expression).await.is_empty()).then_some(())
        })
        .await;
    }
    for one in variables("prometheus") {
        let inner = one.query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')'));
        let (metric, label) = inner.and_then(|inner| inner.split_once(", ")).unwrap();
        let found = prometheus.ask(&format!("count by ({label}) ({metric})")).await;
        assert!(found.iter().any(|row| row["metric"][label].is_string()), "{}", one.place);
    }
    // The rules are loaded, and a gateway that is well makes nobody get up.
    let rules = prometheus.client.get("/api/v1/rules").await;
    assert!(rules.json["data"]["groups"].as_array().unwrap().len() >= 5, "{}", rules.text);
    let firing = prometheus.ask("ALERTS{alertstate=\"firing\", severity=\"page\"}").await;
    assert_eq!(firing, [Value::Null; 0]);
    drop(prometheus);
    filled.end().await;
}
