//! From Archera's words to ours. It judges no status code and sends nothing.

use partner_core::{
    Address, ChildOrg, EmailAddress, MarketplaceOffers, Member, Page, Role, Status,
};
use provider_http::{Answer, Unreadable};
use serde::Deserialize;
use serde_json::Value;

use crate::{config::ID_FORMAT, wire};

/// What the public listing calls an organization that a partner registered.
const PARTNERSHIP: &str = "partnership";

/// Reads the answer to a registration.
pub(crate) fn registered(answer: &Answer) -> Result<ChildOrg, Unreadable> {
    let document = answer.require_document()?;
    let org = wire::RegisteredOrg::deserialize(document).map_err(|e| Unreadable::json(&e))?;
    let offers = MarketplaceOffers {
        aws: filled(org.aws_marketplace_offer_link),
        azure: filled(org.azure_marketplace_offer_link),
        gcp: filled(org.gcp_marketplace_offer_link),
    };
    Ok(ChildOrg {
        domain: filled(org.domain),
        address: org.primary_address.map(address),
        marketplace_offers: (offers != MarketplaceOffers::default()).then_some(offers),
        members: members(org.memberships.unwrap_or_default()),
        ..bare_org(org.id, org.name, document)?
    })
}

/// Reads the public listing: it comes whole, on one page. Organizations that are no child of the partner's
/// are left out, and so are those of another name.
pub(crate) fn listed(answer: &Answer, name: Option<&str>) -> Result<Page<ChildOrg>, Unreadable> {
    let documents = answer
        .require_document()?
        .as_array()
        .ok_or_else(|| Unreadable("it is no list".to_owned()))?;
    let mut items = Vec::new();
    for document in documents {
        let org = wire::ListedOrg::deserialize(document).map_err(|e| Unreadable::json(&e))?;
        let is_child = org.kind.as_deref() == Some(PARTNERSHIP);
        if is_child && name.is_none_or(|name| org.name.as_deref() == Some(name)) {
            items.push(bare_org(org.org_id, org.name, document)?);
        }
    }
    Ok(Page { total_count: Some(items.len() as u64), items, next: None, mismatch: None })
}

/// Reads the answer to an invitation.
pub(crate) fn invited(answer: &Answer) -> Result<Vec<Member>, Unreadable> {
    let memberships = Vec::deserialize(answer.require_document()?);
    Ok(members(memberships.map_err(|e| Unreadable::json(&e))?))
}

/// An organization of which an id and a name are told. What is registered there is open for use.
fn bare_org(
    id: Option<String>,
    name: Option<String>,
    document: &Value,
) -> Result<ChildOrg, Unreadable> {
    let id = id.and_then(|id| ID_FORMAT.parse(&id).ok());
    Ok(ChildOrg {
        id: id.ok_or_else(|| Unreadable("it has no valid id".to_owned()))?,
        name: name.unwrap_or_default(),
        status: Status::Active,
        lock: None,
        customer_id: None,
        owner: None,
        siren_number: None,
        domain: None,
        address: None,
        marketplace_offers: None,
        members: Vec::new(),
        comment: None,
        created_at: None,
        provider_data: document.clone(),
    })
}

/// Somebody without a readable address cannot be shown as a member; the document keeps them.
fn members(memberships: Vec<wire::Membership>) -> Vec<Member> {
    memberships
        .into_iter()
        .filter_map(|membership| {
            let role = membership.role.as_deref();
            Some(Member {
                email: EmailAddress::from_existing(membership.username?).ok()?,
                role: Role::ALL.into_iter().find(|known| Some(known.as_str()) == role),
            })
        })
        .collect()
}

fn address(address: wire::AnsweredAddress) -> Address {
    Address {
        line1: address.line1.unwrap_or_default(),
        line2: filled(address.line2),
        city: address.city.unwrap_or_default(),
        state: address.state.unwrap_or_default(),
        postal_code: address.zip.unwrap_or_default(),
        country: address.country.unwrap_or_default(),
    }
}

fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}
