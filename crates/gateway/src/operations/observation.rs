//! What a provider's answer does to the mapping.

use chrono::{DateTime, Utc};
use partner_core::{ChildOrg, Lock, LockOrigin, Owner, Status};

use crate::store::{Certainty, OrgStatus, Organization};

/// Takes over an organization as its provider showed it.
///
/// # Behavior
/// A field the provider did not show keeps its value: providers drop fields from their answers. The
/// customer id is the mapping's key and never taken over. `readable`: the provider can be read, so what
/// it answered counts as observed; otherwise it is only asserted.
pub fn observe(org: &mut Organization, child: &ChildOrg, readable: bool, now: DateTime<Utc>) {
    org.provider_org_id = Some(child.id.clone());
    org.locks = merge_locks(&org.locks, child);
    org.status = status_of(child);
    if !child.name.is_empty() {
        org.name.clone_from(&child.name);
    }
    if let Some(owner) = &child.owner {
        take_owner(&mut org.owner, owner);
    }
    take(&mut org.siren_number, &child.siren_number);
    take(&mut org.domain, &child.domain);
    take(&mut org.address, &child.address);
    take(&mut org.comment, &child.comment);
    if let Some(offers) = &child.marketplace_offers {
        let ours = org.marketplace_offers.get_or_insert_default();
        take(&mut ours.aws, &offers.aws);
        take(&mut ours.azure, &offers.azure);
        take(&mut ours.gcp, &offers.gcp);
    }
    org.provider_data = Some(child.provider_data.clone());
    if readable {
        org.certainty = Certainty::Observed;
        org.observed_at = Some(now);
    } else {
        org.certainty = Certainty::Asserted;
    }
}

/// Takes over the state of an organization as its provider listed it: status and locks. Fields that differ
/// are left for a person to judge.
///
/// # Behavior
/// A lock that only moved in time is the same lock. What a list shows of an account that cannot be read
/// stays asserted.
pub fn observe_state(
    org: &mut Organization,
    child: &ChildOrg,
    readable: bool,
    seen_at: DateTime<Utc>,
) {
    let locks = merge_locks(&org.locks, child);
    let status = status_of(child);
    let is_same = |(known, shown): (&Lock, &Lock)| {
        known.origin == shown.origin && known.reason == shown.reason
    };
    let same_locks = org.locks.len() == locks.len() && org.locks.iter().zip(&locks).all(is_same);
    if status != org.status || !same_locks {
        org.status = status;
        org.locks = locks;
        org.provider_data = Some(child.provider_data.clone());
    }
    if readable {
        org.certainty = Certainty::Observed;
    }
    org.observed_at = org.observed_at.max(Some(seen_at));
}

fn status_of(child: &ChildOrg) -> OrgStatus {
    match child.status {
        Status::Active => OrgStatus::Active,
        Status::Locked => OrgStatus::Locked,
        Status::Closed => OrgStatus::Closed,
    }
}

/// A create was refused: the customer may be created again.
pub(super) fn fail(org: &mut Organization) {
    org.status = OrgStatus::Failed;
    org.certainty = Certainty::Asserted;
}

/// Nothing about the organization is open any more.
pub(super) fn settle(org: &mut Organization, readable: bool) {
    org.certainty = if readable { Certainty::Observed } else { Certainty::Asserted };
}

/// The outcome of an operation is open.
pub(super) fn unsettle(org: &mut Organization) {
    org.certainty = Certainty::Unknown;
}

fn take<T: Clone>(ours: &mut Option<T>, theirs: &Option<T>) {
    if theirs.is_some() {
        ours.clone_from(theirs);
    }
}

fn take_owner(ours: &mut Owner, theirs: &Owner) {
    take(&mut ours.email, &theirs.email);
    take(&mut ours.first_name, &theirs.first_name);
    take(&mut ours.last_name, &theirs.last_name);
    take(&mut ours.phone_number, &theirs.phone_number);
}

