//! What goes over the wire, byte for byte where the provider is particular about it, and what does not.

use std::time::Duration;

use partner_core::{
    AdminSeat, Change, ChildOrgPatch, Effect, EmailAddress, Field, Kind, LockOrigin, NewChildOrg,
    NewMember, OrgOrder, OrgQuery, Owner, PartnerProvider, ProviderName, ProviderOrgId,
    ProviderOrgIdFormat, Status,
};
use provider_scaleway::{ScalewayConfig, ScalewayProvider};
use serde_json::{Value, json};
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers::any};

const ID: &str = "7a1f3c52-6d0e-4b7a-9a41-2f0c5d1e8b90";
const PARTNER: &str = "11111111-2222-4333-8444-555555555555";

async fn serve(answer: ResponseTemplate) -> (MockServer, ScalewayProvider) {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    let provider = ScalewayProvider::new(ScalewayConfig {
        name: ProviderName::new("scaleway").expect("a name"),
        base_url: server.uri().parse().expect("a URL"),
        partner_id: PARTNER.parse().expect("an id"),
        secret_key: "s3cret-key".into(),
        next_secret_key: None,
        ca_pem: None,
        timeout: Duration::from_secs(10),
        connect_timeout: Duration::from_secs(5),
    });
    (server, provider.expect("a client"))
}

fn an_org() -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({"id": ID, "status": "opened"}))
}

async fn only_request(server: &MockServer) -> Request {
    let mut requests = server.received_requests().await.expect("a record");
    assert_eq!(requests.len(), 1);
    requests.remove(0)
}

fn body(request: &Request) -> Value {
    serde_json::from_slice(&request.body).expect("JSON")
}

fn id() -> ProviderOrgId {
    ProviderOrgIdFormat::Uuid.parse(ID).expect("an id")
}

fn new_org() -> NewChildOrg {
    NewChildOrg {
        customer_id: "cust-42".to_owned(),
        name: "Acme SAS".to_owned(),
        owner: Some(Owner {
            email: EmailAddress::new("owner@acme.test").ok(),
            first_name: Some("Olive".to_owned()),
            last_name: Some("Martin".to_owned()),
            phone_number: None,
        }),
        siren_number: None,
        domain: Some("acme.test".to_owned()),
        address: None,
        marketplace_offers: None,
        members: Vec::new(),
        comment: None,
        labra_subscription_id: Some("labra-1".to_owned()),
    }
}

fn seat(username: &str, password: &str) -> AdminSeat {
    AdminSeat {
        username: username.to_owned(),
        email: EmailAddress::new("admin@reseller.test").expect("an address"),
        password: password.to_owned().into(),
    }
}

#[tokio::test]
async fn a_create_leaves_out_what_is_unset_and_what_is_not_held() {
    let (server, provider) = serve(an_org()).await;
    provider.create_child_org(&new_org()).await.unwrap();
    let request = only_request(&server).await;
    assert_eq!(request.method, "POST");
    assert_eq!(request.url.path(), "/partner/v1/organizations");
    assert_eq!(request.headers["x-auth-token"], "s3cret-key");
    assert_eq!(request.headers["content-type"], "application/json");
    assert_eq!(
        body(&request),
        json!({
            "partner_id": PARTNER,
            "email": "owner@acme.test",
            "organization_name": "Acme SAS",
            "owner_firstname": "Olive",
            "owner_lastname": "Martin",
            "customer_id": "cust-42",
        })
    );
}

#[tokio::test]
async fn a_create_sends_every_optional_that_is_set() {
    let (server, provider) = serve(an_org()).await;
    let mut new = new_org();
    new.siren_number = Some("123456789".to_owned());
    new.comment = Some("pays by the year".to_owned());
    new.owner.as_mut().unwrap().phone_number = Some("+33600000000".to_owned());
    provider.create_child_org(&new).await.unwrap();
    let body = body(&only_request(&server).await);
    assert_eq!(body["siren_number"], "123456789");
    assert_eq!(body["comment"], "pays by the year");
    assert_eq!(body["phone_number"], "+33600000000");
}

