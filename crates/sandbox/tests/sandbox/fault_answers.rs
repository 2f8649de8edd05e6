//! What a caller sees of each fault, and whether the work was done.

use crate::support::{Answer as Seen, World, client, read, start};
use reqwest::Method;
use sandbox::{Answer, Fault, FaultRule, Operation, Work};
use serde_json::json;

const CREATE: Operation = Operation::CreateOrganization;

async fn struck(world: &World, fault: Fault) -> Result<reqwest::Response, reqwest::Error> {
    let control = world.sandbox.control();
    control.inject(FaultRule::next(CREATE, fault)).unwrap();
    let answer = world.create_request("owner@acme.test").send().await;
    assert!(control.unfired_faults().is_empty());
    answer
}

async fn seen(world: &World, fault: Fault) -> Seen {
    read(struck(world, fault).await.unwrap()).await
}

fn made(world: &World) -> usize {
    world.sandbox.control().scaleway_organizations().len()
}

fn is_reset(error: &reqwest::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            return error.kind() == std::io::ErrorKind::ConnectionReset;
        }
        source = error.source();
    }
    false
}

#[tokio::test]
async fn a_reset_comes_before_or_after_the_work() {
    let world = start().await;
    let before = struck(&world, Fault::before(Answer::Reset)).await.unwrap_err();
    assert!(is_reset(&before), "{before:?}");
    assert_eq!(made(&world), 0);
    let after = struck(&world, Fault::after(Answer::Reset)).await.unwrap_err();
    assert!(is_reset(&after), "{after:?}");
    assert_eq!(made(&world), 1);

    let log = world.sandbox.control().requests_of(CREATE);
    assert_eq!([log[0].applied, log[1].applied], [false, true]);
    assert_eq!([log[0].status, log[1].status], [None, None]);
    assert!(log[0].fault.is_some() && log[0].fault != log[1].fault);
}

#[tokio::test]
async fn half_a_body_has_its_head_and_then_breaks_off() {
    let world = start().await;
    let response = struck(&world, Fault::after(Answer::HalfBody)).await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.content_length().unwrap() > 100);
    assert!(response.text().await.is_err());
    assert_eq!(made(&world), 1);

    let before = start().await;
    let response = struck(&before, Fault::before(Answer::HalfBody)).await.unwrap();
    assert!(response.text().await.is_err());
    assert_eq!(made(&before), 0);
}

#[tokio::test]
async fn a_hang_gives_no_answer_for_as_long_as_the_sandbox_runs() {
    for (fault, wanted) in [(Fault::before(Answer::Hang), 0), (Fault::after(Answer::Hang), 1)] {
        let world = start().await;
        let control = world.sandbox.control();
        control.inject(FaultRule::next(CREATE, fault)).unwrap();
        let hanging = world.create_request("owner@acme.test").send();
        let stopping = async {
            control.until_received(CREATE, 1).await;
            control.until_applied(CREATE, wanted).await;
            for _ in 0..10 {
                assert_eq!(world.list("email=other%40acme.test").await.status, 200);
            }
            assert_eq!(made(&world) as u64, wanted);
            control.stop();
        };
        let (hung, ()) = tokio::join!(hanging, stopping);
        assert!(hung.is_err(), "{hung:?}");
    }
}

#[tokio::test]
async fn a_caller_that_hangs_up_during_a_latency_does_not_stop_the_work() {
    let world = start().await;
    let control = world.sandbox.control();
    let fault = Fault::Latency { millis: 300 };
    control.inject(FaultRule::next(CREATE, fault)).unwrap();
    tokio::select! {
        ended = world.create_request("owner@acme.test").send() => panic!("too soon: {ended:?}"),
        () = control.until_received(CREATE, 1) => {}
    }
    assert_eq!(made(&world), 0);
    control.until_applied(CREATE, 1).await;
    assert_eq!(made(&world), 1);
}

#[tokio::test]
async fn proxies_and_providers_fail_in_their_own_words() {
    let world = start().await;
    let page = seen(&world, Fault::before(Answer::BadGatewayHtml)).await;
    assert_eq!((page.status.as_u16(), page.header("content-type")), (502, Some("text/html")));
    let status =
        |status, body: Option<&str>| Answer::Status { status, body: body.map(str::to_owned) };
    let typed = seen(&world, Fault::before(status(409, None))).await;
    assert_eq!((typed.status.as_u16(), typed.kind()), (409, "transient_state"));
    let own = seen(&world, Fault::before(status(500, Some("oops")))).await;
    assert_eq!((own.status.as_u16(), own.text.as_str()), (500, "oops"));
    assert_eq!(made(&world), 0);
    let after = seen(&world, Fault::after(status(504, None))).await;
    assert_eq!((after.status.as_u16(), made(&world)), (504, 1));

    let rule = FaultRule::next(Operation::RegisterOrg, Fault::after(status(503, None)));
    world.sandbox.control().inject(rule).unwrap();
    let answer = world.register(&json!({"name": "Acme"})).await;
    assert_eq!(answer.status, 503);
    crate::support::Spec::archera().check("ApiErrorResponse", &answer.body);
    assert_eq!(world.sandbox.control().archera_orgs().len(), 1);
}

