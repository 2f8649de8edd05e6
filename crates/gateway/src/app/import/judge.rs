//! What is to become of a listed organization, by what is known of it.

use partner_core::{ChildOrg, CustomerId, Status};
use serde_json::Value;

use super::{
    Import,
    row::{ImportOutcome, ImportRow},
};
use crate::store::{KnownCustomer, KnownMapping, OpenCreate};

/// What is to be done with a listed organization.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Map it.
    Adopt(Box<ChildOrg>, ImportRow),
    /// Leave it, and tell why.
    Leave(ImportRow),
}

/// What is known of the organizations of a page.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) mappings: Vec<KnownMapping>,
    pub(super) customers: Vec<KnownCustomer>,
    pub(super) creates: Vec<OpenCreate>,
}

/// What open creates are looked for by.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) customer_ids: Vec<String>,
    pub(super) emails: Vec<String>,
    pub(super) names: Vec<String>,
}

/// What the open creates that may have made these organizations would have in common with them.
pub(super) fn asked(children: &[ChildOrg], customer_ids: &[String]) -> Asked {
    let mut asked = Asked { customer_ids: customer_ids.to_vec(), ..Asked::default() };
    for child in children {
        asked.customer_ids.extend(child.customer_id.clone());
        asked.emails.extend(email_of(child).map(str::to_owned));
        asked.names.extend(telling_name(child).map(str::to_owned));
    }
    asked
}

fn email_of(child: &ChildOrg) -> Option<&str> {
    child.owner.as_ref()?.email.as_ref().map(partner_core::EmailAddress::as_str)
}

/// The name, where the listing shows nothing better that a create could be known by.
fn telling_name(child: &ChildOrg) -> Option<&str> {
    let has_better = child.customer_id.is_some() || email_of(child).is_some();
    (!has_better && !child.name.is_empty()).then_some(child.name.as_str())
}

/// The create may have made the organization.
fn may_have_made(create: &OpenCreate, child: &ChildOrg, customer_id: Option<&str>) -> bool {
    let wanted = create.customer_id.as_deref();
    let has_customer =
        wanted.is_some() && (wanted == customer_id || wanted == child.customer_id.as_deref());
    let has_email = match (create.email.as_deref(), email_of(child)) {
        (Some(ours), Some(theirs)) => ours.eq_ignore_ascii_case(theirs),
        (Some(_) | None, _) => false,
    };
    let has_name = telling_name(child).is_some_and(|name| create.name.as_deref() == Some(name));
    has_customer || has_email || has_name
}

impl Import<'_> {
    /// Judges one organization. What is mapped is left alone whatever else is true of it; what an open
    /// create may have made is its own, whatever the map says.
    pub(super) fn judge(&self, child: ChildOrg, known: &Known) -> Verdict {
        let map = &self.settings.map;
        let (tenant, customer_id) = self.customer_of(&child).unzip();
        let mut row = ImportRow {
            outcome: ImportOutcome::Adopted,
            provider_org_id: Some(child.id.as_str().to_owned()),
            customer_id,
            tenant,
            organization_id: None,
            line: map.line(&child.id),
            detail: String::new(),
        };
        if let Some(mapping) =
            known.mappings.iter().find(|mapping| mapping.provider_org_id == child.id.as_str())
        {
            return Verdict::Leave(already(row, mapping));
        }
        let reason = self.reason_against(&child, &row, known);
        match reason {
            None => Verdict::Adopt(Box::new(child), row),
            Some((outcome, detail, organization_id)) => {
                row.outcome = outcome;
                row.detail = detail;
                row.organization_id = organization_id;
                Verdict::Leave(row)
            }
        }
    }

    fn reason_against(
        &self,
        child: &ChildOrg,
        row: &ImportRow,
        known: &Known,
    ) -> Option<(ImportOutcome, String, Option<uuid::Uuid>)> {
        let customer_id = row.customer_id.as_deref();
        if let Some(create) =
            known.creates.iter().find(|create| may_have_made(create, child, customer_id))
        {
            let detail = format!("operation {}", create.operation_id);
            return Some((ImportOutcome::OpenCreate, detail, None));
        }
        if let Some(Err(fault)) = self.settings.map.given(&child.id) {
            return Some((ImportOutcome::Invalid, fault.to_owned(), None));
        }
        let (Some(customer_id), Some(tenant)) = (customer_id, row.tenant.as_deref()) else {
            return Some((ImportOutcome::NoCustomerId, String::new(), None));
        };
        if let Some(fault) = fault_of(child, customer_id) {
            return Some((ImportOutcome::Invalid, fault, None));
        }
        let is_it = |c: &&KnownCustomer| c.tenant == tenant && c.customer_id == customer_id;
        if let Some(taken) = known.customers.iter().find(is_it) {
            let detail = "the customer has another organization at this provider".to_owned();
            return Some((ImportOutcome::CustomerTaken, detail, Some(taken.organization_id)));
        }
        match self.is_met_often(tenant, customer_id) {
            0 | 1 => None,
            often => {
                let this = match child.status {
                    Status::Closed => "; this one is closed",
                    Status::Active | Status::Locked => "",
                };
                let detail = format!("{often} listed organizations have this customer id{this}");
                Some((ImportOutcome::CustomerTaken, detail, None))
            }
        }
    }
}

fn already(row: ImportRow, mapping: &KnownMapping) -> ImportRow {
    let differs = row.customer_id.as_deref().is_some_and(|id| id != mapping.customer_id)
        || row.tenant.as_deref().is_some_and(|tenant| tenant != mapping.tenant);
    ImportRow {
        outcome: ImportOutcome::Already,
        customer_id: Some(mapping.customer_id.clone()),
        tenant: Some(mapping.tenant.clone()),
        organization_id: Some(mapping.organization_id),
        detail: if differs { "mapped for another customer than is said now" } else { "" }
            .to_owned(),
        ..row
    }
}

/// What of an organization cannot be taken.
fn fault_of(child: &ChildOrg, customer_id: &str) -> Option<String> {
    if let Err(fault) = CustomerId::new(customer_id) {
        return Some(fault.to_string());
    }
    // PostgreSQL holds no such character, neither in text nor in JSON.
    let has_nul = child.name.contains('\0') || holds_nul(&child.provider_data);
    has_nul.then(|| "a field holds the character U+0000".to_owned())
}

fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(holds_nul),
        Value::Object(fields) => {
            fields.iter().any(|(name, value)| name.contains('\0') || holds_nul(value))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
