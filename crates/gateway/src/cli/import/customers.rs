//! Reads the customer map of an import: a CSV file that names the customers of organizations.
//!
//! A line that cannot be used is reported, and its organization is left alone. The whole map is refused if the
//! organization of a line is unknown: it would be imported under the customer id that the provider reports.

use std::path::Path;

use csv::{ByteRecord, ReaderBuilder};
use partner_core::{CustomerId, ProviderOrgIdFormat};

use super::CliError;
use crate::{app::CustomerMap, auth::Tenant, providers::Account};

/// The positions of the columns; `tenant` is optional.
#[derive(Debug, Clone, Copy)]
struct Columns {
    provider_org_id: usize,
    customer_id: usize,
    tenant: Option<usize>,
    count: usize,
}

/// Reads the map of an account.
///
/// # Errors
/// The map cannot be used as a whole: a usage error that names the file, the line and the fix.
pub(super) fn read(path: &Path, account: &Account) -> Result<CustomerMap, CliError> {
    let unusable =
        |what: String| CliError::Usage(format!("--customers: {}: {what}", path.display()));
    let text = std::fs::read(path).map_err(|error| unusable(error.to_string()))?;
    parse(text, account.capabilities().provider_org_id_format).map_err(unusable)
}

fn parse(mut text: Vec<u8>, format: ProviderOrgIdFormat) -> Result<CustomerMap, String> {
    // A quote that is not closed then swallows at least this line break, wherever it stands.
    text.push(b'\n');
    let mut lines = Lines { text: &text, at: 0, line: 1 };
    let mut reader = ReaderBuilder::new().flexible(true).from_reader(text.as_slice());
    let header = reader.byte_headers().map_err(|error| error.to_string())?.clone();
    check_line_breaks(&header, lines.line_of(&header))?;
    let columns = columns(&header)?;
    let mut map = CustomerMap::default();
    let mut record = ByteRecord::new();
    while reader.read_byte_record(&mut record).map_err(|error| error.to_string())? {
        let line = lines.line_of(&record);
        check_line_breaks(&record, line)?;
        let is_empty = |cell: &[u8]| str::from_utf8(cell).is_ok_and(|cell| cell.trim().is_empty());
        if record.iter().all(is_empty) {
            continue;
        }
        let id = cell(&record, columns.provider_org_id)
            .and_then(|text| format.parse(text).map_err(|error| error.to_string()))
            .map_err(|fault| {
                format!("line {line}: provider_org_id: {fault}; correct or delete the line")
            })?;
        match owner(&record, columns) {
            Ok((customer_id, tenant)) => map.assign(line, id, customer_id, tenant),
            Err(fault) => map.refuse(line, id, fault),
        }
    }
    Ok(map)
}

/// Counts the lines of a file up to each record. The reader's own count leaves empty lines out.
struct Lines<'a> {
    text: &'a [u8],
    at: usize,
    line: u64,
}

impl Lines<'_> {
    /// Returns the line on which a record begins. Records must be asked for in their order.
    fn line_of(&mut self, record: &ByteRecord) -> u64 {
        let start = record.position().map_or(0, csv::Position::byte);
        let start = usize::try_from(start).unwrap_or(usize::MAX).min(self.text.len());
        let is_break = |byte: &&u8| matches!(**byte, b'\n' | b'\r');
        let begin = start + self.text[start..].iter().take_while(is_break).count();
        while self.at < begin {
            let is_end = match self.text[self.at] {
                b'\n' => true,
                b'\r' => self.text.get(self.at + 1) != Some(&b'\n'),
                _ => false,
            };
            self.line += u64::from(is_end);
            self.at += 1;
        }
        self.line
    }
}

/// Refuses a field with a line break: a quote was opened and not closed, or the field belongs to no column.
fn check_line_breaks(record: &ByteRecord, line: u64) -> Result<(), String> {
    let has_break = |cell: &[u8]| cell.iter().any(|byte| matches!(byte, b'\n' | b'\r'));
    if record.iter().any(has_break) {
        return Err(format!(
            "line {line}: a quote is not closed, or a quoted field has a line break; close the quote on its line, \
             and write a quote within a field as two"
        ));
    }
    Ok(())
}

