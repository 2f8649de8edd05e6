//! Which provider an organization goes to: ordered rules, the first that matches, explained.
//!
//! This room is pure: it sees what is asked and the rules, and answers. Nothing falls over from one
//! provider to another here, or anywhere.

use std::collections::BTreeMap;

use crate::config::RouteConfig;

/// What a route is chosen by.
#[derive(Debug, Clone, Copy)]
pub struct RouteRequest<'a> {
    /// The tenant that asks.
    pub tenant: &'a str,
    /// The customer.
    pub customer_id: Option<&'a str>,
    /// The account that the request itself names.
    pub provider: Option<&'a str>,
    /// The country of the address.
    pub country: Option<&'a str>,
    /// The labels.
    pub labels: &'a BTreeMap<String, String>,
}

/// A route, with its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The account.
    pub provider: String,
    /// The rule that chose it; `requested` where the request did.
    pub rule: String,
    /// Why, in words.
    pub reason: String,
}

/// Why there is no route.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoRoute {
    /// No rule matches and the request names no provider.
    #[error("no routing rule matches, and the request names no provider")]
    NoMatch,
    /// The first rule that matches does not let the request choose.
    #[error(
        "the rule `{rule}` sends this to `{provider}` and does not let a request choose otherwise"
    )]
    NotOverridable {
        /// The rule.
        rule: String,
        /// Where it sends this.
        provider: String,
    },
}

/// The name under which a provider that the request itself named is explained.
const REQUESTED: &str = "requested";

/// The routing rules, in order.
#[derive(Debug, Clone)]
pub struct Router {
    rules: Vec<RouteConfig>,
}

impl Router {
    /// A router over these rules, the first that matches wins.
    #[must_use]
    pub fn new(rules: Vec<RouteConfig>) -> Self {
        Self { rules }
    }

    /// Chooses a provider.
    ///
    /// # Errors
    /// When no rule matches and the request names none, or names one that the rule forbids.
    pub fn resolve(&self, request: &RouteRequest<'_>) -> Result<Route, NoRoute> {
        let matched = self.rules.iter().find(|rule| matches(rule, request));
        match (request.provider, matched) {
            (Some(wanted), Some(rule)) if !rule.overridable && rule.provider != wanted => {
                Err(NoRoute::NotOverridable {
                    rule: rule.name.clone(),
                    provider: rule.provider.clone(),
                })
            }
            (Some(wanted), _) => Ok(Route {
                provider: wanted.to_owned(),
                rule: REQUESTED.to_owned(),
                reason: "the request names the provider".to_owned(),
            }),
            (None, Some(rule)) => Ok(Route {
                provider: rule.provider.clone(),
                rule: rule.name.clone(),
                reason: explain(rule),
            }),
            (None, None) => Err(NoRoute::NoMatch),
        }
    }
}

fn matches(rule: &RouteConfig, request: &RouteRequest<'_>) -> bool {
    let when = &rule.when;
    let prefix_matches = when.customer_id_prefix.as_deref().is_none_or(|prefix| {
        request.customer_id.is_some_and(|customer_id| customer_id.starts_with(prefix))
    });
    prefix_matches
        && when.tenant.as_deref().is_none_or(|tenant| tenant == request.tenant)
        && when.country.as_deref().is_none_or(|country| request.country == Some(country))
        && when.labels.iter().all(|(key, value)| request.labels.get(key) == Some(value))
}

fn explain(rule: &RouteConfig) -> String {
    let when = &rule.when;
    let mut reasons = Vec::new();
    if let Some(prefix) = &when.customer_id_prefix {
        reasons.push(format!("customer_id begins with `{prefix}`"));
    }
    if let Some(tenant) = &when.tenant {
        reasons.push(format!("tenant is `{tenant}`"));
    }
    if let Some(country) = &when.country {
        reasons.push(format!("country is `{country}`"));
    }
    for (key, value) in &when.labels {
        reasons.push(format!("label `{key}` is `{value}`"));
    }
    if reasons.is_empty() {
        return "the rule has no conditions".to_owned();
    }
    reasons.join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::RouteWhen;

    fn rule(name: &str, provider: &str, when: RouteWhen) -> RouteConfig {
        RouteConfig {
            name: name.to_owned(),
            when,
            provider: provider.to_owned(),
            overridable: true,
        }
    }

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    fn router() -> Router {
        let commitments =
            RouteWhen { labels: labels(&[("product", "commitments")]), ..RouteWhen::default() };
        let french_vip = RouteWhen {
            customer_id_prefix: Some("vip-".to_owned()),
            country: Some("FR".to_owned()),
            tenant: Some("crm".to_owned()),
            ..RouteWhen::default()
        };
        Router::new(vec![
            rule("commitments", "archera", commitments),
            RouteConfig { overridable: false, ..rule("vip", "scaleway-vip", french_vip) },
        ])
    }

    fn ask<'a>(labels: &'a BTreeMap<String, String>) -> RouteRequest<'a> {
        RouteRequest {
            tenant: "crm",
            customer_id: Some("vip-1"),
            provider: None,
            country: Some("FR"),
            labels,
        }
    }

    #[test]
    fn the_first_rule_that_matches_wins_and_says_why() {
        let labelled = labels(&[("product", "commitments"), ("x", "y")]);
        let route = router().resolve(&ask(&labelled)).unwrap();
        assert_eq!((route.provider.as_str(), route.rule.as_str()), ("archera", "commitments"));
        assert_eq!(route.reason, "label `product` is `commitments`");
    }

    #[test]
    fn all_conditions_of_a_rule_must_hold() {
        let none = labels(&[]);
        assert_eq!(router().resolve(&ask(&none)).unwrap().rule, "vip");
        for other in [
            RouteRequest { tenant: "shop", ..ask(&none) },
            RouteRequest { country: Some("DE"), ..ask(&none) },
            RouteRequest { country: None, ..ask(&none) },
            RouteRequest { customer_id: Some("c-1"), ..ask(&none) },
            RouteRequest { customer_id: None, ..ask(&none) },
        ] {
            assert_eq!(router().resolve(&other), Err(NoRoute::NoMatch), "{other:?}");
        }
    }

    #[test]
    fn a_request_may_choose_unless_the_rule_forbids_it() {
        let labelled = labels(&[("product", "commitments")]);
        let chosen = RouteRequest { provider: Some("scaleway"), ..ask(&labelled) };
        let route = router().resolve(&chosen).unwrap();
        assert_eq!((route.provider.as_str(), route.rule.as_str()), ("scaleway", "requested"));

        let none = labels(&[]);
        let forbidden = RouteRequest { provider: Some("archera"), ..ask(&none) };
        assert!(matches!(router().resolve(&forbidden), Err(NoRoute::NotOverridable { .. })));
        let same = RouteRequest { provider: Some("scaleway-vip"), ..ask(&none) };
        assert!(router().resolve(&same).is_ok());
    }
}
