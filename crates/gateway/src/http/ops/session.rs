//! Who is signed in: the cookie holds the caller's own token, and the server nothing. So a session lasts
//! as long as its token, at every replica, and its scopes and tenant are the token's.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, Method, request::Parts},
    response::{IntoResponse, Response},
};
use chrono::Utc;
use secrecy::{ExposeSecret, SecretString};

use super::{
    cookies::{Ambiguous, SESSION},
    form::{Form, TOKEN_FIELD, is_forwarded_https},
    sign_in,
};
use crate::{
    app::WriteContext,
    auth::{Caller, Scope},
    http::{problem::Problem, request_id::RequestId, state::ApiState},
    store::TenantScope,
    telemetry,
};

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
        Problem::of_missing_scopes(&self.caller, &[scope]).map_or(Ok(()), Err)
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
        let token = session_token(parts, state)?;
        let caller = match state.verifier.verify_at(token, Utc::now()).await {
            Ok(caller) => caller,
            Err(error) => {
                let problem = state.refused.refuse(&error, Some(token));
                if error.is_unavailable() {
                    return Err(problem.into_response());
                }
                return Err(sign_in::ended(state, &wanted(parts), &problem));
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

/// The token in the session's cookie; without one, the sign-in page.
fn session_token<'a>(parts: &'a Parts, state: &ApiState) -> Result<&'a str, Response> {
    let headers = &parts.headers;
    match SESSION.find(headers, is_forwarded_https(headers)) {
        Ok(Some(token)) => Ok(token),
        Ok(None) => Err(sign_in::asked(state, &wanted(parts), is_from_elsewhere(headers))),
        Err(Ambiguous) => {
            tracing::warn!("refused a session: the request has its cookie twice");
            let why = "the browser sent two sessions, of which one may be another person's";
            Err(sign_in::ended(state, &wanted(parts), &Problem::unauthenticated(why)))
        }
    }
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
