//! The adapter for the Archera Channel Partner API v2.
//!
//! It registers organizations and invites people; where the account's configuration says that its key may,
//! it lists organizations through the vendor's public API. Nothing else exists there, so everything else is
//! refused. It never retries and keeps no state.

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
use provider_http::{AccountKeys, AccountSignals, Call, ClientConfig, HttpClient};

pub use config::{ArcheraConfig, ConfigError, capabilities};

/// One partner account at Archera.
#[derive(Debug)]
pub struct ArcheraProvider {
    http: HttpClient,
    capabilities: Capabilities,
    partner_org_id: String,
}

impl ArcheraProvider {
    /// The adapter for the account.
    ///
    /// # Errors
    /// The partner's id, the URL, the times or the key cannot be used, or TLS cannot be set up.
    pub fn new(config: ArcheraConfig) -> std::result::Result<Self, ConfigError> {
        if !config::is_partner_id(&config.partner_org_id) {
            return Err(ConfigError::PartnerOrgId);
        }
        let http = HttpClient::new(ClientConfig {
            provider: config.name,
            base_url: config.base_url,
            auth_header: HeaderName::from_static("x-api-key"),
            secret: config.api_key,
            next_secret: config.next_api_key,
            timeout: config.timeout,
            connect_timeout: config.connect_timeout,
            ca_pem: config.ca_pem,
        })?;
        Ok(Self {
            http,
            capabilities: capabilities(config.list_orgs),
            partner_org_id: config.partner_org_id,
        })
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

    /// The path that invites people. An id in another form than the canonical one is not sent.
    fn invites_of<'a>(&'a self, id: &'a ProviderOrgId) -> Result<[&'a str; 6]> {
        if !config::ID_FORMAT.is_canonical(id) {
            return Err(Error::new(
                Kind::NotFound,
                Effect::NotSent,
                "an organization id at this provider must be a UUID in lower case with hyphens",
            ));
        }
        Ok(["v2", "partners", &self.partner_org_id, "orgs", id.as_str(), "invites"])
    }
}

#[async_trait]
impl PartnerProvider for ArcheraProvider {
    fn name(&self) -> &ProviderName {
        self.http.provider()
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn create_child_org(&self, new: &NewChildOrg) -> Result<Reply<ChildOrg>> {
        let faults = self.capabilities.create_faults(new);
        if !faults.is_empty() {
            return Err(refused_before_sending("the provider would refuse the content")
                .with_field_faults(faults));
        }
        let path = ["v2", "partners", &self.partner_org_id, "orgs"];
        let body = wire::RegisterOrg::new(new);
        let call = Call::new("create_child_org", Method::POST, &path).json(&body);
        self.http.call(call, convert::registered, error::read).await
    }

    async fn get_child_org(&self, _id: &ProviderOrgId) -> Result<Reply<ChildOrg>> {
        Err(Error::unsupported("read an organization"))
    }

    async fn find_child_orgs(
        &self,
        query: &OrgQuery,
        page: Option<&PageToken>,
    ) -> Result<Reply<Page<ChildOrg>>> {
        if !self.capabilities.list {
            return Err(Error::unsupported("list organizations"));
        }
        if query.email.is_some()
            || query.customer_id.is_some()
            || query.status.is_some()
            || query.locked_by.is_some()
        {
            return Err(Error::unsupported("find an organization by anything but its name"));
        }
        if page.is_some() {
            return Err(refused_before_sending("the page token is not one of this provider's"));
        }
        let call = Call::new("find_child_orgs", Method::GET, &["v1", "orgs"]);
        self.http
            .call(call, |answer| convert::listed(answer, query.name.as_deref()), error::read)
            .await
    }

    async fn update_child_org(
        &self,
        _id: &ProviderOrgId,
        _patch: &ChildOrgPatch,
    ) -> Result<Reply<ChildOrg>> {
        Err(Error::unsupported("change an organization"))
    }

    async fn lock_child_org(&self, _id: &ProviderOrgId) -> Result<Reply<ChildOrg>> {
        Err(Error::unsupported("lock an organization"))
    }

    async fn unlock_child_org(&self, _id: &ProviderOrgId) -> Result<Reply<ChildOrg>> {
        Err(Error::unsupported("unlock an organization"))
    }

    async fn invite_members(
        &self,
        id: &ProviderOrgId,
        members: &[NewMember],
    ) -> Result<Reply<Vec<Member>>> {
        if members.is_empty() {
            return Err(refused_before_sending("there is nobody to invite"));
        }
        let path = self.invites_of(id)?;
        let body = wire::InviteUsers::new(members);
        let call = Call::new("invite_members", Method::POST, &path).json(&body);
        self.http.call(call, convert::invited, error::read).await
    }

    async fn request_admin_role(
        &self,
        _id: &ProviderOrgId,
        _seat: &AdminSeat,
    ) -> Result<Reply<()>> {
        Err(Error::unsupported("give the partner an administrator's seat"))
    }
}

fn refused_before_sending(message: &str) -> Error {
    Error::new(Kind::InvalidInput, Effect::NotSent, message)
}
