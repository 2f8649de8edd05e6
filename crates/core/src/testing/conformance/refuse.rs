//! What must be refused: everything that is not claimed, and ids that are nobody's.

use secrecy::SecretString;

use super::{Check, Subject, check, failed, unsupported};
use crate::{
    AdminSeat, Change, ChildOrgPatch, Effect, EmailAddress, Field, Kind, NewMember, OrgQuery,
    ProviderOrgId,
};

impl Subject<'_> {
    /// The capabilities do not contradict each other.
    pub(super) fn agrees(&self) -> Check {
        let claims = self.provider.capabilities();
        check(claims.create || claims.create_fields.is_empty(), || {
            "fields of a create without a create".to_owned()
        })?;
        check(claims.list || claims.find_by.is_empty(), || {
            "something to find by without a listing".to_owned()
        })?;
        let holds_members = claims.create_rule(Field::Members).is_some();
        check(!claims.create || claims.invite == holds_members, || {
            "members at the create and invitations go together".to_owned()
        })?;
        for rule in &claims.update_fields {
            check(one_change(rule.field).is_some(), || {
                format!("no patch can change {}", rule.field)
            })?;
        }
        Ok(())
    }

    /// Whatever is not claimed is refused with nothing sent.
    pub(super) async fn refuses_unclaimed(&self) -> Check {
        let (provider, id) = (self.provider, &self.fixture.unknown_id);
        let claims = provider.capabilities();
        if !claims.create {
            let new = self.fixture.new_org();
            unsupported("a create", provider.create_child_org(&new).await)?;
        }
        if !claims.get {
            unsupported("a read", provider.get_child_org(id).await)?;
        }
        if !claims.lock {
            unsupported("a lock", provider.lock_child_org(id).await)?;
            unsupported("an unlock", provider.unlock_child_org(id).await)?;
        }
        if !claims.invite {
            let invited = provider.invite_members(id, &[member()?]).await;
            unsupported("an invitation", invited)?;
        }
        if !claims.admin_role {
            let asked = provider.request_admin_role(id, &seat()?).await;
            unsupported("a seat", asked)?;
        }
        self.refuses_unclaimed_finds().await?;
        self.refuses_unclaimed_changes().await
    }

    async fn refuses_unclaimed_finds(&self) -> Check {
        let claims = self.provider.capabilities();
        if !claims.list {
            let all = OrgQuery::default();
            let listed = self.provider.find_child_orgs(&all, None).await;
            unsupported("a listing", listed)?;
        }
        for field in [Field::OwnerEmail, Field::CustomerId, Field::Name] {
            if !claims.finds_by(field) {
                let query = narrowed(field, "nobody@acme.test");
                let found = self.provider.find_child_orgs(&query, None).await;
                unsupported(&format!("finding by {field}"), found)?;
            }
        }
        Ok(())
    }

    async fn refuses_unclaimed_changes(&self) -> Check {
        let id = &self.fixture.unknown_id;
        for field in Field::ALL {
            let claimed = self.provider.capabilities().update_rule(field).is_some();
            if let Some(patch) = one_change(field).filter(|_| !claimed) {
                let changed = self.provider.update_child_org(id, &patch).await;
                unsupported(&format!("a change of {field}"), changed)?;
            }
        }
        Ok(())
    }

    /// An id that is nobody's is not found, nor is one that no organization there could have.
    pub(super) async fn finds_no_unknown(&self) -> Check {
        let odd =
            ProviderOrgId::from_stored("../../no-such-organization").map_err(|e| e.to_string())?;
        for id in [&self.fixture.unknown_id, &odd] {
            self.finds_none_of(id).await?;
        }
        Ok(())
    }

    async fn finds_none_of(&self, id: &ProviderOrgId) -> Check {
        let provider = self.provider;
        let claims = provider.capabilities();
        if claims.get {
            not_found("a read", provider.get_child_org(id).await)?;
        }
        let patch = claims.update_fields.iter().find_map(|rule| one_change(rule.field));
        if let Some(patch) = patch {
            not_found("a change", provider.update_child_org(id, &patch).await)?;
        }
        if claims.lock {
            not_found("a lock", provider.lock_child_org(id).await)?;
            not_found("an unlock", provider.unlock_child_org(id).await)?;
        }
        if claims.invite {
            let invited = provider.invite_members(id, &[member()?]).await;
            not_found("an invitation", invited)?;
        }
        if claims.admin_role {
            let asked = provider.request_admin_role(id, &seat()?).await;
            not_found("a seat", asked)?;
        }
        Ok(())
    }
}

fn not_found<T>(what: &str, result: crate::Result<T>) -> Check {
    let effects = [Effect::NotSent, Effect::NotApplied];
    failed(what, result, &[Kind::NotFound], &effects)
}

/// A query by one field.
pub(super) fn narrowed(field: Field, text: &str) -> OrgQuery {
    let given = |is: Field| (field == is).then(|| text.to_owned());
    OrgQuery {
        email: given(Field::OwnerEmail).and_then(|text| EmailAddress::new(text).ok()),
        customer_id: given(Field::CustomerId),
        name: given(Field::Name),
        ..OrgQuery::default()
    }
}

/// A patch of one field; `None` for a field that no patch has.
pub(super) fn one_change(field: Field) -> Option<ChildOrgPatch> {
    let text = |is: Field| (field == is).then(|| "changed by the conformance run".to_owned());
    let patch = ChildOrgPatch {
        name: text(Field::Name),
        owner_email: (field == Field::OwnerEmail)
            .then(|| format!("changed-{}@acme.test", uuid::Uuid::new_v4().simple()))
            .and_then(|text| EmailAddress::new(text).ok()),
        owner_first_name: text(Field::OwnerFirstName),
        owner_last_name: text(Field::OwnerLastName),
        owner_phone_number: (field == Field::OwnerPhoneNumber)
            .then(|| Change::Set("+33611111111".to_owned())),
        customer_id: text(Field::CustomerId),
        comment: text(Field::Comment).map(Change::Set),
    };
    (!patch.is_empty()).then_some(patch)
}

/// An e-mail address, or why the text is none.
pub(super) fn address(text: &str) -> Result<EmailAddress, String> {
    EmailAddress::new(text).map_err(|fault| fault.to_string())
}

/// Somebody to invite.
pub(super) fn member() -> Result<NewMember, String> {
    Ok(NewMember { email: address("member@acme.test")?, role: None })
}

/// A seat to ask for.
pub(super) fn seat() -> Result<AdminSeat, String> {
    Ok(AdminSeat {
        username: "partner.admin".to_owned(),
        email: address("partner.admin@reseller.test")?,
        password: SecretString::from("correct-horse-battery"),
    })
}
