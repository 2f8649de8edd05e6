//! What the pages say of the code is what the code says, and their links lead somewhere.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use partner_core::{Capabilities, CreateRecovery, Field, FindBy, Strength};

use super::source::root;

fn page(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

fn names(fields: impl Iterator<Item = Field>) -> String {
    let names: Vec<String> = fields.map(|field| format!("`{field}`")).collect();
    if names.is_empty() { "–".to_owned() } else { names.join(", ") }
}

fn yes(is_so: bool) -> String {
    (if is_so { "yes" } else { "no" }).to_owned()
}

fn find_by(can: &Capabilities) -> String {
    let word = |by: &FindBy| {
        let worth = match by.strength {
            Strength::Strong => "proof",
            Strength::Weak => "weak",
            Strength::Hint => "a hint",
        };
        format!("`{}` ({worth})", by.field)
    };
    let found: Vec<String> = can.find_by.iter().map(word).collect();
    if found.is_empty() { "–".to_owned() } else { found.join(", ") }
}

fn recovery(can: &Capabilities) -> String {
    match can.create_recovery() {
        CreateRecovery::ReadBack => "reading back",
        CreateRecovery::Hint => "a person, shown candidates",
        CreateRecovery::Impossible => "a person",
    }
    .to_owned()
}

type Row = (&'static str, fn(&Capabilities) -> String);

const ROWS: [Row; 12] = [
    ("create", |can| yes(can.create)),
    ("read", |can| yes(can.get)),
    ("list", |can| yes(can.list)),
    ("found by", find_by),
    ("lock, unlock", |can| yes(can.lock)),
    ("invite members", |can| yes(can.invite)),
    ("admin seat", |can| yes(can.admin_role)),
    ("a create needs", |can| names(can.required_fields())),
    ("it also takes", |can| {
        let is_optional = |f: &Field| can.create_rule(*f).is_some_and(|rule| !rule.required);
        names(Field::ALL.into_iter().filter(is_optional))
    }),
    ("kept by the gateway alone", |can| {
        let is_local = |f: &Field| !can.holds(*f) && *f != Field::Members;
        names(Field::ALL.into_iter().filter(is_local))
    }),
    ("changed there", |can| names(can.update_fields.iter().map(|rule| rule.field))),
    ("a lost create is settled by", recovery),
];

fn capability_table() -> String {
    let scaleway = provider_scaleway::capabilities();
    let (archera, listing) =
        (provider_archera::capabilities(false), provider_archera::capabilities(true));
    let mut table = "| | Scaleway | Archera |\n|---|---|---|\n".to_owned();
    for (name, cell) in ROWS {
        let mut at_archera = cell(&archera);
        if cell(&listing) != at_archera {
            at_archera = format!("{at_archera}; with `list_orgs`: {}", cell(&listing));
        }
        table.push_str(&format!("| {name} | {} | {at_archera} |\n", cell(&scaleway)));
    }
    table
}

#[test]
fn the_capability_table_of_the_readme_is_the_code_s() {
    let readme = page("README.md");
    let (begin, end) = ("<!-- capabilities -->\n", "<!-- /capabilities -->");
    let printed = readme.split_once(begin).and_then(|(_, rest)| rest.split_once(end));
    let (printed, _) = printed.expect("README.md has no capability table between its marks");
    let expected = capability_table();
    assert!(printed.trim() == expected.trim(), "README.md must have this table:\n\n{expected}");
}

#[test]
fn the_readme_has_one_command_for_the_tests() {
    let readme = page("README.md");
    let commands: Vec<&str> =
        readme.lines().filter(|line| line.starts_with("cargo test")).collect();
    assert_eq!(commands.len(), 1, "{commands:?}");
}

/// The anchors of a page's headings, as those who show such pages make them.
fn anchors(page: &str) -> BTreeSet<String> {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let kept = line.trim_start_matches('#').trim().to_lowercase();
            let kept = kept.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

#[test]
fn every_alert_leads_to_its_paragraph() {
    let rules = page("deploy/prometheus/rules/partner-gateway.yml");
    let headings = anchors(&page("docs/OPERATIONS.md"));
    let mut alerts = 0;
    for alert in rules.split("- alert: ").skip(1) {
        alerts += 1;
        let name = alert.lines().next().unwrap().trim();
        let link = alert.lines().find_map(|line| line.trim().strip_prefix("runbook_url: "));
        let anchor = name.to_lowercase();
        assert_eq!(link, Some(format!("docs/OPERATIONS.md#{anchor}").as_str()), "{name}");
        assert!(headings.contains(&anchor), "docs/OPERATIONS.md has no paragraph for {name}");
    }
    assert!(alerts > 15, "only {alerts} alerts were found");
    let told = page("docs/OPERATIONS.md");
    let told = told.lines().filter(|line| line.starts_with("### Gateway")).count();
    assert_eq!(told, alerts, "a paragraph for an alert that there is not");
}

fn pages_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(pages_below(&path));
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
    found
}

#[test]
fn links_between_the_pages_lead_somewhere() {
    let root = root();
    let mut pages = vec![root.join("README.md"), root.join("CHANGELOG.md")];
    pages.extend(pages_below(&root.join("docs")));
    let (mut dead, mut followed) = (Vec::new(), 0);
    for path in pages {
        let text = fs::read_to_string(&path).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (target, anchor) = link.split_once('#').unwrap_or((link, ""));
            if link.contains("://") {
                continue;
            }
            followed += 1;
            let leads_to =
                if target.is_empty() { path.clone() } else { path.parent().unwrap().join(target) };
            let is_there = leads_to.exists()
                && (anchor.is_empty()
                    || anchors(&fs::read_to_string(&leads_to).unwrap()).contains(anchor));
            if !is_there {
                dead.push(format!("{}: {link}", path.strip_prefix(&root).unwrap().display()));
            }
        }
    }
    assert!(followed > 10, "only {followed} links were found");
    assert!(dead.is_empty(), "\n{}\n", dead.join("\n"));
}

#[test]
fn every_decision_is_told_in_the_list() {
    let list = page("docs/decisions/README.md");
    for path in pages_below(&root().join("docs/decisions")) {
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(name == "README.md" || list.contains(name), "{name} is not in the list");
    }
}