/// The text of a cell, without white space around it.
fn cell(record: &ByteRecord, at: usize) -> Result<&str, String> {
    let bytes = record.get(at).ok_or("is missing")?;
    let text = str::from_utf8(bytes).map_err(|_not_utf8| "is not UTF-8; save the file as UTF-8")?;
    let trimmed = text.trim();
    if trimmed.starts_with('"') && !text.starts_with('"') {
        return Err("has white space before its quote; delete the white space".to_owned());
    }
    Ok(trimmed)
}

/// All faults of the header at once.
fn columns(header: &ByteRecord) -> Result<Columns, String> {
    let names: Vec<String> = header
        .iter()
        .map(|name| {
            String::from_utf8_lossy(name).trim_start_matches('\u{feff}').trim().to_lowercase()
        })
        .collect();
    let at = |name: &str| names.iter().position(|found| found == name);
    let mut faults = Vec::new();
    for needed in ["provider_org_id", "customer_id"] {
        if at(needed).is_none() {
            faults.push(format!("the header lacks the column {needed}"));
        }
    }
    for (place, name) in names.iter().enumerate() {
        if !["provider_org_id", "customer_id", "tenant"].contains(&name.as_str()) {
            faults.push(format!("the header has the unknown column {name:?}"));
        } else if at(name) != Some(place) {
            faults.push(format!("the header has the column {name} twice"));
        }
    }
    match (at("provider_org_id"), at("customer_id"), faults.is_empty()) {
        (Some(provider_org_id), Some(customer_id), true) => {
            Ok(Columns { provider_org_id, customer_id, tenant: at("tenant"), count: names.len() })
        }
        (_, _, _) => Err(format!("{}; columns are parted by commas", faults.join("; "))),
    }
}

