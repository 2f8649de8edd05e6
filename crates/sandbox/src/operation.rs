//! The operations that the two providers answer, by the names their specs give them. Names only:
//! what an operation does stands with its provider.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// One of the simulated providers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    Scaleway,
    Archera,
}

/// An operation of either provider.
///
/// In JSON and in text it goes by its name, such as `CreateOrganization`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Operation {
    CreateOrganization,
    ListOrganizations,
    GetOrganization,
    UpdateOrganization,
    LockOrganization,
    UnlockOrganization,
    RequestAdminRole,
    RegisterOrg,
    InviteUsers,
    ListOrgs,
}

impl Operation {
    /// All operations, Scaleway's seven first.
    pub const ALL: [Self; 10] = [
        Self::CreateOrganization,
        Self::ListOrganizations,
        Self::GetOrganization,
        Self::UpdateOrganization,
        Self::LockOrganization,
        Self::UnlockOrganization,
        Self::RequestAdminRole,
        Self::RegisterOrg,
        Self::InviteUsers,
        Self::ListOrgs,
    ];

    /// The name, such as `CreateOrganization`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CreateOrganization => "CreateOrganization",
            Self::ListOrganizations => "ListOrganizations",
            Self::GetOrganization => "GetOrganization",
            Self::UpdateOrganization => "UpdateOrganization",
            Self::LockOrganization => "LockOrganization",
            Self::UnlockOrganization => "UnlockOrganization",
            Self::RequestAdminRole => "RequestAdminRole",
            Self::RegisterOrg => "RegisterOrg",
            Self::InviteUsers => "InviteUsers",
            Self::ListOrgs => "ListOrgs",
        }
    }

    /// Whose operation it is.
    #[must_use]
    pub fn provider(self) -> Provider {
        match self {
            Self::CreateOrganization
            | Self::ListOrganizations
            | Self::GetOrganization
            | Self::UpdateOrganization
            | Self::LockOrganization
            | Self::UnlockOrganization
            | Self::RequestAdminRole => Provider::Scaleway,
            Self::RegisterOrg | Self::InviteUsers | Self::ListOrgs => Provider::Archera,
        }
    }

    /// Whether it changes anything. Reads do not.
    #[must_use]
    pub fn is_write(self) -> bool {
        !matches!(self, Self::ListOrganizations | Self::GetOrganization | Self::ListOrgs)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that no operation has; the message lists those there are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no operation `{given}`; there are: {}", Operation::ALL.map(Operation::name).join(", "))]
pub struct UnknownOperation {
    given: String,
}

impl FromStr for Operation {
    type Err = UnknownOperation;

    fn from_str(given: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|operation| operation.name() == given)
            .ok_or_else(|| UnknownOperation { given: given.to_owned() })
    }
}
