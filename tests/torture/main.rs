//! Tortures the gateway, layer by layer, and prints one table of what held.
//!
//! A layer is a file here and a line in `LAYERS`. The program ends with 1 if any promise was broken, any
//! fault never happened, or any number was not reached.

mod audit;
mod authorization;
mod contract;
mod database;
#[expect(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "the end-to-end tests' own; a layer fails by it, and needs a part of it"
)]
mod harness;
mod import;
mod kill;
mod layer;
mod leaks;
mod model;
mod ownership;
mod races;
mod real;
mod same_histories;
mod simulation;
mod sweep;
mod table;
mod tokens;
mod wire;
mod zombies;

use std::{
    io::{self, Write},
    process::{Command, ExitCode},
    time::Instant,
};

use clap::Parser;

use layer::{Layer, Profile, Report, Run};

const LAYERS: &[Layer] = &[
    model::LAYER,
    kill::LAYER,
    zombies::LAYER,
    simulation::LAYER,
    same_histories::LAYER,
    wire::LAYER,
    database::LAYER,
    races::LAYER,
    ownership::LAYER,
    import::LAYER,
    sweep::LAYER,
    audit::LAYER,
    contract::LAYER,
    authorization::LAYER,
    tokens::LAYER,
    leaks::LAYER,
];

/// Tortures the gateway, layer by layer, and prints one table of what held.
#[derive(Debug, Parser)]
#[command(name = "torture")]
struct Arguments {
    /// How much is asked for
    #[arg(long, value_enum, default_value = "ci")]
    profile: Profile,
    /// Only this layer; may be given again
    #[arg(long = "layer", value_name = "NAME", value_parser = layer_named)]
    layers: Vec<&'static str>,
    /// What is drawn is drawn from this number, so that a run can be had again
    #[arg(long)]
    seed: Option<u64>,
    /// Tell what was searched, and the trace of every broken rule that was caught
    #[arg(long)]
    details: bool,
}

fn layer_named(name: &str) -> Result<&'static str, String> {
    let found = LAYERS.iter().find(|layer| layer.name == name);
    found.map(|layer| layer.name).ok_or_else(|| {
        let told: Vec<String> =
            LAYERS.iter().map(|layer| format!("{} ({})", layer.name, layer.shows)).collect();
        format!("there are these layers: {}", told.join(", "))
    })
}

fn main() -> ExitCode {
    if let Some(ended) = real::as_gateway() {
        return ended;
    }
    let arguments = Arguments::parse();
    let run = Run {
        profile: arguments.profile,
        seed: arguments.seed.unwrap_or_else(seed_of_the_day),
        details: arguments.details,
    };
    let is_asked =
        |layer: &&Layer| arguments.layers.is_empty() || arguments.layers.contains(&layer.name);
    let reports: Vec<(&Layer, Report)> =
        LAYERS.iter().filter(is_asked).map(|layer| (layer, watched(layer, &run))).collect();
    let heading = format!("profile {:?}, seed {}, commit {}", run.profile, run.seed, commit());
    let is_written = table::write(&mut io::stdout().lock(), &heading, &reports).is_ok();
    if is_written && reports.iter().all(|(_, report)| report.has_passed()) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Runs a layer, and tells whoever watches how it went: a whole run lasts for an hour.
fn watched(layer: &Layer, run: &Run) -> Report {
    let begun = Instant::now();
    let report = (layer.run)(run);
    let verdict = if report.has_passed() { "passed" } else { "FAILED" };
    let seconds = begun.elapsed().as_secs_f64();
    // Nobody watching is no fault.
    let _unheard = writeln!(io::stderr(), "{}: {verdict} after {seconds:.0} s", layer.name);
    report
}

/// A number that is new each time.
fn seed_of_the_day() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::process::id())
}

/// The commit that is checked out, where it can be told.
fn commit() -> String {
    let answer = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output();
    match answer {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        }
        Ok(_) | Err(_) => "unknown".to_owned(),
    }
}
