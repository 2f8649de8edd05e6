//! The caller: tenant, actor and scopes. This module does not verify tokens.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use partner_core::{TextFault, check_identifier};

use crate::config::Scope;

/// Who is calling, taken from a token that was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The internal platform that owns what the caller creates.
    pub tenant: Tenant,
    /// The token's `sub`: who is recorded as having done something.
    pub actor: String,
    /// What the caller may do.
    pub scopes: ScopeSet,
    /// When the token is taken no more: its `exp`, and the leeway that clocks are given.
    pub expires_at: DateTime<Utc>,
}

impl Caller {
    /// Whether the caller may do what `scope` stands for; an admin may do everything.
    pub fn may(&self, scope: Scope) -> bool {
        self.is_admin() || self.scopes.contains(scope)
    }

    /// Whether the caller may do everything in every tenant.
    pub fn is_admin(&self) -> bool {
        self.scopes.contains(Scope::Admin)
    }

    /// The one tenant whose rows the caller may see; an admin, for whom there is none, sees all.
    pub fn only_tenant(&self) -> Option<&Tenant> {
        (!self.is_admin()).then_some(&self.tenant)
    }

    /// Whether the caller may see the rows of `tenant`.
    pub fn sees(&self, tenant: &Tenant) -> bool {
        self.only_tenant().is_none_or(|own| own == tenant)
    }
}

/// An internal platform, which owns rows: an identifier of 1 to 128 characters without white space.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tenant(String);

/// The reason why a text cannot name a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTenant {
    /// The name is empty, too long, or contains a space.
    #[error("a tenant is 1 to 128 characters without blanks and control characters")]
    Form,
    /// A character breaks the rules of identifiers.
    #[error("a tenant {0}")]
    Text(#[from] TextFault),
}

impl Tenant {
    /// Takes a name as it is.
    ///
    /// # Errors
    /// Names the rule that the name breaks.
    pub fn new(name: impl Into<String>) -> Result<Self, InvalidTenant> {
        let name = name.into();
        if !(1..=128).contains(&name.chars().count()) || name.contains(' ') {
            return Err(InvalidTenant::Form);
        }
        check_identifier(&name)?;
        Ok(Self(name))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Tenant {
    type Err = InvalidTenant;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::new(name)
    }
}

fn bit(scope: Scope) -> u8 {
    1 << (scope as u8)
}

/// A set of scopes. `Display` writes the names, separated by spaces, as in a token.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct ScopeSet(u8);

impl ScopeSet {
    /// Whether the set holds `scope` itself.
    pub fn contains(self, scope: Scope) -> bool {
        self.0 & bit(scope) != 0
    }

    /// The scopes, in a fixed order.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.contains(*scope))
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | bit(scope)))
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.iter().map(Scope::name).collect();
        f.write_str(&names.join(" "))
    }
}

impl fmt::Debug for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Scope::name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(scope: &str) -> Caller {
        Caller {
            tenant: Tenant::new("crm").unwrap(),
            actor: "svc".to_owned(),
            scopes: scope.split(' ').map(|name| name.parse::<Scope>().unwrap()).collect(),
            expires_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn each_scope_allows_itself_alone() {
        for given in Scope::ALL.into_iter().filter(|scope| *scope != Scope::Admin) {
            for asked in Scope::ALL {
                assert_eq!(caller(given.name()).may(asked), given == asked, "{given} {asked}");
            }
        }
    }

    #[test]
    fn an_admin_may_do_everything_in_every_tenant() {
        let admin = caller("admin");
        let other = Tenant::new("shop").unwrap();
        assert!(Scope::ALL.into_iter().all(|scope| admin.may(scope)));
        assert!(admin.sees(&other));
        assert_eq!(admin.only_tenant(), None);
    }

    #[test]
    fn others_see_their_own_tenant_alone() {
        let reader = caller("organizations:read");
        assert!(reader.sees(&Tenant::new("crm").unwrap()));
        assert!(!reader.sees(&Tenant::new("shop").unwrap()));
        assert_eq!(reader.only_tenant().map(Tenant::as_str), Some("crm"));
    }

    #[test]
    fn a_tenant_is_a_visible_word() {
        for name in ["crm", "réseau-1", &"x".repeat(128)] {
            assert!(Tenant::new(name).is_ok(), "{name}");
        }
        for name in ["", " ", "a b", "crm ", &"x".repeat(129)] {
            assert_eq!(Tenant::new(name), Err(InvalidTenant::Form), "{name:?}");
        }
        for name in ["a\n", "a\0", "crm\u{a0}", "crm\u{200b}", "\u{feff}crm", "re\u{301}seau"] {
            assert!(matches!(Tenant::new(name), Err(InvalidTenant::Text(_))), "{name:?}");
        }
        assert_eq!(
            Tenant::new("crm\u{200b}").unwrap_err().to_string(),
            "a tenant must not contain the invisible character U+200B (position 4); remove it"
        );
    }
}
