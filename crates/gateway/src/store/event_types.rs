//! The types of events: the one declaration of their names.

use serde::{Deserialize, Serialize};

use super::{StoreError, model::spelled};

spelled!(
    /// The type of an event.
    EventType {
        /// The provider created the organization.
        OrganizationCreated = "organization.created",
        /// The provider refused to create the organization.
        OrganizationCreateRejected = "organization.create_rejected",
        /// An organization that existed at the provider was mapped.
        OrganizationAdopted = "organization.adopted",
        /// A caller changed the organization.
        OrganizationUpdated = "organization.updated",
        /// A caller locked the organization.
        OrganizationLocked = "organization.locked",
        /// A caller unlocked the organization.
        OrganizationUnlocked = "organization.unlocked",
        /// A read showed a change that was made at the provider.
        OrganizationObserved = "organization.observed",
        /// The organization became usable.
        OrganizationUsable = "organization.usable",
        /// The organization became unusable.
        OrganizationUnusable = "organization.unusable",
        /// The outcome of an operation became unknown.
        OperationUnknown = "operation.unknown",
        /// An operation needs an operator.
        OperationQuarantined = "operation.quarantined",
        /// The provider refused an operation other than a create.
        OperationRejected = "operation.rejected",
        /// An operator resolved an operation.
        OperationResolved = "operation.resolved",
        /// People were invited into the organization.
        MembersInvited = "members.invited",
        /// A seat for the partner was requested in the organization.
        AdminRoleRequested = "admin_role.requested",
        /// A sweep found a discrepancy.
        DiscrepancyOpened = "discrepancy.opened",
        /// The provider's values were accepted.
        DiscrepancyAccepted = "discrepancy.accepted",
        /// A discrepancy was dismissed.
        DiscrepancyDismissed = "discrepancy.dismissed",
        /// A webhook was created.
        WebhookCreated = "webhook.created",
        /// A webhook was changed, paused or activated.
        WebhookUpdated = "webhook.updated",
        /// A webhook was deleted.
        WebhookDeleted = "webhook.deleted",
        /// A webhook got a new secret.
        WebhookSecretRotated = "webhook.secret_rotated",
        /// A test of a webhook was requested.
        WebhookTested = "webhook.tested",
        /// A webhook was set back to send events again.
        WebhookReplayed = "webhook.replayed",
        /// The gateway disabled a webhook.
        WebhookDisabled = "webhook.disabled",
    }
);

/// A text that is not the name of an event type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an event type; the nearest is `{}`", nearest.as_str())]
pub struct UnknownEventType {
    nearest: EventType,
}

impl EventType {
    /// Reads the name of an event type.
    ///
    /// # Errors
    /// Names the event type with the most similar name.
    pub fn of_name(name: &str) -> Result<Self, UnknownEventType> {
        if let Some(found) = Self::ALL.iter().find(|known| known.as_str() == name) {
            return Ok(*found);
        }
        let name: String = name.chars().take(LONGEST_COMPARED).collect();
        let similarity = |known: &Self| strsim::jaro_winkler(known.as_str(), &name);
        let most_similar = Self::ALL.iter().copied().fold(Self::ALL[0], |best, known| {
            if similarity(&known) > similarity(&best) { known } else { best }
        });
        Err(UnknownEventType { nearest: most_similar })
    }
}

/// How many characters of an unknown name are compared with the known ones.
const LONGEST_COMPARED: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_gets_the_nearest_one() {
        for (written, nearest) in [
            ("organization.lockd", EventType::OrganizationLocked),
            ("organisation.created", EventType::OrganizationCreated),
            ("Organization.Updated", EventType::OrganizationUpdated),
            ("member.invited", EventType::MembersInvited),
            ("webhook.test", EventType::WebhookTested),
        ] {
            assert_eq!(EventType::of_name(written), Err(UnknownEventType { nearest }), "{written}");
        }
        assert!(EventType::of_name("").is_err());
        assert!(EventType::of_name(&"x".repeat(100_000)).is_err());
        for known in EventType::ALL {
            assert_eq!(EventType::of_name(known.as_str()), Ok(*known));
        }
    }
}
