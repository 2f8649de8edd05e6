//! The handle by which tests and tools move the simulated world: faults, the log of requests, and
//! what happens at a provider without the partner's doing. It speaks no HTTP.

use crate::{
    archera::{ArcheraOrg, Membership},
    fault::FaultRule,
    fault_book::{FaultId, FaultReport},
    operation::{Operation, Provider},
    profile::FaultProfile,
    request_log::{RequestRecord, Tally},
    scaleway::{ProviderLock, ScalewayOrganization, VALIDATE_EMAIL},
    shared::Shared,
    state::{Entry, State},
};
use serde::Deserialize;
use serde_json::Map;
use std::{collections::BTreeMap, fmt, io, sync::Arc};
use uuid::Uuid;

/// Moves the simulated world. Clones are the same handle.
#[derive(Clone)]
pub struct Control {
    pub(crate) shared: Arc<Shared>,
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").finish_non_exhaustive()
    }
}

/// Why the simulated world could not be moved.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// No organization has this id (at the provider that the change is for).
    #[error("there is no organization {0}")]
    UnknownOrganization(Uuid),
    /// Another organization has the e-mail.
    #[error("the e-mail belongs to another organization")]
    EmailTaken,
    /// The rule makes no sense.
    #[error("this fault cannot be: {0}")]
    ImpossibleFault(String),
    /// The change could not be kept.
    #[error("the change cannot be kept: {0}")]
    Storage(#[from] io::Error),
}

/// What somebody changes by hand in the provider's console; what is left out stays.
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConsoleEdit {
    pub name: Option<String>,
    pub email: Option<String>,
    pub owner_firstname: Option<String>,
    pub owner_lastname: Option<String>,
    pub phone_number: Option<String>,
    pub customer_id: Option<String>,
    pub comment: Option<String>,
}

impl fmt::Debug for ConsoleEdit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsoleEdit").finish_non_exhaustive()
    }
}

/// Faults.
impl Control {
    /// Puts a rule into force, after those that are there.
    ///
    /// # Errors
    ///
    /// [`ControlError::ImpossibleFault`] for a probability outside 0 to 1, or a status that does
    /// not fit its answer.
    pub fn inject(&self, rule: FaultRule) -> Result<FaultId, ControlError> {
        match rule.problem() {
            Some(problem) => Err(ControlError::ImpossibleFault(problem)),
            None => Ok(self.shared.faults().inject(rule)),
        }
    }

    /// Puts a profile's rules into force, after those that are there.
    pub fn inject_profile(&self, profile: FaultProfile, seed: u64) {
        self.shared.inject(profile.rules(seed));
    }

    /// Ends all rules. Their counts stay to be read; lags and late work that have begun go on.
    pub fn clear_faults(&self) {
        self.shared.faults().clear();
    }

    /// What has become of a rule; `None` for an id of another sandbox.
    #[must_use]
    pub fn fault(&self, id: FaultId) -> Option<FaultReport> {
        self.shared.faults().report(id)
    }

    /// All rules ever injected, spent and cleared ones too.
    #[must_use]
    pub fn faults(&self) -> Vec<FaultReport> {
        self.shared.faults().reports()
    }

    /// The rules that never fired.
    #[must_use]
    pub fn unfired_faults(&self) -> Vec<FaultReport> {
        let mut reports = self.faults();
        reports.retain(|report| report.fired == 0);
        reports
    }

    /// Does the work that faults have put off, in the order the requests came in. Answers how many
    /// requests that were; each may still have been refused.
    pub fn release_late(&self) -> usize {
        self.shared.release_late()
    }

    /// How many requests wait for [`Control::release_late`].
    #[must_use]
    pub fn late_count(&self) -> usize {
        self.shared.late_count()
    }

    /// Ends every lag: all organizations are seen from here on.
    pub fn reveal(&self) {
        self.shared.state().reveal();
    }

    /// Stops both simulators, as dropping the [`Sandbox`](crate::Sandbox) does: connections are cut
    /// and nothing can be changed from here on.
    pub fn stop(&self) {
        self.shared.close();
    }

    /// Sets how many requests a second Scaleway takes; `None` for no limit.
    pub fn set_rate_limit(&self, limit: Option<u32>) {
        self.shared.rate_limit().set(limit);
    }

    /// Has a provider take these keys and no others, as when keys are changed in its console. The next start
    /// takes the first key again.
    pub fn take_keys(&self, provider: Provider, keys: &[&str]) {
        let keys = keys.iter().map(|key| (*key).to_owned()).collect();
        self.shared.state().take_keys(provider, keys);
    }

