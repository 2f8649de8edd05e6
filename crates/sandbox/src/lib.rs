//! Both providers, simulated: Scaleway's Partner API and Archera's Channel Partner API as stateful
//! servers over real HTTP, with faults on demand. For development, for the adapters' conformance
//! runs and for the end-to-end tests. It knows the providers' specs and habits, and nothing of the
//! adapters, the port or the gateway; it must never stand in front of real customers.
//!
//! A [`Sandbox`] listens on one address for each provider. Its keys and ids are made at the first
//! start; given a [`state path`](SandboxConfig::state_path) they and all organizations outlive a
//! restart, and an answered write outlives a killed process.
//!
//! # Control over HTTP
//!
//! What [`Control`] does can also be had under `/_sandbox/` on either listener, without a key, from
//! loopback alone. Bodies are JSON with `Content-Type: application/json`; where no answer is named
//! it is 204. Errors are `{"message"}`.
//!
//! | request | body | does |
//! |---|---|---|
//! | `GET /_sandbox/state` | | all organizations, tallies by operation, late work, faults |
//! | `GET /_sandbox/requests` | | `{"requests": […]}`: the log |
//! | `DELETE /_sandbox/requests` | | empties the log and the tallies |
//! | `GET /_sandbox/faults` | | `{"faults": […], "profiles": […]}`: all rules with their counts |
//! | `POST /_sandbox/faults` | a [`FaultRule`] | puts it into force: `{"id"}` |
//! | `POST /_sandbox/faults/profiles/{name}` | | puts a [`FaultProfile`] into force |
//! | `DELETE /_sandbox/faults` | | ends all rules |
//! | `POST /_sandbox/settings` | `{"rate_limit"?, "archera_list_orgs"?}` | changes them; limit 0 is none |
//! | `POST /_sandbox/late/release` | | does the work put off: `{"released"}` |
//! | `POST /_sandbox/lag/release` | | ends every lag |
//! | `POST /_sandbox/organizations` | `{"provider": "scaleway"\|"archera", "count"}` | adds organizations: `{"ids"}` |
//! | `POST /_sandbox/organizations/{id}/validate-email` | | the owner validates the e-mail |
//! | `POST /_sandbox/organizations/{id}/lock` | `{"reason"}` | Scaleway locks it |
//! | `POST /_sandbox/organizations/{id}/unlock` | | Scaleway takes its lock away |
//! | `POST /_sandbox/organizations/{id}/close` | | the customer closes it |
//! | `PATCH /_sandbox/organizations/{id}` | a [`ConsoleEdit`] | somebody edits it in the console |
//! | `DELETE /_sandbox/organizations/{id}` | | it is gone, at either provider |
//!
//! A rule in JSON, for the next two creates, whose answers are lost after the work is done:
//!
//! ```json
//! {"operation": "CreateOrganization", "times": 2,
//!  "fault": {"kind": "answer", "work": "done", "answer": "reset"}}
//! ```
//!
//! # What is assumed
//!
//! Where nothing is known of the real providers, the simulators take the stricter way: fields that
//! a body should not have are refused by both; e-mails are compared without regard to case; an id
//! in Scaleway's path that is no UUID is 400, an operation on a closed organization 412; an update may
//! empty a comment with `""`, though a create may not bring an empty one; Scaleway's lists have 20 a page unless asked otherwise; an Archera user without a role is a `user`, and
//! inviting again changes the role; Archera names may be met twice.

mod archera;
mod clock;
mod config;
mod control;
mod control_http;
mod exchange;
mod fault;
mod fault_book;
mod forge;
mod identity;
mod journal;
mod operation;
mod profile;
mod rate_limit;
mod registry;
mod request_log;
mod scaleway;
mod serving;
mod shared;
mod state;
mod wire;

pub use archera::{ArcheraOrg, Membership};
pub use clock::Clock;
pub use config::{Latency, SandboxConfig};
pub use control::{ConsoleEdit, Control, ControlError};
pub use fault::{Answer, Fault, FaultRule, Lag, Work};
pub use fault_book::{FaultId, FaultReport};
pub use operation::{Operation, Provider, UnknownOperation};
pub use profile::{FaultProfile, UnknownProfile};
pub use request_log::{RequestRecord, Tally};
pub use scaleway::{AdminSeat, ProviderLock, ScalewayOrganization};

use identity::Identity;
use shared::Shared;
use std::{fmt, io, net::SocketAddr, sync::Arc};
use uuid::Uuid;

/// Both simulators, running. They stop when this is dropped.
pub struct Sandbox {
    shared: Arc<Shared>,
    identity: Identity,
    scaleway: SocketAddr,
    archera: SocketAddr,
}

impl Sandbox {
    /// Starts both simulators. They answer when this returns. Must be called in a tokio runtime.
    ///
    /// # Errors
    ///
    /// When an address cannot be listened on, or the state's file cannot be read or written or
    /// belongs to another running sandbox.
    pub async fn start(config: SandboxConfig) -> io::Result<Self> {
        let scaleway = serving::bind(config.scaleway_listen).await?;
        let archera = serving::bind(config.archera_listen).await?;
        let shared = Arc::new(Shared::new(&config)?);
        let sandbox = Self {
            identity: shared.state().identity.clone(),
            scaleway: scaleway.local_addr()?,
            archera: archera.local_addr()?,
            shared: Arc::clone(&shared),
        };
        for (provider, listener) in [(Provider::Scaleway, scaleway), (Provider::Archera, archera)] {
            let listening = serving::listen(Arc::clone(&shared), provider, listener);
            shared.tasks.spawn(listening);
        }
        Ok(sandbox)
    }

    /// The base URL of the Scaleway simulator, without a slash at its end.
    #[must_use]
    pub fn scaleway_url(&self) -> String {
        format!("http://{}", self.scaleway)
    }

    /// The base URL of the Archera simulator, without a slash at its end.
    #[must_use]
    pub fn archera_url(&self) -> String {
        format!("http://{}", self.archera)
    }

    /// The key for `X-Auth-Token`, a UUID.
    #[must_use]
    pub fn scaleway_secret_key(&self) -> &str {
        &self.identity.scaleway_secret_key
    }

    /// The partner's own organization id at Scaleway.
    #[must_use]
    pub fn scaleway_partner_id(&self) -> Uuid {
        self.identity.scaleway_partner_id
    }

    /// The key for `x-api-key`.
    #[must_use]
    pub fn archera_api_key(&self) -> &str {
        &self.identity.archera_api_key
    }

    /// The partner's own org id at Archera.
    #[must_use]
    pub fn archera_partner_org_id(&self) -> Uuid {
        self.identity.archera_partner_org_id
    }

    /// The handle that moves the simulated world.
    #[must_use]
    pub fn control(&self) -> Control {
        Control { shared: Arc::clone(&self.shared) }
    }

    /// Stops both simulators and cuts their connections; the addresses and the state's file are
    /// free when this returns.
    pub async fn shutdown(self) {
        self.shared.close();
        self.shared.tasks.wait().await;
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox")
            .field("scaleway", &self.scaleway)
            .field("archera", &self.archera)
            .finish_non_exhaustive()
    }
}
