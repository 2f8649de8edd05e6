//! The real program, a real PostgreSQL and both providers over HTTP, for the layers that end and freeze
//! processes. It starts, kills, stops and asks; what should hold is the layers' business.
//!
//! The gateway that is tortured is this very program: started as `torture gateway …` it does what
//! `partner-gateway …` does, so that nothing else needs to be built.

mod caller;
mod deed;
mod draw;
mod lanes;
mod provider_side;
mod replica;
mod settings;
mod world;

use std::{ffi::OsStr, fmt, process::ExitCode};

pub(crate) use caller::{Answered, Caller, LONG};
pub(crate) use deed::Deed;
pub(crate) use draw::Draw;
pub(crate) use lanes::{Outcomes, run_lanes};
pub(crate) use provider_side::{Kind, Request};
pub(crate) use replica::Replica;
pub(crate) use settings::{Account, PASSWORD, Pace};
pub(crate) use world::{Customer, World, commitments_body, create_body};

/// The word that makes this program the gateway.
const WORD: &str = "gateway";

/// What went wrong, told in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault(pub String);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Fault {
    /// For `map_err`: `what` failed.
    pub(crate) fn of<E: fmt::Display>(what: &str) -> impl FnOnce(E) -> Self {
        move |error| Self(format!("{what}: {error}"))
    }
}

/// A promise that must hold.
///
/// # Errors
/// It does not, told by `what`.
pub(crate) fn hold(holds: bool, what: impl FnOnce() -> String) -> Result<(), Fault> {
    if holds { Ok(()) } else { Err(Fault(what())) }
}

/// Runs the gateway and answers its exit code, where this process was started as one.
pub(crate) fn as_gateway() -> Option<ExitCode> {
    let mut arguments = std::env::args_os();
    let name = arguments.next()?;
    if arguments.next().as_deref() != Some(OsStr::new(WORD)) {
        return None;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().ok()?;
    Some(runtime.block_on(partner_gateway::cli::run([name].into_iter().chain(arguments))))
}

/// Whether the gateway in here has the points at which it can be ended.
pub(crate) const HAS_POINTS: bool = cfg!(feature = "crash-points");

/// Why a layer that needs the points did not run.
pub(crate) const WITHOUT_POINTS: &str = "not run: build with `--features crash-points`";
