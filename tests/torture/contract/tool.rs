//! Schemathesis itself: fetched once at pinned versions into a folder beside this program, then run.

use std::{
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use tokio::process::Command;

use crate::real::Fault;

/// The one version whose reports and settings are known here.
const VERSION: &str = "4.32.5";
/// All that it needs, at exact versions too.
const REQUIREMENTS: &str = include_str!("requirements.txt");
/// No installation takes nearly as long.
const INSTALLED_WITHIN: Duration = Duration::from_secs(300);
/// No run takes nearly as long.
const DONE_WITHIN: Duration = Duration::from_secs(3 * 3600);

/// Every check that it has, in its own words.
pub(super) const CHECKS: [&str; 14] = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "positive_data_acceptance",
    "missing_required_header",
    "unsupported_method",
    "allow_header_conformance",
    "use_after_free",
    "ensure_resource_availability",
    "ignored_auth",
    "object_level_authorization",
];

/// Where its reports are to be found.
pub(super) const RUN_REPORT: &str = "run.json";
/// Each case with its checks, a line an event.
pub(super) const EVENTS: &str = "events.ndjson";

/// The tool, ready to run.
#[derive(Debug)]
pub(super) struct Schemathesis {
    program: PathBuf,
}

/// What it is to do.
#[derive(Debug)]
pub(super) struct Task<'a> {
    /// Where its reports go.
    pub(super) folder: &'a Path,
    /// Its settings.
    pub(super) settings: &'a Path,
    /// Where the gateway answers.
    pub(super) base: String,
    /// A token with every scope.
    pub(super) token: String,
    /// Cases of one operation by chance, at most.
    pub(super) examples: u32,
    /// What they are drawn from.
    pub(super) seed: u64,
}

impl Schemathesis {
    /// The tool, installed now where it was not.
    ///
    /// # Errors
    /// One line: what could not be installed, and why.
    pub(super) async fn at_hand() -> Result<Self, Fault> {
        let here = std::env::current_exe().map_err(Fault::of("this program"))?;
        let folder = here.with_file_name(format!("schemathesis-{VERSION}"));
        let tool = Self { program: folder.join("bin/schemathesis") };
        if !tool.is_there().await {
            let installed = install(&folder).await;
            installed.map_err(Fault::of(&format!("schemathesis {VERSION} cannot be installed")))?;
            if !tool.is_there().await {
                return Err(Fault(format!(
                    "schemathesis {VERSION} was installed but does not run"
                )));
            }
        }
        Ok(tool)
    }

    async fn is_there(&self) -> bool {
        let asked = in_time(Command::new(&self.program).arg("--version"), INSTALLED_WITHIN).await;
        asked.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(VERSION))
    }

    /// Runs it to its end, and answers what it told. That it found failures is no error here: its reports
    /// say so.
    ///
    /// # Errors
    /// It could not be run.
    pub(super) async fn run(&self, task: &Task<'_>) -> Result<String, Fault> {
        let mut command = Command::new(&self.program);
        command.arg("--config-file").arg(task.settings);
        command.args(["run", &format!("{}/openapi.json", task.base), "--no-color"]);
        command.args(["--url", &task.base, "--checks", "all", "--continue-on-failure"]);
        command.args(["--max-examples", &task.examples.to_string()]);
        // With more, CPython 3.11 now and then breaks off ("AST constructor recursion depth mismatch").
        command.args(["--seed", &task.seed.to_string(), "--workers", "1"]);
        command.args(["--generation-database", "none", "--report", "json,ndjson"]);
        command.arg("--report-json-path").arg(task.folder.join(RUN_REPORT));
        command.arg("--report-ndjson-path").arg(task.folder.join(EVENTS));
        // By the environment: a command line can be read by everybody on the machine.
        command.env("GATEWAY_TOKEN", &task.token).current_dir(task.folder);
        let output = in_time(&mut command, DONE_WITHIN).await?;
        Ok(format!("{}{}", told(&output.stdout), told(&output.stderr)))
    }
}

async fn install(folder: &Path) -> Result<(), Fault> {
    let requirements = folder.with_extension("requirements.txt");
    std::fs::write(&requirements, REQUIREMENTS).map_err(Fault::of("the list of packages"))?;
    let mut environment = Command::new("python3");
    environment.args(["-m", "venv", "--clear"]).arg(folder);
    let mut packages = Command::new(folder.join("bin/pip"));
    packages.args(["install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r"]);
    packages.arg(&requirements);
    for (what, command) in [("python3 -m venv", &mut environment), ("pip", &mut packages)] {
        let output = in_time(command, INSTALLED_WITHIN).await?;
        if !output.status.success() {
            let all = format!("{}{}", told(&output.stdout), told(&output.stderr));
            let last = all.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no word");
            return Err(Fault(format!("{what} ended by {}: {last}", output.status)));
        }
    }
    Ok(())
}

async fn in_time(command: &mut Command, patience: Duration) -> Result<Output, Fault> {
    command.stdin(Stdio::null()).kill_on_drop(true);
    let name = command.as_std().get_program().to_string_lossy().into_owned();
    match tokio::time::timeout(patience, command.output()).await {
        Ok(output) => output.map_err(Fault::of(&name)),
        Err(_elapsed) => Err(Fault(format!("{name} did not end within {patience:?}"))),
    }
}

fn told(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