/// The locks that lie on an organization, by what its provider shows and what is remembered.
///
/// # Behavior
/// Scaleway shows one lock; the partner's hides its own. So a provider's lock seen before ours is
/// remembered while ours is shown, and forgotten when the provider shows its own or none.
fn merge_locks(known: &[Lock], child: &ChildOrg) -> Vec<Lock> {
    let Some(shown) = &child.lock else {
        return Vec::new();
    };
    let mut shown = shown.clone();
    match shown.origin {
        LockOrigin::Provider => vec![shown],
        LockOrigin::Partner => {
            let known_by = |origin| known.iter().find(|lock| lock.origin == origin);
            // The caller's reason for the lock is ours alone; the provider says the same of every lock.
            if let Some(ours) = known_by(LockOrigin::Partner)
                && ours.reason.is_some()
            {
                shown.reason.clone_from(&ours.reason);
            }
            known_by(LockOrigin::Provider).cloned().into_iter().chain([shown]).collect()
        }
    }
}

/// What the reader of an organization has to know to make it usable; `None` when nothing stands in the way.
#[must_use]
pub fn next_action(org: &Organization) -> Option<String> {
    match org.status {
        OrgStatus::Active => None,
        OrgStatus::Pending => Some("wait until its creation is settled".to_owned()),
        OrgStatus::Failed => Some("the creation was refused; create the customer again".to_owned()),
        OrgStatus::Closed => {
            Some("the provider closed it; only the provider can reopen it".to_owned())
        }
        OrgStatus::Locked => {
            Some(match (org.lock_by(LockOrigin::Partner), org.lock_by(LockOrigin::Provider)) {
                (Some(_), Some(provider)) => {
                    format!("unlock it; after that {}", provider_action(provider))
                }
                (Some(_), None) => "unlock it".to_owned(),
                (None, Some(provider)) => provider_action(provider),
                (None, None) => "ask the provider why it is locked".to_owned(),
            })
        }
    }
}

fn provider_action(lock: &Lock) -> String {
    match lock.reason.as_deref() {
        Some("validate_email") => {
            "the owner must validate the e-mail sent by the provider".to_owned()
        }
        Some(reason) => format!("the provider must lift its lock ({reason})"),
        None => "the provider must lift its lock".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use partner_core::ProviderOrgIdFormat;

    use super::*;

    fn shown(lock: Option<Lock>) -> ChildOrg {
        ChildOrg {
            id: ProviderOrgIdFormat::Uuid.parse("6170692e-7363-616c-6577-61792e636f6d").unwrap(),
            name: "Acme".to_owned(),
            status: if lock.is_some() { Status::Locked } else { Status::Active },
            lock,
            customer_id: None,
            owner: None,
            siren_number: None,
            domain: None,
            address: None,
            marketplace_offers: None,
            members: Vec::new(),
            comment: None,
            created_at: None,
            provider_data: serde_json::Value::Null,
        }
    }

    fn lock(origin: LockOrigin, reason: &str) -> Lock {
        Lock { origin, reason: Some(reason.to_owned()), since: None }
    }

    #[test]
    fn a_provider_lock_is_remembered_under_ours_and_forgotten_when_nothing_is_shown() {
        let provider = lock(LockOrigin::Provider, "validate_email");
        let partner = lock(LockOrigin::Partner, "locked_by_reseller");
        let first = merge_locks(&[], &shown(Some(provider.clone())));
        assert_eq!(first, std::slice::from_ref(&provider));
        let both = merge_locks(&first, &shown(Some(partner.clone())));
        assert_eq!(both, [provider.clone(), partner]);
        assert_eq!(merge_locks(&both, &shown(Some(provider.clone()))), [provider]);
        assert_eq!(merge_locks(&both, &shown(None)), []);
    }

    #[test]
    fn the_callers_reason_for_a_lock_outlives_a_reading() {
        let ours = lock(LockOrigin::Partner, "invoice 7 unpaid");
        let theirs = lock(LockOrigin::Partner, "locked_by_reseller");
        assert_eq!(merge_locks(std::slice::from_ref(&ours), &shown(Some(theirs))), [ours]);
    }
}
