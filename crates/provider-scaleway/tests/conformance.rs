//! The adapter against the simulated provider, over HTTP: the run that every provider passes, and the
//! provider's own habits.

use std::{collections::HashSet, time::Duration};

use partner_core::{
    ChildOrg, Effect, EmailAddress, Kind, LockOrigin, NewChildOrg, OrgQuery, Owner,
    PartnerProvider, ProviderName, Status,
    testing::conformance::{Fixture, run_all},
};
use provider_scaleway::{ScalewayConfig, ScalewayProvider};
use sandbox::{Answer, Fault, FaultRule, Operation, Sandbox, SandboxConfig};
use uuid::Uuid;

async fn start() -> (Sandbox, ScalewayProvider) {
    let sandbox = Sandbox::start(SandboxConfig::default()).await;
    let sandbox = sandbox.expect("a sandbox");
    let provider = ScalewayProvider::new(ScalewayConfig {
        name: ProviderName::new("scaleway").expect("a name"),
        base_url: sandbox.scaleway_url().parse().expect("a URL"),
        partner_id: sandbox.scaleway_partner_id(),
        secret_key: sandbox.scaleway_secret_key().into(),
        next_secret_key: None,
        ca_pem: None,
        timeout: Duration::from_secs(20),
        connect_timeout: Duration::from_secs(5),
    });
    (sandbox, provider.expect("a client"))
}

fn new_org(n: u32) -> NewChildOrg {
    NewChildOrg {
        customer_id: "cust-1".to_owned(),
        name: format!("Acme {n}"),
        owner: Some(Owner {
            email: EmailAddress::new(format!("owner-{n}@acme.test")).ok(),
            first_name: Some("Olive".to_owned()),
            last_name: Some("Martin".to_owned()),
            phone_number: None,
        }),
        siren_number: None,
        domain: None,
        address: None,
        marketplace_offers: None,
        members: Vec::new(),
        comment: None,
        labra_subscription_id: None,
    }
}

fn uuid(org: &ChildOrg) -> Uuid {
    org.id.as_str().parse().expect("a UUID")
}

fn lock(org: &ChildOrg) -> Option<(LockOrigin, &str)> {
    let lock = org.lock.as_ref()?;
    Some((lock.origin, lock.reason.as_deref().unwrap_or_default()))
}

#[tokio::test]
async fn scaleway_conforms() {
    let (_sandbox, provider) = start().await;
    let run = run_all(&provider, &Fixture::full().unwrap()).await;
    assert_eq!(run, Ok(()));
}

#[tokio::test]
async fn a_partners_lock_hides_the_providers_and_an_unlock_shows_it_again() {
    let (sandbox, provider) = start().await;
    let made = provider.create_child_org(&new_org(1)).await.unwrap().value;
    let waiting = Some((LockOrigin::Provider, "validate_email"));
    assert_eq!(lock(&made), waiting);
    let locked = provider.lock_child_org(&made.id).await.unwrap();
    assert_eq!(lock(&locked), Some((LockOrigin::Partner, "locked_by_reseller")));
    let unlocked = provider.unlock_child_org(&made.id).await.unwrap();
    assert_eq!((unlocked.status, lock(&unlocked)), (Status::Locked, waiting));
    sandbox.control().validate_email(uuid(&made)).unwrap();
    let read = provider.get_child_org(&made.id).await.unwrap();
    assert_eq!((read.status, lock(&read)), (Status::Active, None));
}

#[tokio::test]
async fn closed_ones_are_listed_and_two_may_share_a_customer() {
    let (sandbox, provider) = start().await;
    let first = provider.create_child_org(&new_org(1)).await.unwrap().value;
    provider.create_child_org(&new_org(2)).await.unwrap();
    sandbox.control().close(uuid(&first)).unwrap();
    let query = OrgQuery { customer_id: Some("cust-1".to_owned()), ..OrgQuery::default() };
    let found = provider.find_child_orgs(&query, None).await.unwrap();
    let statuses: Vec<_> = found.items.iter().map(|org| org.status).collect();
    assert_eq!(statuses, [Status::Closed, Status::Locked]);
}

#[tokio::test]
async fn what_is_lost_on_the_way_back_is_unknown() {
    let (sandbox, provider) = start().await;
    let unavailable = Kind::Unavailable;
    let cases = [
        (Answer::Reset, unavailable),
        (Answer::HalfBody, unavailable),
        (Answer::BadGatewayHtml, unavailable),
        (Answer::HtmlSuccess, Kind::Unexpected),
        (Answer::EmptySuccess, Kind::Unexpected),
        (Answer::SuccessWithoutId, Kind::Unexpected),
        (Answer::HugeBody, Kind::Unexpected),
        (Answer::Redirect { status: 307 }, Kind::Unexpected),
    ];
    for (n, (answer, kind)) in (1..).zip(cases) {
        let fault = Fault::after(answer.clone());
        let rule = FaultRule::next(Operation::CreateOrganization, fault);
        sandbox.control().inject(rule).unwrap();
        let error = provider.create_child_org(&new_org(n)).await.unwrap_err();
        let seen = (error.kind(), error.effect());
        assert_eq!(seen, (kind, Effect::Unknown), "{answer:?}");
        let made = sandbox.control().scaleway_organizations().len();
        assert_eq!(made, n as usize, "one request, one organization: {answer:?}");
    }
    assert!(sandbox.control().unfired_faults().is_empty());
}

#[tokio::test]
async fn a_wrong_key_is_told_from_a_wrong_partner() {
    let (sandbox, provider) = start().await;
    provider.keys().replace(Uuid::nil().to_string().into(), None).unwrap();
    let error = provider.create_child_org(&new_org(1)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unauthenticated);
    let other = ScalewayProvider::new(ScalewayConfig {
        name: ProviderName::new("scaleway").unwrap(),
        base_url: sandbox.scaleway_url().parse().unwrap(),
        partner_id: Uuid::nil(),
        secret_key: sandbox.scaleway_secret_key().into(),
        next_secret_key: None,
        ca_pem: None,
        timeout: Duration::from_secs(20),
        connect_timeout: Duration::from_secs(5),
    })
    .unwrap();
    let error = other.create_child_org(&new_org(1)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::PermissionDenied);
    assert_eq!(error.effect(), Effect::NotApplied);
}

#[tokio::test]
async fn the_rate_limit_is_seen() {
    let (_sandbox, provider) = start().await;
    provider.find_child_orgs(&OrgQuery::default(), None).await.unwrap();
    let limit = provider.signals().snapshot().rate_limit.unwrap();
    assert_eq!(limit.limit, 50);
    assert_eq!(limit.window, Some(Duration::from_secs(1)));
}

#[tokio::test]
async fn a_long_listing_is_read_to_its_end() {
    let (sandbox, provider) = start().await;
    sandbox.control().seed(sandbox::Provider::Scaleway, 230).unwrap();
    let (mut ids, mut next) = (HashSet::new(), None);
    for page_length in [100, 100, 30] {
        let all = OrgQuery::default();
        let page = provider.find_child_orgs(&all, next.as_ref()).await.unwrap();
        assert_eq!(page.items.len(), page_length);
        assert_eq!(page.total_count, Some(230));
        ids.extend(page.items.iter().map(|org| org.id.clone()));
        next = page.value.next;
    }
    assert_eq!((ids.len(), next), (230, None));
}
