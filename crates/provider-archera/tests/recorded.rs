//! Answers in the shapes that the vendor documents or that were seen, with made-up people, and what the
//! adapter makes of them. They are served over HTTP, so that they take the whole way.

use std::time::Duration;

use partner_core::{
    Effect, EmailAddress, Error, Field, Kind, NewChildOrg, NewMember, OrgQuery, PartnerProvider,
    ProviderName, ProviderOrgIdFormat, Role, Status,
};
use provider_archera::{ArcheraConfig, ArcheraProvider};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

const ID: &str = "c0b7a4de-93f1-4a52-8f5e-1f0f6a3c9d21";

struct Served {
    _server: MockServer,
    provider: ArcheraProvider,
}

async fn serve(status: u16, body: &'static str) -> Served {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(status).set_body_raw(body, "application/json");
    Mock::given(any()).respond_with(answer).mount(&server).await;
    let provider = ArcheraProvider::new(ArcheraConfig {
        name: ProviderName::new("archera").expect("a name"),
        base_url: server.uri().parse().expect("a URL"),
        partner_org_id: "partner-1".to_owned(),
        api_key: "s3cret-key".into(),
        next_api_key: None,
        ca_pem: None,
        list_orgs: true,
        timeout: Duration::from_secs(10),
        connect_timeout: Duration::from_secs(5),
    });
    Served { _server: server, provider: provider.expect("a client") }
}

fn new_org() -> NewChildOrg {
    NewChildOrg {
        customer_id: "cust-42".to_owned(),
        name: "Acme Inc".to_owned(),
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

fn member() -> NewMember {
    NewMember { email: EmailAddress::new("one@acme.test").expect("an address"), role: None }
}

async fn refusal(status: u16, body: &'static str) -> Error {
    let served = serve(status, body).await;
    let refused = served.provider.create_child_org(&new_org()).await;
    refused.expect_err("an error")
}

#[tokio::test]
async fn a_registered_organization_is_read_with_its_people() {
    let served = serve(200, include_str!("recorded/registered.json")).await;
    let org = served.provider.create_child_org(&new_org()).await.unwrap();
    assert_eq!(org.id.as_str(), ID);
    assert_eq!((org.status, &org.lock), (Status::Active, &None));
    assert_eq!(org.domain.as_deref(), Some("acme.test"));
    assert_eq!(org.address.as_ref().unwrap().postal_code, "78701");
    let offers = org.marketplace_offers.as_ref().unwrap();
    assert_eq!(offers.aws.as_deref(), Some("https://aws.acme.test/offer"));
    assert_eq!(offers.azure, None);
    let people: Vec<_> =
        org.members.iter().map(|member| (member.email.as_str(), member.role)).collect();
    assert_eq!(people, [("admin@acme.test", Some(Role::Admin)), ("other@acme.test", None)]);
    assert_eq!((&org.customer_id, &org.owner), (&None, &None));
}

#[tokio::test]
async fn an_id_and_a_name_are_enough() {
    let served = serve(200, include_str!("recorded/registered_bare.json")).await;
    let org = served.provider.create_child_org(&new_org()).await.unwrap();
    assert_eq!((org.id.as_str(), org.name.as_str()), (ID, "Acme Inc"));
    assert_eq!(org.provider_data["a_field_of_tomorrow"], true);
}

#[tokio::test]
async fn a_success_without_an_id_may_have_registered_it() {
    for body in ["", "{}", r#"{"name": "Acme Inc"}"#, r#"{"id": "../.."}"#, "[1]"] {
        let error = refusal(200, body).await;
        let seen = (error.kind(), error.effect());
        assert_eq!(seen, (Kind::Unexpected, Effect::Unknown), "{body:?}");
    }
}

#[tokio::test]
async fn invited_people_are_answered() {
    let served = serve(200, include_str!("recorded/invited.json")).await;
    let id = ProviderOrgIdFormat::Uuid.parse(ID).unwrap();
    let members = served.provider.invite_members(&id, &[member()]).await;
    let roles: Vec<_> = members.unwrap().iter().map(|member| member.role).collect();
    assert_eq!(roles, [Some(Role::User), Some(Role::CloudRep)]);
}

#[tokio::test]
async fn values_that_callers_may_not_send_are_read_as_they_are() {
    let body = r#"{"id": "6170692e-7363-616c-6577-61792e636f6d", "name": "Acme \u202eInc",
                   "memberships": [{"username": "one@acme.test\u200b", "role": "user"}]}"#;
    let served = serve(200, body).await;
    let org = served.provider.create_child_org(&new_org()).await.unwrap();
    assert_eq!(org.name, "Acme \u{202e}Inc");
    assert_eq!(org.members[0].email.as_str(), "one@acme.test\u{200b}");
}

#[tokio::test]
async fn a_listing_shows_the_partners_children_alone() {
    let served = serve(200, include_str!("recorded/orgs.json")).await;
    let all = OrgQuery::default();
    let page = served.provider.find_child_orgs(&all, None).await.unwrap();
    let names: Vec<_> = page.items.iter().map(|org| org.name.as_str()).collect();
    assert_eq!(names, ["Acme Inc", "Globex"]);
    assert_eq!((page.total_count, &page.next), (Some(2), &None));
    let named = OrgQuery { name: Some("Acme Inc".to_owned()), ..OrgQuery::default() };
    let page = served.provider.find_child_orgs(&named, None).await.unwrap();
    assert_eq!(page.items.len(), 1);
    assert_eq!(page.items[0].id.as_str(), ID);
}

#[tokio::test]
async fn an_error_says_what_came() {
    let error = refusal(409, include_str!("recorded/conflict.json")).await;
    assert_eq!(error.kind(), Kind::Conflict);
    let answer = error.answer().unwrap();
    assert_eq!(answer.error_type.as_deref(), Some("ConflictError"));
    assert_eq!(
        answer.message.as_deref(),
        Some(r#"The organization already exists: {"name":"Acme Inc"}"#)
    );
    let error = refusal(401, include_str!("recorded/unauthorized.json")).await;
    assert_eq!(error.kind(), Kind::Unauthenticated);
    assert_eq!(error.answer().unwrap().message.as_deref(), Some("Unauthorized"));
}

#[tokio::test]
async fn nested_faults_are_named_in_our_words() {
    let error = refusal(422, include_str!("recorded/unprocessable.json")).await;
    assert_eq!(error.kind(), Kind::InvalidInput);
    assert_eq!(error.effect(), Effect::NotApplied);
    assert_eq!(error.answer().unwrap().error_type.as_deref(), Some("Unprocessable Entity"));
    let mut faults: Vec<_> = error
        .field_faults()
        .iter()
        .map(|fault| (fault.provider_field.as_str(), fault.field, fault.pointer()))
        .collect();
    faults.sort_unstable();
    let place = |pointer: &str| pointer.to_owned();
    assert_eq!(
        faults,
        [
            ("nonsense", None, place("/nonsense")),
            ("primary_address.zip", Some(Field::Address), place("/address/postal_code")),
            ("users.0.email", Some(Field::Members), place("/members/0/email")),
            ("users.0.role", Some(Field::Members), place("/members/0/role")),
        ]
    );
}

#[tokio::test]
async fn an_error_without_a_body_is_told_by_its_status() {
    for (status, kind) in [(400, Kind::InvalidInput), (404, Kind::NotFound)] {
        let error = refusal(status, "").await;
        let seen = (error.kind(), error.effect());
        assert_eq!(seen, (kind, Effect::NotApplied), "{status}");
        assert_eq!(error.answer().unwrap().message, None);
    }
}
