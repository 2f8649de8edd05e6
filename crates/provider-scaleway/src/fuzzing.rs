//! What the fuzz targets reach of this crate. It adds nothing of its own, and nothing else may use it.

use partner_core::{AdminSeat, ChildOrg, ProviderOrgId, Reply, Result};
use provider_http::{
    HttpClient, InvalidSecret,
    fuzzing::{RawAnswer, answered, url},
};
use url::Url;

use crate::{convert, error, path_to};

/// What a create comes to that was sent with one of these keys and answered so.
///
/// # Errors
/// The create's, within; the keys', where one cannot stand in a header.
pub fn created(
    keys: [&str; 2],
    raw: RawAnswer,
) -> std::result::Result<Result<Reply<ChildOrg>>, InvalidSecret> {
    answered(keys, raw, |answer| convert::org(answer, None), error::read)
}

/// What the request for a seat comes to that was sent with one of these keys and answered so.
///
/// # Errors
/// As [`created`].
pub fn seated(
    keys: [&str; 2],
    raw: RawAnswer,
    seat: &AdminSeat,
) -> std::result::Result<Result<Reply<()>>, InvalidSecret> {
    answered(keys, raw, |_| Ok(()), |answer| error::read_seat(answer, seat))
}

/// Where an organization, or what can be done to it, is reached.
///
/// # Errors
/// The id is none of this provider's.
pub fn url_of(client: &HttpClient, id: &ProviderOrgId, action: Option<&str>) -> Result<Url> {
    url(client, &path_to(id, action)?)
}
