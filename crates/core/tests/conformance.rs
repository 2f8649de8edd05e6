//! The provider in memory is held to what every provider is held to, with all capabilities, with none and
//! with one less each time; and the run is held to finding what is wrong.

use async_trait::async_trait;
use partner_core::testing::{
    Failure, InMemoryProvider, Operation, all_capabilities,
    conformance::{Fixture, run_all},
};
use partner_core::{
    AdminSeat, Capabilities, ChildOrg, ChildOrgPatch, Effect, Field, Kind, Member, NewChildOrg,
    NewMember, OrgQuery, Page, PageToken, PartnerProvider, ProviderName, ProviderOrgId, Reply,
    Result,
};

fn name() -> ProviderName {
    ProviderName::new("memory").expect("a well-formed name")
}

async fn holds(capabilities: Capabilities) {
    let provider = InMemoryProvider::new(name(), capabilities);
    let fixture = Fixture::full().expect("well-formed ids");
    let run = run_all(&provider, &fixture).await;
    assert_eq!(run, Ok(()));
}

#[tokio::test]
async fn a_provider_with_everything_conforms() {
    holds(all_capabilities()).await;
}

#[tokio::test]
async fn a_provider_with_nothing_conforms_and_is_never_reached() {
    let provider = InMemoryProvider::new(name(), Capabilities::default());
    run_all(&provider, &Fixture::full().unwrap()).await.unwrap();
    for operation in [
        Operation::Create,
        Operation::Get,
        Operation::Find,
        Operation::Update,
        Operation::Lock,
        Operation::Unlock,
        Operation::Invite,
        Operation::AdminRole,
    ] {
        assert_eq!(provider.calls(operation), 0, "{operation:?}");
    }
}

#[tokio::test]
async fn a_provider_that_lacks_one_thing_conforms() {
    let all = all_capabilities;
    for lacking in [
        Capabilities { get: false, ..all() },
        Capabilities { list: false, find_by: Vec::new(), ..all() },
        Capabilities { find_by: Vec::new(), ..all() },
        Capabilities { update_fields: Vec::new(), ..all() },
        Capabilities { lock: false, ..all() },
        Capabilities { admin_role: false, ..all() },
        Capabilities {
            invite: false,
            create_fields: all()
                .create_fields
                .into_iter()
                .filter(|rule| rule.field != Field::Members)
                .collect(),
            ..all()
        },
    ] {
        holds(lacking).await;
    }
}

/// A provider that claims other things than it does.
#[derive(Debug)]
struct Liar {
    claims: Capabilities,
    inner: InMemoryProvider,
}

#[async_trait]
impl PartnerProvider for Liar {
    fn name(&self) -> &ProviderName {
        self.inner.name()
    }
    fn capabilities(&self) -> &Capabilities {
        &self.claims
    }
    async fn create_child_org(&self, new: &NewChildOrg) -> Result<Reply<ChildOrg>> {
        self.inner.create_child_org(new).await
    }
    async fn get_child_org(&self, id: &ProviderOrgId) -> Result<Reply<ChildOrg>> {
        self.inner.get_child_org(id).await
    }
    async fn find_child_orgs(
        &self,
        query: &OrgQuery,
        page: Option<&PageToken>,
    ) -> Result<Reply<Page<ChildOrg>>> {
        self.inner.find_child_orgs(query, page).await
    }
    async fn update_child_org(
        &self,
        id: &ProviderOrgId,
        patch: &ChildOrgPatch,
    ) -> Result<Reply<ChildOrg>> {
        self.inner.update_child_org(id, patch).await
    }
    async fn lock_child_org(&self, id: &ProviderOrgId) -> Result<Reply<ChildOrg>> {
        self.inner.lock_child_org(id).await
    }
    async fn unlock_child_org(&self, id: &ProviderOrgId) -> Result<Reply<ChildOrg>> {
        self.inner.unlock_child_org(id).await
    }
    async fn invite_members(
        &self,
        id: &ProviderOrgId,
        members: &[NewMember],
    ) -> Result<Reply<Vec<Member>>> {
        self.inner.invite_members(id, members).await
    }
    async fn request_admin_role(&self, id: &ProviderOrgId, seat: &AdminSeat) -> Result<Reply<()>> {
        self.inner.request_admin_role(id, seat).await
    }
}

