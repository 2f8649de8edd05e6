//! What the fuzz targets reach of this crate. It adds nothing of its own, and nothing else may use it.

use partner_core::{ChildOrg, ProviderOrgId, Reply, Result};
use provider_http::{
    InvalidSecret,
    fuzzing::{RawAnswer, answered, url},
};
use url::Url;

use crate::{ArcheraProvider, convert, error};

/// What a create comes to that was sent with one of these keys and answered so.
///
/// # Errors
/// The create's, within; the keys', where one cannot stand in a header.
pub fn created(
    keys: [&str; 2],
    raw: RawAnswer,
) -> std::result::Result<Result<Reply<ChildOrg>>, InvalidSecret> {
    answered(keys, raw, convert::registered, error::read)
}

/// Where people are invited to an organization.
///
/// # Errors
/// The id is none of this provider's.
pub fn url_of(provider: &ArcheraProvider, id: &ProviderOrgId) -> Result<Url> {
    url(&provider.http, &provider.invites_of(id)?)
}
