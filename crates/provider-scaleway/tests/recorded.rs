//! Answers in the shapes that the live API was seen to give, with made-up people, and what the adapter
//! makes of them. They are served over HTTP, so that they take the whole way.

use std::time::Duration;

use partner_core::{
    ChildOrg, CountMismatch, Effect, Error, Field, Kind, LockOrigin, OrgQuery, PageToken,
    PartnerProvider, ProviderName, ProviderOrgId, ProviderOrgIdFormat, Status,
};
use provider_scaleway::{ScalewayConfig, ScalewayProvider};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

const ID: &str = "7a1f3c52-6d0e-4b7a-9a41-2f0c5d1e8b90";

struct Served {
    _server: MockServer,
    provider: ScalewayProvider,
}

async fn serve(answer: ResponseTemplate) -> Served {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    let provider = ScalewayProvider::new(ScalewayConfig {
        name: ProviderName::new("scaleway").expect("a name"),
        base_url: server.uri().parse().expect("a URL"),
        partner_id: uuid::Uuid::nil(),
        secret_key: "s3cret-key".into(),
        next_secret_key: None,
        ca_pem: None,
        timeout: Duration::from_secs(10),
        connect_timeout: Duration::from_secs(5),
    });
    Served { _server: server, provider: provider.expect("a client") }
}

fn document(status: u16, body: &'static str) -> ResponseTemplate {
    ResponseTemplate::new(status)
        .set_body_raw(body, "application/json")
        .insert_header("X-Request-Id", "req-1")
}

fn id() -> ProviderOrgId {
    ProviderOrgIdFormat::Uuid.parse(ID).expect("an id")
}

async fn read(body: &'static str) -> ChildOrg {
    let served = serve(document(200, body)).await;
    let reply = served.provider.get_child_org(&id()).await;
    let reply = reply.expect("a readable answer");
    assert_eq!(reply.request_id.as_deref(), Some("req-1"));
    reply.value
}

async fn refusal(status: u16, body: &'static str) -> Error {
    let served = serve(document(status, body)).await;
    let refused = served.provider.get_child_org(&id()).await;
    refused.expect_err("an error")
}

#[tokio::test]
async fn a_new_organization_waits_for_its_owner() {
    let org = read(include_str!("recorded/created.json")).await;
    assert_eq!(org.id.as_str(), ID);
    assert_eq!(org.status, Status::Locked);
    let lock = org.lock.unwrap();
    assert_eq!(lock.origin, LockOrigin::Provider);
    assert_eq!(lock.reason.as_deref(), Some("validate_email"));
    assert_eq!(lock.since, org.created_at);
    assert_eq!(org.customer_id.as_deref(), Some("cust-42"));
    assert_eq!(org.comment, None, "the empty text is none");
    let owner = org.owner.unwrap();
    assert_eq!(owner.email.unwrap().as_str(), "owner@acme.test");
    assert_eq!(owner.phone_number, None);
    assert_eq!(org.siren_number, None);
    assert_eq!(org.provider_data["lock_reason_message"], "validate_email");
}

#[tokio::test]
async fn our_lock_is_told_from_the_providers() {
    let org = read(include_str!("recorded/locked_by_partner.json")).await;
    let lock = org.lock.unwrap();
    assert_eq!(lock.origin, LockOrigin::Partner);
    assert_eq!(lock.reason.as_deref(), Some("locked_by_reseller"));
}

#[tokio::test]
async fn a_field_of_tomorrow_does_no_harm() {
    let org = read(include_str!("recorded/opened_with_more_fields.json")).await;
    assert_eq!(org.id.as_str(), ID, "in lower case");
    assert_eq!((org.status, org.lock), (Status::Active, None));
    assert_eq!(org.siren_number.as_deref(), Some("123456789"));
    assert_eq!(org.comment.as_deref(), Some("pays by the year"));
    assert_eq!(org.provider_data["a_field_of_tomorrow"]["nested"][2], 3);
}

#[tokio::test]
async fn a_status_of_tomorrow_is_not_taken_for_usable() {
    let org = read(include_str!("recorded/suspended.json")).await;
    assert_eq!(org.status, Status::Locked);
    assert_eq!(org.lock.unwrap().origin, LockOrigin::Provider);
    assert_eq!(org.owner, None);
}

