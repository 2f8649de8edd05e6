//! The keys and ids of the simulated partner accounts: made at the first start, then kept.

use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

/// Who the partner is at both providers. Its `Debug` shows no key.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// A UUID, since official clients take nothing else.
    pub(crate) scaleway_secret_key: String,
    pub(crate) scaleway_partner_id: Uuid,
    pub(crate) archera_api_key: String,
    pub(crate) archera_partner_org_id: Uuid,
}

impl Identity {
    pub(crate) fn generate() -> Self {
        Self {
            scaleway_secret_key: Uuid::new_v4().to_string(),
            scaleway_partner_id: Uuid::new_v4(),
            archera_api_key: format!(
                "sandbox-{}{}",
                Uuid::new_v4().simple(),
                Uuid::new_v4().simple()
            ),
            archera_partner_org_id: Uuid::new_v4(),
        }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("scaleway_partner_id", &self.scaleway_partner_id)
            .field("archera_partner_org_id", &self.archera_partner_org_id)
            .finish_non_exhaustive()
    }
}
