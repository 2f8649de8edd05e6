//! Changing an organization: what the provider holds is changed there first, the rest here.

use std::{collections::BTreeMap, sync::Arc};

use partner_core::{Address, Change, ChildOrgPatch, EmailAddress, Field, MarketplaceOffers};
use serde_json::json;
use uuid::Uuid;

use super::{
    App,
    context::WriteContext,
    error::{AppError, AppResult},
    provider_rules::{self, is_named},
    write::{Written, keep, must_not_have_failed, send},
};
use crate::{
    operations::{FieldProblem, LocalEdit, UpdateRequest},
    providers::Account,
    store::{EventType, LateChange, OperationKind, Organization, Plan},
};

/// The fields of an organization that a caller may change, with their values.
#[derive(Clone, PartialEq, Default)]
pub struct Editable {
    /// Customer id.
    pub customer_id: String,
    /// Name.
    pub name: String,
    /// The owner's e-mail address.
    pub owner_email: Option<EmailAddress>,
    /// The owner's first name.
    pub owner_first_name: Option<String>,
    /// The owner's last name.
    pub owner_last_name: Option<String>,
    /// The owner's phone number.
    pub owner_phone_number: Option<String>,
    /// French company number.
    pub siren_number: Option<String>,
    /// Internet domain.
    pub domain: Option<String>,
    /// Postal address.
    pub address: Option<Address>,
    /// Marketplace offers.
    pub marketplace_offers: Option<MarketplaceOffers>,
    /// Comment.
    pub comment: Option<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

impl Editable {
    /// The fields as an organization has them.
    #[must_use]
    pub fn of(org: &Organization) -> Self {
        Self {
            customer_id: org.customer_id.clone(),
            name: org.name.clone(),
            owner_email: org.owner.email.clone(),
            owner_first_name: org.owner.first_name.clone(),
            owner_last_name: org.owner.last_name.clone(),
            owner_phone_number: org.owner.phone_number.clone(),
            siren_number: org.siren_number.clone(),
            domain: org.domain.clone(),
            address: org.address.clone(),
            marketplace_offers: org.marketplace_offers.clone(),
            comment: org.comment.clone(),
            labels: org.labels.clone(),
        }
    }
}

/// The fields of an organization as a caller wants them.
pub struct Edited {
    /// The fields; the value of one that `faults` names means nothing.
    pub after: Editable,
    /// The faults of the request by the gateway's rules.
    pub faults: Vec<FieldProblem>,
}

impl App {
    /// Changes an organization. `edit` returns the fields as the caller wants them, from those as they are,
    /// with every fault that it finds by our own rules.
    ///
    /// # Errors
    /// Every fault at once, by our rules and the provider's; a field that the provider holds and cannot change
    /// is `unsupported_by_provider`.
    pub async fn patch_organization<E>(
        self: &Arc<Self>,
        context: WriteContext,
        id: Uuid,
        edit: E,
    ) -> AppResult<Written>
    where
        E: FnOnce(&Editable) -> Edited + Send + 'static,
    {
        let org = self.organization(&context.scope, id).await?;
        let account = self.account(org.provider.as_str())?.clone();
        let (app, caller) = (Arc::clone(self), context.clone());
        let plan = move |org: &mut Organization| {
            must_not_have_failed(org)?;
            let before = Editable::of(org);
            let Edited { after, faults } = edit(&before);
            let request = split(&account, &before, &after, faults)?;
            let fixed_on = account.capabilities().customer_id_fixed_on;
            let asked_at = (app.clock)();
            let late = fixed_on.and_then(|day| LateChange::asked_at(asked_at, day));
            Ok(plan_of(&caller, request, org, late))
        };
        self.write(context, id, None, plan).await
    }
}

/// What is to be done for an update: sent, or only made here. `late`: from when on a change of the customer id
/// at this provider is late.
fn plan_of(
    context: &WriteContext,
    request: UpdateRequest,
    org: &mut Organization,
    late: Option<LateChange>,
) -> Plan {
    let new_customer_id =
        request.patch.customer_id.clone().or_else(|| request.local.customer_id.clone());
    if request.patch.is_empty() {
        request.local.apply_to(org);
        let local = Some((EventType::OrganizationUpdated, context.event()));
        return Plan { new_customer_id, ..keep(local) };
    }
    let mut sent = json!(request);
    if let Some(late) = late.filter(|_| request.patch.customer_id.is_some()) {
        late.keep_in(&mut sent);
    }
    let operation = context.operation(OperationKind::Update, sent);
    Plan { new_customer_id, ..send(operation) }
}

/// Splits the changed fields into those that the provider is sent and those that the gateway keeps.
///
/// # Errors
/// `faults`, which were found before, and what the provider would refuse in the other fields.
pub(super) fn split(
    account: &Account,
    before: &Editable,
    after: &Editable,
    faults: Vec<FieldProblem>,
) -> AppResult<UpdateRequest> {
    if faults.iter().any(|fault| fault.pointer.is_empty()) {
        // The whole body is wrong: it names no field.
        return Err(AppError::Invalid(faults));
    }
    let mut split = Split { account, named: &faults, found: Vec::new() };
    let mut request =
        UpdateRequest { patch: ChildOrgPatch::default(), local: LocalEdit::default() };
    let (patch, local) = (&mut request.patch, &mut request.local);

    split.always(before, after, patch, local);
    split.owner(before, after, patch, local);
    split.only_here(before, after, local);
    if before.labels != after.labels {
        local.labels = Some(after.labels.clone());
    }

    let mut found = split.found;
    for fault in account.capabilities().update_faults(&request.patch) {
        found.push(provider_rules::invalid(account, &fault));
    }
    let faults = [faults, found].concat();
    if faults.is_empty() { Ok(request) } else { Err(AppError::Invalid(faults)) }
}

struct Split<'a> {
    account: &'a Account,
    /// Faults that were found before: the fields that they name have no value.
    named: &'a [FieldProblem],
    found: Vec<FieldProblem>,
}