#[tokio::test]
async fn values_that_callers_may_not_send_are_read_as_they_are() {
    let org = read(
        r#"{"id": "7a1f3c52-6d0e-4b7a-9a41-2f0c5d1e8b90", "name": "Acme \u202eSAS", "status": "opened",
            "email": "cafe\u0301@acme.test\u200b", "customer_id": "cust-42\u200b", "comment": "a\u0007"}"#,
    )
    .await;
    assert_eq!(org.name, "Acme \u{202e}SAS");
    assert_eq!(org.customer_id.as_deref(), Some("cust-42\u{200b}"));
    assert_eq!(org.owner.unwrap().email.unwrap().as_str(), "cafe\u{301}@acme.test\u{200b}");
    assert_eq!(org.comment.as_deref(), Some("a\u{7}"));
}

#[tokio::test]
async fn a_list_goes_on_until_its_total() {
    let served = serve(document(200, include_str!("recorded/list.json"))).await;
    let all = OrgQuery::default();
    let page = served.provider.find_child_orgs(&all, None).await.unwrap();
    assert_eq!(page.total_count, Some(3));
    assert_eq!(page.items[0].owner.as_ref().unwrap().phone_number, None);
    assert_eq!(page.items[1].status, Status::Closed);
    let next: PageToken = page.value.next.unwrap();
    let last = served.provider.find_child_orgs(&all, Some(&next)).await;
    assert_eq!(last.unwrap().value.next, None);
}

#[tokio::test]
async fn a_full_page_goes_on_whatever_its_total_and_never_for_ever() {
    let body =
        r#"{"organizations": [{"id": "7a1f3c52-6d0e-4b7a-9a41-2f0c5d1e8b90"}], "total_count": 1}"#;
    let served = serve(document(200, body)).await;
    let by_one = OrgQuery { page_size: Some(1), ..OrgQuery::default() };
    let page = served.provider.find_child_orgs(&by_one, None).await.unwrap();
    assert_eq!((page.total_count, page.mismatch), (Some(1), None));
    let next = page.value.next.unwrap();
    // A server that repeats a page must not cause an endless loop.
    let repeated = served.provider.find_child_orgs(&by_one, Some(&next)).await.unwrap_err();
    assert_eq!(repeated.kind(), Kind::Unexpected);
}

#[tokio::test]
async fn the_end_of_a_list_is_compared_with_its_last_total() {
    let empty = r#"{"organizations": [], "total_count": 2}"#;
    let uncounted = r#"{"organizations": []}"#;
    for (token, body, mismatch) in [
        // A token of an earlier version.
        ("2.2", empty, None),
        ("2.2", uncounted, None),
        ("2.2.2.7a1f3c52-6d0e-4b7a-9a41-2f0c5d1e8b90", empty, None),
        ("2.2.7.7a1f3c52-6d0e-4b7a-9a41-2f0c5d1e8b90", empty, None),
        ("2.3..", empty, Some(CountMismatch { listed: 3, counted: 2 })),
        ("2.2.7.", uncounted, Some(CountMismatch { listed: 2, counted: 7 })),
    ] {
        let served = serve(document(200, body)).await;
        let token = PageToken(token.to_owned());
        let page = served.provider.find_child_orgs(&OrgQuery::default(), Some(&token)).await;
        let page = page.unwrap();
        assert_eq!((&page.next, page.mismatch), (&None, mismatch), "{token:?}");
    }
    let served = serve(document(200, empty)).await;
    for token in ["", "0.1", "2", "2.3.4", "2.x", "2.3.x.", "2.3..not-an-id", "2.3.4..", "-1.2"] {
        let token = PageToken(token.to_owned());
        let refused = served.provider.find_child_orgs(&OrgQuery::default(), Some(&token)).await;
        assert_eq!(refused.unwrap_err().kind(), Kind::InvalidInput, "{token:?}");
    }
}

#[tokio::test]
async fn an_empty_page_ends_a_list_whatever_its_total() {
    let body = r#"{"organizations": [], "total_count": 7}"#;
    let served = serve(document(200, body)).await;
    let page = served.provider.find_child_orgs(&OrgQuery::default(), None).await.unwrap();
    assert_eq!((page.items.len(), &page.next), (0, &None));
    assert_eq!(page.mismatch, Some(CountMismatch { listed: 0, counted: 7 }));
}

