//! `token`: makes a token with the configured shared secret. Standard output is the token alone.

use std::io::Write;
use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::Args;
use partner_core::check_identifier;
use secrecy::{ExposeSecret, SecretString};

use super::{CliError, ConfigArgs};
use crate::auth::{MintError, MintRequest, Scope, ScopeSet, Tenant, UnknownScope, mint};
use crate::config::{AuthConfig, Sources, parse_duration};

#[derive(Debug, Args)]
pub(super) struct TokenArgs {
    #[command(flatten)]
    pub(super) config: ConfigArgs,
    /// Who acts: the token's `sub`
    #[arg(long, value_name = "NAME")]
    sub: String,
    /// The internal platform on whose behalf
    #[arg(long, value_name = "NAME")]
    tenant: Tenant,
    /// What the token allows, such as "organizations:read organizations:write"; may be given again
    #[arg(long, value_name = "SCOPES", required = true, value_parser = scopes)]
    scope: Vec<ScopeSet>,
    /// How long the token is good
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = lifetime)]
    ttl: Duration,
}

fn scopes(text: &str) -> Result<ScopeSet, UnknownScope> {
    text.split_whitespace().map(str::parse::<Scope>).collect()
}

fn lifetime(text: &str) -> Result<Duration, String> {
    let duration = parse_duration(text)?;
    if duration < Duration::from_secs(1) {
        return Err("must be at least a second".to_owned());
    }
    Ok(duration)
}

pub(super) fn run(args: &TokenArgs) -> Result<(), CliError> {
    let token = token(args, &args.config.sources(), Utc::now())?;
    writeln!(std::io::stdout(), "{}", token.expose_secret())
        .map_err(|error| CliError::Failed(format!("the token could not be written: {error}")))
}

/// Only `[auth]` is read, so that the other sections' secrets need not be at hand.
fn token(
    args: &TokenArgs,
    sources: &Sources,
    now: DateTime<Utc>,
) -> Result<SecretString, CliError> {
    if args.sub.is_empty() {
        return Err(CliError::Usage("--sub must not be empty".to_owned()));
    }
    check_identifier(&args.sub).map_err(|fault| CliError::Usage(format!("--sub {fault}")))?;
    let auth = AuthConfig::from_sources(sources)?;
    let request = MintRequest {
        subject: args.sub.clone(),
        tenant: args.tenant.clone(),
        scopes: args.scope.iter().flat_map(|scopes| scopes.iter()).collect(),
        ttl: args.ttl,
    };
    mint(&auth, &request, now).map_err(|error| match error {
        MintError::NoLocalKey | MintError::ReservedSubject | MintError::ScopeMap => {
            CliError::Usage(error.to_string())
        }
        MintError::Signing(_) => CliError::Failed(error.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio_util::task::TaskTracker;

    use super::*;
    use crate::auth::{KeySource, Verifier};

    fn args(scopes: &[&str]) -> TokenArgs {
        TokenArgs {
            config: ConfigArgs::default(),
            sub: "ops".to_owned(),
            tenant: Tenant::new("crm").unwrap(),
            scope: scopes.iter().map(|text| super::scopes(text).unwrap()).collect(),
            ttl: Duration::from_secs(60),
        }
    }

    fn sources(key: &str) -> Sources {
        let base = format!("[auth]\nissuer = \"https://id.example.test\"\n{key}");
        let secret = ("TOKEN_SECRET", "0123456789abcdef0123456789abcdef");
        Sources { base, environment: [secret].into_iter().collect(), ..Sources::default() }
    }

    #[tokio::test]
    async fn the_token_is_one_that_the_service_believes() {
        let sources = sources("hmac_secret = { env = \"TOKEN_SECRET\" }");
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let args = args(&["organizations:read  events:read", "organizations:lock"]);
        let token = token(&args, &sources, now).unwrap();
        let auth = AuthConfig::from_sources(&sources).unwrap();
        let no_source = |_url: &url::Url| -> Arc<dyn KeySource> { unreachable!() };
        let verifier = Verifier::new(&auth, no_source, &TaskTracker::new()).unwrap();
        let caller = verifier.verify_at(token.expose_secret(), now).await.unwrap();
        assert_eq!(caller.actor, "ops");
        assert_eq!(caller.tenant.as_str(), "crm");
        assert_eq!(caller.scopes.to_string(), "organizations:read organizations:lock events:read");
    }

    #[test]
    fn without_a_shared_secret_it_says_which_key_is_missing() {
        let sources = sources("jwks_url = \"https://id.example.test/keys\"");
        let error = token(&args(&["admin"]), &sources, Utc::now()).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        let line = error.to_string();
        assert!(line.starts_with("auth.hmac_secret: is not configured"), "{line}");
        assert_eq!(line.lines().count(), 1);
    }

    #[test]
    fn a_bad_configuration_is_2_with_a_line_for_each_fault() {
        let sources = sources("hmac_secret = { env = \"UNSET\" }\naudience = 1");
        let error = token(&args(&["admin"]), &sources, Utc::now()).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert_eq!(error.to_string().lines().count(), 2, "{error}");
    }

    #[test]
    fn a_subject_that_looks_like_another_is_refused_with_the_code_point() {
        let sources = sources("hmac_secret = { env = \"TOKEN_SECRET\" }");
        for (sub, says) in [
            ("", "--sub must not be empty"),
            ("ops\u{200b}", "--sub must not contain the invisible character U+200B (position 4)"),
            ("ops ", "--sub must not begin or end with white space, U+0020 (position 4)"),
        ] {
            let args = TokenArgs { sub: sub.to_owned(), ..args(&["admin"]) };
            let error = token(&args, &sources, Utc::now()).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().starts_with(says), "{error}");
        }
    }

    #[test]
    fn scopes_and_lifetimes_are_judged() {
        assert!(scopes("organizations:delete").is_err());
        assert!(lifetime("0s").is_err());
        assert!(lifetime("500ms").is_err());
        assert_eq!(lifetime("2h"), Ok(Duration::from_secs(7200)));
    }
}
