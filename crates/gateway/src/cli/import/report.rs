//! What became of each organization, as CSV. No personal data: ids and words alone.

use std::{
    fs::File,
    io::{self, BufWriter},
    path::Path,
};

use csv::Writer;

use super::CliError;
use crate::app::ImportRow;

/// A report that is written as the import goes.
#[derive(Debug)]
pub(super) struct Report {
    to: Writer<BufWriter<File>>,
}

impl Report {
    /// An empty one in place of what the file held.
    pub(super) fn create(path: &Path) -> Result<Self, CliError> {
        let create = || -> io::Result<Self> {
            let mut to = Writer::from_writer(BufWriter::new(File::create(path)?));
            to.write_record(HEADER)?;
            to.flush()?;
            Ok(Self { to })
        };
        create().map_err(|error| CliError::Usage(format!("--report: {}: {error}", path.display())))
    }

    pub(super) fn write(&mut self, row: &ImportRow, applied: bool) -> io::Result<()> {
        let organization_id = row.organization_id.map(|id| id.to_string()).unwrap_or_default();
        let line = row.line.map(|line| line.to_string()).unwrap_or_default();
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        self.to.write_record([
            row.outcome.word(applied),
            &text(&row.provider_org_id),
            &text(&row.customer_id),
            &text(&row.tenant),
            &organization_id,
            &line,
            &row.detail,
        ])?;
        Ok(())
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

const HEADER: [&str; 7] = [
    "outcome",
    "provider_org_id",
    "customer_id",
    "tenant",
    "organization_id",
    "customers_line",
    "detail",
];