/// Capabilities with one less than all.
fn lacking_one() -> [(&'static str, Capabilities); 6] {
    let all = all_capabilities;
    [
        ("get", Capabilities { get: false, ..all() }),
        ("list", Capabilities { list: false, find_by: Vec::new(), ..all() }),
        ("find_by", Capabilities { find_by: Vec::new(), ..all() }),
        ("update", Capabilities { update_fields: Vec::new(), ..all() }),
        ("lock", Capabilities { lock: false, ..all() }),
        ("admin_role", Capabilities { admin_role: false, ..all() }),
    ]
}

#[tokio::test]
async fn what_is_claimed_and_not_done_is_found() {
    for (what, does) in lacking_one() {
        let liar = Liar { claims: all_capabilities(), inner: InMemoryProvider::new(name(), does) };
        let run = run_all(&liar, &Fixture::full().unwrap()).await;
        let failures = run.expect_err(what).to_string();
        assert!(failures.starts_with("memory: "), "{failures}");
    }
}

#[tokio::test]
async fn what_is_done_and_not_claimed_is_found() {
    for (what, claims) in lacking_one() {
        let liar = Liar { claims, inner: InMemoryProvider::new(name(), all_capabilities()) };
        let run = run_all(&liar, &Fixture::full().unwrap()).await;
        let failures = run.expect_err(what).to_string();
        assert!(failures.contains("what is not claimed is refused"), "{failures}");
    }
}

fn new_org() -> NewChildOrg {
    NewChildOrg {
        customer_id: "cust-1".to_owned(),
        name: "Acme".to_owned(),
        owner: None,
        siren_number: None,
        domain: None,
        address: None,
        marketplace_offers: None,
        members: Vec::new(),
        comment: None,
        labra_subscription_id: None,
    }
}

#[tokio::test]
async fn a_failure_may_do_its_work_and_meets_its_operation_alone() {
    let claims = Capabilities { create: true, get: true, ..Capabilities::default() };
    let provider = InMemoryProvider::new(name(), claims);
    for (effect, applied) in
        [(Effect::Unknown, true), (Effect::Unknown, false), (Effect::NotSent, false)]
    {
        provider.fail_next(Failure {
            operation: Some(Operation::Create),
            kind: Kind::Unavailable,
            effect,
            applied,
        });
    }
    let id = ProviderOrgId::from_stored("nobody").unwrap();
    let read = provider.get_child_org(&id).await.unwrap_err();
    assert_eq!(read.kind(), Kind::NotFound);
    for made in [1, 1, 1] {
        let error = provider.create_child_org(&new_org()).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unavailable);
        assert_eq!(provider.orgs().len(), made);
    }
    assert_eq!(provider.unmet_failures(), 0);
    assert_eq!(provider.calls(Operation::Create), 2, "one was never sent");
    provider.create_child_org(&new_org()).await.unwrap();
    assert_eq!(provider.orgs().len(), 2);
}

#[tokio::test]
async fn a_partners_lock_hides_the_providers() {
    let claims = Capabilities { create: true, lock: true, ..Capabilities::default() };
    let provider = InMemoryProvider::new(name(), claims);
    let id = provider.create_child_org(&new_org()).await.unwrap().value.id;
    assert!(provider.set_provider_lock(&id, Some("validate_email")));
    let reason = |org: &ChildOrg| org.lock.as_ref().and_then(|lock| lock.reason.clone());
    assert_eq!(reason(&provider.lock_child_org(&id).await.unwrap()), None);
    let unlocked = provider.unlock_child_org(&id).await.unwrap();
    assert_eq!(reason(&unlocked).as_deref(), Some("validate_email"));
}

#[tokio::test]
async fn a_paused_provider_answers_once_it_is_resumed() {
    let claims = Capabilities { create: true, ..Capabilities::default() };
    let provider = InMemoryProvider::new(name(), claims);
    provider.pause();
    let new = new_org();
    let mut call = provider.create_child_org(&new);
    let pending =
        std::future::poll_fn(|cx| std::task::Poll::Ready(call.as_mut().poll(cx).is_pending()));
    assert!(pending.await);
    assert!(provider.orgs().is_empty());
    provider.resume();
    call.await.unwrap();
    assert_eq!(provider.orgs().len(), 1);
}
