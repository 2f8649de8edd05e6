//! What all pages have: the frame around them, and the headers that keep browsers from doing more with
//! them than they should.

use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use maud::{DOCTYPE, Markup, html};
use secrecy::ExposeSecret;

use super::{
    assets::{ICON, script_address, styles_address},
    form::TOKEN_FIELD,
    session::Session,
    words,
};
use crate::http::layers::Finished;

/// One style sheet of ours, the icon that is part of the page, forms to ourselves, and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// The same, with our own script, which asks nobody but us.
const LIVE_POLICY: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; \
    style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; \
    frame-ancestors 'none'";

const HEADERS: [(HeaderName, HeaderValue); 5] = [
    (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    // Not `no-referrer`: with it browsers hide the origin of our own forms from us, too.
    (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];

/// Which part of the console a page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Here {
    Overview,
    Operations,
    Organizations,
    Providers,
    Discrepancies,
    /// None: a sign-in or a refusal.
    Nowhere,
}

/// A page but for what it says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Page<'a> {
    pub(super) title: &'a str,
    pub(super) here: Here,
    /// Who reads it, where that is known.
    pub(super) session: Option<&'a Session>,
    /// When it was made.
    pub(super) now: DateTime<Utc>,
}

const PARTS: [(Here, &str, &str); 5] = [
    (Here::Overview, "/ops", "Overview"),
    (Here::Operations, "/ops/operations", "Operations"),
    (Here::Organizations, "/ops/organizations", "Organizations"),
    (Here::Discrepancies, "/ops/discrepancies", "Discrepancies"),
    (Here::Providers, "/ops/providers", "Providers"),
];

impl Page<'_> {
    /// The whole answer. A page of somebody who is signed in keeps itself up to date where scripts run; a
    /// refusal is shown as it was, and stays.
    pub(super) fn answer(&self, status: StatusCode, main: Markup) -> Response {
        let is_live = self.session.is_some() && status == StatusCode::OK;
        let policy = HeaderValue::from_static(if is_live { LIVE_POLICY } else { POLICY });
        let policy = [(header::CONTENT_SECURITY_POLICY, policy)];
        let document = self.document(&main, is_live).into_string();
        let mut response = (status, HEADERS, policy, document).into_response();
        response.extensions_mut().insert(Finished);
        response
    }

    fn document(&self, main: &Markup, is_live: bool) -> Markup {
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta name="robots" content="noindex";
                    title { (words::plain(self.title)) " · Partner gateway" }
                    link rel="icon" href=(ICON);
                    link rel="stylesheet" href=(styles_address());
                    @if is_live { script src=(script_address()) defer {} }
                }
                body {
                    a.skip href="#main" { "Skip to the content" }
                    (self.header())
                    @if is_live { p #live-notice role="status" hidden {} }
                    main #main tabindex="-1" { (main) }
                    @if self.session.is_some() {
                        footer {
                            span #as-of { "As of " (words::clock(self.now)) "." } " "
                            span #live-state { "Load the page again for newer." }
                        }
                    }
                }
            }
        }
    }

    fn header(&self) -> Markup {
        html! {
            header {
                a.brand href="/ops" { "Partner gateway" }
                @if let Some(session) = self.session {
                    nav aria-label="Console" {
                        @for (part, address, name) in PARTS {
                            a href=(address) aria-current=[(part == self.here).then_some("page")] {
                                (name)
                            }
                        }
                    }
                    (who(session))
                }
            }
        }
    }
}

fn who(session: &Session) -> Markup {
    let caller = &session.caller;
    html! {
        form.who method="post" action="/ops/sign-out" {
            (form_token(session))
            span {
                (words::identifier(&caller.actor)) " · "
                @if caller.is_admin() { "all tenants" }
                @else { (words::identifier(caller.tenant.as_str())) }
            }
            button.quiet type="submit" { "Sign out" }
        }
    }
}

/// The hidden field without which a form is refused.
pub(super) fn form_token(session: &Session) -> Markup {
    html! { input type="hidden" name=(TOKEN_FIELD) value=(session.form_token.expose_secret()); }
}