#[tokio::test]
async fn a_faulty_create_is_not_sent() {
    let (server, provider) = serve(an_org()).await;
    let new = NewChildOrg {
        name: "A".to_owned(),
        siren_number: Some("12".to_owned()),
        owner: None,
        ..new_org()
    };
    let error = provider.create_child_org(&new).await.unwrap_err();
    assert_eq!(error.kind(), Kind::InvalidInput);
    assert_eq!(error.effect(), Effect::NotSent);
    let named: Vec<_> = error.field_faults().iter().filter_map(|f| f.field).collect();
    assert_eq!(
        named,
        [
            Field::Name,
            Field::OwnerEmail,
            Field::OwnerFirstName,
            Field::OwnerLastName,
            Field::SirenNumber
        ]
    );
    assert_eq!(server.received_requests().await.unwrap().len(), 0);
}

#[tokio::test]
async fn a_patch_names_what_changes_and_empties_by_the_empty_text() {
    let (server, provider) = serve(an_org()).await;
    let patch = ChildOrgPatch {
        name: Some("Acme SA".to_owned()),
        owner_phone_number: Some(Change::Clear),
        comment: Some(Change::Clear),
        ..ChildOrgPatch::default()
    };
    provider.update_child_org(&id(), &patch).await.unwrap();
    let request = only_request(&server).await;
    assert_eq!(request.method, "PATCH");
    assert_eq!(body(&request), json!({"name": "Acme SA", "phone_number": "", "comment": ""}));
}

#[tokio::test]
async fn locks_say_nothing_but_an_empty_object() {
    let (server, provider) = serve(an_org()).await;
    provider.lock_child_org(&id()).await.unwrap();
    let request = only_request(&server).await;
    let path = format!("/partner/v1/organizations/{ID}/lock");
    assert_eq!((request.url.path(), body(&request)), (path.as_str(), json!({})));
}

#[tokio::test]
async fn a_listing_asks_for_what_the_query_says() {
    let answer = ResponseTemplate::new(200).set_body_json(json!({"organizations": []}));
    let (server, provider) = serve(answer).await;
    let query = OrgQuery {
        email: EmailAddress::new("a+b@acme.test").ok(),
        customer_id: Some("cust 42".to_owned()),
        name: None,
        status: Some(Status::Active),
        locked_by: Some(LockOrigin::Provider),
        order: OrgOrder::CreatedAtDesc,
        page_size: Some(1_000),
    };
    provider.find_child_orgs(&query, None).await.unwrap();
    let request = only_request(&server).await;
    let pairs: Vec<(String, String)> = request.url.query_pairs().into_owned().collect();
    let asked = [
        ("page", "1"),
        ("page_size", "100"),
        ("order_by", "created_at_desc"),
        ("status", "opened"),
        ("locked_by", "scaleway"),
        ("email", "a+b@acme.test"),
        ("customer_id", "cust 42"),
    ];
    assert_eq!(pairs, asked.map(|(n, v)| (n.to_owned(), v.to_owned())));
}

#[tokio::test]
async fn an_id_that_is_no_uuid_is_never_sent() {
    let (server, provider) = serve(an_org()).await;
    for odd in [
        "..",
        "../../iam/v1/api-keys",
        "7a1f3c526d0e4b7a9a412f0c5d1e8b90",
        "{7a1f3c52-6d0e-4b7a-9a41-2f0c5d1e8b90}",
        "urn:uuid:7a1f3c52-6d0e-4b7a-9a41-2f0c5d1e8b90",
        "7A1F3C52-6D0E-4B7A-9A41-2F0C5D1E8B90",
        "00000000-0000-0000-0000-000000000000",
    ] {
        let odd = ProviderOrgId::from_stored(odd).unwrap();
        let error = provider.lock_child_org(&odd).await.unwrap_err();
        let seen = (error.kind(), error.effect());
        assert_eq!(seen, (Kind::NotFound, Effect::NotSent), "{odd}");
    }
    assert_eq!(server.received_requests().await.unwrap().len(), 0);
}

#[tokio::test]
async fn a_seat_is_looked_at_before_it_is_sent() {
    let (server, provider) = serve(ResponseTemplate::new(204)).await;
    for (username, password) in [
        ("a", "x"),
        ("has space", "x"),
        ("é-partner", "x"),
        (&"x".repeat(65), "x"),
        ("partner", &"x".repeat(73)),
    ] {
        let seat = seat(username, password);
        let asked = provider.request_admin_role(&id(), &seat).await;
        let error = asked.unwrap_err();
        let seen = (error.kind(), error.effect());
        assert_eq!(seen, (Kind::InvalidInput, Effect::NotSent), "{username:?}");
    }
    assert_eq!(server.received_requests().await.unwrap().len(), 0);
    let seat = seat("partner.admin", "");
    provider.request_admin_role(&id(), &seat).await.unwrap();
    assert_eq!(
        body(&only_request(&server).await),
        json!({"username": "partner.admin", "email": "admin@reseller.test", "password": ""})
    );
}

