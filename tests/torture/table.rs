//! The one table that a run prints.

use std::io::{self, Write};

use crate::layer::{Layer, Report, Row};

/// Writes what was run and what it found: details first, then the table, and last what failed, since the end
/// is what is kept where a log is cut.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn write(
    out: &mut impl Write,
    heading: &str,
    reports: &[(&Layer, Report)],
) -> io::Result<()> {
    for (layer, report) in reports {
        for detail in &report.details {
            writeln!(out, "{}: {detail}", layer.name)?;
        }
    }
    writeln!(out, "{heading}")?;
    let rows: Vec<(&str, &Row)> = reports
        .iter()
        .flat_map(|(layer, report)| report.rows.iter().map(|row| (layer.name, row)))
        .collect();
    let wide = |texts: &mut dyn Iterator<Item = &str>, least: usize| {
        texts.map(|text| text.chars().count()).max().unwrap_or(0).max(least)
    };
    let layers = wide(&mut rows.iter().map(|(layer, _)| *layer), 5);
    let whats = wide(&mut rows.iter().map(|(_, row)| row.what.as_str()), 4);
    writeln!(
        out,
        "{:layers$}  {:whats$}  {:>12}  {:>12}  {:>10}  {:>8}",
        "layer", "what", "reached", "asked for", "violations", "seconds"
    )?;
    for (layer, row) in rows {
        let Row { what, reached, asked, violations, seconds } = row;
        writeln!(
            out,
            "{layer:layers$}  {what:whats$}  {reached:>12}  {asked:>12}  {violations:>10}  {seconds:>8.1}"
        )?;
    }
    write_failures(out, reports)
}

/// Writes what makes the run a failed one; nothing for a clean one.
fn write_failures(out: &mut impl Write, reports: &[(&Layer, Report)]) -> io::Result<()> {
    for (layer, report) in reports {
        for fault in &report.faults {
            writeln!(out, "{}: FAULT: {fault}", layer.name)?;
        }
        for row in report.rows.iter().filter(|row| !row.has_passed()) {
            let Row { what, reached, asked, violations, .. } = row;
            writeln!(
                out,
                "{}: FAILED: {what}: {reached} of {asked} reached, {violations} violations",
                layer.name
            )?;
        }
    }
    Ok(())
}
