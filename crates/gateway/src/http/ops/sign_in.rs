//! Signing in, and out: with a token that was pasted, and what every token must be that signs in.

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::Utc;
use maud::{Markup, html};

use super::{
    HOME,
    cookies::SESSION,
    form::{Form, came_by_https},
    oidc,
    page::{Here, Page},
    see,
    session::Session,
};
use crate::{
    auth::Scope,
    http::{problem::Problem, state::ApiState},
};

/// The sign-in page for whoever has no session. `from_elsewhere`: a link on another site led here.
pub(super) fn asked(state: &ApiState, next: &str, from_elsewhere: bool) -> Response {
    let hint = from_elsewhere.then(|| {
        html! {
            p.notice {
                "A link on another site led you here, and browsers send no sign-in along with those. "
                "Signed in already? " a href=(next) { "Go on to the page" } "."
            }
        }
    });
    answer(state, StatusCode::UNAUTHORIZED, next, hint)
}

/// The sign-in page after a session that is not valid, with the reason.
pub(super) fn ended(state: &ApiState, next: &str, problem: &Problem) -> Response {
    with_cookies(refused_token(state, next, problem), SESSION.clear())
}

/// Signs in with the token that was pasted.
pub(super) async fn sign_in(
    State(state): State<ApiState>,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, Problem> {
    let next = page_of_ours(form.text("next"));
    let token = pasted(form.text("token"));
    Ok(match believed(&state, &token, next, came_by_https(&headers)).await {
        Ok(cookie) => with_cookies(see(next), [cookie]),
        Err(refusal) => refusal,
    })
}

/// The cookie that signs a token in, whoever gave it: one that the API would believe, that may read, and that
/// browsers keep. Otherwise the answer that says why not.
pub(super) async fn believed(
    state: &ApiState,
    token: &str,
    next: &str,
    is_https: bool,
) -> Result<HeaderValue, Response> {
    let caller = match state.verifier.verify_at(token, Utc::now()).await {
        Ok(caller) => caller,
        Err(error) => {
            let problem = state.refused.refuse(&error, Some(token));
            if error.is_unavailable() {
                return Err(problem.into_response());
            }
            return Err(refused_token(state, next, &problem));
        }
    };
    if let Err(problem) = state.refused.check_scopes(&caller, &[Scope::OrganizationsRead]) {
        return Err(refused_token(state, next, &problem));
    }
    let Some(cookie) = SESSION.set(token, is_https, None) else {
        let why = "the token is too long for a sign-in: browsers keep 4 KB at most";
        return Err(refused(state, StatusCode::UNAUTHORIZED, next, why));
    };
    tracing::info!(tenant = caller.tenant.as_str(), "signed in to the console");
    Ok(cookie)
}

/// Signs out. The token itself stays good until its end; the browser has it no more.
pub(super) async fn sign_out(
    State(state): State<ApiState>,
    session: Session,
    form: Form,
) -> Result<Response, Problem> {
    session.check(&state, &form)?;
    Ok(with_cookies(see(HOME), SESSION.clear()))
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

/// The sign-in page for whoever was not let in.
pub(super) fn refused(state: &ApiState, status: StatusCode, next: &str, why: &str) -> Response {
    answer(
        state,
        status,
        next,
        Some(html! { p.alert role="alert" { "Not signed in: " (why) "." } }),
    )
}

/// The sign-in page after a token that was refused, with the reason.
fn refused_token(state: &ApiState, next: &str, problem: &Problem) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::UNAUTHORIZED);
    let mut response = refused(state, status, next, &problem.detail);
    if let Some(challenge) = problem.challenge.as_deref().and_then(|value| value.parse().ok()) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

fn answer(state: &ApiState, status: StatusCode, next: &str, notice: Option<Markup>) -> Response {
    let provider = oidc::link(state, next);
    let main = html! {
        div.narrow {
            h1 { "Sign in" }
            @if let Some(notice) = notice { (notice) }
            @if let Some((address, name)) = &provider {
                p { a.button href=(address) { "Sign in at " (name) } }
                h2 { "Or with a token" }
            }
            form.stack method="post" action="/ops/sign-in" {
                input type="hidden" name="next" value=(next);
                label for="token" { "Token" }
                input #token type="password" name="token" required autofocus[provider.is_none()]
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

/// Adds cookies to a response.
pub(super) fn with_cookies(
    mut response: Response,
    cookies: impl IntoIterator<Item = HeaderValue>,
) -> Response {
    for cookie in cookies {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}
