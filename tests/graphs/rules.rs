//! Prometheus takes the rules, and each alert does what its tests in `deploy/prometheus/tests` say.

use std::{collections::BTreeMap, process::Command};

use super::tools::{deployed, files, tool};

const RULES: &str = "prometheus/rules";
const TESTS: &str = "prometheus/tests";

/// Runs promtool in the folder of its files.
fn promtool(words: &[&str], folder: &str, names: &[(String, String)]) {
    let Some(program) = tool("promtool") else { return };
    let mut command = Command::new(program);
    command.args(words).args(names.iter().map(|(name, _)| name)).current_dir(deployed(folder));
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "promtool {words:?}:\n{said}");
}

#[test]
fn the_configuration_and_the_rules_are_taken() {
    let configuration = [("prometheus.yml".to_owned(), String::new())];
    promtool(&["check", "config"], "prometheus", &configuration);
    promtool(&["check", "rules"], RULES, &files(RULES, "yml"));
}

#[test]
fn alerts_fire_and_are_silent_as_their_tests_say() {
    promtool(&["test", "rules"], TESTS, &files(TESTS, "yml"));
}

/// The values of this key, in the order of the lines.
fn values<'a>(text: &'a str, key: &str) -> Vec<&'a str> {
    let lines = text.lines().map(|line| line.trim().trim_start_matches("- "));
    lines.filter_map(|line| line.strip_prefix(key)?.strip_prefix(':')).map(str::trim).collect()
}

#[test]
fn every_alert_is_tested_both_ways_and_says_what_it_is() {
    let mut tested: BTreeMap<&str, [bool; 2]> = BTreeMap::new();
    let tests = files(TESTS, "yml");
    for (_, text) in &tests {
        let (names, expected) = (values(text, "alertname"), values(text, "exp_alerts"));
        assert_eq!(names.len(), expected.len());
        for (name, expected) in names.into_iter().zip(expected) {
            tested.entry(name).or_default()[usize::from(expected == "[]")] = true;
        }
    }
    let mut alerts = 0;
    for (file, text) in files(RULES, "yml") {
        for alert in text.split("- alert: ").skip(1) {
            let name = alert.lines().next().unwrap().trim();
            alerts += 1;
            assert_eq!(tested.get(name), Some(&[true, true]), "{file}: {name}: fires, is silent");
            for key in ["severity", "summary", "runbook_url"] {
                assert_eq!(values(alert, key).len(), 1, "{file}: {name}: {key}");
            }
        }
    }
    assert!(alerts > 15, "only {alerts} alerts were found");
}
