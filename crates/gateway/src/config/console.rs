//! `[console]`: how people sign in.

use secrecy::SecretString;
use url::Url;

use super::layers::Environment;
use super::reader::Reader;
use super::tls::CaBundle;

/// The console.
#[derive(Debug, Clone)]
pub struct ConsoleConfig {
    /// Where people can sign in; without it they paste a token.
    pub oidc: Option<OidcConfig>,
}

/// The identity provider at which people sign in (OpenID Connect, authorization code with PKCE).
#[derive(Debug, Clone)]
pub struct OidcConfig {
    /// As it names itself, to the letter: https, or http of this machine.
    pub issuer: String,
    /// Who the console is there.
    pub client_id: String,
    /// What proves it, where the provider asks for that.
    pub client_secret: Option<SecretString>,
    /// What is asked for; `openid` is among it.
    pub scopes: Vec<String>,
    /// Where browsers come back to; without it, below the address that the browser asked.
    pub redirect_uri: Option<Url>,
    /// The certificates that the provider's own must lead to, in place of the machine's.
    pub ca: Option<CaBundle>,
}

/// Where the provider sends browsers back.
const CALLBACK: &str = "/ops/sign-in/callback";

pub(super) fn parse(reader: &mut Reader, env: &Environment) -> Option<ConsoleConfig> {
    reader.section("oidc", |oidc| Some(ConsoleConfig { oidc: parse_oidc(oidc, env)? }))
}

/// Outer `None`: a fault. Inner: it is off.
#[expect(clippy::option_option, reason = "off is no fault")]
fn parse_oidc(reader: &mut Reader, env: &Environment) -> Option<Option<OidcConfig>> {
    let is_off = !reader.is_set("issuer");
    let issuer = reader.secure_url_as_given("issuer");
    let client_id =
        if is_off { reader.string("client_id") } else { reader.needed_string("client_id") };
    let client_secret = reader.secret("client_secret", env);
    let scopes = reader.strings("scopes")?;
    let redirect_uri = reader.secure_url("redirect_uri");
    let with_ca = reader.is_set("ca_file");
    let ca = reader.ca_file("ca_file", issuer.as_ref().map(|(_, url)| url));
    if with_ca && ca.is_none() {
        return None;
    }
    let is_scope = |scope: &String| {
        !scope.is_empty() && scope.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')
    };
    if !scopes.iter().all(is_scope) || !scopes.iter().any(|scope| scope == "openid") {
        reader.fault("scopes", "must be words, with `openid` among them");
        return None;
    }
    if redirect_uri.as_ref().is_some_and(|uri| !uri.path().ends_with(CALLBACK)) {
        reader.fault("redirect_uri", format!("must end in {CALLBACK}"));
        return None;
    }
    if is_off {
        return Some(None);
    }
    let (issuer, _url) = issuer?;
    Some(Some(OidcConfig {
        issuer,
        client_id: client_id?,
        client_secret,
        scopes,
        redirect_uri,
        ca,
    }))
}
