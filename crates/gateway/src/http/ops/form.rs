//! A form that a browser sent. One that another site had it send is refused before it is read.

use axum::{
    body::to_bytes,
    extract::{FromRequest, Request},
    http::{HeaderMap, HeaderName, header},
};

use crate::http::{extract::BODY_LIMIT, layers::refused_body, problem::Problem};

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORM: &str = "application/x-www-form-urlencoded";

/// The name of the field that carries a form's token.
pub(super) const TOKEN_FIELD: &str = "form_token";

/// The fields of a form. Not shown by `Debug`: one may be a caller's token.
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// A field without the blanks around it; empty where it is absent.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(given, _)| given == name).map_or("", |(_, value)| value.trim())
    }

    /// A field as one line: the line breaks and tabs of a text area become spaces.
    pub(super) fn line(&self, name: &str) -> String {
        self.text(name).replace(['\n', '\r', '\t'], " ")
    }

    fn read(body: &[u8]) -> Self {
        // Browsers end lines as mail does.
        let field = |(name, value): (String, String)| (name, value.replace("\r\n", "\n"));
        Self(url::form_urlencoded::parse(body).into_owned().map(field).collect())
    }
}

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        let headers = request.headers();
        if !is_ours(headers) {
            return Err(Problem::forbidden("this form was sent from another site"));
        }
        let media_type = text(headers, &header::CONTENT_TYPE).unwrap_or_default();
        let media_type = media_type.split(';').next().unwrap_or_default().trim();
        if !media_type.eq_ignore_ascii_case(FORM) {
            return Err(Problem::unsupported_media_type(format!("the form must be {FORM}")));
        }
        let body = to_bytes(request.into_body(), BODY_LIMIT).await;
        body.map(|body| Self::read(&body)).map_err(|error| refused_body(&error))
    }
}

/// Whether a browser says that a page of ours sent this. What says nothing is no browser of today, and
/// has no cookie of somebody else's to misuse.
pub(super) fn is_ours(headers: &HeaderMap) -> bool {
    let from_here = |site: &str| matches!(site, "same-origin" | "none");
    if headers.contains_key(FETCH_SITE) && !text(headers, &FETCH_SITE).is_some_and(from_here) {
        return false;
    }
    !headers.contains_key(header::ORIGIN) || has_our_origin(headers)
}

/// Whether the `Origin` is the host that the browser asked, by itself or through a proxy.
fn has_our_origin(headers: &HeaderMap) -> bool {
    let origin = text(headers, &header::ORIGIN).and_then(|origin| origin.split_once("://"));
    let Some((scheme, authority)) = origin else { return false };
    let port = match scheme {
        "https" => ":443",
        "http" => ":80",
        _other => return false,
    };
    let plain = |host: &str| {
        let host = host.trim().to_ascii_lowercase();
        host.strip_suffix(port).map(str::to_owned).unwrap_or(host)
    };
    let asked = [header::HOST, FORWARDED_HOST];
    let asked = asked.iter().filter_map(|name| text(headers, name));
    let mut asked = asked.filter_map(|hosts| hosts.split(',').next());
    asked.any(|host| plain(host) == plain(authority))
}

/// The host that the browser asked: what a proxy says, or the request itself.
pub(super) fn asked_host(headers: &HeaderMap) -> Option<&str> {
    let hosts = text(headers, &FORWARDED_HOST).or_else(|| text(headers, &header::HOST))?;
    let host = hosts.split(',').next()?.trim();
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b".-:[]".contains(&b);
    (!host.is_empty() && host.bytes().all(is_plain)).then_some(host)
}

/// Whether the listener or a proxy says that the browser used https. No other site can influence this.
pub(super) fn is_forwarded_https(headers: &HeaderMap) -> bool {
    let forwarded = text(headers, &HeaderName::from_static("x-forwarded-proto"));
    let forwarded = forwarded.and_then(|all| all.split(',').next()).map(str::trim);
    forwarded.is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"))
}

/// Whether the browser used https: the listener or a proxy says so, or the `Origin` of a form of this site.
pub(super) fn came_by_https(headers: &HeaderMap) -> bool {
    is_forwarded_https(headers)
        || text(headers, &header::ORIGIN).is_some_and(|origin| origin.starts_with("https://"))
}

/// A header that is given once, as text.
fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut given = headers.get_all(name).iter();
    let (first, more) = (given.next()?, given.next());
    if more.is_some() { None } else { first.to_str().ok() }
}

/// A form as a browser sends it, for tests.
#[cfg(test)]
pub(super) fn of(body: &str) -> Form {
    Form::read(body.as_bytes())
}