    /// Sets whether the Archera key may use `GET /v1/orgs`.
    pub fn allow_archera_list(&self, allowed: bool) {
        self.shared.allow_list_orgs(allowed);
    }
}

/// What has been asked.
impl Control {
    /// The requests that came in, oldest first; the latest 50,000 of them.
    #[must_use]
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.shared.log.all()
    }

    /// The remembered requests of one operation, oldest first.
    #[must_use]
    pub fn requests_of(&self, operation: Operation) -> Vec<RequestRecord> {
        let mut requests = self.requests();
        requests.retain(|request| request.operation == Some(operation));
        requests
    }

    /// How often an operation was asked for and applied.
    #[must_use]
    pub fn tally(&self, operation: Operation) -> Tally {
        self.shared.log.tally(operation)
    }

    /// The tallies of all operations that were asked for.
    #[must_use]
    pub fn tallies(&self) -> BTreeMap<Operation, Tally> {
        self.shared.log.tallies()
    }

    /// Forgets the requests and their tallies.
    pub fn clear_requests(&self) {
        self.shared.log.clear();
    }

    /// Waits until `count` requests of an operation have come in (since the last
    /// [`Control::clear_requests`]).
    pub async fn until_received(&self, operation: Operation, count: u64) {
        let log = &self.shared.log;
        log.wait_for(operation, |tally| tally.received >= count).await;
    }

    /// Waits until `count` requests of an operation have changed the state.
    pub async fn until_applied(&self, operation: Operation, count: u64) {
        let log = &self.shared.log;
        log.wait_for(operation, |tally| tally.applied >= count).await;
    }
}

/// What is there.
impl Control {
    /// All Scaleway organizations, oldest first, also those not yet to be seen.
    #[must_use]
    pub fn scaleway_organizations(&self) -> Vec<ScalewayOrganization> {
        self.shared.state().scaleway().all().to_vec()
    }

    /// All Archera orgs, oldest first, also those not yet to be seen.
    #[must_use]
    pub fn archera_orgs(&self) -> Vec<ArcheraOrg> {
        self.shared.state().archera().all().to_vec()
    }

    /// One Scaleway organization.
    #[must_use]
    pub fn scaleway_organization(&self, id: Uuid) -> Option<ScalewayOrganization> {
        self.shared.state().scaleway().get(id).cloned()
    }

    /// One Archera org.
    #[must_use]
    pub fn archera_org(&self, id: Uuid) -> Option<ArcheraOrg> {
        self.shared.state().archera().get(id).cloned()
    }

    /// Adds `count` organizations at a provider, and answers their ids. Scaleway's are open, with
    /// customer ids `seed-N` and owners `seed-N@seed.test`; numbers go on from what is there.
    ///
    /// # Errors
    ///
    /// [`ControlError::Storage`]; then none was added.
    pub fn seed(&self, provider: Provider, count: usize) -> Result<Vec<Uuid>, ControlError> {
        let mut state = self.shared.state();
        let first = match provider {
            Provider::Scaleway => state.scaleway().all().len(),
            Provider::Archera => state.archera().all().len(),
        };
        let ids: Vec<Uuid> = (0..count).map(|_| Uuid::new_v4()).collect();
        let entries = ids
            .iter()
            .zip(first..)
            .map(|(&id, number)| match provider {
                Provider::Scaleway => Entry::Scaleway(Box::new(seeded(&mut state, id, number))),
                Provider::Archera => Entry::Archera(Box::new(seeded_org(&mut state, id, number))),
            })
            .collect();
        state.commit(entries)?;
        Ok(ids)
    }
}

fn seeded(state: &mut State, id: Uuid, number: usize) -> ScalewayOrganization {
    // After a removal a number may be met again; its e-mail may not.
    let mut email = format!("seed-{number}@seed.test");
    if state.scaleway().is_taken(&email, None) {
        email = format!("seed-{}@seed.test", id.simple());
    }
    ScalewayOrganization {
        id,
        name: format!("Seed {number}"),
        email,
        owner_firstname: "Sam".to_owned(),
        owner_lastname: "Seed".to_owned(),
        phone_number: None,
        siren_number: None,
        customer_id: format!("seed-{number}"),
        comment: String::new(),
        created_at: state.stamp(),
        closed: false,
        provider_lock: None,
        partner_locked_at: None,
        admin_seats: Vec::new(),
    }
}