#[tokio::test]
async fn a_429_comes_with_a_pause_or_without_or_with_nothing_at_all() {
    let world = start().await;
    let with = |retry_after_seconds| Answer::TooManyRequests { retry_after_seconds };
    let paused = seen(&world, Fault::before(with(Some(7)))).await;
    assert_eq!((paused.status.as_u16(), paused.header("retry-after")), (429, Some("7")));
    assert_eq!(paused.kind(), "too_many_requests");
    let bare = seen(&world, Fault::before(with(None))).await;
    assert_eq!((bare.status.as_u16(), bare.header("retry-after")), (429, None));
    let empty = seen(&world, Fault::before(Answer::EmptyTooManyRequests)).await;
    assert_eq!((empty.status.as_u16(), empty.text.as_str()), (429, ""));
    assert_eq!(empty.header("x-envoy-ratelimited"), Some("true"));
    assert_eq!(made(&world), 0);
}

#[tokio::test]
async fn a_success_can_be_garbage() {
    for answer in [Answer::HtmlSuccess, Answer::EmptySuccess, Answer::SuccessWithoutId] {
        let world = start().await;
        let garbage = seen(&world, Fault::after(answer)).await;
        assert_eq!((garbage.status.as_u16(), made(&world)), (200, 1));
        assert!(garbage.body.get("id").is_none(), "{}", garbage.text);
    }
    let world = start().await;
    let garbage = seen(&world, Fault::after(Answer::SuccessWithoutId)).await;
    assert_eq!(garbage.body["email"], "owner@acme.test");
}

#[tokio::test]
async fn a_success_can_have_its_id_in_upper_case() {
    let world = start().await;
    let answer = seen(&world, Fault::after(Answer::UpperCaseIds)).await;
    let id = answer.body["id"].as_str().unwrap();
    assert_eq!(id, id.to_uppercase());
    assert_eq!((made(&world), &answer.body["email"]), (1, &"owner@acme.test".into()));
}

#[tokio::test]
async fn a_success_can_have_another_total_count() {
    let world = start().await;
    let answer = seen(&world, Fault::after(Answer::TotalCount { total_count: 7 })).await;
    assert_eq!((made(&world), &answer.body["total_count"]), (1, &7.into()));
}

#[tokio::test]
async fn a_body_can_be_huge_and_still_be_json() {
    let world = start().await;
    let huge = seen(&world, Fault::after(Answer::HugeBody)).await;
    assert!(huge.text.len() > 10 * 1024 * 1024);
    assert_eq!(huge.body["email"], "owner@acme.test");
}

#[tokio::test]
async fn a_redirect_leads_to_the_same_place() {
    let world = start().await;
    let answer = seen(&world, Fault::before(Answer::Redirect { status: 307 })).await;
    assert_eq!(answer.status, 307);
    assert_eq!(answer.header("location"), Some("/partner/v1/organizations"));
    assert_eq!(made(&world), 0);
}

#[tokio::test]
async fn late_work_is_done_on_command_and_in_order() {
    let world = start().await;
    let control = world.sandbox.control();
    let lost = struck(&world, Fault::late(Answer::Reset)).await;
    assert!(lost.is_err());
    let timeout = Answer::Status { status: 504, body: None };
    let second = seen(&world, Fault::late(timeout)).await;
    assert_eq!((second.status.as_u16(), made(&world)), (504, 0));
    assert_eq!(control.late_count(), 2);

    assert_eq!(control.release_late(), 2);
    assert_eq!(made(&world), 1, "the second finds the e-mail taken");
    let log = control.requests_of(CREATE);
    assert_eq!([log[0].applied, log[1].applied], [true, false]);
    assert_eq!(control.release_late(), 0);
}

#[tokio::test]
async fn late_work_can_come_by_itself() {
    let world = start().await;
    let fault = Fault::Answer { work: Work::LateAfter { millis: 1 }, answer: Answer::Reset };
    assert!(struck(&world, fault).await.is_err());
    world.sandbox.control().until_applied(CREATE, 1).await;
    assert_eq!(made(&world), 1);
}

#[tokio::test]
async fn a_request_that_arrives_twice_is_done_twice() {
    let world = start().await;
    let refused = seen(&world, Fault::Twice).await;
    assert_eq!((refused.status.as_u16(), refused.kind()), (409, "already_exists"));
    assert_eq!(made(&world), 1);

    let control = world.sandbox.control();
    let rule = FaultRule::next(Operation::RegisterOrg, Fault::Twice);
    control.inject(rule).unwrap();
    let answer = world.register(&json!({"name": "Acme"})).await;
    let made: Vec<_> = control.archera_orgs().iter().map(|org| org.id).collect();
    assert_eq!(made.len(), 2);
    assert_eq!(answer.id(), made[1]);
}

#[tokio::test]
async fn other_connections_are_not_cut() {
    let world = start().await;
    let control = world.sandbox.control();
    let rule = FaultRule::next(CREATE, Fault::before(Answer::Hang));
    control.inject(rule).unwrap();
    let hanging = world.create_request("owner@acme.test").send();
    let reading = async {
        control.until_received(CREATE, 1).await;
        let url = format!("{}/partner/v1/organizations", world.sandbox.scaleway_url());
        let request = client().request(Method::GET, url);
        let key = world.sandbox.scaleway_secret_key();
        request.header("X-Auth-Token", key).send().await.unwrap()
    };
    tokio::select! {
        ended = hanging => panic!("it hangs: {ended:?}"),
        answer = reading => assert_eq!(answer.status(), 200),
    }
}
