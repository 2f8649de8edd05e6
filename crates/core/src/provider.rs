//! The port: how every provider is reached.

use std::{fmt, ops::Deref};

use async_trait::async_trait;

use crate::{
    AdminSeat, Capabilities, ChildOrg, ChildOrgPatch, Effect, EmailAddress, Error, Kind,
    LockOrigin, Member, NewChildOrg, NewMember, ProviderName, ProviderOrgId, Result, Status,
};

/// One partner account at one provider.
///
/// # Behavior
/// - A capability that is not claimed answers [`Kind::Unsupported`](crate::Kind::Unsupported) with
///   [`Effect::NotSent`](crate::Effect::NotSent), and nothing is sent.
/// - An adapter never retries. Whether a call is repeated is decided once, around the port.
/// - Dropping a future may leave its request in flight.
/// - An error says what the call did at the provider: without proof that it was refused or never sent,
///   the effect is [`Effect::Unknown`](crate::Effect::Unknown).
#[async_trait]
pub trait PartnerProvider: fmt::Debug + Send + Sync + 'static {
    /// The account's name in the configuration.
    fn name(&self) -> &ProviderName;

    /// What this account can do.
    fn capabilities(&self) -> &Capabilities;

    /// Creates a child organization, inviting `new.members` where the provider can.
    ///
    /// # Behavior
    /// Fields the provider cannot hold are not sent and not answered.
    async fn create_child_org(&self, new: &NewChildOrg) -> Result<Reply<ChildOrg>>;

    /// Reads one organization. `NotFound` soon after a create proves nothing.
    async fn get_child_org(&self, id: &ProviderOrgId) -> Result<Reply<ChildOrg>>;

    /// Lists organizations, closed ones too, one page a call.
    ///
    /// # Behavior
    /// Narrowing by a field that [`Capabilities::find_by`] does not name is `Unsupported`. The listing ends with the
    /// page that has no `next`. It is complete, and proves an absence, if that page has no `mismatch` either.
    async fn find_child_orgs(
        &self,
        query: &OrgQuery,
        page: Option<&PageToken>,
    ) -> Result<Reply<Page<ChildOrg>>>;

    /// Changes the fields that the patch names, and answers the organization as it then is.
    ///
    /// # Behavior
    /// A field that [`Capabilities::update_fields`] does not name is `Unsupported`, and nothing is sent.
    async fn update_child_org(
        &self,
        id: &ProviderOrgId,
        patch: &ChildOrgPatch,
    ) -> Result<Reply<ChildOrg>>;

    /// Locks the organization for the partner. Locking a locked one succeeds.
    async fn lock_child_org(&self, id: &ProviderOrgId) -> Result<Reply<ChildOrg>>;

    /// Lifts the partner's lock, and answers the organization as it then is: another lock may remain.
    async fn unlock_child_org(&self, id: &ProviderOrgId) -> Result<Reply<ChildOrg>>;

    /// Invites people into the organization.
    async fn invite_members(
        &self,
        id: &ProviderOrgId,
        members: &[NewMember],
    ) -> Result<Reply<Vec<Member>>>;

    /// Asks for an administrator's seat for the partner in the customer's organization.
    async fn request_admin_role(&self, id: &ProviderOrgId, seat: &AdminSeat) -> Result<Reply<()>>;
}

/// What a provider answered to a call that succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply<T> {
    /// The answer.
    pub value: T,
    /// The provider's id of the request, for its support.
    pub request_id: Option<String>,
}

impl<T> Reply<T> {
    /// The same reply with its value changed by `f`.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Reply<U> {
        Reply { value: f(self.value), request_id: self.request_id }
    }
}

impl<T> Deref for Reply<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

/// Which organizations are asked for; what is `None` does not narrow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrgQuery {
    /// The owner's e-mail address.
    pub email: Option<EmailAddress>,
    /// The customer id, as the provider now has it.
    pub customer_id: Option<String>,
    /// The exact name.
    pub name: Option<String>,
    /// The status.
    pub status: Option<Status>,
    /// Whose lock it shows.
    pub locked_by: Option<LockOrigin>,
    /// The order of the answer.
    pub order: OrgOrder,
    /// How many a page, where the provider lets us choose; 1–100.
    pub page_size: Option<u32>,
}

/// The order of a listing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OrgOrder {
    /// Oldest first.
    #[default]
    CreatedAtAsc,
    /// Newest first.
    CreatedAtDesc,
}

/// One page of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The organizations on it; may be empty though a next page exists.
    pub items: Vec<T>,
    /// Where the listing goes on; `None` on the last page.
    pub next: Option<PageToken>,
    /// How many organizations the whole listing has, as the provider last reported it while the listing was read.
    pub total_count: Option<u64>,
    /// Set on the last page if the listing disagrees with the provider's own count. Such a listing proves no
    /// absence.
    pub mismatch: Option<CountMismatch>,
}

/// A listing whose length differs from the provider's own count.
///
/// # Behavior
/// The count is the last one that the provider reported while the listing was read: an organization that is created
/// between two pages raises it, and stands on a later page. A provider that reports no count has
/// no mismatch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the provider's list ended after {listed} organizations, but its total_count is {counted}: \
     the list proves no absence"
)]
pub struct CountMismatch {
    /// The organizations on all pages.
    pub listed: u64,
    /// The provider's count.
    pub counted: u64,
}

impl CountMismatch {
    /// Compares the number of organizations on all pages with the provider's last count.
    #[must_use]
    pub fn of(listed: u64, counted: Option<u64>) -> Option<Self> {
        counted.filter(|counted| *counted != listed).map(|counted| Self { listed, counted })
    }
}

impl From<CountMismatch> for Error {
    fn from(mismatch: CountMismatch) -> Self {
        Self::new(Kind::Unexpected, Effect::NotApplied, mismatch.to_string())
    }
}

/// Where a listing goes on: opaque, the adapter's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageToken(pub String);
