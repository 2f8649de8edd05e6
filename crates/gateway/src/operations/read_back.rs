//! Looking at a provider for what an open operation may have done.

use chrono::{DateTime, TimeDelta, Utc};
use partner_core::{
    ChildOrg, CreateRecovery, Field, Kind, OrgQuery, PartnerProvider, ProviderOrgId, Result, Status,
};

use super::{
    request::{CreateRequest, LocalEdit, UpdateRequest},
    send::read,
    transitions::Reading,
};
use crate::store::{Candidate, CandidateStrength, Operation, OperationKind, Organization};

/// How much older than its first attempt an organization may seem, by the clocks' difference.
const CLOCK_SKEW: TimeDelta = TimeDelta::minutes(5);
/// What a listing is asked for at a time.
const PAGE_SIZE: u32 = 100;

/// What a reading saw.
#[derive(Debug)]
pub(super) struct Sight {
    /// What it means.
    pub reading: Reading,
    /// The organization, where it was seen and is ours.
    pub child: Option<ChildOrg>,
    /// What may be ours.
    pub candidates: Vec<Candidate>,
    /// As far as the mapping knows it was so before it was sent, too.
    pub was_so: bool,
    /// Why the provider could not be read.
    pub error: Option<partner_core::Error>,
}

impl Sight {
    pub(super) fn of(reading: Reading) -> Self {
        Self { reading, child: None, candidates: Vec::new(), was_so: false, error: None }
    }

    fn has_strong(&self) -> bool {
        self.candidates.iter().any(|candidate| candidate.strength == CandidateStrength::Strong)
    }

    fn failed(error: partner_core::Error) -> Self {
        Self { error: Some(error), ..Self::of(Reading::Failed) }
    }

    /// An organization that was made, and could not be read by its id.
    fn not_got(error: partner_core::Error) -> Self {
        let is_missing = error.kind() == Kind::NotFound;
        let reading = if is_missing { Reading::Missing } else { Reading::Failed };
        Self { error: Some(error), ..Self::of(reading) }
    }
}

/// Reads what became of an update, a lock or an unlock.
pub(super) async fn read_organization(
    provider: &dyn PartnerProvider,
    operation: &Operation,
    org: &Organization,
) -> Sight {
    let (true, Some(id)) = (provider.capabilities().get, &org.provider_org_id) else {
        return Sight::of(Reading::Impossible);
    };
    match provider.get_child_org(id).await {
        Ok(reply) => {
            let child = reply.value;
            let reading =
                if is_applied(operation, &child) { Reading::Applied } else { Reading::NotApplied };
            Sight { child: Some(child), was_so: was_so(operation, org), ..Sight::of(reading) }
        }
        Err(error) => Sight::not_got(error),
    }
}

/// The organization was as the operation wants it before anything was sent, as far as the mapping knows.
fn was_so(operation: &Operation, org: &Organization) -> bool {
    let is_locked = org.lock_by(partner_core::LockOrigin::Partner).is_some();
    match operation.kind {
        OperationKind::Lock => is_locked,
        OperationKind::Unlock => !is_locked,
        OperationKind::Update => read::<UpdateRequest>(operation).is_ok_and(|request| {
            let mut changed = org.clone();
            UpdateRequest { local: LocalEdit::default(), ..request }.apply_to(&mut changed);
            changed == *org
        }),
        OperationKind::Create | OperationKind::Invite | OperationKind::AdminRole => false,
    }
}

fn is_applied(operation: &Operation, child: &ChildOrg) -> bool {
    let locked_by_us =
        child.lock.as_ref().is_some_and(|lock| lock.origin == partner_core::LockOrigin::Partner);
    match operation.kind {
        OperationKind::Lock => locked_by_us,
        OperationKind::Unlock => !locked_by_us && child.status != Status::Closed,
        OperationKind::Update => {
            read::<UpdateRequest>(operation).is_ok_and(|request| request.patch.is_applied_to(child))
        }
        OperationKind::Create | OperationKind::Invite | OperationKind::AdminRole => false,
    }
}

