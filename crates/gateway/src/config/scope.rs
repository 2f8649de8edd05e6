//! The scopes of the API, as tokens and `auth.scope_map` name them.

use std::fmt;
use std::str::FromStr;

/// A permission that a token can grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Read organizations, operations, discrepancies and providers.
    OrganizationsRead,
    /// Create and change organizations.
    OrganizationsWrite,
    /// Lock and unlock organizations.
    OrganizationsLock,
    /// Resolve operations whose outcome is not known.
    OperationsResolve,
    /// Read the audit and change feed.
    EventsRead,
    /// Everything, in every tenant.
    Admin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 6] = [
        Self::OrganizationsRead,
        Self::OrganizationsWrite,
        Self::OrganizationsLock,
        Self::OperationsResolve,
        Self::EventsRead,
        Self::Admin,
    ];

    /// The scope's name in a token.
    pub fn name(self) -> &'static str {
        match self {
            Self::OrganizationsRead => "organizations:read",
            Self::OrganizationsWrite => "organizations:write",
            Self::OrganizationsLock => "organizations:lock",
            Self::OperationsResolve => "operations:resolve",
            Self::EventsRead => "events:read",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that names no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a scope; the scopes are: {names}", names = Scope::ALL.map(Scope::name).join(", "))]
pub struct UnknownScope(pub String);

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|scope| scope.name() == name);
        known.ok_or_else(|| UnknownScope(name.to_owned()))
    }
}
