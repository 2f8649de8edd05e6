//! Signing in with a token, and out.

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::Utc;
use maud::{Markup, html};

use super::{
    HOME,
    form::{Form, came_by_https},
    page::{Here, Page},
    see,
    session::{Session, lacks, signed_in, signed_out, unavailable},
};
use crate::{
    auth::Scope,
    http::{problem::Problem, state::ApiState},
};

/// The sign-in page for whoever has no session. `from_elsewhere`: a link on another site led here.
pub(super) fn asked(next: &str, from_elsewhere: bool) -> Response {
    let hint = from_elsewhere.then(|| {
        html! {
            p.notice {
                "A link on another site led you here, and browsers send no sign-in along with those. "
                "Signed in already? " a href=(next) { "Go on to the page" } "."
            }
        }
    });
    answer(StatusCode::UNAUTHORIZED, next, hint)
}

/// The sign-in page for whoever's session is good no more.
pub(super) fn ended(next: &str, why: &str) -> Response {
    with_cookie(refused(StatusCode::UNAUTHORIZED, next, why), signed_out())
}

/// Signs in with the token that was pasted.
pub(super) async fn sign_in(
    State(state): State<ApiState>,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, Problem> {
    let next = page_of_ours(form.text("next"));
    let token = pasted(form.text("token"));
    let caller = match state.verifier.verify_at(&token, Utc::now()).await {
        Ok(caller) => caller,
        Err(error) if error.is_unavailable() => return Ok(unavailable(&error)),
        Err(error) => {
            tracing::info!(error = %error, "a sign-in was refused");
            return Ok(refused(StatusCode::UNAUTHORIZED, next, error.detail()));
        }
    };
    if !caller.may(Scope::OrganizationsRead) {
        let why = lacks(Scope::OrganizationsRead).detail;
        return Ok(refused(StatusCode::FORBIDDEN, next, &why));
    }
    let Some(cookie) = signed_in(&token, came_by_https(&headers)) else {
        let why = "the token is too long for a sign-in: browsers keep 4 KB at most";
        return Ok(refused(StatusCode::UNAUTHORIZED, next, why));
    };
    tracing::info!(tenant = caller.tenant.as_str(), "signed in to the console");
    Ok(with_cookie(see(next), cookie))
}

/// Signs out. The token itself stays good until its end; the browser has it no more.
pub(super) async fn sign_out(
    State(state): State<ApiState>,
    session: Session,
    form: Form,
) -> Result<Response, Problem> {
    session.check(&state, &form)?;
    Ok(with_cookie(see(HOME), signed_out()))
}

/// What was pasted, without the scheme and the line breaks that may come along.
fn pasted(text: &str) -> String {
    let token = text.strip_prefix("Bearer ").unwrap_or(text);
    token.split_ascii_whitespace().collect()
}

/// An address within the console, whatever the form says.
pub(super) fn page_of_ours(next: &str) -> &str {
    let rest = next.strip_prefix(HOME);
    let is_below = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
    let is_plain = next.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    if is_below && is_plain { next } else { HOME }
}

fn refused(status: StatusCode, next: &str, why: &str) -> Response {
    answer(status, next, Some(html! { p.alert role="alert" { "Not signed in: " (why) "." } }))
}

fn answer(status: StatusCode, next: &str, notice: Option<Markup>) -> Response {
    let main = html! {
        div.narrow {
            h1 { "Sign in" }
            @if let Some(notice) = notice { (notice) }
            form.stack method="post" action="/ops/sign-in" {
                input type="hidden" name="next" value=(next);
                label for="token" { "Token" }
                input #token type="password" name="token" required autofocus
                    autocomplete="off" spellcheck="false" aria-describedby="token-help";
                p.help #token-help {
                    "A JWT as the API takes it, with the scope " code { "organizations:read" }
                    "; to settle operations, " code { "operations:resolve" } " too. "
                    "It stays in this browser until it ends, you sign out, or the browser closes."
                }
                button type="submit" { "Sign in" }
            }
        }
    };
    let page = Page { title: "Sign in", here: Here::Nowhere, session: None, now: Utc::now() };
    let mut response = page.answer(status, main);
    if status == StatusCode::UNAUTHORIZED {
        let challenge = HeaderValue::from_static("Bearer");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

fn with_cookie(response: Response, cookie: HeaderValue) -> Response {
    ([(header::SET_COOKIE, cookie)], response).into_response()
}
