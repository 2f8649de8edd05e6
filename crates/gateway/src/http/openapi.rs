//! The OpenAPI document, made from the routes themselves. What holds for every operation, its refusals
//! and its headers, is added here by rule, so that no endpoint can forget it.
//!
//! The order of everything in it is fixed: the same code gives the same bytes.

mod refusals;
#[cfg(test)]
mod tests;
mod texts;

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Components, Info, License, OpenApi, Server,
        security::{Http, HttpAuthScheme, SecurityScheme},
        tag::Tag,
    },
};

use super::{api, around, problem::Problem};

/// The name of the security scheme.
const BEARER: &str = "bearer";

const DESCRIPTION: &str = "\
One API through which a cloud reseller's platforms provision and look after customers at several \
providers.

Every refusal is a problem document (RFC 9457); its `code` is stable. A write that reaches a provider \
answers when it is done, or with 202 and an operation to follow when it is not settled in the time that \
`Prefer: wait=N` gives it. Repeat a POST or PATCH safely by sending the same `Idempotency-Key`.";

const BEARER_DESCRIPTION: &str = "\
A JWT of the configured issuer, with `sub`, `exp` and the tenant's claim. Its `scope` holds, between \
spaces, any of `organizations:read`, `organizations:write`, `organizations:lock`, `operations:resolve`, \
`events:read` and `admin`, which allows everything in every tenant.";

/// What each tag is for, in the order of the document.
const TAGS: [(&str, &str); 8] = [
    (
        "Organizations",
        "A customer's organization at a provider: create, read, change, lock, invite.",
    ),
    ("Customers", "All of a customer's organizations at once, across providers."),
    ("Operations", "What was begun at a provider, and how it ended."),
    ("Events", "What happened to every organization, in one order: audit and change feed."),
    ("Discrepancies", "Where the providers and the mapping do not agree, and what to do about it."),
    ("Webhooks", "The tenant's own URLs, told of its events: signed, in order, at least once."),
    ("Providers", "The partner accounts, what each can do, and which one a create would go to."),
    (around::TAG, "Whether the process is alive and ready, and its metrics. No token is needed."),
];

/// The document of this version of the gateway.
#[must_use]
pub fn document() -> OpenApi {
    let mut document = api::routes().into_openapi();
    document.merge(around::probes().merge(around::metrics()).into_openapi());
    describe(&mut document);
    refusals::complete(&mut document);
    texts::bound(&mut document);
    document
}

/// The document as it is served and kept: indented, with a newline at its end.
///
/// # Errors
/// Never, as long as the document's types can be written as JSON.
pub fn json() -> Result<String, serde_json::Error> {
    document().to_pretty_json().map(|text| text + "\n")
}

fn describe(document: &mut OpenApi) {
    let mut info = Info::new("Partner gateway", env!("CARGO_PKG_VERSION"));
    info.description = Some(DESCRIPTION.to_owned());
    let mut license = License::new("Apache License 2.0");
    license.identifier = Some(env!("CARGO_PKG_LICENSE").to_owned());
    info.license = Some(license);
    document.info = info;
    document.servers = Some(vec![Server::new("/")]);
    document.tags = Some(
        TAGS.iter()
            .map(|(name, description)| {
                let mut tag = Tag::new(name);
                tag.description = Some((*description).to_owned());
                tag
            })
            .collect(),
    );
    let components = document.components.get_or_insert_with(Components::new);
    let mut bearer = Http::new(HttpAuthScheme::Bearer);
    bearer.bearer_format = Some("JWT".to_owned());
    bearer.description = Some(BEARER_DESCRIPTION.to_owned());
    components.add_security_scheme(BEARER, SecurityScheme::Http(bearer));
    let mut schemas = vec![(Problem::name().into_owned(), Problem::schema())];
    Problem::schemas(&mut schemas);
    components.schemas.extend(schemas);
}
