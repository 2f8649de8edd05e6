//! Customers by hand: which organization is whose, where the provider does not say or says it wrong.

use std::collections::HashMap;

use partner_core::ProviderOrgId;
use uuid::Uuid;

use super::row::{ImportOutcome, ImportRow};

/// Whose an organization is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Given {
    pub(super) customer_id: String,
    pub(super) tenant: Option<String>,
}

/// A line of the map that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapFault {
    /// The organization that it is about, where that can be read.
    pub provider_org_id: Option<String>,
    /// What is wrong.
    pub message: String,
}

#[derive(Debug)]
struct Entry {
    line: u64,
    said: Result<Given, String>,
    is_listed: bool,
    /// As it is written in the map.
    written: String,
}

/// Which organization is whose, by the provider's id. UUIDs are the same in any case.
#[derive(Debug, Default)]
pub struct CustomerMap {
    entries: HashMap<String, Entry>,
    /// Faulty lines that are about no organization that can be told.
    stray: Vec<(u64, String)>,
}

impl CustomerMap {
    /// Takes a line. Of two for one organization neither counts: which is meant cannot be known.
    pub fn assign(
        &mut self,
        line: u64,
        id: &ProviderOrgId,
        customer_id: String,
        tenant: Option<String>,
    ) {
        self.put(line, id.as_str(), Ok(Given { customer_id, tenant }));
    }

    /// Takes a line that cannot be used. The organization that it is about is left alone: what the
    /// provider says of it was to be overruled.
    pub fn refuse(&mut self, line: u64, fault: MapFault) {
        match fault.provider_org_id {
            Some(id) => self.put(line, &id, Err(fault.message)),
            None => self.stray.push((line, fault.message)),
        }
    }

    fn put(&mut self, line: u64, id: &str, said: Result<Given, String>) {
        if let Some(first) = self.entries.get_mut(&key(id)) {
            let message = format!(
                "is the second one for this organization; the first is line {}",
                first.line
            );
            first.said = Err(format!("this organization is named again on line {line}"));
            self.stray.push((line, message));
            return;
        }
        let entry = Entry { line, said, is_listed: false, written: id.to_owned() };
        self.entries.insert(key(id), entry);
    }

    /// What the map says of an organization: whose it is, or what is wrong with its line.
    pub(super) fn given(&self, id: &ProviderOrgId) -> Option<Result<&Given, &str>> {
        self.entries.get(&key(id.as_str())).map(|entry| entry.said.as_ref().map_err(String::as_str))
    }

    /// The line that tells of an organization.
    pub(super) fn line(&self, id: &ProviderOrgId) -> Option<u64> {
        self.entries.get(&key(id.as_str())).map(|entry| entry.line)
    }

    /// The provider lists the organization of this row.
    pub(super) fn note_listed(&mut self, row: &ImportRow) {
        let entry = row.provider_org_id.as_deref().and_then(|id| self.entries.get_mut(&key(id)));
        if let Some(entry) = entry {
            entry.is_listed = true;
        }
    }

    /// The lines that no listed organization answers to, by their numbers.
    pub(super) fn left_over(&self) -> Vec<ImportRow> {
        let row = |outcome, line, detail: &str| ImportRow {
            outcome,
            provider_org_id: None,
            customer_id: None,
            tenant: None,
            organization_id: None,
            line: Some(line),
            detail: detail.to_owned(),
        };
        let stray = self.stray.iter().map(|(line, text)| row(ImportOutcome::Invalid, *line, text));
        let unlisted = self.entries.values().filter(|entry| !entry.is_listed).map(|entry| {
            let provider_org_id = Some(entry.written.clone());
            match &entry.said {
                Ok(given) => ImportRow {
                    provider_org_id,
                    customer_id: Some(given.customer_id.clone()),
                    tenant: given.tenant.clone(),
                    ..row(ImportOutcome::NotListed, entry.line, "")
                },
                Err(fault) => {
                    ImportRow { provider_org_id, ..row(ImportOutcome::Invalid, entry.line, fault) }
                }
            }
        });
        let mut rows: Vec<ImportRow> = stray.chain(unlisted).collect();
        rows.sort_by_key(|row| row.line);
        rows
    }
}

/// The id by which a line finds its organization: providers write UUIDs in lower case, people do not.
fn key(id: &str) -> String {
    match Uuid::try_parse(id) {
        Ok(uuid) if id.len() == 36 => uuid.hyphenated().to_string(),
        Ok(_) | Err(_) => id.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "6170692e-7363-616c-6577-61792e636f6d";

    fn id(text: &str) -> ProviderOrgId {
        ProviderOrgId::new(text).unwrap()
    }

    #[test]
    fn a_uuid_is_found_in_any_case_and_other_ids_as_they_are() {
        let mut map = CustomerMap::default();
        map.assign(2, &id(&ID.to_uppercase()), "cust-1".to_owned(), None);
        map.assign(3, &id("Org-7"), "cust-2".to_owned(), None);
        assert_eq!(map.given(&id(ID)).unwrap().unwrap().customer_id, "cust-1");
        assert!(map.given(&id("org-7")).is_none());
        assert!(map.given(&id("Org-7")).is_some());
    }

    #[test]
    fn of_two_lines_for_one_organization_neither_counts() {
        let mut map = CustomerMap::default();
        map.assign(2, &id(ID), "cust-1".to_owned(), None);
        map.assign(5, &id(ID), "cust-2".to_owned(), None);
        assert_eq!(map.given(&id(ID)), Some(Err("this organization is named again on line 5")));
        let told: Vec<_> = map.left_over().iter().map(|row| (row.outcome, row.line)).collect();
        assert_eq!(told, [(ImportOutcome::Invalid, Some(2)), (ImportOutcome::Invalid, Some(5))]);
    }

    #[test]
    fn what_no_listing_had_is_told_by_its_line() {
        let mut map = CustomerMap::default();
        map.assign(2, &id("a"), "cust-1".to_owned(), None);
        map.assign(3, &id("b"), "cust-2".to_owned(), Some("shop".to_owned()));
        let fault = MapFault { provider_org_id: None, message: "has 1 field".to_owned() };
        map.refuse(4, fault);
        let mut listed = map.left_over()[0].clone();
        listed.provider_org_id = Some("a".to_owned());
        map.note_listed(&listed);
        let told: Vec<_> = map.left_over().iter().map(|row| (row.outcome, row.line)).collect();
        assert_eq!(told, [(ImportOutcome::NotListed, Some(3)), (ImportOutcome::Invalid, Some(4))]);
    }
}
