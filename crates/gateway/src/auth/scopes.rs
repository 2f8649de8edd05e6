//! Which scopes a token grants: the claim that names them, and the issuer's own names for them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::caller::ScopeSet;
use super::error::{AuthError, Claim};
use crate::config::{AuthConfig, Scope};

/// The claim that names the scopes, and the meaning of the names.
#[derive(Debug, Clone)]
pub(super) struct ScopeRules {
    claim: Arc<str>,
    map: BTreeMap<String, ScopeSet>,
}

impl ScopeRules {
    /// The rules of `auth.scope_claim` and `auth.scope_map`.
    pub(super) fn new(config: &AuthConfig) -> Self {
        let map = config.scope_map.iter();
        let map = map.map(|(name, scopes)| (name.clone(), scopes.iter().copied().collect()));
        Self { claim: config.scope_claim.as_str().into(), map: map.collect() }
    }

    /// Returns the scopes that the claims grant. Without the claim, these are none.
    ///
    /// # Errors
    /// [`AuthError::InvalidClaim`] when the claim is neither a string nor a list of strings.
    pub(super) fn granted(&self, claims: &Map<String, Value>) -> Result<ScopeSet, AuthError> {
        let invalid = || AuthError::InvalidClaim(Claim::Scope(Arc::clone(&self.claim)));
        match find(claims, &self.claim) {
            None | Some(Value::Null) => Ok(ScopeSet::default()),
            Some(Value::String(names)) => Ok(self.meaning(names.split(' '))),
            Some(Value::Array(names)) => {
                let names: Option<Vec<&str>> = names.iter().map(Value::as_str).collect();
                names.map(|names| self.meaning(names)).ok_or_else(invalid)
            }
            Some(Value::Bool(_) | Value::Number(_) | Value::Object(_)) => Err(invalid()),
        }
    }

    /// Returns the scopes that these names grant together. A name in the map has the map's meaning
    /// alone; other names that are no scopes grant nothing, since a token may be for other services too.
    pub(super) fn meaning<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> ScopeSet {
        let scopes = names.into_iter().map(|name| match self.map.get(name) {
            Some(scopes) => *scopes,
            None => name.parse::<Scope>().into_iter().collect(),
        });
        scopes.flat_map(ScopeSet::iter).collect()
    }
}

/// Finds a claim by its name or path. The literal name wins; else the part before a dot names an object
/// that holds the rest, and the longest such part wins.
fn find<'a>(object: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    if let Some(value) = object.get(path) {
        return Some(value);
    }
    path.rmatch_indices('.').find_map(|(dot, _)| {
        let inner = object.get(&path[..dot])?.as_object()?;
        find(inner, &path[dot + 1..])
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rules(claim: &str, map: &[(&str, &[Scope])]) -> ScopeRules {
        let map = map.iter().map(|(name, scopes)| {
            ((*name).to_owned(), scopes.iter().copied().collect::<ScopeSet>())
        });
        ScopeRules { claim: claim.into(), map: map.collect() }
    }

    /// The granted scopes as text, or the text of the refusal.
    fn granted(rules: &ScopeRules, claims: &Value) -> String {
        match rules.granted(claims.as_object().unwrap()) {
            Ok(scopes) => scopes.to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_string_or_a_list_names_the_scopes() {
        let rules = rules("scope", &[]);
        for (value, expected) in [
            (json!("organizations:read events:read"), "organizations:read events:read"),
            (json!(["organizations:read", "events:read"]), "organizations:read events:read"),
            (json!("openid  events:read profile"), "events:read"),
            (json!(["openid", "events:read", ""]), "events:read"),
            (json!("admin"), "admin"),
            (json!([]), ""),
            (json!(""), ""),
            (json!(" "), ""),
            (Value::Null, ""),
            // Close to a scope is not a scope.
            (json!("Admin admin, organizations admin\tadmin"), ""),
            (json!(["organizations:read events:read"]), ""),
        ] {
            assert_eq!(granted(&rules, &json!({ "scope": value })), expected, "{value}");
        }
        assert_eq!(granted(&rules, &json!({ "scp": "admin" })), "", "another claim");
    }

    #[test]
    fn any_other_type_is_refused() {
        let rules = rules("scp", &[]);
        for value in
            [json!(7), json!(true), json!({ "admin": true }), json!(["admin", 7]), json!([null])]
        {
            let refusal = granted(&rules, &json!({ "scp": value }));
            assert_eq!(refusal, "invalid claim: scp", "{value}");
        }
    }

    #[test]
    fn a_set_claim_replaces_scope() {
        let claims = json!({ "scope": "admin", "scp": ["events:read"], "permissions": [] });
        assert_eq!(granted(&rules("scp", &[]), &claims), "events:read");
        assert_eq!(granted(&rules("permissions", &[]), &claims), "");
        assert_eq!(granted(&rules("roles", &[]), &claims), "");
    }

    #[test]
    fn a_path_leads_into_objects_and_a_literal_name_wins() {
        let claims = json!({
            "https://example.test/scopes": ["events:read"],
            "realm_access": { "roles": ["organizations:read"] },
            "resource_access": {
                "partner.gateway": { "roles": ["organizations:lock"] },
                "partner": { "gateway": { "roles": ["admin"] } },
            },
            "a.b": ["organizations:write"],
            "a": { "b": ["admin"] },
            "text": "admin",
        });
        for (claim, expected) in [
            ("https://example.test/scopes", "events:read"),
            ("realm_access.roles", "organizations:read"),
            ("resource_access.partner.gateway.roles", "organizations:lock"),
            ("a.b", "organizations:write"),
            ("text.roles", ""),
            ("realm_access.groups", ""),
            ("realm_access.", ""),
            (".roles", ""),
        ] {
            assert_eq!(granted(&rules(claim, &[]), &claims), expected, "{claim}");
        }
        let refusal = granted(&rules("realm_access", &[]), &claims);
        assert_eq!(refusal, "invalid claim: realm_access", "an object names no scopes");
    }

    #[test]
    fn the_map_gives_foreign_names_their_meaning_and_nothing_more() {
        let rules = rules(
            "roles",
            &[
                ("Gateway.Read", &[Scope::OrganizationsRead]),
                ("ops", &[Scope::OperationsResolve, Scope::EventsRead]),
                ("admin", &[]),
                ("organizations:write", &[Scope::OrganizationsLock]),
            ],
        );
        for (roles, expected) in [
            (json!(["Gateway.Read"]), "organizations:read"),
            (json!(["gateway.read"]), ""),
            (json!("ops Gateway.Read"), "organizations:read operations:resolve events:read"),
            (json!(["ops", "events:read"]), "operations:resolve events:read"),
            (json!(["admin"]), ""),
            (json!(["organizations:write"]), "organizations:lock"),
        ] {
            assert_eq!(granted(&rules, &json!({ "roles": roles })), expected, "{roles}");
        }
    }
}
