//! One request from its arrival to what is sent back: limits, faults, the work, the answer. It
//! decides what happens to the connection, and leaves doing so to the room with the sockets.

use crate::{
    archera,
    fault::{Answer, Family, Fault, Work},
    fault_book::Struck,
    forge,
    operation::{Operation, Provider},
    rate_limit::Allowance,
    request_log::RequestRecord,
    scaleway,
    shared::{Job, Shared},
    wire::{Call, Reply, Route},
};
use http::{HeaderName, HeaderValue};
use std::{sync::Arc, time::Duration};
use uuid::Uuid;

/// What is to be done on the connection.
pub(crate) enum Outgoing {
    Reply(Reply),
    /// The head and the first half of the body, then the end.
    Half(Reply),
    Reset,
    Hang,
}

impl Outgoing {
    fn status(&self) -> Option<u16> {
        match self {
            Self::Reply(reply) | Self::Half(reply) => Some(reply.status.as_u16()),
            Self::Reset | Self::Hang => None,
        }
    }
}

/// Takes a request through. It runs to its end even when the caller has gone.
pub(crate) async fn exchange(shared: Arc<Shared>, provider: Provider, call: Call) -> Outgoing {
    let route = match provider {
        Provider::Scaleway => scaleway::route(&call),
        Provider::Archera => archera::route(&call),
    };
    let request_id = Uuid::new_v4();
    let sequence = shared.log.begin(record(&shared, provider, &route, &call, request_id));
    let job = Job { sequence, provider, route, call: Arc::new(call) };
    let allowance = match provider {
        Provider::Archera => None,
        Provider::Scaleway => {
            let taken = shared.rate_limit().take(shared.clock.now());
            if taken.is_none() {
                let refusal = with_request_id(scaleway::edge_rate_limited(), request_id);
                return finish(&shared, sequence, Outgoing::Reply(refusal), None);
            }
            taken
        }
    };
    let (latency, outcome) = choose(&shared, job.route.operation());
    if !latency.is_zero() {
        tokio::select! {
            () = tokio::time::sleep(latency) => {}
            () = shared.stop.cancelled() => return Outgoing::Reset,
        }
    }
    let outgoing = carry_out(&shared, &job, outcome.as_ref());
    let outgoing = decorate(outgoing, provider, request_id, allowance);
    finish(&shared, sequence, outgoing, outcome)
}

fn record(
    shared: &Shared,
    provider: Provider,
    route: &Route,
    call: &Call,
    request_id: Uuid,
) -> RequestRecord {
    RequestRecord {
        sequence: 0,
        received_at: shared.clock.now(),
        provider,
        operation: route.operation(),
        method: call.method.to_string(),
        path: call.uri.path().to_owned(),
        traceparent: call.header("traceparent").map(str::to_owned),
        request_id: request_id.to_string(),
        applied: false,
        fault: None,
        status: None,
    }
}

fn finish(shared: &Shared, sequence: u64, outgoing: Outgoing, struck: Option<Struck>) -> Outgoing {
    let fault = struck.map(|struck| struck.id);
    shared.log.finish(sequence, outgoing.status(), fault);
    outgoing
}

/// How long the call waits first, and the fault that decides its answer.
fn choose(shared: &Shared, operation: Option<Operation>) -> (Duration, Option<Struck>) {
    let Some(operation) = operation else {
        return (Duration::ZERO, None);
    };
    let usual = match operation {
        Operation::CreateOrganization | Operation::RegisterOrg => shared.latency.create,
        Operation::ListOrganizations
        | Operation::GetOrganization
        | Operation::UpdateOrganization
        | Operation::LockOrganization
        | Operation::UnlockOrganization
        | Operation::RequestAdminRole
        | Operation::InviteUsers
        | Operation::ListOrgs => shared.latency.other,
    };
    let mut faults = shared.faults();
    let added = match faults.choose(operation, Family::Latency) {
        Some(Struck { fault: Fault::Latency { millis }, .. }) => Duration::from_millis(millis),
        _ => Duration::ZERO,
    };
    (usual.saturating_add(added), faults.choose(operation, Family::Outcome))
}

