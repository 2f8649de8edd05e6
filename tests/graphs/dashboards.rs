//! The dashboards as Grafana would take them: their shape, and what their panels ask for. Grafana itself cannot
//! be had here, so what it puts in for its macros and variables is written down once, below.

use std::collections::BTreeSet;

use serde_json::Value;

use super::tools::files;

const FOLDER: &str = "grafana/dashboards";
/// Grafana's grid has so many columns.
const COLUMNS: u64 = 24;

/// A query of a panel.
pub(super) struct Asked {
    /// The dashboard's title, the panel's and the query's letter.
    pub(super) place: String,
    /// What it asks, as it is written.
    pub(super) query: String,
}

/// What Grafana's macros and variables stand for in the tests, as its sources for PostgreSQL and Prometheus
/// put it: a time range, an interval, and every choice of a variable chosen.
pub(super) fn put_in(query: &str, values: &[(&str, &str)]) -> String {
    let mut query = query.to_owned();
    while let Some((before, rest)) = query.split_once("$__timeFilter(") {
        // The macro's argument may have parentheses of its own.
        let mut open = 1;
        let end = rest.find(|c: char| {
            open += i32::from(c == '(') - i32::from(c == ')');
            open == 0
        });
        let (column, after) = rest.split_at(end.expect("the macro ends"));
        let range = "between '2026-01-01T00:00:00Z' and '2026-01-31T23:59:59Z'";
        query = format!("{before}{column} {range}{}", &after[1..]);
    }
    for (name, value) in values {
        query = query.replace(name, value);
    }
    assert!(!query.contains('$'), "nothing is put in for a variable: {query}");
    query
}

fn dashboards() -> Vec<(String, Value)> {
    let read = |(name, text): (String, String)| {
        let dashboard = serde_json::from_str(&text);
        (name.clone(), dashboard.unwrap_or_else(|error| panic!("{name}: {error}")))
    };
    files(FOLDER, "json").into_iter().map(read).collect()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// Every query to sources of this type: of the panels under `panel_key`, of the variables under theirs.
pub(super) fn queries(source: &str, panel_key: &str) -> Vec<Asked> {
    let mut found = Vec::new();
    for (_, dashboard) in dashboards() {
        for panel in list(&dashboard, "panels") {
            for target in list(panel, "targets") {
                if target["datasource"]["type"] == source {
                    let place = format!(
                        "{} / {} / {}",
                        text(&dashboard, "title"),
                        text(panel, "title"),
                        text(target, "refId")
                    );
                    found.push(Asked { place, query: text(target, panel_key).to_owned() });
                }
            }
        }
    }
    found
}

/// The queries by which the variables of this source get their choices.
pub(super) fn variables(source: &str) -> Vec<Asked> {
    let mut found = Vec::new();
    for (_, dashboard) in dashboards() {
        for variable in list(&dashboard["templating"], "list") {
            if variable["datasource"]["type"] == source {
                let place = format!("{} / ${}", text(&dashboard, "title"), text(variable, "name"));
                found.push(Asked { place, query: text(variable, "definition").to_owned() });
            }
        }
    }
    found
}

/// The uids and types of the sources that are provisioned.
fn sources() -> BTreeSet<(String, String)> {
    let (_, text) = files("grafana/provisioning/datasources", "yml").remove(0);
    let values = |key: &str| -> Vec<String> {
        let lines = text.lines().filter_map(|line| line.trim().strip_prefix(key));
        lines.map(|value| value.trim().to_owned()).collect()
    };
    let (uids, types) = (values("uid: "), values("type: "));
    assert_eq!(uids.len(), types.len());
    uids.into_iter().zip(types).collect()
}

fn check_source(place: &str, holder: &Value, known: &BTreeSet<(String, String)>) {
    let source = &holder["datasource"];
    let named = (text(source, "uid").to_owned(), text(source, "type").to_owned());
    assert!(known.contains(&named), "{place}: the source {named:?} is not provisioned");
}

fn check_grid(place: &str, panels: &[Value]) {
    let mut taken = BTreeSet::new();
    for panel in panels {
        let number = |key: &str| panel["gridPos"][key].as_u64().expect("a place in the grid");
        let (x, y, w, h) = (number("x"), number("y"), number("w"), number("h"));
        let title = text(panel, "title");
        assert!(w > 0 && h > 0 && x + w <= COLUMNS, "{place}: {title} is not within the grid");
        for column in x..x + w {
            for line in y..y + h {
                assert!(taken.insert((column, line)), "{place}: {title} lies over another panel");
            }
        }
    }
}

#[test]
fn dashboards_are_whole() {
    let known = sources();
    let (mut uids, mut panels_in_all) = (BTreeSet::new(), 0);
    let dashboards = dashboards();
    assert_eq!(dashboards.len(), 2);
    for (name, dashboard) in &dashboards {
        assert!(uids.insert(text(dashboard, "uid")), "{name}: its uid is another's");
        assert!(!text(dashboard, "title").is_empty() && dashboard["schemaVersion"].is_u64());
        assert_eq!(dashboard["timezone"], "utc", "{name}");
        let panels = list(dashboard, "panels");
        check_grid(name, panels);
        let mut ids = BTreeSet::new();
        for panel in panels {
            let place = format!("{name}: {}", text(panel, "title"));
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{place}: its id is another's");
            if panel["type"] == "row" {
                continue;
            }
            panels_in_all += 1;
            assert!(!text(panel, "description").is_empty(), "{place}: says not what it shows");
            assert!(!list(panel, "targets").is_empty(), "{place}: asks nothing");
            check_source(&place, panel, &known);
            for target in list(panel, "targets") {
                check_source(&place, target, &known);
                assert_eq!(target["datasource"], panel["datasource"], "{place}");
            }
        }
        for variable in list(&dashboard["templating"], "list") {
            check_source(&format!("{name}: ${}", text(variable, "name")), variable, &known);
        }
    }
    assert!(panels_in_all > 30, "only {panels_in_all} panels were looked at");
}

#[test]
fn grafanas_macros_are_put_in() {
    let put = put_in("where $__timeFilter(f(day)) and a in ($tenant)", &[("$tenant", "'x'")]);
    let range = "f(day) between '2026-01-01T00:00:00Z' and '2026-01-31T23:59:59Z'";
    assert_eq!(put, format!("where {range} and a in ('x')"));
}
