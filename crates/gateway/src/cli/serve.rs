//! `serve`: the service, until it is told to end.

use clap::Args;

use super::{
    CliError, ConfigArgs,
    signals::{Signals, Wish},
};
use crate::{run::Gateway, telemetry};

#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) async fn run(args: &ServeArgs) -> Result<(), CliError> {
    let config = args.config.load()?;
    #[cfg(feature = "crash-points")]
    crate::crash_points::arm(&crate::config::Environment::of_process()).map_err(CliError::Usage)?;
    let telemetry = telemetry::init(&config.telemetry)?;
    let metrics = telemetry.metrics().clone();
    let mut signals = Signals::listen()?.with_hangup()?;
    let served = tokio::select! {
        started = Gateway::start(config, metrics) => match started {
            Ok(gateway) => serve(gateway, &mut signals).await,
            Err(error) => Err(error.into()),
        },
        () = signals.next() => Ok(()),
    };
    telemetry.shutdown().await;
    served
}

/// Waits until the gateway is told to end or cannot go on, and ends it in good order.
pub(super) async fn serve(gateway: Gateway, signals: &mut Signals) -> Result<(), CliError> {
    let outcome = loop {
        tokio::select! {
            wish = signals.wish() => match wish {
                Wish::End => break Ok(()),
                Wish::ReadAgain => gateway.read_secrets_again(),
            },
            how = gateway.failed() => break Err(CliError::Failed(how)),
        }
    };
    signals.unless_again(gateway.shutdown()).await?;
    outcome
}
