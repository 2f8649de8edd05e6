//! Tests of what found organizations prove about a create.

use chrono::{DateTime, Utc};
use partner_core::{NewChildOrg, Owner, ProviderName};
use uuid::Uuid;

use super::*;
use crate::store::OperationState;

const ID: &str = "6170692e-7363-616c-6577-61792e636f6d";

fn at(seconds: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(1_000_000 + seconds, 0)
}

fn request() -> CreateRequest {
    let email = EmailAddress::new("owner@acme.test").ok();
    CreateRequest {
        new: NewChildOrg {
            customer_id: "c-1".to_owned(),
            name: "Acme".to_owned(),
            owner: Some(Owner { email, ..Owner::default() }),
            ..NewChildOrg::default()
        },
    }
}

fn operation() -> Operation {
    let begun = at(0).unwrap();
    Operation {
        id: Uuid::from_u128(1),
        tenant: "crm".to_owned(),
        organization_id: Uuid::from_u128(2),
        provider: ProviderName::new("scaleway").unwrap(),
        kind: OperationKind::Create,
        state: OperationState::Unknown,
        epoch: 1,
        lease_until: None,
        attempts: 1,
        sends: 1,
        next_attempt_at: None,
        request: serde_json::Value::Null,
        actor: "crm-service".to_owned(),
        request_id: "r-1".to_owned(),
        traceparent: None,
        error: None,
        first_sent_at: Some(begun),
        unknown_since: None,
        settle_until: None,
        absent_read_at: None,
        created_at: begun,
        updated_at: begun,
        finished_at: None,
    }
}

fn child(created_at: Option<DateTime<Utc>>) -> ChildOrg {
    ChildOrg {
        id: partner_core::ProviderOrgIdFormat::Uuid.parse(ID).unwrap(),
        name: "Acme".to_owned(),
        status: Status::Active,
        lock: None,
        customer_id: Some("c-1".to_owned()),
        owner: request().new.owner,
        siren_number: None,
        domain: None,
        address: None,
        marketplace_offers: None,
        members: Vec::new(),
        comment: None,
        created_at,
        provider_data: serde_json::Value::Null,
    }
}

fn mapping(tenant: &str) -> KnownMapping {
    KnownMapping {
        provider_org_id: ID.to_owned(),
        organization_id: Uuid::from_u128(9),
        tenant: tenant.to_owned(),
        customer_id: "c-1".to_owned(),
    }
}

/// A create of another tenant for the same customer and owner.
fn rival(customer_id: &str) -> OpenCreate {
    OpenCreate {
        operation_id: Uuid::from_u128(3),
        tenant: "shop".to_owned(),
        customer_id: customer_id.to_owned(),
        email: Some("owner@acme.test".to_owned()),
        name: "Acme".to_owned(),
        not_before: at(0).unwrap(),
        may_have_left: true,
    }
}

fn seen(found: ChildOrg, claims: &Claims) -> Sight {
    weigh(CreateRecovery::ReadBack, &operation(), &request(), vec![found], claims)
}

fn with_mapping(tenant: &str) -> Claims {
    Claims { mappings: vec![mapping(tenant)], creates: Vec::new() }
}

fn with_rival(rival: OpenCreate) -> Claims {
    let own =
        OpenCreate { operation_id: operation().id, tenant: "crm".to_owned(), ..rival.clone() };
    Claims { mappings: Vec::new(), creates: vec![own, rival] }
}

#[test]
fn a_full_match_is_applied_and_no_absence_when_another_has_mapped_it() {
    let found = seen(child(at(1)), &Claims::default());
    assert_eq!(found.reading, Reading::Applied);
    assert!(!found.candidates[0].claimed_elsewhere);
    let taken = seen(child(at(1)), &with_mapping("shop"));
    assert_eq!(taken.reading, Reading::Ambiguous);
    assert!(taken.child.is_none() && taken.candidates[0].claimed_elsewhere);
    let own = seen(child(at(1)), &with_mapping("crm"));
    assert!(!own.candidates[0].claimed_elsewhere, "the tenant may see its own mapping");
}

#[test]
fn an_older_organization_that_is_mapped_says_nothing() {
    let found = seen(child(at(-3600)), &with_mapping("shop"));
    assert_eq!((found.reading, found.candidates.len()), (Reading::NotApplied, 0));
}

#[test]
fn a_full_match_of_two_open_creates_proves_nothing() {
    let found = seen(child(at(1)), &with_rival(rival("c-1")));
    assert_eq!(found.reading, Reading::Contested);
    assert!(found.child.is_none() && found.candidates[0].claimed_elsewhere);
}

#[test]
fn a_rival_that_waits_or_wants_another_customer_contests_nothing() {
    let waiting = OpenCreate { may_have_left: false, ..rival("c-1") };
    assert_eq!(seen(child(at(1)), &with_rival(waiting)).reading, Reading::Applied);
    assert_eq!(seen(child(at(1)), &with_rival(rival("c-2"))).reading, Reading::Applied);
}

#[test]
fn a_candidate_by_name_alone_is_claimed_by_every_create_of_that_name() {
    let nameless = ChildOrg { customer_id: None, owner: None, created_at: None, ..child(None) };
    let found = weigh(
        CreateRecovery::Hint,
        &operation(),
        &request(),
        vec![nameless],
        &with_rival(rival("c-2")),
    );
    assert_eq!(found.reading, Reading::Impossible);
    assert!(found.candidates[0].claimed_elsewhere);
}