fn carry_out(shared: &Arc<Shared>, job: &Job, struck: Option<&Struck>) -> Outgoing {
    match struck.map(|struck| &struck.fault) {
        None | Some(Fault::Latency { .. } | Fault::Lag { .. }) => {
            Outgoing::Reply(shared.perform(job))
        }
        Some(Fault::Twice) => {
            shared.perform(job);
            Outgoing::Reply(shared.perform(job))
        }
        Some(Fault::Answer { work, answer }) => {
            let genuine = do_work(shared, job, *work);
            put_on(answer, genuine, job, shared)
        }
    }
}

fn do_work(shared: &Arc<Shared>, job: &Job, work: Work) -> Option<Reply> {
    match work {
        Work::Skipped => None,
        Work::Done => Some(shared.perform(job)),
        Work::Late => {
            shared.put_off(job.clone());
            None
        }
        Work::LateAfter { millis } => {
            let (shared, job) = (Arc::clone(shared), job.clone());
            let tasks = shared.tasks.clone();
            tasks.spawn(async move {
                tokio::select! {
                    () = tokio::time::sleep(Duration::from_millis(millis)) => {
                        shared.perform(&job);
                    }
                    () = shared.stop.cancelled() => {}
                }
            });
            None
        }
    }
}

/// The answer that is shown in place of the genuine one, which is there if work was done.
fn put_on(answer: &Answer, genuine: Option<Reply>, job: &Job, shared: &Shared) -> Outgoing {
    let reply = match answer {
        Answer::Reset => return Outgoing::Reset,
        Answer::Hang => return Outgoing::Hang,
        Answer::HalfBody => return half_of(genuine.unwrap_or_else(forge::empty_object)),
        Answer::BadGatewayHtml => forge::bad_gateway(),
        Answer::Status { status, body } => {
            forge::status(job.provider, *status, body.as_deref(), shared.clock.now())
        }
        Answer::TooManyRequests { retry_after_seconds } => {
            forge::too_many_requests(job.provider, *retry_after_seconds, shared.clock.now())
        }
        Answer::EmptyTooManyRequests => scaleway::edge_rate_limited(),
        Answer::HtmlSuccess => forge::html_success(),
        Answer::EmptySuccess => forge::empty_success(),
        Answer::SuccessWithoutId => forge::without_id(genuine),
        Answer::UpperCaseIds => forge::upper_case_ids(genuine),
        Answer::TotalCount { total_count } => forge::total_count(genuine, *total_count),
        Answer::HugeBody => forge::huge(genuine),
        Answer::Redirect { status } => forge::redirect(*status, &job.call.uri),
    };
    Outgoing::Reply(reply)
}

fn half_of(reply: Reply) -> Outgoing {
    if reply.body.is_empty() {
        // A 204 has no half: what can be lost of it is all of it.
        return Outgoing::Reset;
    }
    Outgoing::Half(reply)
}

fn with_request_id(reply: Reply, id: Uuid) -> Reply {
    match HeaderValue::try_from(id.to_string()) {
        Ok(value) => reply.with(HeaderName::from_static("x-request-id"), value),
        Err(_) => reply,
    }
}

fn decorate(
    outgoing: Outgoing,
    provider: Provider,
    request_id: Uuid,
    allowance: Option<Allowance>,
) -> Outgoing {
    let dress = |reply: Reply| match provider {
        Provider::Archera => reply,
        Provider::Scaleway => {
            let successful = reply.status.is_success();
            let reply = with_request_id(reply, request_id);
            match allowance {
                Some(allowance) if successful => with_allowance(reply, allowance),
                _ => reply,
            }
        }
    };
    match outgoing {
        Outgoing::Reply(reply) => Outgoing::Reply(dress(reply)),
        Outgoing::Half(reply) => Outgoing::Half(dress(reply)),
        other @ (Outgoing::Reset | Outgoing::Hang) => other,
    }
}

fn with_allowance(reply: Reply, allowance: Allowance) -> Reply {
    let Allowance { limit, remaining } = allowance;
    let mut reply = reply;
    if let Ok(value) = HeaderValue::try_from(format!("{limit}, {limit};w=1")) {
        reply = reply.with(HeaderName::from_static("x-ratelimit-limit"), value);
    }
    reply
        .with(HeaderName::from_static("x-ratelimit-remaining"), HeaderValue::from(remaining))
        .with(HeaderName::from_static("x-ratelimit-reset"), HeaderValue::from(1u32))
}
