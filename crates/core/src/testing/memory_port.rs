//! The port of the provider in memory: what its capabilities do not claim is refused here.

use async_trait::async_trait;

use super::{
    InMemoryProvider, Operation,
    memory::State,
    memory_state::{Record, matching},
};
use crate::{
    AdminSeat, Capabilities, ChildOrg, ChildOrgPatch, Effect, Error, Field, Kind, Member,
    NewChildOrg, NewMember, OrgQuery, Page, PageToken, PartnerProvider, ProviderName,
    ProviderOrgId, Reply, Result,
};

#[async_trait]
impl PartnerProvider for InMemoryProvider {
    fn name(&self) -> &ProviderName {
        &self.name
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn create_child_org(&self, new: &NewChildOrg) -> Result<Reply<ChildOrg>> {
        require(self.capabilities.create, "create an organization")?;
        let faults = self.capabilities.create_faults(new);
        if !faults.is_empty() {
            return Err(
                invalid("the content breaks the provider's rules").with_field_faults(faults)
            );
        }
        self.reach(Operation::Create, |state| {
            let email = new.owner.as_ref().and_then(|owner| owner.email.as_ref());
            self.check_email(state, email, None)?;
            let record = Record::new(new, &self.capabilities, (self.clock)())
                .ok_or_else(|| invalid("no id could be made"))?;
            let shown = record.shown();
            state.records.push(record);
            Ok(shown)
        })
        .await
    }

    async fn get_child_org(&self, id: &ProviderOrgId) -> Result<Reply<ChildOrg>> {
        require(self.capabilities.get, "read an organization")?;
        self.reach(Operation::Get, |state| {
            let record = find(state, id)?;
            if record.hidden {
                return Err(not_found());
            }
            Ok(record.shown())
        })
        .await
    }

    async fn find_child_orgs(
        &self,
        query: &OrgQuery,
        page: Option<&PageToken>,
    ) -> Result<Reply<Page<ChildOrg>>> {
        require(self.capabilities.list, "list organizations")?;
        let asked = [
            (Field::OwnerEmail, query.email.is_some()),
            (Field::CustomerId, query.customer_id.is_some()),
            (Field::Name, query.name.is_some()),
        ];
        for (field, is_asked) in asked {
            let can = !is_asked || self.capabilities.finds_by(field);
            require(can, &format!("find an organization by {field}"))?;
        }
        let start = match page {
            None => 0,
            Some(token) => token
                .0
                .parse::<usize>()
                .map_err(|fault| invalid("not a page token of this provider").with_source(fault))?,
        };
        let size = query.page_size.unwrap_or(100).clamp(1, 100) as usize;
        self.reach(Operation::Find, |state| {
            let all = matching(&state.records, query);
            let end = start.saturating_add(size);
            Ok(Page {
                next: (end < all.len()).then(|| PageToken(end.to_string())),
                total_count: Some(all.len() as u64),
                mismatch: None,
                items: all.into_iter().skip(start).take(size).collect(),
            })
        })
        .await
    }

    async fn update_child_org(
        &self,
        id: &ProviderOrgId,
        patch: &ChildOrgPatch,
    ) -> Result<Reply<ChildOrg>> {
        require(!self.capabilities.update_fields.is_empty(), "change an organization")?;
        if let Some(field) = self.capabilities.unsupported_changes(patch).first() {
            return Err(Error::unsupported(&format!("change {field}")));
        }
        let faults = self.capabilities.update_faults(patch);
        if !faults.is_empty() {
            return Err(
                invalid("the content breaks the provider's rules").with_field_faults(faults)
            );
        }
        self.reach(Operation::Update, |state| {
            self.check_email(state, patch.owner_email.as_ref(), Some(id))?;
            let record = find(state, id)?;
            record.apply(patch);
            Ok(record.shown())
        })
        .await
    }

    async fn lock_child_org(&self, id: &ProviderOrgId) -> Result<Reply<ChildOrg>> {
        require(self.capabilities.lock, "lock an organization")?;
        let now = (self.clock)();
        self.reach(Operation::Lock, |state| {
            let record = find(state, id)?;
            record.set_partner_lock(Some(now));
            Ok(record.shown())
        })
        .await
    }

    async fn unlock_child_org(&self, id: &ProviderOrgId) -> Result<Reply<ChildOrg>> {
        require(self.capabilities.lock, "unlock an organization")?;
        self.reach(Operation::Unlock, |state| {
            let record = find(state, id)?;
            record.set_partner_lock(None);
            Ok(record.shown())
        })
        .await
    }

    async fn invite_members(
        &self,
        id: &ProviderOrgId,
        members: &[NewMember],
    ) -> Result<Reply<Vec<Member>>> {
        require(self.capabilities.invite, "invite members")?;
        if members.is_empty() {
            return Err(invalid("there is nobody to invite"));
        }
        self.reach(Operation::Invite, |state| Ok(find(state, id)?.invite(members))).await
    }

    async fn request_admin_role(&self, id: &ProviderOrgId, _seat: &AdminSeat) -> Result<Reply<()>> {
        require(self.capabilities.admin_role, "give the partner a seat")?;
        self.reach(Operation::AdminRole, |state| find(state, id).map(|_| ())).await
    }
}

fn find<'s>(state: &'s mut State, id: &ProviderOrgId) -> Result<&'s mut Record> {
    let record = state.records.iter_mut().find(|record| record.id() == id);
    record.ok_or_else(not_found)
}

fn not_found() -> Error {
    Error::new(Kind::NotFound, Effect::NotApplied, "there is no such organization")
}

fn invalid(message: &str) -> Error {
    Error::new(Kind::InvalidInput, Effect::NotSent, message)
}

fn require(claimed: bool, what: &str) -> Result<()> {
    if claimed { Ok(()) } else { Err(Error::unsupported(what)) }
}
