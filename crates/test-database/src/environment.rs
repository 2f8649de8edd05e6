//! What the caller of the tests may set. The only place of the crate that reads the environment.

/// The image that is used when none is named.
const IMAGE: &str = "postgres:17-alpine";

/// A server to use and look no further.
pub(crate) fn database_url() -> Option<String> {
    variable("TEST_DATABASE_URL")
}

/// The image that containers are made of, with its tag.
pub(crate) fn image() -> String {
    variable("TEST_POSTGRES_IMAGE").unwrap_or_else(|| IMAGE.to_owned())
}

/// Whether a failing test keeps its database.
pub(crate) fn keep_databases() -> bool {
    variable("KEEP_TEST_DATABASES").is_some()
}

#[expect(clippy::disallowed_methods, reason = "tests have no configuration but the environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
