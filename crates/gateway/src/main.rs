//! The binary: hands its arguments to the commands and ends with their exit code.

use std::{io::Write, process::ExitCode, time::Duration};

/// How long the end waits for what cannot be broken off: a look-up of a name, a file that lies where nothing answers.
const LAST_WAIT: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: no threads can be had: {error}");
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(partner_gateway::cli::run(std::env::args_os()));
    runtime.shutdown_timeout(LAST_WAIT);
    code
}
