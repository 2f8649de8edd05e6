//! Changing: fields, locks and seats.

use super::{
    Check, Subject, check, done,
    refuse::{one_change, seat},
    refused,
};
use crate::{Change, ChildOrg, ChildOrgPatch, Field, FieldRule, LockOrigin, ProviderOrgId, Status};

impl Subject<'_> {
    /// Each claimed field is changed, and what can be emptied is emptied; the answer and a read show it.
    pub(super) async fn updates(&self) -> Check {
        let claims = self.provider.capabilities();
        if claims.update_fields.is_empty() {
            return Ok(());
        }
        let Some((_, org)) = self.made().await? else {
            return Ok(());
        };
        for rule in &claims.update_fields {
            let named = |seen| format!("{}: {seen}", rule.field);
            if let Some(patch) = one_change(rule.field) {
                self.changes(&org.id, &patch).await.map_err(named)?;
            }
            if let Some(patch) = emptied(rule.field) {
                self.empties(&org.id, &patch, rule).await.map_err(named)?;
            }
        }
        Ok(())
    }

    /// A field that must have a character may refuse to be emptied; no other may.
    async fn empties(&self, id: &ProviderOrgId, patch: &ChildOrgPatch, rule: &FieldRule) -> Check {
        let changed = self.provider.update_child_org(id, patch).await;
        match changed {
            Err(_) if rule.min_chars > 0 => refused("emptying it", changed),
            Ok(_) | Err(_) => self.changes(id, patch).await,
        }
    }

    async fn changes(&self, id: &ProviderOrgId, patch: &ChildOrgPatch) -> Check {
        let changed = self.provider.update_child_org(id, patch).await;
        let changed = done("the change", changed)?;
        check(patch.is_applied_to(&changed), || "the answer does not show it".to_owned())?;
        check(&changed.id == id, || "another one is answered".to_owned())?;
        if self.provider.capabilities().get {
            let read = done("a read", self.provider.get_child_org(id).await)?;
            check(patch.is_applied_to(&read), || "a read does not show it".to_owned())?;
        }
        Ok(())
    }

    /// A text outside a field's limits is refused.
    pub(super) async fn refuses_faulty_change(&self) -> Check {
        let claims = self.provider.capabilities();
        let limited = claims.update_fields.iter().filter(|rule| rule.max_chars < 100_000);
        let Some((_, org)) = self.made().await? else {
            return Ok(());
        };
        for rule in limited {
            if let Some(patch) = too_long(rule.field, rule.max_chars + 1) {
                let changed = self.provider.update_child_org(&org.id, &patch).await;
                refused(&format!("too long a {}", rule.field), changed)?;
            }
        }
        Ok(())
    }

    /// A lock is the partner's, is set twice as once, and is gone after an unlock; whatever lock of the
    /// provider's remains is answered.
    pub(super) async fn locks(&self) -> Check {
        if !self.provider.capabilities().lock {
            return Ok(());
        }
        let Some((_, org)) = self.made().await? else {
            return Ok(());
        };
        for time in ["a lock", "a second lock"] {
            let locked = done(time, self.provider.lock_child_org(&org.id).await)?;
            check(is_ours(&locked) && locked.status == Status::Locked, || {
                format!("{time} is not shown as the partner's")
            })?;
        }
        for time in ["an unlock", "a second unlock"] {
            let unlocked = done(time, self.provider.unlock_child_org(&org.id).await)?;
            check(!is_ours(&unlocked), || format!("{time} left our lock"))?;
            let is_locked = unlocked.status == Status::Locked;
            check(is_locked == unlocked.lock.is_some(), || {
                format!("after {time} status and lock contradict each other")
            })?;
            if self.provider.capabilities().get {
                let read = done("a read", self.provider.get_child_org(&org.id).await)?;
                check((read.status, &read.lock) == (unlocked.status, &unlocked.lock), || {
                    format!("a read shows another state than {time} answered")
                })?;
            }
        }
        Ok(())
    }

    /// A seat is asked for, on a locked organization too.
    pub(super) async fn asks_for_seat(&self) -> Check {
        if !self.provider.capabilities().admin_role {
            return Ok(());
        }
        let Some((_, org)) = self.made().await? else {
            return Ok(());
        };
        let asked = self.provider.request_admin_role(&org.id, &seat()?).await;
        done("the request", asked).map(|_| ())
    }
}

fn is_ours(org: &ChildOrg) -> bool {
    org.lock.as_ref().is_some_and(|lock| lock.origin == LockOrigin::Partner)
}

fn emptied(field: Field) -> Option<ChildOrgPatch> {
    let emptied = |is: Field| (field == is).then_some(Change::Clear);
    let patch = ChildOrgPatch {
        owner_phone_number: emptied(Field::OwnerPhoneNumber),
        comment: emptied(Field::Comment),
        ..ChildOrgPatch::default()
    };
    (!patch.is_empty()).then_some(patch)
}

fn too_long(field: Field, chars: usize) -> Option<ChildOrgPatch> {
    let text = |is: Field| (field == is).then(|| "x".repeat(chars));
    let patch = ChildOrgPatch {
        name: text(Field::Name),
        owner_first_name: text(Field::OwnerFirstName),
        owner_last_name: text(Field::OwnerLastName),
        owner_phone_number: text(Field::OwnerPhoneNumber).map(Change::Set),
        customer_id: text(Field::CustomerId),
        comment: text(Field::Comment).map(Change::Set),
        ..ChildOrgPatch::default()
    };
    (!patch.is_empty()).then_some(patch)
}
