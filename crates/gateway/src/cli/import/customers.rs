//! The CSV that says whose organizations are. A faulty line costs its organization, not the file.

use std::{fs::File, io::Read, path::Path};

use csv::{ByteRecord, ReaderBuilder, Trim};
use partner_core::{CustomerId, ProviderOrgId};

use super::CliError;
use crate::{
    app::{CustomerMap, MapFault},
    auth::Tenant,
};

/// Where the columns stand; the tenant's may be missing.
#[derive(Debug, Clone, Copy)]
struct Columns {
    provider_org_id: usize,
    customer_id: usize,
    tenant: Option<usize>,
    count: usize,
}

pub(super) fn read(path: &Path) -> Result<CustomerMap, CliError> {
    let unusable =
        |what: String| CliError::Usage(format!("--customers: {}: {what}", path.display()));
    let file = File::open(path).map_err(|error| unusable(error.to_string()))?;
    parse(file).map_err(unusable)
}

fn parse(file: impl Read) -> Result<CustomerMap, String> {
    let mut reader = ReaderBuilder::new().trim(Trim::All).flexible(true).from_reader(file);
    let header = reader.byte_headers().map_err(|error| error.to_string())?.clone();
    let columns = columns(&header)?;
    let mut map = CustomerMap::default();
    let mut record = ByteRecord::new();
    while reader.read_byte_record(&mut record).map_err(|error| error.to_string())? {
        let line = record.position().map_or(0, csv::Position::line);
        match entry(&record, columns) {
            Ok((id, customer_id, tenant)) => map.assign(line, &id, customer_id, tenant),
            Err(fault) => map.refuse(line, fault),
        }
    }
    Ok(map)
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

type Entry = (ProviderOrgId, String, Option<String>);

fn entry(record: &ByteRecord, columns: Columns) -> Result<Entry, MapFault> {
    let text = |at: usize| record.get(at).and_then(|field| std::str::from_utf8(field).ok());
    let id = text(columns.provider_org_id).map(ProviderOrgId::new);
    let named = id.as_ref().and_then(|id| id.as_ref().ok()).cloned();
    let mut faults = Vec::new();
    if record.len() != columns.count {
        faults.push(format!("has {} fields, and the header {}", record.len(), columns.count));
    }
    match &id {
        Some(Err(fault)) => faults.push(format!("provider_org_id: {fault}")),
        None => faults.push("provider_org_id: is not readable".to_owned()),
        Some(Ok(_)) => {}
    }
    let customer_id = match text(columns.customer_id).map(CustomerId::new) {
        Some(Ok(customer_id)) => Some(String::from(customer_id)),
        Some(Err(fault)) => {
            faults.push(format!("customer_id: {fault}"));
            None
        }
        None => {
            faults.push("customer_id: is missing, or not UTF-8".to_owned());
            None
        }
    };
    // An empty tenant is no tenant: the column may be there for some organizations alone.
    let tenant = match columns.tenant.and_then(text).filter(|text| !text.is_empty()) {
        Some(tenant) => match Tenant::new(tenant) {
            Ok(tenant) => Some(tenant.to_string()),
            Err(fault) => {
                faults.push(format!("tenant: {fault}"));
                None
            }
        },
        None => None,
    };
    match (named, customer_id, faults.is_empty()) {
        (Some(id), Some(customer_id), true) => Ok((id, customer_id, tenant)),
        (named, _, _) => {
            Err(MapFault { provider_org_id: named.map(String::from), message: faults.join("; ") })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_name_and_a_spreadsheets_mark_is_no_part_of_one() {
        let map =
            parse("\u{feff}tenant, Customer_ID ,provider_org_id\n, cust-1 ,org-1\n".as_bytes());
        assert!(format!("{:?}", map.unwrap()).contains("cust-1"));
    }

    #[test]
    fn every_fault_of_the_header_is_told() {
        for (text, told) in [
            ("provider_org_id;customer_id\n", "parted by commas"),
            ("", "lacks the column provider_org_id"),
            ("", "lacks the column customer_id"),
            ("provider_org_id,customer_id,e-mail\n", "unknown column \"e-mail\""),
            ("provider_org_id,customer_id,customer_id\n", "customer_id twice"),
        ] {
            let error = parse(text.as_bytes()).unwrap_err();
            assert!(error.contains(told), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_faulty_line_is_told_whole_and_keeps_its_organization() {
        let columns = columns(&ByteRecord::from(vec!["provider_org_id", "customer_id", "tenant"]));
        let columns = columns.unwrap();
        let faulty = ByteRecord::from(vec!["org-1", "", "a b"]);
        let fault = entry(&faulty, columns).unwrap_err();
        assert_eq!(fault.provider_org_id.as_deref(), Some("org-1"));
        assert_eq!(
            fault.message,
            "customer_id: a customer id must not be empty; \
             tenant: a tenant is 1 to 128 characters without blanks and control characters"
        );
        let short = entry(&ByteRecord::from(vec!["org 1"]), columns).unwrap_err();
        assert_eq!(short.provider_org_id, None);
        assert!(short.message.starts_with("has 1 fields, and the header 3; "), "{}", short.message);
        let bytes = ByteRecord::from(vec![&b"org-1"[..], b"\xff", b""]);
        assert!(entry(&bytes, columns).unwrap_err().message.contains("not UTF-8"));
    }
}