/// Returns the customer id and the tenant of a line, or all faults of the line.
fn owner(record: &ByteRecord, columns: Columns) -> Result<(String, Option<String>), String> {
    let mut faults = Vec::new();
    if record.len() != columns.count {
        faults.push(format!("has {} fields, and the header {}", record.len(), columns.count));
    }
    let customer_id = cell(record, columns.customer_id)
        .and_then(|text| CustomerId::new(text).map_err(|error| error.to_string()))
        .map(String::from)
        .map_err(|fault| faults.push(format!("customer_id: {fault}")));
    // An empty tenant is none: the column may be filled for some organizations alone. A line that lacks the field is
    // reported above.
    let tenant = match columns.tenant.filter(|at| *at < record.len()) {
        Some(at) => cell(record, at)
            .and_then(|text| match text {
                "" => Ok(None),
                text => Tenant::new(text).map(Some).map_err(|error| error.to_string()),
            })
            .map(|tenant| tenant.map(|tenant| tenant.to_string()))
            .map_err(|fault| faults.push(format!("tenant: {fault}"))),
        None => Ok(None),
    };
    match (customer_id, tenant, faults.is_empty()) {
        (Ok(customer_id), Ok(tenant), true) => Ok((customer_id, tenant)),
        (_, _, _) => Err(faults.join("; ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "6170692e-7363-616c-6577-61792e636f6d";
    const HEADER: &str = "provider_org_id,customer_id,tenant";

    fn parsed(text: impl AsRef<[u8]>) -> Result<CustomerMap, String> {
        parse(text.as_ref().to_vec(), ProviderOrgIdFormat::Uuid)
    }

    /// The lines of the map that name no listed organization: all of them.
    fn lines(text: impl AsRef<[u8]>) -> String {
        format!("{:?}", parsed(text).unwrap())
    }

    #[test]
    fn columns_are_found_by_name_and_a_byte_order_mark_is_no_part_of_one() {
        let map = lines(format!("\u{feff}tenant, Customer_ID ,provider_org_id\n, cust-1 ,{ID}\n"));
        assert!(map.contains("\"cust-1\"") && map.contains(ID), "{map}");
    }

    #[test]
    fn every_fault_of_the_header_is_reported() {
        for (text, told) in [
            ("provider_org_id;customer_id\n", "parted by commas"),
            ("", "lacks the column provider_org_id"),
            ("", "lacks the column customer_id"),
            ("provider_org_id,customer_id,e-mail\n", "unknown column \"e-mail\""),
            ("provider_org_id,customer_id,customer_id\n", "customer_id twice"),
        ] {
            let error = parsed(text).unwrap_err();
            assert!(error.contains(told), "{text:?}: {error}");
        }
    }

    #[test]
    fn every_form_of_an_id_and_unicode_white_space_around_cells_are_accepted() {
        let upper = ID.to_uppercase();
        for form in [
            upper.clone(),
            format!("{{{ID}}}"),
            ID.replace('-', ""),
            format!("urn:uuid:{ID}"),
            format!("\u{a0}{ID}\u{2003}"),
            format!("\"{upper}\""),
            format!("\"\t{ID} \""),
        ] {
            let map = lines(format!("{HEADER}\n{form},\u{a0}cust-1\u{a0},\u{3000}\n"));
            assert!(map.contains(ID) && map.contains("\"cust-1\""), "{form:?}: {map}");
            assert!(map.contains("tenant: None"), "{form:?}: {map}");
        }
    }

    #[test]
    fn a_quote_that_is_not_closed_on_its_line_refuses_the_map() {
        for (text, line) in [
            (format!("{HEADER}\n{ID},\"cust-1\n{ID},cust-2,\n"), 2),
            (format!("{HEADER}\n{ID},cust-1,\n{ID},\"cust-2"), 3),
            (format!("{HEADER}\n{ID},\"cust\n1\",\n"), 2),
            (format!("{HEADER}\n{ID},\"cust\r1\",\n"), 2),
            (format!("{HEADER}\n{ID},cust-1,\"\n"), 2),
            (format!("{HEADER}\n{ID},a\"b,\"c\n{ID},d,e\n"), 2),
            ("provider_org_id,\"customer_id\n".to_owned(), 1),
        ] {
            let error = parsed(&text).unwrap_err();
            let expected = format!("line {line}: a quote is not closed");
            assert!(error.starts_with(&expected), "{text:?}: {error}");
        }
        let fine = lines(format!("{HEADER}\r\n{ID},\"Acme, \"\"the\"\" one\",\r\n"));
        assert!(fine.contains(r#"Acme, \"the\" one"#), "{fine}");
    }

    #[test]
    fn an_id_that_cannot_be_read_refuses_the_map() {
        let lines: [&[u8]; 8] = [
            b"org-1,cust-1,",
            b",cust-1,",
            b"00000000-0000-0000-0000-000000000000,cust-1,",
            b"6170692e-7363-616c-6577-61792e636f6,cust-1,",
            b"6170692e\xc2\xa0-7363-616c-6577-61792e636f6d,cust-1,",
            b"\xff,cust-1,",
            b" \"6170692e-7363-616c-6577-61792e636f6d\",cust-1,",
            b"cust-1",
        ];
        for line in lines {
            for breaks in ["\n\n", "\r\n\r\n", "\r\r"] {
                let text = [HEADER.as_bytes(), breaks.as_bytes(), line, b"\n"].concat();
                let error = parsed(text).unwrap_err();
                let expected = "line 3: provider_org_id: ";
                assert!(error.starts_with(expected), "{breaks:?} {line:?}: {error}");
            }
        }
    }

    #[test]
    fn an_empty_line_says_nothing() {
        let map = lines(format!("{HEADER}\n{ID},cust-1,\n,,\n   \n\n\u{a0},\n"));
        assert_eq!(map.matches("line: ").count(), 1, "{map}");
    }

    #[test]
    fn all_faults_of_a_line_are_reported_and_its_organization_is_kept() {
        let map = lines(format!("{HEADER}\n{ID},,a b\n"));
        let faults = "customer_id: a customer id must not be empty; \
                      tenant: a tenant is 1 to 128 characters without blanks and control characters";
        assert!(map.contains(faults) && map.contains(ID), "{map}");
        let short = lines(format!("{HEADER}\n{ID}\n"));
        assert!(
            short.contains("has 1 fields, and the header 3; customer_id: is missing"),
            "{short}"
        );
        let bytes = [HEADER.as_bytes(), b"\n", ID.as_bytes(), b",\xff,\n"].concat();
        assert!(lines(bytes).contains("customer_id: is not UTF-8"));
        let quoted = lines(format!("{HEADER}\n{ID}, \"cust-1\",\n"));
        assert!(quoted.contains("customer_id: has white space before its quote"), "{quoted}");
    }
}
