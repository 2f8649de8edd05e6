//! The organizations of the provider in memory, and what may be done to them. It knows no port and fails
//! no call by itself.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{
    Capabilities, Change, ChildOrg, ChildOrgPatch, Field, Lock, LockOrigin, Member, NewChildOrg,
    NewMember, OrgOrder, OrgQuery, Owner, ProviderOrgId, Status,
};

/// One organization with its locks: the partner's hides the provider's.
#[derive(Debug)]
pub(super) struct Record {
    org: ChildOrg,
    provider_lock: Option<Lock>,
    partner_lock: Option<Lock>,
    closed: bool,
    pub(super) hidden: bool,
}

impl Record {
    pub(super) fn new(
        new: &NewChildOrg,
        capabilities: &Capabilities,
        now: DateTime<Utc>,
    ) -> Option<Self> {
        let held = |field| capabilities.holds(field);
        let text = |field, text: &Option<String>| text.clone().filter(|_| held(field));
        let owner = new.owner.clone().unwrap_or_default();
        let owner = Owner {
            email: owner.email.filter(|_| held(Field::OwnerEmail)),
            first_name: text(Field::OwnerFirstName, &owner.first_name),
            last_name: text(Field::OwnerLastName, &owner.last_name),
            phone_number: text(Field::OwnerPhoneNumber, &owner.phone_number),
        };
        let invited: &[NewMember] = if held(Field::Members) { &new.members } else { &[] };
        let org = ChildOrg {
            id: capabilities.provider_org_id_format.parse(&Uuid::now_v7().to_string()).ok()?,
            name: new.name.clone(),
            status: Status::Active,
            lock: None,
            customer_id: held(Field::CustomerId).then(|| new.customer_id.clone()),
            owner: (owner != Owner::default()).then_some(owner),
            siren_number: text(Field::SirenNumber, &new.siren_number),
            domain: text(Field::Domain, &new.domain),
            address: new.address.clone().filter(|_| held(Field::Address)),
            marketplace_offers: new
                .marketplace_offers
                .clone()
                .filter(|_| held(Field::MarketplaceOffers)),
            members: invited.iter().map(member).collect(),
            comment: text(Field::Comment, &new.comment),
            created_at: Some(now),
            provider_data: serde_json::json!({"made_by": "the provider in memory"}),
        };
        Some(Self { org, provider_lock: None, partner_lock: None, closed: false, hidden: false })
    }

    pub(super) fn id(&self) -> &ProviderOrgId {
        &self.org.id
    }

    /// The organization as the provider shows it.
    pub(super) fn shown(&self) -> ChildOrg {
        let lock = self.partner_lock.clone().or_else(|| self.provider_lock.clone());
        let status = match (&lock, self.closed) {
            (_, true) => Status::Closed,
            (Some(_), false) => Status::Locked,
            (None, false) => Status::Active,
        };
        ChildOrg { status, lock: lock.filter(|_| !self.closed), ..self.org.clone() }
    }

    pub(super) fn set_partner_lock(&mut self, now: Option<DateTime<Utc>>) {
        self.partner_lock =
            now.map(|now| Lock { origin: LockOrigin::Partner, reason: None, since: Some(now) });
    }

    pub(super) fn set_provider_lock(&mut self, reason: Option<&str>, now: DateTime<Utc>) {
        self.provider_lock = reason.map(|reason| Lock {
            origin: LockOrigin::Provider,
            reason: Some(reason.to_owned()),
            since: Some(now),
        });
    }

    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    pub(super) fn invite(&mut self, members: &[NewMember]) -> Vec<Member> {
        let invited: Vec<Member> = members.iter().map(member).collect();
        for member in &invited {
            self.org.members.retain(|known| known.email != member.email);
            self.org.members.push(member.clone());
        }
        invited
    }

    pub(super) fn apply(&mut self, patch: &ChildOrgPatch) {
        let org = &mut self.org;
        let owner = org.owner.get_or_insert_default();
        set(&mut owner.email, &patch.owner_email);
        set(&mut owner.first_name, &patch.owner_first_name);
        set(&mut owner.last_name, &patch.owner_last_name);
        change(&mut owner.phone_number, &patch.owner_phone_number);
        set(&mut org.customer_id, &patch.customer_id);
        change(&mut org.comment, &patch.comment);
        if let Some(name) = &patch.name {
            org.name.clone_from(name);
        }
        if org.owner == Some(Owner::default()) {
            org.owner = None;
        }
    }

    fn matches(&self, query: &OrgQuery) -> bool {
        let org = self.shown();
        let email = org.owner.as_ref().and_then(|owner| owner.email.as_ref());
        let origin = org.lock.as_ref().map(|lock| lock.origin);
        !self.hidden
            && fits(query.email.as_ref(), email)
            && fits(query.customer_id.as_ref(), org.customer_id.as_ref())
            && fits(query.name.as_ref(), Some(&org.name))
            && fits(query.status.as_ref(), Some(&org.status))
            && fits(query.locked_by.as_ref(), origin.as_ref())
    }
}

/// What a listing has in all, in its order.
pub(super) fn matching(records: &[Record], query: &OrgQuery) -> Vec<ChildOrg> {
    let mut orgs: Vec<ChildOrg> =
        records.iter().filter(|record| record.matches(query)).map(Record::shown).collect();
    match query.order {
        OrgOrder::CreatedAtAsc => {}
        OrgOrder::CreatedAtDesc => orgs.reverse(),
    }
    orgs
}

fn fits<T: PartialEq>(wanted: Option<&T>, actual: Option<&T>) -> bool {
    wanted.is_none() || wanted == actual
}

fn set<T: Clone>(field: &mut Option<T>, value: &Option<T>) {
    if value.is_some() {
        field.clone_from(value);
    }
}

fn change(field: &mut Option<String>, value: &Option<Change<String>>) {
    if let Some(value) = value {
        *field = value.value().filter(|text| !text.is_empty()).cloned();
    }
}

fn member(new: &NewMember) -> Member {
    Member { email: new.email.clone(), role: new.role }
}