#[tokio::test]
async fn documented_errors_mean_what_is_documented() {
    let refused = Effect::NotApplied;
    macro_rules! recorded {
        ($name:literal) => {
            ($name, include_str!(concat!("recorded/", $name, ".json")))
        };
    }
    let table = [
        (400, recorded!("invalid_arguments"), Kind::InvalidInput, refused),
        (401, recorded!("denied_authentication"), Kind::Unauthenticated, refused),
        (403, recorded!("permissions_denied"), Kind::PermissionDenied, refused),
        (403, recorded!("quotas_exceeded"), Kind::QuotaExceeded, refused),
        (404, recorded!("not_found"), Kind::NotFound, refused),
        (409, recorded!("transient_state"), Kind::Conflict, refused),
        (409, recorded!("already_exists"), Kind::Conflict, refused),
        (410, recorded!("resource_expired"), Kind::Conflict, refused),
        (412, recorded!("precondition_failed"), Kind::Conflict, refused),
        (423, recorded!("locked"), Kind::Conflict, refused),
        (503, recorded!("out_of_stock"), Kind::Unavailable, Effect::Unknown),
    ];
    for (status, (name, body), kind, effect) in table {
        let error = refusal(status, body).await;
        assert_eq!((error.kind(), error.effect()), (kind, effect), "{name}");
        let answer = error.answer().unwrap();
        assert_eq!(answer.status, status);
        assert_eq!(answer.error_type.as_deref(), Some(name));
        assert_eq!(answer.request_id.as_deref(), Some("req-1"));
        assert!(answer.message.is_some(), "{name}");
    }
}

#[tokio::test]
async fn a_documented_status_without_its_code_proves_nothing() {
    for status in [410, 412, 423] {
        let error = refusal(status, include_str!("recorded/untyped.json")).await;
        assert_eq!(error.effect(), Effect::Unknown, "{status}");
        let said = error.answer().unwrap().message.as_deref();
        assert_eq!(said, Some("something is not right"));
    }
}

#[tokio::test]
async fn faulty_arguments_are_named_in_our_words() {
    let error = refusal(400, include_str!("recorded/invalid_arguments.json")).await;
    let faults = error.field_faults();
    let fields: Vec<_> = faults.iter().map(|fault| fault.field).collect();
    assert_eq!(fields, [Some(Field::Name), Some(Field::SirenNumber), None]);
    assert_eq!(faults[0].provider_field, "organization_name");
    assert_eq!(faults[0].message, "breaks a constraint: must be between 2 and 256 characters");
    assert_eq!(faults[1].message, "has the wrong format");
    assert_eq!(faults[2].message, "is required");
}

#[tokio::test]
async fn the_empty_429_is_a_rate_limit() {
    let served = serve(
        ResponseTemplate::new(429)
            .insert_header("x-envoy-ratelimited", "true")
            .insert_header("X-Request-Id", "req-9"),
    )
    .await;
    let error = served.provider.lock_child_org(&id()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::RateLimited);
    assert_eq!(error.effect(), Effect::NotApplied);
    assert_eq!(error.retry_after(), None);
    let answer = error.answer().unwrap();
    assert_eq!(answer.request_id.as_deref(), Some("req-9"));
    assert_eq!((&answer.error_type, &answer.message), (&None, &None));
}

#[tokio::test]
async fn an_answer_without_a_valid_id_may_have_been_a_success() {
    for body in [
        "{}",
        r#"{"id": null, "name": "Acme"}"#,
        r#"{"id": "not-a-uuid"}"#,
        "[]",
        "null",
        "",
        "<html>",
        r#"{"id": "0b7f6d43-52a1-4c6e-8f10-64d2a0c7e511"}"#,
    ] {
        let served = serve(document(200, body)).await;
        let error = served.provider.lock_child_org(&id()).await.unwrap_err();
        let seen = (error.kind(), error.effect());
        assert_eq!(seen, (Kind::Unexpected, Effect::Unknown), "{body:?}");
        assert_eq!(error.answer().unwrap().status, 200);
    }
}
