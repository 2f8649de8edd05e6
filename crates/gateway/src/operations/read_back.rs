//! Looking at a provider for what an open operation may have done.

use partner_core::{
    ChildOrg, CreateRecovery, CreateTraits, EmailAddress, Field, Kind, Likeness, OrgQuery,
    OrgTraits, PartnerProvider, ProviderOrgId, Result, Status,
};

use super::{
    request::{CreateRequest, LocalEdit, UpdateRequest},
    send::read,
    transitions::Reading,
};
use crate::store::{
    Candidate, CandidateStrength, CreateKeys, Evidence, EvidenceKind, KnownMapping, OpenCreate,
    Operation, OperationKind, Organization,
};

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

/// Finds every organization at a provider that a create could have made.
///
/// # Behavior
/// Where a listing's length differs from the provider's count, the error comes with what was found: the
/// organizations exist, and no other is known to be absent.
///
/// # Errors
/// A listing cannot be read to its end.
async fn find_all(
    provider: &dyn PartnerProvider,
    request: &CreateRequest,
) -> Result<(Vec<ChildOrg>, Option<partner_core::Error>)> {
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
    let (mut found, mut incomplete): (Vec<ChildOrg>, _) = (Vec::new(), None);
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
            match (reply.value.next, reply.value.mismatch) {
                (Some(next), _) => page = Some(next),
                (None, mismatch) => {
                    incomplete = incomplete.or(mismatch.map(partner_core::Error::from));
                    break;
                }
            }
        }
    }
    Ok((found, incomplete))
}

/// The claims of others on the organizations that a read-back found.
#[derive(Debug, Default)]
pub(super) struct Claims {
    /// Mappings of them.
    pub mappings: Vec<KnownMapping>,
    /// Open creates that have a key in common with them.
    pub creates: Vec<OpenCreate>,
}

/// Reads the outcome of a create: all pages, closed organizations included.
///
/// `claims_on` looks up the claims on organizations by their ids and their keys. It must run after the
/// organizations were read: a create that is committed later cannot have made any of them.
pub(super) async fn read_create<M, F>(
    provider: &dyn PartnerProvider,
    operation: &Operation,
    claims_on: M,
) -> Sight
where
    M: FnOnce(Vec<String>, CreateKeys) -> F,
    F: Future<Output = Result<Claims>>,
{
    let recovery = provider.capabilities().create_recovery();
    if recovery == CreateRecovery::Impossible {
        return Sight::of(Reading::Impossible);
    }
    let found = async {
        let request: CreateRequest = read(operation)?;
        let (found, incomplete) = find_all(provider, &request).await?;
        let ids = found.iter().map(|child| child.id.as_str().to_owned()).collect();
        let keys = CreateKeys::of(found.iter().map(OrgTraits::from));
        let claims = claims_on(ids, keys).await?;
        let sight = weigh(recovery, operation, &request, found, &claims);
        Ok(match incomplete {
            Some(error) if sight.reading == Reading::NotApplied => Sight::failed(error),
            Some(_) | None => sight,
        })
    };
    found.await.unwrap_or_else(Sight::failed)
}

/// The candidates of the last complete read-back.
#[must_use]
pub fn candidates(evidence: &[Evidence]) -> Vec<Candidate> {
    let last = evidence
        .iter()
        .rev()
        .filter(|seen| seen.kind == EvidenceKind::ReadBack && seen.detail["error"].is_null())
        .find_map(|seen| serde_json::from_value(seen.detail["candidates"].clone()).ok());
    last.unwrap_or_default()
}

/// Whether a create could have made an organization that somebody names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Made {
    /// It could have.
    pub could_be: bool,
    /// Another tenant has a mapping of it, or an open create that could have made it.
    pub claimed_elsewhere: bool,
}

/// Judges an organization that somebody names as the result of a create.
pub(super) fn judge_made(operation: &Operation, child: &ChildOrg, claims: &Claims) -> Result<Made> {
    let request: CreateRequest = read(operation)?;
    let likeness = Likeness::of(&traits(operation, &request), child);
    Ok(Made {
        could_be: likeness.could_be(),
        claimed_elsewhere: is_claimed_elsewhere(operation, child, claims),
    })
}

fn traits<'a>(operation: &Operation, request: &'a CreateRequest) -> CreateTraits<'a> {
    let new = &request.new;
    let email = new.owner.as_ref().and_then(|owner| owner.email.as_ref());
    CreateTraits {
        customer_id: &new.customer_id,
        owner_email: email.map(EmailAddress::as_str),
        name: &new.name,
        not_before: operation.first_sent_at,
    }
}