/// Every organization at a provider that may be the one that a create was to make.
///
/// # Errors
/// When a listing cannot be read to its end: then nothing is known.
async fn find_all(
    provider: &dyn PartnerProvider,
    request: &CreateRequest,
) -> Result<Vec<ChildOrg>> {
    let new = &request.new;
    let capabilities = provider.capabilities();
    let email = new.owner.as_ref().and_then(|owner| owner.email.clone());
    let mut queries = Vec::new();
    if capabilities.finds_by(Field::OwnerEmail) && email.is_some() {
        queries.push(OrgQuery { email, ..OrgQuery::default() });
    }
    if capabilities.finds_by(Field::CustomerId) {
        let customer_id = Some(new.customer_id.clone());
        queries.push(OrgQuery { customer_id, ..OrgQuery::default() });
    }
    if queries.is_empty() && capabilities.finds_by(Field::Name) {
        queries.push(OrgQuery { name: Some(new.name.clone()), ..OrgQuery::default() });
    }
    let mut found: Vec<ChildOrg> = Vec::new();
    for mut query in queries {
        query.page_size = Some(PAGE_SIZE);
        let mut page = None;
        loop {
            let reply = provider.find_child_orgs(&query, page.as_ref()).await?;
            for child in reply.value.items {
                if !found.iter().any(|known| known.id == child.id) {
                    found.push(child);
                }
            }
            match reply.value.next {
                Some(next) => page = Some(next),
                None => break,
            }
        }
    }
    Ok(found)
}

/// Reads what became of a create: all pages, closed organizations too.
///
/// `mapped` are the ids, among those it is asked about, that belong to another mapping.
pub(super) async fn read_create<M, F>(
    provider: &dyn PartnerProvider,
    operation: &Operation,
    mapped: M,
) -> Sight
where
    M: FnOnce(Vec<String>) -> F,
    F: Future<Output = Result<Vec<String>>>,
{
    let recovery = provider.capabilities().create_recovery();
    if recovery == CreateRecovery::Impossible {
        return Sight::of(Reading::Impossible);
    }
    let found = async {
        let request: CreateRequest = read(operation)?;
        let found = find_all(provider, &request).await?;
        let ids = found.iter().map(|child| child.id.as_str().to_owned()).collect();
        Ok((request, found, mapped(ids).await?))
    };
    match found.await {
        Ok((request, found, mapped)) => {
            weigh_all(recovery, &request, operation.first_sent_at, found, &mapped)
        }
        Err(error) => Sight::failed(error),
    }
}

/// What the organizations found are worth, `mapped` among them or not.
fn weigh_all(
    recovery: CreateRecovery,
    request: &CreateRequest,
    first_sent_at: Option<DateTime<Utc>>,
    found: Vec<ChildOrg>,
    mapped: &[String],
) -> Sight {
    let is_mapped = |child: &ChildOrg| mapped.iter().any(|id| id == child.id.as_str());
    let (taken, free): (Vec<_>, Vec<_>) = found.into_iter().partition(is_mapped);
    let sight = weigh(recovery, request, first_sent_at, free);
    let taken = weigh(recovery, request, first_sent_at, taken);
    // What fits in everything may be what was made, whoever has mapped it since.
    if sight.reading == Reading::NotApplied && taken.has_strong() {
        return Sight::of(Reading::Ambiguous);
    }
    sight
}

/// What the organizations found, and not mapped, are worth.
fn weigh(
    recovery: CreateRecovery,
    request: &CreateRequest,
    first_sent_at: Option<DateTime<Utc>>,
    found: Vec<ChildOrg>,
) -> Sight {
    let mut strong = Vec::new();
    let mut candidates = Vec::new();
    for child in found {
        let is_new = match (child.created_at, first_sent_at) {
            (Some(created), Some(sent)) => created >= sent - CLOCK_SKEW,
            (None, _) | (_, None) => false,
        };
        let matched_on = matches(request, &child);
        let has = |field: &str| matched_on.iter().any(|name| name == field);
        let is_strong =
            recovery == CreateRecovery::ReadBack && has("email") && has("customer_id") && is_new;
        // A namesake from before the create cannot be it, where the time is known.
        let is_old_namesake =
            !has("email") && !has("customer_id") && child.created_at.is_some() && !is_new;
        if matched_on.is_empty() || is_old_namesake {
            continue;
        }
        candidates.push(Candidate {
            provider_org_id: child.id.as_str().to_owned(),
            name: child.name.clone(),
            matched_on,
            strength: if is_strong { CandidateStrength::Strong } else { CandidateStrength::Weak },
        });
        if is_strong {
            strong.push(child);
        }
    }
    let reading = match (strong.len(), candidates.len(), recovery) {
        (1, _, _) => Reading::Applied,
        (2.., _, _) => Reading::Contradictory,
        (0, _, CreateRecovery::Hint | CreateRecovery::Impossible) => Reading::Impossible,
        (0, 0, CreateRecovery::ReadBack) => Reading::NotApplied,
        (0, 1.., CreateRecovery::ReadBack) => Reading::Ambiguous,
    };
    Sight { child: strong.pop(), candidates, ..Sight::of(reading) }
}

