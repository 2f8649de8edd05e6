//! A provider, as far as the engine can tell: what it keeps, what it shows and when, what it refuses.
//!
//! It fails no call by itself; that is the port's doing. It remembers which operation made what, which no
//! provider tells, so that a history can be judged.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Utc};
use partner_core::{
    Capabilities, Change, ChildOrg, ChildOrgPatch, Effect, EmailAddress, Error, Kind, Lock,
    LockOrigin, NewChildOrg, OrgQuery, Owner, ProviderName, Result, Status,
};
use serde_json::json;
use uuid::Uuid;

/// One organization at a provider.
#[derive(Debug, Clone)]
pub(super) struct Child {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) owner: Owner,
    pub(super) customer_id: Option<String>,
    pub(super) comment: Option<String>,
    pub(super) is_locked_by_partner: bool,
    pub(super) provider_lock: Option<&'static str>,
    pub(super) is_closed: bool,
    pub(super) created_at: DateTime<Utc>,
    /// Until then no reading shows it.
    pub(super) shown_from: DateTime<Utc>,
    /// The operation that made it; `None` where a person did.
    pub(super) made_by: Option<Uuid>,
    /// A person, or a request that landed late, has changed it behind the gateway's back.
    pub(super) is_meddled_with: bool,
    /// A person has mapped it under a customer of their own.
    pub(super) is_adopted: bool,
    /// The address and the customer id that it was made with.
    pub(super) made_with: (Option<EmailAddress>, Option<String>),
}

/// What was sent to a provider for one operation.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sent {
    /// Calls that were made, whatever became of them.
    pub(super) calls: u32,
    /// Those that may have been done, as far as the caller can tell.
    pub(super) doubtful: u32,
    /// Those that were done.
    pub(super) applied: u32,
    /// Those that may still be done.
    pub(super) on_the_wire: u32,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) children: Vec<Child>,
    pub(super) sent: BTreeMap<Uuid, Sent>,
}

/// One partner account at a provider.
#[derive(Debug)]
pub(super) struct Upstream {
    pub(super) name: ProviderName,
    pub(super) capabilities: Capabilities,
    state: Mutex<State>,
}

