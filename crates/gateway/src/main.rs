//! The binary: hands its arguments to the commands and ends with their exit code.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    partner_gateway::cli::run(std::env::args_os()).await
}