fn seeded_org(state: &mut State, id: Uuid, number: usize) -> ArcheraOrg {
    ArcheraOrg {
        id,
        name: format!("Seed {number}"),
        created_at: state.stamp(),
        labra_subscription_id: None,
        memberships: vec![Membership {
            role: "admin".to_owned(),
            username: format!("seed-{number}@seed.test"),
        }],
        profile: Map::new(),
    }
}

/// What happens at a provider without the partner's doing.
impl Control {
    /// The owner follows the link in the e-mail: Scaleway's `validate_email` lock goes, also from
    /// beneath a partner's lock. Another lock of Scaleway's stays.
    ///
    /// # Errors
    ///
    /// [`ControlError::UnknownOrganization`] or [`ControlError::Storage`].
    pub fn validate_email(&self, id: Uuid) -> Result<(), ControlError> {
        self.change(id, |org, _| {
            org.provider_lock.take_if(|lock| lock.reason == VALIDATE_EMAIL);
        })
    }

    /// Scaleway locks an organization, in place of any lock of its own.
    ///
    /// # Errors
    ///
    /// As [`Control::validate_email`].
    pub fn lock_by_provider(&self, id: Uuid, reason: &str) -> Result<(), ControlError> {
        self.change(id, |org, since| {
            org.provider_lock = Some(ProviderLock { reason: reason.to_owned(), since });
        })
    }

    /// Scaleway takes its lock away, whatever the reason was. A partner's lock stays.
    ///
    /// # Errors
    ///
    /// As [`Control::validate_email`].
    pub fn unlock_by_provider(&self, id: Uuid) -> Result<(), ControlError> {
        self.change(id, |org, _| org.provider_lock = None)
    }

    /// The customer closes the organization.
    ///
    /// # Errors
    ///
    /// As [`Control::validate_email`].
    pub fn close(&self, id: Uuid) -> Result<(), ControlError> {
        self.change(id, |org, _| org.closed = true)
    }

    /// Somebody edits a Scaleway organization in the console.
    ///
    /// # Errors
    ///
    /// As [`Control::validate_email`], and [`ControlError::EmailTaken`].
    pub fn edit(&self, id: Uuid, edit: ConsoleEdit) -> Result<(), ControlError> {
        let word = edit.email.as_ref().map(|email| email.to_lowercase());
        let state = self.shared.state();
        if word.is_some_and(|word| state.scaleway().is_taken(&word, Some(id))) {
            return Err(ControlError::EmailTaken);
        }
        change(state, id, |org, _| {
            let set = |field: &mut String, text: Option<String>| {
                if let Some(text) = text {
                    *field = text;
                }
            };
            set(&mut org.name, edit.name);
            set(&mut org.email, edit.email);
            set(&mut org.owner_firstname, edit.owner_firstname);
            set(&mut org.owner_lastname, edit.owner_lastname);
            set(&mut org.customer_id, edit.customer_id);
            set(&mut org.comment, edit.comment);
            if let Some(phone_number) = edit.phone_number {
                org.phone_number = Some(phone_number).filter(|text| !text.is_empty());
            }
        })
    }

    /// An organization of either provider is gone as if it had never been.
    ///
    /// # Errors
    ///
    /// As [`Control::validate_email`].
    pub fn remove(&self, id: Uuid) -> Result<(), ControlError> {
        let mut state = self.shared.state();
        if state.scaleway().get(id).is_none() && state.archera().get(id).is_none() {
            return Err(ControlError::UnknownOrganization(id));
        }
        Ok(state.commit(vec![Entry::Removed(id)])?)
    }

    fn change(
        &self,
        id: Uuid,
        by: impl FnOnce(&mut ScalewayOrganization, chrono::DateTime<chrono::Utc>),
    ) -> Result<(), ControlError> {
        change(self.shared.state(), id, by)
    }
}

fn change(
    mut state: std::sync::MutexGuard<'_, State>,
    id: Uuid,
    by: impl FnOnce(&mut ScalewayOrganization, chrono::DateTime<chrono::Utc>),
) -> Result<(), ControlError> {
    let Some(mut organization) = state.scaleway().get(id).cloned() else {
        return Err(ControlError::UnknownOrganization(id));
    };
    by(&mut organization, state.stamp());
    Ok(state.commit(vec![Entry::Scaleway(Box::new(organization))])?)
}
