//! The commands: arguments in, results on standard output, one clear line on standard error, and
//! an exit code.
//!
//! One file a command, each with its arguments and a `run`. A command puts rooms together; what the
//! service does is not decided here.

mod audit;
mod check;
mod dev;
mod error;
mod import;
mod migrate;
mod openapi;
mod serve;
mod signals;
mod sweep;
mod token;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{Config, ConfigError, Sources};

pub use error::CliError;

/// Provisions and looks after a reseller's customers at several cloud providers by one REST API.
#[derive(Debug, Parser)]
#[command(name = "partner-gateway", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// Where the configuration is read from. To be flattened into each command's own arguments: as a
/// global option, a file before the command's name would be dropped if another follows it.
#[derive(Debug, Clone, Default, Args)]
pub struct ConfigArgs {
    /// A configuration file (TOML); may be given again, and the last one wins
    #[arg(long = "config", value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl ConfigArgs {
    /// The built-in defaults, the files given, and the environment of this process.
    pub fn sources(&self) -> Sources {
        Sources::of_process(&self.files)
    }

    /// The whole configuration, validated.
    ///
    /// # Errors
    /// Every fault found.
    pub fn load(&self) -> Result<Config, ConfigError> {
        Config::load(&self.files)
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service
    Serve(serve::ServeArgs),
    /// Run the service with a database and simulated providers of its own, nothing configured
    Dev(dev::DevArgs),
    /// Apply the database's migrations
    Migrate(migrate::MigrateArgs),
    /// Look at the configuration, the database and each provider, changing nothing
    Check(check::CheckArgs),
    /// Adopt what a partner account has already; a dry run unless --apply is given
    Import(import::ImportArgs),
    /// Look whether the events are what was sealed
    Audit(audit::AuditArgs),
    /// Compare the mapping with what a provider lists, once and now
    Sweep(sweep::SweepArgs),
    /// Print the OpenAPI document
    Openapi,
    /// Make a token with the configured shared secret, for development and scripts
    Token(token::TokenArgs),
}

/// Runs the command that the arguments name, the program's own name first.
///
/// Exit codes: 0 done, 1 failed, 2 bad usage or configuration.
pub async fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(shown) => {
            // Help and version come here too, with 0; a closed pipe changes nothing about that.
            let _closed = shown.print();
            return ExitCode::from(u8::try_from(shown.exit_code()).unwrap_or(2));
        }
    };
    match dispatch(cli).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut stderr = std::io::stderr().lock();
            for line in error.to_string().lines() {
                // There is nobody left to tell if even this cannot be written.
                let _closed = writeln!(stderr, "error: {line}");
            }
            ExitCode::from(error.exit_code())
        }
    }
}

async fn dispatch(cli: Cli) -> Result<(), CliError> {
    match cli.command {
        Command::Serve(args) => serve::run(&args).await,
        Command::Dev(args) => dev::run(&args).await,
        Command::Migrate(args) => migrate::run(&args).await,
        Command::Check(args) => check::run(&args).await,
        Command::Import(args) => import::run(&args).await,
        Command::Audit(args) => audit::run(&args).await,
        Command::Sweep(args) => sweep::run(&args).await,
        Command::Openapi => openapi::run(),
        Command::Token(args) => token::run(&args),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn configuration_files_keep_their_order() {
        let words = "partner-gateway token --config a.toml --sub s --tenant t --scope admin \
                     --config b.toml";
        let cli = Cli::try_parse_from(words.split_whitespace()).unwrap();
        let Command::Token(args) = cli.command else { panic!("another command") };
        assert_eq!(args.config.files, [PathBuf::from("a.toml"), PathBuf::from("b.toml")]);
    }

    #[test]
    fn bad_usage_is_2_and_help_is_0() {
        let code =
            |words: &str| Cli::try_parse_from(words.split_whitespace()).unwrap_err().exit_code();
        assert_eq!(code("partner-gateway"), 2);
        assert_eq!(code("partner-gateway fly"), 2);
        assert_eq!(code("partner-gateway --config a.toml token"), 2);
        assert_eq!(code("partner-gateway token --sub s"), 2);
        assert_eq!(code("partner-gateway token --sub s --tenant t --scope root"), 2);
        assert_eq!(code("partner-gateway audit"), 2);
        assert_eq!(code("partner-gateway audit verify --head 7"), 2);
        assert_eq!(code("partner-gateway audit verify --head 7:beef"), 2);
        assert_eq!(code("partner-gateway --help"), 0);
        assert_eq!(code("partner-gateway --version"), 0);
    }
}
