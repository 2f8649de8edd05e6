//! `openapi`: prints the API's own description.

use std::io::Write;

use super::CliError;
use crate::http::openapi;

pub(super) fn run() -> Result<(), CliError> {
    let document = openapi::document()
        .to_pretty_json()
        .map_err(|error| CliError::Failed(format!("the document cannot be written: {error}")))?;
    writeln!(std::io::stdout(), "{document}")
        .map_err(|error| CliError::Failed(format!("the document could not be written: {error}")))
}
