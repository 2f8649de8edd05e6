//! The customer map of an import: which organization belongs to which customer, where the provider does not report it
//! or reports it wrong.

use std::collections::HashMap;

use partner_core::ProviderOrgId;

use super::row::{ImportOutcome, ImportRow};

/// The owner of an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Given {
    pub(super) customer_id: String,
    pub(super) tenant: Option<String>,
}

#[derive(Debug)]
struct Entry {
    line: u64,
    said: Result<Given, String>,
    is_listed: bool,
}

/// The owners of organizations, by the provider's ids.
#[derive(Debug, Default)]
pub struct CustomerMap {
    entries: HashMap<ProviderOrgId, Entry>,
    /// Lines for an organization that an earlier line names.
    repeated: Vec<(u64, ProviderOrgId, String)>,
}

impl CustomerMap {
    /// Adds a line. Of two lines for one organization neither counts, because the intended one is unknown.
    pub fn assign(
        &mut self,
        line: u64,
        id: ProviderOrgId,
        customer_id: String,
        tenant: Option<String>,
    ) {
        self.put(line, id, Ok(Given { customer_id, tenant }));
    }

    /// Adds a line that cannot be used, for the reason `fault`. The import leaves its organization alone: the line
    /// was to overrule the customer id that the provider reports.
    pub fn refuse(&mut self, line: u64, id: ProviderOrgId, fault: String) {
        self.put(line, id, Err(fault));
    }

    fn put(&mut self, line: u64, id: ProviderOrgId, said: Result<Given, String>) {
        if let Some(first) = self.entries.get_mut(&id) {
            let message = format!(
                "is the second line for this organization; the first is line {}",
                first.line
            );
            first.said = Err(format!("this organization is named again on line {line}"));
            self.repeated.push((line, id, message));
            return;
        }
        self.entries.insert(id, Entry { line, said, is_listed: false });
    }

    /// Returns the owner of an organization, or the reason why its line cannot be used.
    pub(super) fn given(&self, id: &ProviderOrgId) -> Option<Result<&Given, &str>> {
        self.entries.get(id).map(|entry| entry.said.as_ref().map_err(String::as_str))
    }

    /// Returns the line that names an organization.
    pub(super) fn line(&self, id: &ProviderOrgId) -> Option<u64> {
        self.entries.get(id).map(|entry| entry.line)
    }

    /// Notes that the provider lists the organization of this row.
    pub(super) fn note_listed(&mut self, row: &ImportRow) {
        let entry = row.provider_org_id.as_ref().and_then(|id| self.entries.get_mut(id));
        if let Some(entry) = entry {
            entry.is_listed = true;
        }
    }

    /// Returns a row for each line that names no listed organization, or one that an earlier line names, in the order
    /// of the lines.
    pub(super) fn left_over(&self) -> Vec<ImportRow> {
        let row = |outcome, line, id: &ProviderOrgId, detail: &str| ImportRow {
            outcome,
            provider_org_id: Some(id.clone()),
            customer_id: None,
            tenant: None,
            organization_id: None,
            line: Some(line),
            detail: detail.to_owned(),
        };
        let repeated = self
            .repeated
            .iter()
            .map(|(line, id, fault)| row(ImportOutcome::Invalid, *line, id, fault));
        let unlisted = self.entries.iter().filter(|(_, entry)| !entry.is_listed);
        let unlisted = unlisted.map(|(id, entry)| match &entry.said {
            Ok(given) => ImportRow {
                customer_id: Some(given.customer_id.clone()),
                tenant: given.tenant.clone(),
                ..row(ImportOutcome::NotListed, entry.line, id, "")
            },
            Err(fault) => row(ImportOutcome::Invalid, entry.line, id, fault),
        });
        let mut rows: Vec<ImportRow> = repeated.chain(unlisted).collect();
        rows.sort_by_key(|row| row.line);
        rows
    }
}

#[cfg(test)]
mod tests {
    use partner_core::ProviderOrgIdFormat;

    use super::*;

    const ID: &str = "6170692e-7363-616c-6577-61792e636f6d";
    const OTHER: &str = "0f8f2a3c-1b5d-4c7e-9a41-2f0c5d1e8b90";

    fn id(text: &str) -> ProviderOrgId {
        ProviderOrgIdFormat::Uuid.parse(text).unwrap()
    }

    #[test]
    fn an_organization_is_found_by_any_form_of_its_id() {
        let mut map = CustomerMap::default();
        map.assign(2, id(&ID.to_uppercase()), "cust-1".to_owned(), None);
        assert_eq!(map.given(&id(ID)).unwrap().unwrap().customer_id, "cust-1");
        assert_eq!(map.line(&id(&format!("{{{ID}}}"))), Some(2));
        assert!(map.given(&id(OTHER)).is_none());
    }

    #[test]
    fn of_two_lines_for_one_organization_neither_counts() {
        let mut map = CustomerMap::default();
        map.assign(2, id(ID), "cust-1".to_owned(), None);
        map.assign(5, id(&ID.replace('-', "")), "cust-2".to_owned(), None);
        assert_eq!(map.given(&id(ID)), Some(Err("this organization is named again on line 5")));
        let told: Vec<_> = map.left_over().iter().map(|row| (row.outcome, row.line)).collect();
        assert_eq!(told, [(ImportOutcome::Invalid, Some(2)), (ImportOutcome::Invalid, Some(5))]);
    }

    #[test]
    fn a_line_without_a_listed_organization_is_reported() {
        let mut map = CustomerMap::default();
        map.assign(2, id(ID), "cust-1".to_owned(), None);
        map.assign(3, id(OTHER), "cust-2".to_owned(), Some("shop".to_owned()));
        let third = "7a1f3c52-6d0e-4b7a-9a41-2f0c5d1e8b90";
        map.refuse(4, id(third), "has 1 field".to_owned());
        let listed = map.left_over()[0].clone();
        assert_eq!(listed.provider_org_id, Some(id(ID)));
        map.note_listed(&listed);
        let told: Vec<_> = map.left_over().iter().map(|row| (row.outcome, row.line)).collect();
        assert_eq!(told, [(ImportOutcome::NotListed, Some(3)), (ImportOutcome::Invalid, Some(4))]);
    }
}