impl Upstream {
    pub(super) fn new(name: ProviderName, capabilities: Capabilities) -> Self {
        Self { name, capabilities, state: Mutex::default() }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It shows owners, locks and times: the account can be read.
    pub(super) fn is_readable(&self) -> bool {
        self.capabilities.get
    }

    /// An organization as a reading shows it.
    pub(super) fn shown(&self, child: &Child) -> Result<ChildOrg> {
        let format = self.capabilities.provider_org_id_format;
        let id = format
            .parse(&child.id)
            .map_err(|_bad_id| refused(Kind::Unexpected, "the id is none"))?;
        let knows = self.is_readable();
        let lock = child.lock().filter(|_| knows && !child.is_closed);
        Ok(ChildOrg {
            id,
            name: child.name.clone(),
            status: child.status(&lock),
            lock,
            customer_id: child.customer_id.clone().filter(|_| knows),
            owner: knows.then(|| child.owner.clone()),
            siren_number: None,
            domain: None,
            address: None,
            marketplace_offers: None,
            members: Vec::new(),
            comment: child.comment.clone().filter(|_| knows),
            created_at: knows.then_some(child.created_at),
            provider_data: json!({ "provider_lock": child.provider_lock.filter(|_| knows) }),
        })
    }

    /// Makes an organization, unless its owner's address is taken.
    pub(super) fn create(
        &self,
        new: &NewChildOrg,
        made_by: Option<Uuid>,
        id: &str,
        now: DateTime<Utc>,
        lag: Duration,
    ) -> Result<ChildOrg> {
        let owner = new.owner.clone().unwrap_or_default();
        let mut state = self.state();
        if self.is_readable() && state.has_email(owner.email.as_ref(), "") {
            return Err(refused(Kind::Conflict, "the owner's e-mail address is taken"));
        }
        let made_with = (owner.email.clone(), Some(new.customer_id.clone()));
        let child = Child {
            made_with,
            id: id.to_owned(),
            name: new.name.clone(),
            owner,
            customer_id: Some(new.customer_id.clone()),
            comment: new.comment.clone(),
            is_locked_by_partner: false,
            provider_lock: self.is_readable().then_some("validate_email"),
            is_closed: false,
            created_at: now,
            shown_from: now + lag,
            made_by,
            is_meddled_with: made_by.is_none(),
            is_adopted: false,
        };
        let shown = self.shown(&child);
        state.children.push(child);
        shown
    }

    /// Reads one organization.
    pub(super) fn get(&self, id: &str, now: DateTime<Utc>) -> Result<ChildOrg> {
        let state = self.state();
        let child = state.children.iter().find(|child| child.id == id && child.shown_from <= now);
        child.map_or_else(|| Err(missing()), |child| self.shown(child))
    }

    /// Changes one organization, where it is shown already, and answers it as it then is.
    pub(super) fn change(
        &self,
        id: &str,
        now: DateTime<Utc>,
        change: impl FnOnce(&mut Child),
    ) -> Result<ChildOrg> {
        let mut state = self.state();
        let child =
            state.children.iter_mut().find(|child| child.id == id && child.shown_from <= now);
        let child = child.ok_or_else(missing)?;
        change(child);
        self.shown(child)
    }

    /// Makes the changes of a patch, unless the new address is taken.
    pub(super) fn update(
        &self,
        id: &str,
        patch: &ChildOrgPatch,
        now: DateTime<Utc>,
    ) -> Result<ChildOrg> {
        if self.state().has_email(patch.owner_email.as_ref(), id) {
            return Err(refused(Kind::Conflict, "the owner's e-mail address is taken"));
        }
        self.change(id, now, |child| child.apply(patch))
    }

    /// What a query matches of one page of all that the provider shows by now, and whether it is the last.
    pub(super) fn page(
        &self,
        query: &OrgQuery,
        start: usize,
        size: usize,
        now: DateTime<Utc>,
    ) -> Result<(Vec<ChildOrg>, bool)> {
        let state = self.state();
        let shown: Vec<&Child> =
            state.children.iter().filter(|child| child.shown_from <= now).collect();
        let fits = |child: &&&Child| {
            query.email.is_none() | (query.email == child.owner.email)
                && query.customer_id.is_none() | (query.customer_id == child.customer_id)
                && query.name.as_ref().is_none_or(|name| *name == child.name)
        };
        let page = shown.iter().skip(start).take(size).filter(fits);
        let page: Result<Vec<ChildOrg>> = page.map(|child| self.shown(child)).collect();
        Ok((page?, start + size >= shown.len()))
    }

    /// Something was made that no reading shows yet.
    pub(super) fn is_lagging(&self, now: DateTime<Utc>) -> bool {
        self.state().children.iter().any(|child| child.shown_from > now)
    }
}

impl State {
    fn has_email(&self, email: Option<&EmailAddress>, own: &str) -> bool {
        email.is_some()
            && self
                .children
                .iter()
                .any(|child| child.id != own && child.owner.email.as_ref() == email)
    }

    /// The organization that an operation made.
    pub(super) fn made_by(&self, operation: Uuid) -> Option<&Child> {
        self.children.iter().find(|child| child.made_by == Some(operation))
    }
}

impl Child {
    /// Nothing is left of what its create would know it by: neither address nor customer id, or one of
    /// them and it is another's by now.
    pub(super) fn is_beyond_knowing(&self) -> bool {
        let (email, customer_id) = &self.made_with;
        let (same_email, same_id) = (*email == self.owner.email, *customer_id == self.customer_id);
        !(same_email || same_id) || (self.is_adopted && !(same_email && same_id))
    }

    fn lock(&self) -> Option<Lock> {
        let lock = |origin, reason: &str| Lock {
            origin,
            reason: Some(reason.to_owned()),
            since: Some(self.created_at),
        };
        if self.is_locked_by_partner {
            return Some(lock(LockOrigin::Partner, "locked_by_reseller"));
        }
        self.provider_lock.map(|reason| lock(LockOrigin::Provider, reason))
    }

    fn status(&self, shown: &Option<Lock>) -> Status {
        match (self.is_closed, shown) {
            (true, _) => Status::Closed,
            (false, Some(_)) => Status::Locked,
            (false, None) => Status::Active,
        }
    }

    pub(super) fn apply(&mut self, patch: &ChildOrgPatch) {
        if let Some(name) = &patch.name {
            self.name.clone_from(name);
        }
        if patch.owner_email.is_some() {
            self.owner.email.clone_from(&patch.owner_email);
        }
        if patch.customer_id.is_some() {
            self.customer_id.clone_from(&patch.customer_id);
        }
        if let Some(comment) = &patch.comment {
            self.comment = Change::value(comment).cloned();
        }
    }
}

pub(super) fn refused(kind: Kind, message: &str) -> Error {
    Error::new(kind, Effect::NotApplied, message)
}

fn missing() -> Error {
    refused(Kind::NotFound, "there is no such organization")
}