/// The other open creates that were sent at least once.
fn rivals<'a>(operation: &Operation, claims: &'a Claims) -> impl Iterator<Item = &'a OpenCreate> {
    let own = operation.id;
    claims.creates.iter().filter(move |rival| rival.operation_id != own && rival.may_have_left)
}

fn is_claimed_elsewhere(operation: &Operation, child: &ChildOrg, claims: &Claims) -> bool {
    let is_mapped = claims.mappings.iter().any(|known| {
        known.provider_org_id == child.id.as_str() && known.tenant != operation.tenant
    });
    is_mapped
        || rivals(operation, claims)
            .any(|rival| rival.tenant != operation.tenant && rival.lays_claim(child.into(), None))
}

/// One organization at the provider, compared with a create.
struct Match {
    child: ChildOrg,
    matched_on: Vec<String>,
    /// E-mail address and customer id are equal, and the organization is new.
    is_strong: bool,
    is_mapped: bool,
    /// An open create of another tenant or customer matches it as well.
    is_contested: bool,
    /// Another tenant has a mapping of it, or an open create that could have made it.
    claimed_elsewhere: bool,
}

impl Match {
    fn of(
        recovery: CreateRecovery,
        operation: &Operation,
        create: &CreateTraits<'_>,
        child: ChildOrg,
        claims: &Claims,
    ) -> Option<Self> {
        let likeness = Likeness::of(create, &child);
        if !likeness.could_be() && !likeness.has_key() {
            return None;
        }
        let is_readable = recovery == CreateRecovery::ReadBack;
        Some(Self {
            is_strong: is_readable && likeness.is_strong(),
            is_mapped: claims
                .mappings
                .iter()
                .any(|known| known.provider_org_id == child.id.as_str()),
            is_contested: rivals(operation, claims)
                .any(|rival| Likeness::of(&rival.traits(), &child).is_strong()),
            claimed_elsewhere: is_claimed_elsewhere(operation, &child, claims),
            matched_on: likeness.matched_on().iter().map(|field| word(*field)).collect(),
            child,
        })
    }

    fn candidate(&self) -> Candidate {
        Candidate {
            provider_org_id: self.child.id.as_str().to_owned(),
            name: self.child.name.clone(),
            matched_on: self.matched_on.clone(),
            strength: if self.is_strong {
                CandidateStrength::Strong
            } else {
                CandidateStrength::Weak
            },
            claimed_elsewhere: self.claimed_elsewhere,
        }
    }
}

/// The name of a matched field in a candidate's `matched_on`.
fn word(field: Field) -> String {
    let name = if field == Field::OwnerEmail { "email" } else { field.as_str() };
    name.to_owned()
}

/// Decides what the organizations found prove about a create.
fn weigh(
    recovery: CreateRecovery,
    operation: &Operation,
    request: &CreateRequest,
    found: Vec<ChildOrg>,
    claims: &Claims,
) -> Sight {
    let create = traits(operation, request);
    let matches: Vec<Match> = found
        .into_iter()
        .filter_map(|child| Match::of(recovery, operation, &create, child, claims))
        // A mapped organization that does not match in everything is another customer's or an older one.
        .filter(|found| found.is_strong || !found.is_mapped)
        .collect();
    let free: Vec<&Match> = matches.iter().filter(|found| !found.is_mapped).collect();
    let strong: Vec<&Match> = free.iter().copied().filter(|found| found.is_strong).collect();
    let reading = match (strong.as_slice(), matches.len(), recovery) {
        ([one], _, _) if one.is_contested => Reading::Contested,
        ([_], _, _) => Reading::Applied,
        ([_, _, ..], _, _) => Reading::Contradictory,
        ([], _, CreateRecovery::Hint | CreateRecovery::Impossible) => Reading::Impossible,
        ([], 0, CreateRecovery::ReadBack) => Reading::NotApplied,
        // A full match can be the result of this create even if somebody has mapped it since.
        ([], 1.., CreateRecovery::ReadBack) => Reading::Ambiguous,
    };
    let candidates = matches.iter().map(Match::candidate).collect();
    let child = (reading == Reading::Applied).then(|| strong.first().map(|one| one.child.clone()));
    Sight { child: child.flatten(), candidates, ..Sight::of(reading) }
}

/// Reads an organization whose id is proven by a late answer.
pub(super) async fn read_proven(provider: &dyn PartnerProvider, id: &ProviderOrgId) -> Sight {
    if !provider.capabilities().get {
        return Sight::of(Reading::Impossible);
    }
    match provider.get_child_org(id).await {
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
mod tests;
