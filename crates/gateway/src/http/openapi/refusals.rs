//! What every operation may answer besides its own: the refusals that the layers and extractors give,
//! the headers that answers carry, and the headers that requests may carry.

use axum::http::StatusCode;
use utoipa::openapi::{
    Components, ContentBuilder, OpenApi, Ref, RefOr, Required, Response,
    header::{Header, HeaderBuilder},
    path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem},
    schema::{ObjectBuilder, Type},
    security::SecurityRequirement,
};

use crate::http::problem::{PROBLEM_JSON, Problem};

/// Headers of answers: name, what it says, whether it is a number.
const HEADERS: [(&str, &str, Type); 7] = [
    ("X-Request-Id", "The id of the request: the caller's, or one that was made.", Type::String),
    (
        "RateLimit-Policy",
        "`q` requests may come at once, and `q` in each `w` seconds.",
        Type::String,
    ),
    (
        "RateLimit",
        "`r` requests are left now; after `t` seconds all are there again.",
        Type::String,
    ),
    ("Retry-After", "After how many seconds to try again.", Type::Integer),
    (
        "WWW-Authenticate",
        "Why the token was refused (RFC 6750): `Bearer`, with `error`, `error_description` where a token was \
         sent, and with the needed `scope` of a 403.",
        Type::String,
    ),
    (
        "Preference-Applied",
        "The preferences of `Prefer` that were honored (RFC 7240).",
        Type::String,
    ),
    ("Accept-Encoding", "The codings of a body that are accepted: `identity` alone.", Type::String),
];

/// Headers that requests may carry: name, what it does, and the form of its value.
const PARAMETERS: [(&str, &str, &str); 4] = [
    (
        "X-Request-Id",
        "An id for this request, kept with all that it does, if it is 1 to 128 of `A-Za-z0-9._-`; any other \
         is replaced by one that is made.",
        "",
    ),
    (
        "Idempotency-Key",
        "Makes the request safe to repeat: the same key with the same request gives the present \
         outcome of the first one again, with `Idempotent-Replayed: true`.",
        "^[ -~]{1,255}$",
    ),
    (
        "Prefer",
        "`wait=N`: wait for the outcome for N seconds, 10 if there is no preference and 60 at most. \
         `respond-async`: do not wait. With both, in either order, the wait applies. `Preference-Applied` names \
         what was honored.",
        "",
    ),
    ("If-Match", "Write only if the organization still has this ETag; else 412.", ""),
];

/// Adds to every operation what holds for all.
pub(super) fn complete(document: &mut OpenApi) {
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations(item) {
            let call = Call::of(path, method, operation);
            call.add_parameters(operation);
            call.add_responses(operation);
        }
    }
    let components = document.components.get_or_insert_with(Components::new);
    for (name, description, of_type) in HEADERS {
        components.headers.insert(name.to_owned(), header(description, of_type).into());
    }
    for (name, description, pattern) in PARAMETERS {
        let parameter = parameter(name, description, pattern);
        components.parameters.insert(name.to_owned(), parameter.into());
    }
    for status in Status::all() {
        components.responses.insert(status.name(), status.response().into());
    }
}

pub(super) fn operations(
    item: &mut PathItem,
) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let all = [
        ("get", &mut item.get),
        ("put", &mut item.put),
        ("post", &mut item.post),
        ("delete", &mut item.delete),
        ("patch", &mut item.patch),
    ];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// What the rules look at.
#[expect(clippy::struct_excessive_bools, reason = "each is an answer to a question of its own")]
struct Call {
    needs_token: bool,
    writes: bool,
    takes_a_key: bool,
    is_of_webhooks: bool,
    has_body: bool,
    names_a_row: bool,
    is_of_an_organization: bool,
    may_ask_a_provider: bool,
}

impl Call {
    fn of(path: &str, method: &str, operation: &Operation) -> Self {
        let open = SecurityRequirement::default();
        let parameters = operation.parameters.iter().flatten();
        let refreshes = parameters.filter_map(inline).any(|parameter| parameter.name == "refresh");
        let writes = method != "get";
        Self {
            needs_token: !operation.security.iter().flatten().any(|needed| *needed == open),
            writes,
            takes_a_key: matches!(method, "post" | "patch"),
            is_of_webhooks: path.starts_with("/v1/webhooks"),
            has_body: operation.request_body.is_some(),
            names_a_row: path.contains('{'),
            is_of_an_organization: path.starts_with("/v1/organizations/{id}"),
            may_ask_a_provider: writes || refreshes,
        }
    }

