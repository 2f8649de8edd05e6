//! Measures the gateway under more than it can take, and under callers that take their time.
//!
//! Loopback alone, and over within two minutes. It prints one line for each thing that it found, and ends
//! with 1 where something was answered that should not be, or a slow caller was not cut off in time.
//! Whether the times are good is for who reads them: they are of the machine that it ran on.

mod load;
#[expect(dead_code, unused_imports, reason = "the torture program's own; this needs a part of it")]
#[path = "../torture/real/mod.rs"]
mod real;
mod slow;
mod tally;

use std::{
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

use real::{Account, Fault, Pace, Replica, World, create_body};
use sandbox::{Latency, Sandbox, SandboxConfig};

/// What the gateway works on at one time.
const MAX_IN_FLIGHT: usize = 32;
/// More than are read at one time.
const ORGANIZATIONS: usize = 4 * MAX_IN_FLIGHT;
/// How long the provider takes for a reading.
const READING: Duration = Duration::from_millis(50);

/// What was found, in lines, and how much of it should not be.
#[derive(Debug, Default)]
struct Found {
    lines: Vec<String>,
    faults: Vec<String>,
}

impl Found {
    fn line(&mut self, what: &str, value: impl std::fmt::Display) {
        self.lines.push(format!("{what}: {value}"));
    }

    fn fault(&mut self, fault: impl Into<String>) {
        self.faults.push(fault.into());
    }
}

fn main() -> ExitCode {
    if let Some(ended) = real::as_gateway() {
        return ended;
    }
    let mut found = Found::default();
    let measured = tokio::runtime::Runtime::new()
        .map_err(Fault::of("no runtime"))
        .and_then(|runtime| runtime.block_on(measure(&mut found)));
    if let Err(fault) = measured {
        found.fault(fault.to_string());
    }
    let faults = found.faults.iter().map(|fault| format!("FAULT: {fault}"));
    let lines: Vec<String> = found.lines.iter().cloned().chain(faults).collect();
    let written = writeln!(io::stdout().lock(), "{}", lines.join("\n"));
    if written.is_ok() && found.faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn measure(found: &mut Found) -> Result<(), Fault> {
    let latency = Latency { create: Duration::ZERO, other: READING };
    let sandbox = SandboxConfig { latency, ..SandboxConfig::default() };
    let sandbox = Sandbox::start(sandbox).await.map_err(Fault::of("the sandbox"))?;
    let accounts = Account::both(&sandbox);
    let pace = Pace {
        lease: Duration::from_secs(30),
        settle_window: Duration::from_secs(1),
        timeout: Duration::from_secs(20),
        poll_every: Duration::from_secs(1),
    };
    let world = World::around(&pace, sandbox, &accounts).await?;
    let most = MAX_IN_FLIGHT.to_string();
    let usual = ("GATEWAY_DATABASE__MAX_CONNECTIONS", "16");
    let gateway = world.start([("GATEWAY_SERVER__MAX_IN_FLIGHT", most.as_str()), usual]).await?;
    found.line("requests worked on at one time", MAX_IN_FLIGHT);
    found.line("a reading at the provider takes", format!("{READING:?}"));
    let readings = readings(&world, &gateway).await?;
    load::measure(&readings, found).await?;
    slow::measure(gateway.base(), world.token(), found).await
}

/// Requests that take at least as long as the provider does, each for an organization of its own: what is
/// observed is written down, and one row would be written by one request at a time.
async fn readings(world: &World, gateway: &Replica) -> Result<load::Requests, Fault> {
    let caller = world.caller(gateway);
    let mut urls = Vec::with_capacity(ORGANIZATIONS);
    for n in 0..ORGANIZATIONS {
        let made = caller.post("/v1/organizations", &create_body(&format!("cust-{n}"))).await?;
        let id = made.json["id"].as_str().ok_or_else(|| Fault(format!("no customer: {made}")))?;
        urls.push(format!("{}/v1/organizations/{id}?refresh=true", gateway.base()));
    }
    Ok(load::Requests { urls: urls.into(), token: world.token().to_owned() })
}