fn matches(request: &CreateRequest, child: &ChildOrg) -> Vec<String> {
    let new = &request.new;
    let email = new.owner.as_ref().and_then(|owner| owner.email.as_ref());
    let theirs = child.owner.as_ref().and_then(|owner| owner.email.as_ref());
    let mut matched = Vec::new();
    if email.is_some() && email == theirs {
        matched.push("email".to_owned());
    }
    if child.customer_id.as_deref() == Some(new.customer_id.as_str()) {
        matched.push("customer_id".to_owned());
    }
    if child.name == new.name {
        matched.push("name".to_owned());
    }
    matched
}

/// Reads an organization whose id is proven by an answer that came late.
pub(super) async fn read_proven(provider: &dyn PartnerProvider, id: &str) -> Sight {
    let Ok(id) = ProviderOrgId::new(id) else {
        return Sight::of(Reading::Failed);
    };
    if !provider.capabilities().get {
        return Sight::of(Reading::Impossible);
    }
    match provider.get_child_org(&id).await {
        Ok(reply) => Sight { child: Some(reply.value), ..Sight::of(Reading::Applied) },
        Err(error) => Sight::not_got(error),
    }
}

/// The provider answered, whatever it answered: the account can be read.
pub(super) fn was_read(sight: &Sight) -> bool {
    match (&sight.error, sight.reading) {
        (Some(error), _) => error.kind() == Kind::NotFound,
        (None, Reading::Impossible) => false,
        (None, _) => true,
    }
}

#[cfg(test)]
mod tests {
    use partner_core::{EmailAddress, NewChildOrg, Owner};

    use super::*;

    fn at(seconds: i64) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp(1_000_000 + seconds, 0)
    }

    fn request() -> CreateRequest {
        let email = EmailAddress::new("owner@acme.test").ok();
        CreateRequest {
            new: NewChildOrg {
                customer_id: "c-1".to_owned(),
                name: "Acme".to_owned(),
                owner: Some(Owner { email, ..Owner::default() }),
                ..NewChildOrg::default()
            },
        }
    }

    fn child(created_at: Option<DateTime<Utc>>) -> ChildOrg {
        ChildOrg {
            id: ProviderOrgId::new("x").unwrap(),
            name: "Acme".to_owned(),
            status: Status::Active,
            lock: None,
            customer_id: Some("c-1".to_owned()),
            owner: request().new.owner,
            siren_number: None,
            domain: None,
            address: None,
            marketplace_offers: None,
            members: Vec::new(),
            comment: None,
            created_at,
            provider_data: serde_json::Value::Null,
        }
    }

    fn reading(found: ChildOrg, mapped: &[&str]) -> Reading {
        let mapped: Vec<String> = mapped.iter().map(|id| (*id).to_owned()).collect();
        weigh_all(CreateRecovery::ReadBack, &request(), at(0), vec![found], &mapped).reading
    }

    #[test]
    fn what_fits_wholly_is_found_and_is_no_absence_when_another_has_mapped_it() {
        assert_eq!(reading(child(at(1)), &[]), Reading::Applied);
        assert_eq!(reading(child(at(1)), &["x"]), Reading::Ambiguous);
    }

    #[test]
    fn what_was_there_before_and_is_mapped_says_nothing() {
        assert_eq!(reading(child(at(-3600)), &["x"]), Reading::NotApplied);
    }
}
