//! The adapter for the Scaleway Partner API v1.
//!
//! It turns the port's calls into the API's seven operations and its answers into our words. It never
//! retries, keeps no state, and decides nothing about what a caller may do.

mod config;
mod convert;
mod error;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod wire;

use std::sync::Arc;

use async_trait::async_trait;
use http::{HeaderName, Method};
use partner_core::{
    AdminSeat, Capabilities, ChildOrg, ChildOrgPatch, Effect, Error, Kind, Member, NewChildOrg,
    NewMember, OrgQuery, Page, PageToken, PartnerProvider, ProviderName, ProviderOrgId, Reply,
    Result,
};
use provider_http::{AccountKeys, AccountSignals, Call, ClientConfig, ClientError, HttpClient};
use secrecy::ExposeSecret;
use uuid::Uuid;

pub use config::{ScalewayConfig, capabilities};

const ROOT: [&str; 3] = ["partner", "v1", "organizations"];

/// One partner account at Scaleway.
#[derive(Debug)]
pub struct ScalewayProvider {
    http: HttpClient,
    capabilities: Capabilities,
    partner_id: Uuid,
}

impl ScalewayProvider {
    /// The adapter for the account.
    ///
    /// # Errors
    /// The URL, the times or the key cannot be used, or TLS cannot be set up.
    pub fn new(config: ScalewayConfig) -> std::result::Result<Self, ClientError> {
        let http = HttpClient::new(ClientConfig {
            provider: config.name,
            base_url: config.base_url,
            auth_header: HeaderName::from_static("x-auth-token"),
            secret: config.secret_key,
            next_secret: config.next_secret_key,
            timeout: config.timeout,
            connect_timeout: config.connect_timeout,
            ca_pem: config.ca_pem,
        })?;
        Ok(Self { http, capabilities: capabilities(), partner_id: config.partner_id })
    }

    /// What the account's last answers told of its health.
    #[must_use]
    pub fn signals(&self) -> Arc<AccountSignals> {
        self.http.signals()
    }

    /// The account's keys, to be replaced while it runs.
    #[must_use]
    pub fn keys(&self) -> Arc<AccountKeys> {
        self.http.keys()
    }

    /// One call on one organization that answers the organization as it then is.
    async fn call_org(
        &self,
        id: &ProviderOrgId,
        operation: &'static str,
        method: Method,
        action: Option<&str>,
        body: Option<&impl serde::Serialize>,
    ) -> Result<Reply<ChildOrg>> {
        let path = path_to(id, action)?;
        let mut call = Call::new(operation, method, &path);
        if let Some(body) = body {
            call = call.json(body);
        }
        self.http.call(call, |answer| convert::org(answer, Some(id)), error::read).await
    }
}

#[async_trait]
impl PartnerProvider for ScalewayProvider {
    fn name(&self) -> &ProviderName {
        self.http.provider()
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn create_child_org(&self, new: &NewChildOrg) -> Result<Reply<ChildOrg>> {
        let faults = self.capabilities.create_faults(new);
        if !faults.is_empty() {
            return Err(refused_before_sending().with_field_faults(faults));
        }
        let body = wire::CreateOrganization::new(self.partner_id, new);
        let call = Call::new("create_child_org", Method::POST, &ROOT).json(&body);
        self.http.call(call, |answer| convert::org(answer, None), error::read).await
    }

    async fn get_child_org(&self, id: &ProviderOrgId) -> Result<Reply<ChildOrg>> {
        self.call_org(id, "get_child_org", Method::GET, None, None::<&()>).await
    }

    async fn find_child_orgs(
        &self,
        query: &OrgQuery,
        page: Option<&PageToken>,
    ) -> Result<Reply<Page<ChildOrg>>> {
        if query.name.is_some() {
            return Err(Error::unsupported("find an organization by its name"));
        }
        let place = convert::Place::read(page)?;
        let mut call = Call::new("find_child_orgs", Method::GET, &ROOT);
        for (name, value) in convert::query(query, &place) {
            call = call.query(name, value);
        }
        let size = convert::page_size(query);
        self.http.call(call, |answer| convert::page(answer, &place, size), error::read).await
    }

    async fn update_child_org(
        &self,
        id: &ProviderOrgId,
        patch: &ChildOrgPatch,
    ) -> Result<Reply<ChildOrg>> {
        if let Some(field) = self.capabilities.unsupported_changes(patch).first() {
            return Err(Error::unsupported(&format!("change {field}")));
        }
        let faults = self.capabilities.update_faults(patch);
        if !faults.is_empty() {
            return Err(refused_before_sending().with_field_faults(faults));
        }
        let body = wire::UpdateOrganization::new(patch);
        self.call_org(id, "update_child_org", Method::PATCH, None, Some(&body)).await
    }

    async fn lock_child_org(&self, id: &ProviderOrgId) -> Result<Reply<ChildOrg>> {
        let body = wire::Empty {};
        self.call_org(id, "lock_child_org", Method::POST, Some("lock"), Some(&body)).await
    }

    async fn unlock_child_org(&self, id: &ProviderOrgId) -> Result<Reply<ChildOrg>> {
        let body = wire::Empty {};
        self.call_org(id, "unlock_child_org", Method::POST, Some("unlock"), Some(&body)).await
    }

    async fn invite_members(
        &self,
        _id: &ProviderOrgId,
        _members: &[NewMember],
    ) -> Result<Reply<Vec<Member>>> {
        Err(Error::unsupported("invite members"))
    }

    async fn request_admin_role(&self, id: &ProviderOrgId, seat: &AdminSeat) -> Result<Reply<()>> {
        let password = seat.password.expose_secret();
        let faults = self.capabilities.seat_faults(Some(&seat.username), Some(password));
        if !faults.is_empty() {
            return Err(refused_before_sending().with_field_faults(faults));
        }
        let path = path_to(id, Some("request-admin-role"))?;
        let body = wire::RequestAdminRole {
            username: &seat.username,
            email: seat.email.as_str(),
            password,
        };
        let call = Call::new("request_admin_role", Method::POST, &path).json(&body);
        // A success is 204 and empty; nothing in it is read.
        self.http.call(call, |_| Ok(()), |answer| error::read_seat(answer, seat)).await
    }
}

/// The path to an organization, or to an action on it. An id in another form than the canonical one is not sent.
fn path_to<'a>(id: &'a ProviderOrgId, action: Option<&'a str>) -> Result<Vec<&'a str>> {
    if !config::ID_FORMAT.is_canonical(id) {
        return Err(Error::new(
            Kind::NotFound,
            Effect::NotSent,
            "an organization id at this provider must be a UUID in lower case with hyphens",
        ));
    }
    Ok(ROOT.into_iter().chain([id.as_str()]).chain(action).collect())
}

fn refused_before_sending() -> Error {
    Error::new(
        Kind::InvalidInput,
        Effect::NotSent,
        "the request breaks the documented rules of the provider",
    )
}
