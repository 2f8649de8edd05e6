//! What is deployed from `deploy/` fits the code.

use std::{fs, time::Duration};

use partner_gateway::config::{Config, Environment, Sources, parse_duration};

use super::source::root;

fn example(variables: &[&str]) -> Result<Config, String> {
    let sources = Sources {
        files: vec![root().join("deploy/config.example.toml")],
        environment: variables
            .iter()
            .map(|name| {
                (*name, if *name == "DATABASE_URL" { "postgres://db.test/gateway" } else { "x" })
            })
            .collect::<Environment>(),
        ..Sources::default()
    };
    Config::from_sources(&sources).map_err(|error| error.to_string())
}

const VARIABLES: [&str; 3] = ["DATABASE_URL", "SCW_SECRET_KEY", "ARCHERA_API_KEY"];

#[test]
fn the_example_configuration_is_whole_and_needs_no_warning() {
    let config = example(&VARIABLES).unwrap();
    assert_eq!(config.warnings, [""; 0]);
    let names: Vec<&str> = config.providers.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["scaleway", "archera"]);
    assert_eq!(config.routes.len(), 2);
}

#[test]
fn each_secret_that_the_example_names_is_needed_and_told_in_the_unit() {
    let unit = fs::read_to_string(root().join("deploy/systemd/partner-gateway.service")).unwrap();
    for missing in VARIABLES {
        let others: Vec<&str> = VARIABLES.into_iter().filter(|name| *name != missing).collect();
        let told = example(&others).unwrap_err();
        assert!(told.contains(missing), "{told}");
        assert!(unit.contains(&format!("{missing}=")), "the unit does not name {missing}");
    }
}

#[test]
fn a_stopping_unit_waits_longer_than_the_drain() {
    let unit = fs::read_to_string(root().join("deploy/systemd/partner-gateway.service")).unwrap();
    let stop = unit.lines().find_map(|line| line.strip_prefix("TimeoutStopSec=")).unwrap();
    let drain = example(&VARIABLES).unwrap().server.drain_timeout;
    assert!(parse_duration(stop).unwrap() >= drain + Duration::from_secs(5));
}

#[test]
fn the_image_is_built_by_the_pinned_toolchain() {
    let pinned: toml::Table =
        fs::read_to_string(root().join("rust-toolchain.toml")).unwrap().parse().unwrap();
    let version = pinned["toolchain"]["channel"].as_str().unwrap();
    let image = fs::read_to_string(root().join("deploy/Dockerfile")).unwrap();
    assert!(image.contains(&format!("RUSTUP_TOOLCHAIN={version}\n")), "not {version}");
    let (minor, _) = version.rsplit_once('.').unwrap();
    assert!(image.contains(&format!("/rust:{minor}-")), "not {minor}");
}
