//! What a person sees where a program would get a problem document.

use axum::{
    extract::Request,
    http::{StatusCode, header},
    middleware::Next,
    response::Response,
};
use chrono::Utc;
use maud::{Markup, html};

use super::{
    page::{Here, Page},
    words,
};
use crate::{
    http::{problem::Problem, request_id::RequestId},
    operations::FieldProblem,
};

/// Makes every problem a page.
pub(super) async fn as_page(request: Request, next: Next) -> Response {
    let id = request.extensions().get::<RequestId>().map(|id| id.0.clone());
    let mut response = next.run(request).await;
    let Some(problem) = response.extensions_mut().remove::<Problem>() else {
        return response;
    };
    let mut page = page_of(&problem, id.as_deref());
    for name in [header::RETRY_AFTER, header::WWW_AUTHENTICATE] {
        if let Some(value) = response.headers_mut().remove(&name) {
            page.headers_mut().insert(name, value);
        }
    }
    page
}

fn page_of(problem: &Problem, request_id: Option<&str>) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let main = html! {
        div.narrow {
            h1 { (problem.title) }
            div.alert role="alert" {
                @if problem.errors.is_empty() { p { (words::text(&problem.detail)) "." } }
                (faults(problem))
            }
            p { a href="/ops" { "To the overview" } }
            @if let Some(id) = request_id { p.help { "Request " code { (id) } } }
        }
    };
    let now = Utc::now();
    Page { title: &problem.title, here: Here::Nowhere, session: None, now }.answer(status, main)
}

/// A problem in words on a page about something else.
pub(super) fn told(problem: &Problem) -> Markup {
    html! {
        div.alert role="alert" {
            p {
                strong { (problem.title) }
                // The faults say it all.
                @if problem.errors.is_empty() { ": " (words::text(&problem.detail)) } "."
            }
            (faults(problem))
        }
    }
}

/// The faults of a problem, and what the provider said.
pub(super) fn faults(problem: &Problem) -> Markup {
    html! {
        @if !problem.errors.is_empty() {
            ul {
                @for fault in &problem.errors {
                    li { (fault_line(fault)) }
                }
            }
        }
        @if let Some(said) = &problem.provider {
            p {
                (said.name) " answered " (said.status)
                @if let Some(error_type) = &said.error_type { " " code { (words::text(error_type)) } }
                @if let Some(message) = &said.message { ": " q { (words::text(message)) } }
                @if let Some(id) = &said.request_id { ", request " code { (words::text(id)) } }
            }
        }
    }
}

/// A fault, with its place where the message does not name it.
fn fault_line(fault: &FieldProblem) -> Markup {
    let place = fault.pointer.trim_start_matches('/');
    html! {
        @if !fault.message.starts_with('`') { code { (words::identifier(place)) } " " }
        (words::text(&fault.message))
    }
}
