//! What Archera keeps of a child org, and how it shows it on the wire.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::fmt;
use uuid::Uuid;

/// A child org as Archera keeps it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArcheraOrg {
    pub id: Uuid,
    /// Not unique.
    pub name: String,
    pub created_at: DateTime<Utc>,
    pub labra_subscription_id: Option<String>,
    /// In the order they were invited; an e-mail stands here once.
    pub memberships: Vec<Membership>,
    /// `domain`, `primary_address` and the offer links as they were sent; absent ones are `null`.
    pub profile: Map<String, Value>,
}

/// Somebody who was invited.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// `user`, `admin`, `support`, `cloud_rep` or `restricted_user`.
    pub role: String,
    /// The e-mail.
    pub username: String,
}

impl fmt::Debug for ArcheraOrg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArcheraOrg").field("id", &self.id).finish_non_exhaustive()
    }
}

impl fmt::Debug for Membership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Membership").field("role", &self.role).finish_non_exhaustive()
    }
}

impl ArcheraOrg {
    /// As registering answers it.
    pub(crate) fn to_json(&self) -> Value {
        let mut shown = Map::new();
        shown.insert("id".to_owned(), json!(self.id));
        shown.insert("name".to_owned(), json!(self.name));
        shown.insert("memberships".to_owned(), json!(self.memberships));
        shown.extend(self.profile.clone());
        Value::Object(shown)
    }

    /// As the public list shows it.
    pub(crate) fn to_list_json(&self) -> Value {
        json!({"org_id": self.id, "name": self.name, "role": "admin", "kind": "partnership"})
    }

    /// Takes an invitation; a second one to the same e-mail changes the role.
    pub(crate) fn invite(&mut self, invited: &Membership) {
        let known = self
            .memberships
            .iter_mut()
            .find(|member| member.username.eq_ignore_ascii_case(&invited.username));
        match known {
            Some(member) => member.role.clone_from(&invited.role),
            None => self.memberships.push(invited.clone()),
        }
    }
}
