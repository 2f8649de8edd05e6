//! The list of organizations: its filters, its order, its pages.

use super::{
    ScalewayOrganization,
    check::detail,
    errors::{Detail, Reason, invalid_arguments},
};
use crate::{
    state::State,
    wire::{Call, Done, Reply},
};
use http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

const DEFAULT_PAGE_SIZE: usize = 20;
const MAX_PAGE_SIZE: usize = 100;

struct Query {
    page: usize,
    page_size: usize,
    newest_first: bool,
    status: Option<String>,
    email: Option<String>,
    customer_id: Option<String>,
    locked_by: Option<String>,
}

pub(super) fn list(state: &mut State, call: &Call) -> Done {
    let query = match parse(&call.query()) {
        Ok(query) => query,
        Err(details) => return Done::unchanged(invalid_arguments(&details)),
    };
    let (organizations, total) = select(state, &query);
    let body = json!({"organizations": organizations, "total_count": total});
    Done::unchanged(Reply::json(StatusCode::OK, &body))
}

fn select(state: &mut State, query: &Query) -> (Vec<Value>, usize) {
    let mut matching: Vec<Uuid> = match &query.email {
        Some(email) => state
            .scaleway()
            .find(&email.to_lowercase())
            .into_iter()
            .filter(|org| query.matches(org))
            .map(|org| org.id)
            .collect(),
        None if query.has_no_filter() && !state.any_hidden() => {
            return page(state.scaleway().all(), query);
        }
        None => {
            let all = state.scaleway().all().iter();
            all.filter(|org| query.matches(org)).map(|org| org.id).collect()
        }
    };
    if state.any_hidden() {
        matching.retain(|id| state.look_up(*id));
    }
    let found: Vec<_> = matching.iter().filter_map(|id| state.scaleway().get(*id)).collect();
    page(&found, query)
}

/// One page out of those that match, which stand oldest first.
fn page<O: std::borrow::Borrow<ScalewayOrganization>>(
    found: &[O],
    query: &Query,
) -> (Vec<Value>, usize) {
    let skip = (query.page - 1).saturating_mul(query.page_size);
    let show = |org: &O| org.borrow().to_list_json();
    let shown = if query.newest_first {
        let newest_first = found.iter().rev();
        newest_first.skip(skip).take(query.page_size).map(show).collect()
    } else {
        found.iter().skip(skip).take(query.page_size).map(show).collect()
    };
    (shown, found.len())
}

impl Query {
    fn has_no_filter(&self) -> bool {
        self.status.is_none()
            && self.email.is_none()
            && self.customer_id.is_none()
            && self.locked_by.is_none()
    }

    fn matches(&self, org: &ScalewayOrganization) -> bool {
        let is = |wanted: &Option<String>, actual: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == actual)
        };
        is(&self.status, org.status())
            && is(&self.locked_by, org.locked_by())
            && is(&self.customer_id, &org.customer_id)
    }
}

fn parse(pairs: &[(String, String)]) -> Result<Query, Vec<Detail>> {
    let mut details = Vec::new();
    let value = |name: &str| {
        let mut named = pairs.iter().filter(|(key, _)| key == name);
        let last = named.next_back().map(|(_, value)| value.as_str());
        last.filter(|value| !value.is_empty())
    };
    let mut one_of = |name: &str, known: &[&str]| {
        let given = value(name)?;
        if !known.contains(&given) {
            let help = format!("must be one of: {}", known.join(", "));
            details.push(detail(name, Reason::Format, help));
        }
        // The first word of each set is "any".
        (given != known[0]).then(|| given.to_owned())
    };
    let status = one_of("status", &["unknown_status", "opened", "locked", "closed"]);
    let locked_by = one_of("locked_by", &["unknown_locked_by", "partner", "scaleway"]);
    let order = one_of("order_by", &["created_at_asc", "created_at_desc"]);
    let page = number("page", value("page"), 1, i32::MAX as usize, &mut details);
    let size =
        number("page_size", value("page_size"), DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, &mut details);
    if !details.is_empty() {
        return Err(details);
    }
    Ok(Query {
        page,
        page_size: size,
        newest_first: order.is_some(),
        status,
        email: value("email").map(str::to_owned),
        customer_id: value("customer_id").map(str::to_owned),
        locked_by,
    })
}

fn number(
    name: &str,
    given: Option<&str>,
    default: usize,
    most: usize,
    details: &mut Vec<Detail>,
) -> usize {
    let Some(given) = given else { return default };
    match given.parse() {
        Ok(number) if (1..=most).contains(&number) => number,
        Ok(_) => {
            let help = format!("must be between 1 and {most}");
            details.push(detail(name, Reason::Constraint, help));
            default
        }
        Err(_) => {
            details.push(detail(name, Reason::Format, "must be a number".to_owned()));
            default
        }
    }
}
