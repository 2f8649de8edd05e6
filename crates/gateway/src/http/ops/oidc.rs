//! Signing in at the identity provider: leaving for it, and coming back with a code.
//!
//! What comes of it is what is pasted otherwise, a token that the API takes, in the same cookie. Leaving is
//! a link and not a form, since the pages' policy lets forms lead to ourselves alone.

use axum::{
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use chrono::Utc;
use maud::html;
use secrecy::ExposeSecret;
use url::Url;

use super::{
    cookies::SIGN_IN,
    form::{asked_host, came_by_https},
    page::{Here, Page},
    see,
    sign_in::{believed, page_of_ours, refused, with_cookies},
};
use crate::{
    auth::{Oidc, OidcError, SIGN_IN_TIME, SignIn},
    http::{extract::QueryFields, problem::Problem, state::ApiState},
};

/// Where it begins.
const BEGIN: &str = "/ops/sign-in/oidc";
/// Where browsers come back to.
const CALLBACK: &str = "/ops/sign-in/callback";
/// What its content is sealed for.
const PURPOSE: &str = "a sign-in to the console";

/// Leaves for the identity provider.
pub(super) async fn begin(
    State(state): State<ApiState>,
    headers: HeaderMap,
    mut query: QueryFields,
) -> Result<Response, Problem> {
    let oidc = configured(&state)?;
    let next = query.text("next");
    query.finish()?;
    let next = page_of_ours(next.as_deref().unwrap_or_default());
    let redirect_uri = redirect_uri(oidc, &headers)?;
    let (address, sign_in) = match oidc.begin(&redirect_uri, next, Utc::now()).await {
        Ok(begun) => begun,
        Err(error) => return Err(unusable(&error)),
    };
    let sealed = state.app.seal(PURPOSE, &sign_in);
    let cookie = sealed.and_then(|sealed| kept(&sealed, is_https(oidc, &headers)));
    let cookie = cookie.ok_or_else(|| Problem::internal("the sign-in could not be begun"))?;
    Ok(with_cookies(see(address.as_str()), [cookie]))
}

/// What an identity provider sends a browser back with.
struct Answer {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
    issuer: Option<String>,
}

impl Answer {
    /// Providers add what they like; what is not known is passed over.
    fn read(mut query: QueryFields) -> Self {
        Self {
            code: query.text("code"),
            state: query.text("state"),
            error: query.text("error"),
            issuer: query.text("iss"),
        }
    }
}

/// Comes back from the identity provider. However it ends, the sign-in that was under way is over.
pub(super) async fn callback(
    State(state): State<ApiState>,
    headers: HeaderMap,
    query: QueryFields,
) -> Result<Response, Problem> {
    let oidc = configured(&state)?;
    let answered = answer(&state, oidc, &headers, &Answer::read(query)).await;
    Ok(with_cookies(answered, SIGN_IN.clear()))
}

async fn answer(state: &ApiState, oidc: &Oidc, headers: &HeaderMap, given: &Answer) -> Response {
    let now = Utc::now();
    let no = |next: &str, why: &str| refused(state, StatusCode::UNAUTHORIZED, next, why);
    let sealed = SIGN_IN.find(headers, is_https(oidc, headers)).ok().flatten();
    let sign_in = sealed.and_then(|sealed| state.app.unseal::<SignIn>(PURPOSE, sealed));
    let is_answer = |sign_in: &SignIn| {
        given.state.as_deref().is_some_and(|state| sign_in.is_answered_by(state, now))
    };
    let Some(sign_in) = sign_in.filter(is_answer) else {
        let why =
            "this sign-in was not begun in this browser, is over, or took too long; begin anew";
        return no(super::HOME, why);
    };
    let next = page_of_ours(&sign_in.next);
    // RFC 9207: an answer of another provider must not be taken for this one's.
    if given.issuer.as_deref().is_some_and(|issuer| issuer != oidc.issuer()) {
        return no(next, "the answer is of another identity provider");
    }
    if let Some(error) = &given.error {
        return no(next, &format!("the identity provider says {}", plain_word(error)));
    }
    let Some(code) = &given.code else {
        return no(next, "the identity provider sent no code");
    };
    let token = match oidc.finish(&sign_in, code, now).await {
        Ok(token) => token,
        Err(error) if error.is_unavailable() => return unusable(&error).into_response(),
        Err(error) => {
            tracing::info!(%error, "a sign-in at the identity provider was refused");
            return no(next, error.detail());
        }
    };
    match believed(state, token.expose_secret(), next, is_https(oidc, headers)).await {
        Ok(cookie) => with_cookies(go_on(next), [cookie]),
        Err(refusal) => refusal,
    }
}

/// A page of ours that leads on by itself: on a redirect that another site began, browsers would keep the
/// new cookie back.
fn go_on(next: &str) -> Response {
    let main = html! {
        div.narrow {
            h1 { "Signed in" }
            p { a href=(next) { "Go on" } }
        }
    };
    let page = Page { title: "Signed in", here: Here::Nowhere, session: None, now: Utc::now() };
    let mut response = page.answer(StatusCode::OK, main);
    if let Ok(refresh) = HeaderValue::from_str(&format!("0; url={next}")) {
        response.headers_mut().insert(HeaderName::from_static("refresh"), refresh);
    }
    response
}

fn configured(state: &ApiState) -> Result<&Oidc, Problem> {
    state.oidc.as_deref().ok_or_else(|| Problem::not_found("no identity provider is configured"))
}

fn unusable(error: &OidcError) -> Problem {
    tracing::warn!(%error, "nobody can sign in at the identity provider");
    Problem::unavailable(error.detail())
}

/// Whether the browser uses https: the listener or a proxy says so, or the configured address to return to.
/// A link has no `Origin` that would show it.
fn is_https(oidc: &Oidc, headers: &HeaderMap) -> bool {
    came_by_https(headers) || oidc.redirect_uri().is_some_and(|url| url.scheme() == "https")
}

/// Where the browser is to come back to.
fn redirect_uri(oidc: &Oidc, headers: &HeaderMap) -> Result<Url, Problem> {
    if let Some(configured) = oidc.redirect_uri() {
        return Ok(configured.clone());
    }
    let scheme = if came_by_https(headers) { "https" } else { "http" };
    let host = asked_host(headers).unwrap_or_default();
    let asked = Url::parse(&format!("{scheme}://{host}{CALLBACK}")).ok();
    // A host that is more than one would lead elsewhere.
    let asked = asked.filter(|url| url.path() == CALLBACK && url.username().is_empty());
    asked.ok_or_else(|| Problem::bad_request("the request does not say which host it asks"))
}

/// An error code as RFC 6749 has them; anything else is not repeated.
fn plain_word(error: &str) -> &str {
    let is_word = |b: u8| b.is_ascii_lowercase() || b == b'_';
    if error.len() <= 64 && error.bytes().all(is_word) {
        error
    } else {
        "no, without a known error"
    }
}

fn kept(sealed: &str, is_https: bool) -> Option<HeaderValue> {
    SIGN_IN.set(sealed, is_https, Some(SIGN_IN_TIME.num_seconds()))
}

/// The link that leaves, for the sign-in page.
pub(super) fn link(state: &ApiState, next: &str) -> Option<(String, String)> {
    let oidc = state.oidc.as_deref()?;
    let issuer = Url::parse(oidc.issuer()).ok()?;
    let query =
        url::form_urlencoded::Serializer::new(String::new()).append_pair("next", next).finish();
    Some((format!("{BEGIN}?{query}"), issuer.host_str().unwrap_or_default().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_repeated_where_it_is_one_of_the_protocols() {
        assert_eq!(plain_word("access_denied"), "access_denied");
        for other in ["<b>", "Please call 555", &"x".repeat(65)] {
            assert_eq!(plain_word(other), "no, without a known error");
        }
    }
}
