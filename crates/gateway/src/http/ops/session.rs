//! Who is signed in: the cookie holds the caller's own token, and the server nothing. So a session lasts
//! as long as its token, at every replica, and its scopes and tenant are the token's.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, HeaderValue, Method, header, request::Parts},
    response::{IntoResponse, Response},
};
use chrono::Utc;
use secrecy::{ExposeSecret, SecretString};

use super::{form::Form, form::TOKEN_FIELD, sign_in};
use crate::{
    app::WriteContext,
    auth::{AuthError, Caller, Scope},
    http::{problem::Problem, request_id::RequestId, state::ApiState},
    store::TenantScope,
    telemetry::{self, metrics::AUTH_REFUSALS},
};

/// The name of the cookie.
const COOKIE: &str = "ops_session";
/// What a browser keeps of a cookie at least (RFC 6265), its name and attributes with it.
const LARGEST_COOKIE: usize = 4096;
/// Strict, so that no other site can have it sent; not for scripts, and for the console alone.
const ATTRIBUTES: &str = "; Path=/ops; HttpOnly; SameSite=Strict";

/// A caller who is signed in, within its tenant's limits, and may read.
#[derive(Debug)]
pub(super) struct Session {
    /// Who it is.
    pub caller: Caller,
    /// What the forms of this session carry.
    pub form_token: SecretString,
    token: SecretString,
    request_id: String,
}

impl Session {
    /// Whose rows the caller may see.
    pub(super) fn scope(&self) -> TenantScope {
        match self.caller.only_tenant() {
            Some(tenant) => TenantScope::One(tenant.as_str().to_owned()),
            None => TenantScope::All,
        }
    }

    /// Refuses a form that no page of this session has shown.
    pub(super) fn check(&self, state: &ApiState, form: &Form) -> Result<(), Problem> {
        if state.app.is_form_token(self.token.expose_secret(), form.text(TOKEN_FIELD)) {
            return Ok(());
        }
        Err(Problem::forbidden("this form is not of this sign-in; load the page again"))
    }

    /// Refuses a caller whose token lacks the scope.
    pub(super) fn needs(&self, scope: Scope) -> Result<(), Problem> {
        if self.caller.may(scope) { Ok(()) } else { Err(lacks(scope)) }
    }

    /// What this caller asks for.
    pub(super) fn context(&self) -> WriteContext {
        WriteContext {
            tenant: self.caller.tenant.as_str().to_owned(),
            scope: self.scope(),
            actor: self.caller.actor.clone(),
            request_id: self.request_id.clone(),
            traceparent: telemetry::current_traceparent(),
            key: None,
            if_match: None,
            wait: std::time::Duration::ZERO,
        }
    }
}

impl FromRequestParts<ApiState> for Session {
    /// The sign-in page, or a problem.
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Response> {
        let Some(token) = cookie(&parts.headers) else {
            return Err(sign_in::asked(state, &wanted(parts), is_from_elsewhere(&parts.headers)));
        };
        let caller = match state.verifier.verify_at(token, Utc::now()).await {
            Ok(caller) => caller,
            Err(error) if error.is_unavailable() => return Err(unavailable(&error)),
            Err(error) => {
                metrics::counter!(AUTH_REFUSALS, "reason" => error.reason()).increment(1);
                tracing::info!(error = %error, "a session was refused");
                return Err(sign_in::ended(state, &wanted(parts), error.detail()));
            }
        };
        let form_token = SecretString::from(state.app.form_token(token));
        let token = SecretString::from(token);
        let request_id = parts.extensions.get::<RequestId>().map(|id| id.0.clone());
        state.admit(parts, &caller).map_err(IntoResponse::into_response)?;
        let session =
            Self { caller, form_token, token, request_id: request_id.unwrap_or_default() };
        session.needs(Scope::OrganizationsRead).map_err(IntoResponse::into_response)?;
        Ok(session)
    }
}

/// The problem of a token that cannot be judged now.
pub(super) fn unavailable(error: &AuthError) -> Response {
    tracing::warn!(error = %error, "tokens cannot be verified");
    Problem::unavailable(error.detail()).into_response()
}

/// The problem of a token without a scope.
pub(super) fn lacks(scope: Scope) -> Problem {
    Problem::forbidden(format!("the token lacks the scope `{scope}`"))
}

/// The token that a request's cookie holds.
pub(super) fn cookie(headers: &HeaderMap) -> Option<&str> {
    cookie_named(headers, COOKIE)
}

/// What a cookie of the request holds.
pub(super) fn cookie_named<'a>(headers: &'a HeaderMap, wanted: &str) -> Option<&'a str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs =
        cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
    pairs.find(|(name, _)| name.trim() == wanted).map(|(_, value)| value.trim())
}

/// The cookie that signs a token in; `None` where browsers would not keep it. It has no `Max-Age`, so it
/// goes when the browser closes; the token's own end is checked each time.
pub(super) fn signed_in(token: &str, secure: bool) -> Option<HeaderValue> {
    let is_plain = token.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    let secure = if secure { "; Secure" } else { "" };
    let cookie = format!("{COOKIE}={token}{ATTRIBUTES}{secure}");
    let fits = is_plain && cookie.len() <= LARGEST_COOKIE;
    HeaderValue::from_str(&cookie).ok().filter(|_| fits)
}

/// The cookie that signs out.
pub(super) fn signed_out() -> HeaderValue {
    HeaderValue::from_static("ops_session=; Path=/ops; HttpOnly; SameSite=Strict; Max-Age=0")
}

/// The page to come back to after the sign-in: what was read, never what was sent.
fn wanted(parts: &Parts) -> String {
    let target = parts.uri.path_and_query().map_or(super::HOME, |target| target.as_str());
    if parts.method == Method::GET { target.to_owned() } else { super::HOME.to_owned() }
}

/// A link on another site led here, so the browser kept a strict cookie back.
fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    let site = headers.get(HeaderName::from_static("sec-fetch-site"));
    site.is_some_and(|site| site == "cross-site" || site == "same-site")
}