    /// The statuses that such a call may be refused with.
    fn refusals(&self) -> Vec<StatusCode> {
        use StatusCode as S;
        let rules: [(bool, &[StatusCode]); 7] = [
            (
                true,
                &[S::URI_TOO_LONG, S::REQUEST_HEADER_FIELDS_TOO_LARGE, S::INTERNAL_SERVER_ERROR],
            ),
            (
                self.needs_token,
                &[
                    S::BAD_REQUEST,
                    S::UNAUTHORIZED,
                    S::FORBIDDEN,
                    S::UNPROCESSABLE_ENTITY,
                    S::TOO_MANY_REQUESTS,
                    S::SERVICE_UNAVAILABLE,
                ],
            ),
            (self.names_a_row, &[S::NOT_FOUND]),
            (self.writes, &[S::CONFLICT]),
            (
                self.writes || self.has_body,
                &[
                    S::REQUEST_TIMEOUT,
                    S::PAYLOAD_TOO_LARGE,
                    S::UNSUPPORTED_MEDIA_TYPE,
                    S::NOT_IMPLEMENTED,
                ],
            ),
            (self.writes && self.is_of_an_organization, &[S::PRECONDITION_FAILED]),
            (self.may_ask_a_provider, &[S::BAD_GATEWAY]),
        ];
        rules.into_iter().filter(|(holds, _)| *holds).flat_map(|(_, all)| all).copied().collect()
    }

    fn honors_preferences(&self) -> bool {
        self.takes_a_key && !self.is_of_webhooks
    }

    fn add_parameters(&self, operation: &mut Operation) {
        let rules = [
            (self.needs_token, "X-Request-Id"),
            (self.takes_a_key, "Idempotency-Key"),
            (self.honors_preferences(), "Prefer"),
            (self.writes && self.is_of_an_organization, "If-Match"),
        ];
        for (holds, name) in rules {
            let given = operation.parameters.get_or_insert_default();
            let is_given = given
                .iter()
                .filter_map(inline)
                .any(|parameter| parameter.name.eq_ignore_ascii_case(name));
            if holds && !is_given {
                given.push(RefOr::Ref(Ref::new(format!("#/components/parameters/{name}"))));
            }
        }
    }

    fn add_responses(&self, operation: &mut Operation) {
        let responses = &mut operation.responses.responses;
        for (code, response) in responses.iter_mut() {
            if let RefOr::T(response) = response {
                if code.starts_with(['4', '5']) && response.content.is_empty() {
                    response.content.insert(PROBLEM_JSON.to_owned(), problem().into());
                }
                add_headers(response, code, self.needs_token);
                if code.starts_with('2') && self.honors_preferences() {
                    add_header(response, "Preference-Applied");
                }
            }
        }
        for status in self.refusals() {
            let shared = || RefOr::Ref(Ref::from_response_name(Status(status).name()));
            responses.entry(status.as_str().to_owned()).or_insert_with(shared);
        }
    }
}

fn inline(parameter: &RefOr<Parameter>) -> Option<&Parameter> {
    match parameter {
        RefOr::T(parameter) => Some(parameter),
        RefOr::Ref(_) => None,
    }
}

fn add_headers(response: &mut Response, code: &str, is_limited: bool) {
    let comes_again = matches!(code, "202" | "409" | "429" | "503");
    let rules = [
        (true, "X-Request-Id"),
        (is_limited, "RateLimit-Policy"),
        (is_limited, "RateLimit"),
        (comes_again, "Retry-After"),
        (matches!(code, "401" | "403"), "WWW-Authenticate"),
        (code == "415", "Accept-Encoding"),
    ];
    for (_, name) in rules.into_iter().filter(|(holds, _)| *holds) {
        add_header(response, name);
    }
}

fn add_header(response: &mut Response, name: &str) {
    let shared = RefOr::Ref(Ref::new(format!("#/components/headers/{name}")));
    response.headers.entry(name.to_owned()).or_insert(shared);
}

/// A status that some problem has.
#[derive(Clone, Copy)]
struct Status(StatusCode);

impl Status {
    fn all() -> Vec<Self> {
        let mut all: Vec<StatusCode> =
            Problem::KINDS.iter().map(|(_, status, _)| *status).collect();
        all.sort_unstable();
        all.dedup();
        all.into_iter().map(Self).collect()
    }

    /// `NotFound` for 404.
    fn name(self) -> String {
        let reason = self.0.canonical_reason().unwrap_or_default();
        reason.chars().filter(char::is_ascii_alphanumeric).collect()
    }

    /// Names every problem of this status.
    fn response(self) -> Response {
        let kinds: Vec<String> = Problem::KINDS
            .iter()
            .filter(|(_, status, _)| *status == self.0)
            .map(|(code, _, title)| format!("- `{code}`: {title}"))
            .collect();
        let mut response = Response::new(kinds.join("\n"));
        response.content.insert(PROBLEM_JSON.to_owned(), problem().into());
        // Who is refused before it is known who asks has no limit to be told of.
        let is_limited = !matches!(self.0.as_u16(), 401 | 404 | 405 | 414 | 431 | 500 | 501 | 503);
        add_headers(&mut response, self.0.as_str(), is_limited);
        response
    }
}

fn problem() -> utoipa::openapi::Content {
    ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build()
}

fn header(description: &str, of_type: Type) -> Header {
    let schema = ObjectBuilder::new().schema_type(of_type).build();
    HeaderBuilder::new().schema(Some(schema)).description(Some(description)).build()
}

fn parameter(name: &str, description: &str, pattern: &str) -> Parameter {
    let pattern = (!pattern.is_empty()).then(|| pattern.to_owned());
    let schema = ObjectBuilder::new().schema_type(Type::String).pattern(pattern).build();
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema))
        .build()
}