/// Where a changed field goes.
enum Goes {
    Nowhere,
    ToProvider,
    Here,
}

impl Split<'_> {
    fn always(&mut self, b: &Editable, a: &Editable, p: &mut ChildOrgPatch, l: &mut LocalEdit) {
        let customer_ids = (&b.customer_id, &a.customer_id);
        self.text(Field::CustomerId, customer_ids, &mut p.customer_id, &mut l.customer_id);
        self.text(Field::Name, (&b.name, &a.name), &mut p.name, &mut l.name);
        self.cleared(Field::Comment, (&b.comment, &a.comment), &mut p.comment, &mut l.comment);
    }

    fn owner(&mut self, b: &Editable, a: &Editable, p: &mut ChildOrgPatch, l: &mut LocalEdit) {
        let emails = (&b.owner_email, &a.owner_email);
        self.kept(Field::OwnerEmail, emails, &mut p.owner_email, &mut l.owner_email);
        let names = (&b.owner_first_name, &a.owner_first_name);
        let (sent, kept) = (&mut p.owner_first_name, &mut l.owner_first_name);
        self.kept(Field::OwnerFirstName, names, sent, kept);
        let names = (&b.owner_last_name, &a.owner_last_name);
        self.kept(Field::OwnerLastName, names, &mut p.owner_last_name, &mut l.owner_last_name);
        let phones = (&b.owner_phone_number, &a.owner_phone_number);
        let (sent, kept) = (&mut p.owner_phone_number, &mut l.owner_phone_number);
        self.cleared(Field::OwnerPhoneNumber, phones, sent, kept);
    }

    fn only_here(&mut self, b: &Editable, a: &Editable, l: &mut LocalEdit) {
        self.local(Field::SirenNumber, (&b.siren_number, &a.siren_number), &mut l.siren_number);
        self.local(Field::Domain, (&b.domain, &a.domain), &mut l.domain);
        self.local(Field::Address, (&b.address, &a.address), &mut l.address);
        let offers = (&b.marketplace_offers, &a.marketplace_offers);
        self.local(Field::MarketplaceOffers, offers, &mut l.marketplace_offers);
    }

    fn goes<T: PartialEq>(&mut self, field: Field, (before, after): (&T, &T)) -> Goes {
        let is_faulty = is_named(self.named, field.pointer());
        if before == after && !is_faulty {
            return Goes::Nowhere;
        }
        let capabilities = self.account.capabilities();
        let goes = if capabilities.update_rule(field).is_some() {
            Goes::ToProvider
        } else if !capabilities.holds(field) {
            Goes::Here
        } else {
            self.found.push(provider_rules::unchangeable(self.account, field));
            Goes::Nowhere
        };
        if is_faulty { Goes::Nowhere } else { goes }
    }

    /// A text that is always there.
    fn text(
        &mut self,
        field: Field,
        values: (&String, &String),
        sent: &mut Option<String>,
        kept: &mut Option<String>,
    ) {
        match self.goes(field, values) {
            Goes::Nowhere => {}
            Goes::ToProvider => *sent = Some(values.1.clone()),
            Goes::Here => *kept = Some(values.1.clone()),
        }
    }

    /// A value that the provider cannot be without, once it has one.
    fn kept<T: Clone + PartialEq>(
        &mut self,
        field: Field,
        values: (&Option<T>, &Option<T>),
        sent: &mut Option<T>,
        kept: &mut Option<Change<T>>,
    ) {
        match self.goes(field, values) {
            Goes::Nowhere => {}
            Goes::ToProvider if values.1.is_none() => {
                self.found.push(provider_rules::cannot_be_emptied(self.account, field));
            }
            Goes::ToProvider => sent.clone_from(values.1),
            Goes::Here => *kept = Some(change_to(values.1)),
        }
    }

    /// A value that may be emptied at the provider too.
    fn cleared<T: Clone + PartialEq>(
        &mut self,
        field: Field,
        values: (&Option<T>, &Option<T>),
        sent: &mut Option<Change<T>>,
        kept: &mut Option<Change<T>>,
    ) {
        match self.goes(field, values) {
            Goes::Nowhere => {}
            Goes::ToProvider => *sent = Some(change_to(values.1)),
            Goes::Here => *kept = Some(change_to(values.1)),
        }
    }

    /// A value that no provider of today can change.
    fn local<T: Clone + PartialEq>(
        &mut self,
        field: Field,
        values: (&Option<T>, &Option<T>),
        kept: &mut Option<Change<T>>,
    ) {
        match self.goes(field, values) {
            Goes::Nowhere => {}
            Goes::Here => *kept = Some(change_to(values.1)),
            Goes::ToProvider => {
                self.found.push(provider_rules::unchangeable(self.account, field));
            }
        }
    }
}

fn change_to<T: Clone>(value: &Option<T>) -> Change<T> {
    value.clone().map_or(Change::Clear, Change::Set)
}