#[tokio::test]
async fn a_password_that_is_said_back_is_wiped() {
    let answer = ResponseTemplate::new(400).set_body_json(json!({
        "type": "invalid_arguments",
        "message": "hunter2-hunter2 is too weak",
        "details": [{"argument_name": "email", "reason": "format",
                     "help_message": "hunter2-hunter2 s3cret-key"}],
    }));
    let (_server, provider) = serve(answer).await;
    let seat = seat("partner", "hunter2-hunter2");
    let asked = provider.request_admin_role(&id(), &seat).await;
    let error = asked.unwrap_err();
    let shown = format!("{error:?} {error}");
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(!shown.contains("s3cret-key"), "{shown}");
    assert_eq!(error.field_faults()[0].field, None, "the seat's address is not the owner's");
}

#[tokio::test]
async fn a_password_that_is_said_back_as_json_is_wiped() {
    let password = "hunter\"2\\two\"";
    let body = json!({"username": "partner", "password": password}).to_string();
    let answer = ResponseTemplate::new(400).set_body_json(
        json!({"type": "invalid_arguments", "message": format!("cannot read {body}")}),
    );
    let (_server, provider) = serve(answer).await;
    let asked = provider.request_admin_role(&id(), &seat("partner", password)).await;
    let message = asked.unwrap_err().answer().unwrap().message.clone().unwrap();
    assert_eq!(message, r#"cannot read {"password":"***","username":"partner"}"#);
}

#[tokio::test]
async fn a_password_that_is_said_back_over_lines_is_wiped() {
    let answer = ResponseTemplate::new(400)
        .set_body_json(json!({"type": "invalid_arguments", "message": "got pass\nphrase"}));
    let (_server, provider) = serve(answer).await;
    let asked = provider.request_admin_role(&id(), &seat("partner", "pass phrase")).await;
    let message = asked.unwrap_err().answer().unwrap().message.clone().unwrap();
    assert_eq!(message, "got ***");
}

#[tokio::test]
async fn an_answer_s_faults_are_kept_up_to_fifty() {
    let detail = json!({"argument_name": "email", "reason": "format"});
    let answer = ResponseTemplate::new(400)
        .set_body_json(json!({"type": "invalid_arguments", "details": vec![detail; 200]}));
    let (_server, provider) = serve(answer).await;
    let error = provider.create_child_org(&new_org()).await.unwrap_err();
    assert_eq!(error.field_faults().len(), 50);
}

#[tokio::test]
async fn what_scaleway_cannot_do_is_not_sent() {
    let (server, provider) = serve(an_org()).await;
    let member = NewMember { email: EmailAddress::new("member@acme.test").unwrap(), role: None };
    let invited = provider.invite_members(&id(), &[member]).await;
    assert_eq!(invited.unwrap_err().kind(), Kind::Unsupported);
    let by_name = OrgQuery { name: Some("Acme".to_owned()), ..OrgQuery::default() };
    let found = provider.find_child_orgs(&by_name, None).await;
    assert_eq!(found.unwrap_err().kind(), Kind::Unsupported);
    assert_eq!(server.received_requests().await.unwrap().len(), 0);
}

#[tokio::test]
async fn a_key_can_be_replaced_while_it_runs() {
    let (server, provider) = serve(an_org()).await;
    provider.get_child_org(&id()).await.unwrap();
    provider.keys().replace("another-key".into(), None).unwrap();
    provider.get_child_org(&id()).await.unwrap();
    assert!(provider.keys().replace("".into(), None).is_err());
    let requests = server.received_requests().await.unwrap();
    let keys: Vec<_> = requests.iter().map(|r| &r.headers["x-auth-token"]).collect();
    assert_eq!(keys, ["s3cret-key", "another-key"]);
    assert!(provider.signals().snapshot().last_success_at.is_some());
}
