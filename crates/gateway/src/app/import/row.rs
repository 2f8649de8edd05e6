//! What becomes of one organization in an import.

use partner_core::ProviderOrgId;
use uuid::Uuid;

/// What became of one organization that a provider lists, or of one line of the map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ImportOutcome {
    /// It is mapped now; in a dry run it would be.
    Adopted,
    /// It was mapped before.
    Already,
    /// Neither the provider nor the map says whose it is.
    NoCustomerId,
    /// Another organization has the customer id, mapped or listed.
    CustomerTaken,
    /// A create of ours that has not ended may have made it.
    OpenCreate,
    /// It, or its line in the map, holds what cannot be taken.
    Invalid,
    /// The map names it, and the provider does not.
    NotListed,
    /// The database refused its row.
    Failed,
}

impl ImportOutcome {
    /// Every outcome, in the order in which they are told.
    pub const ALL: [Self; 8] = [
        Self::Adopted,
        Self::Already,
        Self::NoCustomerId,
        Self::CustomerTaken,
        Self::OpenCreate,
        Self::Invalid,
        Self::NotListed,
        Self::Failed,
    ];

    /// The outcome in one word. What a dry run would adopt is not told as adopted.
    #[must_use]
    pub fn word(self, applied: bool) -> &'static str {
        match self {
            Self::Adopted if applied => "adopted",
            Self::Adopted => "would_adopt",
            Self::Already => "already",
            Self::NoCustomerId => "no_customer_id",
            Self::CustomerTaken => "customer_taken",
            Self::OpenCreate => "open_create",
            Self::Invalid => "invalid",
            Self::NotListed => "not_listed",
            Self::Failed => "failed",
        }
    }

    /// What it means, and what is to be done.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Adopted => "",
            Self::Already => "mapped before, and left as it is",
            Self::NoCustomerId => "say whose it is by --customers",
            Self::CustomerTaken => {
                "another organization has this customer id; decide by --customers"
            }
            Self::OpenCreate => "a create that has not ended may have made it; settle that first",
            Self::Invalid => "holds what cannot be taken; see the report",
            Self::NotListed => "in --customers, but not at the provider",
            Self::Failed => "refused by the database; see the report",
        }
    }
}

/// One row of what an import tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportRow {
    /// What became of it.
    pub outcome: ImportOutcome,
    /// The id at the provider.
    pub provider_org_id: Option<ProviderOrgId>,
    /// The customer it is mapped for, or would be.
    pub customer_id: Option<String>,
    /// The tenant it is mapped for, or would be.
    pub tenant: Option<String>,
    /// Ours: the mapping, or what stands in its way.
    pub organization_id: Option<Uuid>,
    /// The line of the map that tells of it.
    pub line: Option<u64>,
    /// More, in words.
    pub detail: String,
}

impl ImportRow {
    pub(super) fn become_already(&mut self, detail: &str) {
        self.outcome = ImportOutcome::Already;
        detail.clone_into(&mut self.detail);
    }
}
