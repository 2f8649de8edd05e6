//! The conformance run: it holds a provider to its capabilities, in both directions. What is claimed must
//! work as the port says; what is not claimed must be refused with nothing sent.
//!
//! It speaks to the port alone, so that every provider is held to the same words. It makes organizations
//! and leaves them there: it is for simulators and test accounts.

mod change;
mod create;
mod read;
mod refuse;

use std::{
    fmt,
    sync::atomic::{AtomicU32, Ordering},
};

use uuid::Uuid;

use crate::{
    Address, ChildOrg, Effect, EmailAddress, Error, Kind, MarketplaceOffers, NewChildOrg, Owner,
    PartnerProvider, ProviderName, ProviderOrgId, ProviderOrgIdFormat,
};

/// Makes the requests of a run.
pub struct Fixture {
    new_org: Box<dyn Fn(u32) -> NewChildOrg + Send + Sync>,
    next: AtomicU32,
    unknown_id: ProviderOrgId,
}

impl Fixture {
    /// A fixture with requests of its own making: `new_org` answers a valid request, each number another
    /// customer with another owner. `unknown_id` is well-formed at the provider, and nobody's.
    pub fn new(
        new_org: impl Fn(u32) -> NewChildOrg + Send + Sync + 'static,
        unknown_id: ProviderOrgId,
    ) -> Self {
        Self { new_org: Box::new(new_org), next: AtomicU32::new(1), unknown_id }
    }

    /// A fixture whose requests have every field, with values that no two runs share; ids are UUIDs.
    ///
    /// # Errors
    /// Never in practice: the values are well-formed.
    pub fn full() -> Result<Self, crate::InvalidId> {
        let run = Uuid::new_v4().simple().to_string();
        let unknown_id = ProviderOrgIdFormat::Uuid.parse(&Uuid::new_v4().to_string())?;
        Ok(Self::new(move |n| full_org(&run, n), unknown_id))
    }

    fn new_org(&self) -> NewChildOrg {
        (self.new_org)(self.next.fetch_add(1, Ordering::Relaxed))
    }
}

impl fmt::Debug for Fixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fixture").finish_non_exhaustive()
    }
}

fn full_org(run: &str, n: u32) -> NewChildOrg {
    NewChildOrg {
        customer_id: format!("cust-{run}-{n}"),
        name: format!("Conformance {run} {n}"),
        owner: Some(Owner {
            email: EmailAddress::new(format!("owner-{run}-{n}@acme.test")).ok(),
            first_name: Some("Olive".to_owned()),
            last_name: Some("Martin".to_owned()),
            phone_number: Some("+33600000000".to_owned()),
        }),
        siren_number: Some("123456789".to_owned()),
        domain: Some(format!("acme-{n}.test")),
        address: Some(Address {
            line1: "1 rue de la Paix".to_owned(),
            line2: None,
            city: "Paris".to_owned(),
            state: "Île-de-France".to_owned(),
            postal_code: "75002".to_owned(),
            country: "FR".to_owned(),
        }),
        marketplace_offers: Some(MarketplaceOffers {
            aws: Some("https://aws.acme.test/offer".to_owned()),
            azure: None,
            gcp: Some("https://gcp.acme.test/offer".to_owned()),
        }),
        members: Vec::new(),
        comment: Some("made by the conformance run".to_owned()),
        labra_subscription_id: Some(format!("labra-{n}")),
    }
}

/// One behaviour that a provider did not show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The provider.
    pub provider: ProviderName,
    /// What it should do.
    pub behaviour: &'static str,
    /// What it did.
    pub seen: String,
}

/// What a run found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failures(pub Vec<Failure>);

impl fmt::Display for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Failure { provider, behaviour, seen } in &self.0 {
            writeln!(f, "{provider}: {behaviour}: {seen}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failures {}

/// What one behaviour's check found: nothing, or what was seen instead.
pub type Check = Result<(), String>;

/// Runs every check on the provider.
///
/// # Errors
/// Names every behaviour that the provider did not show, and what it did instead.
pub async fn run_all(provider: &dyn PartnerProvider, fixture: &Fixture) -> Result<(), Failures> {
    let subject = Subject { provider, fixture };
    let mut found = Vec::new();
    let mut note = |behaviour, check: Check| {
        if let Err(seen) = check {
            found.push(Failure { provider: provider.name().clone(), behaviour, seen });
        }
    };
    note("capabilities agree with each other", subject.agrees());
    note("what is not claimed is refused", subject.refuses_unclaimed().await);
    note("a create answers what is held", subject.creates().await);
    note("a faulty create is refused", subject.refuses_faulty_create().await);
    note("an e-mail address that is a strong key is unique", subject.keeps_email_unique().await);
    note("what was created is read", subject.reads_created().await);
    note("a listing is complete", subject.lists_all().await);
    note("a foreign page token is refused", subject.refuses_foreign_token().await);
    note("a listing is narrowed by what is claimed", subject.finds().await);
    note("a change is answered and kept", subject.updates().await);
    note("a faulty change is refused", subject.refuses_faulty_change().await);
    note("a lock is set once and lifted", subject.locks().await);
    note("people are invited", subject.invites().await);
    note("a seat is asked for", subject.asks_for_seat().await);
    note("an unknown id is not found", subject.finds_no_unknown().await);
    if found.is_empty() { Ok(()) } else { Err(Failures(found)) }
}

/// The provider of a run, with what the checks need.
struct Subject<'a> {
    provider: &'a dyn PartnerProvider,
    fixture: &'a Fixture,
}

impl Subject<'_> {
    /// An organization that was just made; `None` where none can be.
    async fn made(&self) -> Result<Option<(NewChildOrg, ChildOrg)>, String> {
        if !self.provider.capabilities().create {
            return Ok(None);
        }
        let new = self.fixture.new_org();
        let org = done("the create", self.provider.create_child_org(&new).await)?;
        self.has_canonical_id(&org)?;
        Ok(Some((new, org.value)))
    }

    /// An organization's id has the canonical form of the declared format.
    fn has_canonical_id(&self, org: &ChildOrg) -> Check {
        let format = self.provider.capabilities().provider_org_id_format;
        check(format.is_canonical(&org.id), || format!("{} is no canonical {format}", org.id))
    }
}

/// `Ok` where the claim holds, else the words.
fn check(holds: bool, otherwise: impl FnOnce() -> String) -> Check {
    if holds { Ok(()) } else { Err(otherwise()) }
}

/// The value of a call that must succeed.
fn done<T>(what: &str, result: crate::Result<T>) -> Result<T, String> {
    result.map_err(|error| format!("{what} failed: {error}"))
}

/// The call must have been refused as something that does not exist, with nothing sent.
fn unsupported<T>(what: &str, result: crate::Result<T>) -> Check {
    failed(what, result, &[Kind::Unsupported], &[Effect::NotSent])
}

/// The call must have failed so.
fn failed<T>(what: &str, result: crate::Result<T>, kinds: &[Kind], effects: &[Effect]) -> Check {
    let is_wanted =
        |error: &Error| kinds.contains(&error.kind()) && effects.contains(&error.effect());
    match result {
        Ok(_) => Err(format!("{what} succeeded")),
        Err(error) if is_wanted(&error) => Ok(()),
        Err(error) => Err(format!("{what} failed otherwise: {error}")),
    }
}

/// The call must have failed as refused content, provably without effect.
fn refused<T>(what: &str, result: crate::Result<T>) -> Check {
    failed(what, result, &[Kind::InvalidInput], &[Effect::NotSent, Effect::NotApplied])
}
