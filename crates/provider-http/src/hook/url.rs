//! Which URLs a receiver may have.

use std::net::IpAddr;

use url::{Host, Url};

use crate::addresses::is_public;

/// Why a URL cannot be a receiver's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HookUrlFault {
    /// It has a character that a reader of URLs removes or rewrites.
    #[error("must not contain white space, control characters or backslashes")]
    Character,
    /// It is not an absolute URL.
    #[error("must be an absolute URL")]
    Malformed,
    /// Nothing listens at port 0.
    #[error("must not name port 0")]
    Port,
    /// It is not https.
    #[error("must be https")]
    Scheme,
    /// It carries a user, a password or a fragment.
    #[error("must not carry a user, a password or a fragment")]
    Extras,
    /// It has no host.
    #[error("must have a host")]
    Host,
    /// Its host is not on the public internet.
    #[error("must lead to the public internet")]
    Private,
}

/// Reads a receiver's URL and checks it as far as that is possible without looking its name up.
///
/// # Errors
/// The first fault. A character that the parser would remove or rewrite is one, so that the text that is stored means
/// what the parser makes of it.
pub fn read_hook_url(text: &str, allow_private: bool) -> Result<Url, HookUrlFault> {
    if text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
        return Err(HookUrlFault::Character);
    }
    let url: Url = text.parse().map_err(|_error| HookUrlFault::Malformed)?;
    check_hook_url(&url, allow_private)?;
    Ok(url)
}

/// Checks a URL as far as that is possible without looking its name up.
pub(super) fn check_hook_url(url: &Url, allow_private: bool) -> Result<(), HookUrlFault> {
    let host = url.host().ok_or(HookUrlFault::Host)?;
    let (is_local, is_private) = match &host {
        Host::Domain(name) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            let is_local = name == "localhost" || name.ends_with(".localhost");
            (is_local, is_local || !name.contains('.') || name.ends_with(".internal"))
        }
        Host::Ipv4(address) => (address.is_loopback(), !is_public(IpAddr::V4(*address))),
        Host::Ipv6(address) => (address.is_loopback(), !is_public(IpAddr::V6(*address))),
    };
    let scheme_fits =
        url.scheme() == "https" || (url.scheme() == "http" && allow_private && is_local);
    if !scheme_fits {
        return Err(HookUrlFault::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(HookUrlFault::Extras);
    }
    if url.port() == Some(0) {
        return Err(HookUrlFault::Port);
    }
    if is_private && !allow_private { Err(HookUrlFault::Private) } else { Ok(()) }
}
