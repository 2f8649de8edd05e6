//! The report of an import, as CSV: ids and standard words, no personal data.

use std::{
    borrow::Cow,
    fs::File,
    io::{self, BufWriter},
    path::Path,
};

use csv::Writer;
use partner_core::ProviderOrgId;

use super::CliError;
use crate::app::ImportRow;

/// The characters that make a spreadsheet read a cell as a formula, if the cell begins with one of them (OWASP, "CSV
/// Injection").
const FORMULA_STARTS: [char; 11] =
    ['=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

/// A report that is written while the import runs.
#[derive(Debug)]
pub(super) struct Report {
    to: Writer<BufWriter<File>>,
}

impl Report {
    /// Creates an empty report; an existing file is replaced.
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
        let cells = [
            row.outcome.word(applied),
            row.provider_org_id.as_ref().map_or("", ProviderOrgId::as_str),
            row.customer_id.as_deref().unwrap_or_default(),
            row.tenant.as_deref().unwrap_or_default(),
            &organization_id,
            &line,
            &row.detail,
        ];
        self.to.write_record(cells.map(without_formula).iter().map(|cell| cell.as_bytes()))?;
        Ok(())
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Puts an apostrophe before a cell that a spreadsheet would read as a formula.
fn without_formula(cell: &str) -> Cow<'_, str> {
    if cell.starts_with(FORMULA_STARTS) { format!("'{cell}").into() } else { cell.into() }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_formula_becomes_text() {
        for formula in ["=HYPERLINK(\"x\")", "+1", "-1", "@A1", "\tx", "\rx", "\nx", "\u{ff1d}1"] {
            assert_eq!(without_formula(formula), format!("'{formula}"));
        }
        for text in ["", "cust-1", "a=b", "'x", "seed 7"] {
            assert_eq!(without_formula(text), text);
        }
    }
}
