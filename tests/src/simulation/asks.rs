//! What callers ask for, as the gateway's floor above the engine turns it into intents.

use std::{sync::Arc, time::Duration};

use partner_core::{
    AdminSeat, Change, ChildOrgPatch, EmailAddress, NewChildOrg, NewMember, Owner, ProviderName,
};
use partner_gateway::{
    operations::{
        CreateRequest, InviteRequest, LocalEdit, LockRequest, SeatRequest, UpdateRequest,
    },
    store::{
        BeginCreate, BeginOptions, BeginUpdate, Certainty, EventContext, IdempotencyRecord,
        KeyClaim, NewOperation, OperationKind, OrgStatus, Organization, Plan, StoreResult,
        TenantScope,
    },
};
use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use super::{port::trace_of, replica::Replica, world::World};

/// One request of a caller, the same however often it is sent.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) tenant: String,
    pub(super) key: Option<String>,
    pub(super) what: What,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub(super) enum What {
    /// A customer at an account.
    Create { account: ProviderName, new: Box<NewChildOrg> },
    /// Something for an organization.
    On { organization: Uuid, action: Action },
}

/// What can be asked of an organization.
#[derive(Debug, Clone)]
pub(super) enum Action {
    Lock,
    Unlock,
    Update(Box<ChildOrgPatch>),
    /// A change that is the gateway's alone.
    Note {
        customer_id: Option<String>,
        comment: String,
    },
    Invite(EmailAddress),
    Seat(Box<AdminSeat>),
}

/// What a caller is told.
#[derive(Debug, Clone)]
pub(super) enum Told {
    /// This operation was begun.
    Begun(Uuid),
    /// The same key was seen before.
    Replayed(IdempotencyRecord),
    /// The customer has an organization.
    HasOne,
    /// Refused, or done without an operation.
    Nothing,
}

impl Ask {
    /// Sends the request to a replica, and begins what it is for there.
    pub(super) async fn begin(self, world: Arc<World>, replica: Arc<Replica>) -> StoreResult<Told> {
        let claim = self.key.as_ref().map(|key| KeyClaim {
            tenant: self.tenant.clone(),
            key: key.clone(),
            fingerprint: key.as_bytes().to_vec(),
        });
        match &self.what {
            What::Create { account, new } => {
                self.create(&world, &replica, account, new, claim.as_ref()).await
            }
            What::On { organization, action } => {
                self.act(&world, &replica, *organization, action, claim.as_ref()).await
            }
        }
    }

    async fn create(
        &self,
        world: &World,
        replica: &Replica,
        account: &ProviderName,
        new: &NewChildOrg,
        claim: Option<&KeyClaim>,
    ) -> StoreResult<Told> {
        let Some(found) = replica.engine.registry().get(account.as_str()) else {
            return Ok(Told::Nothing);
        };
        let org = new_row(world, &self.tenant, account, new);
        let request = json!(CreateRequest { new: new.clone() });
        let operation = intent(world, OperationKind::Create, request);
        let budget = replica.engine.budget(found);
        let options = BeginOptions { lease: replica.engine.lease(), budget: &budget, key: claim };
        let taken_at = Instant::now();
        match replica.journal.begin_create(&org, &operation, options).await? {
            BeginCreate::Begun(begun) => {
                let told = Told::Begun(begun.id);
                replica.engine.start(*begun, taken_at, None);
                Ok(told)
            }
            BeginCreate::AlreadyMapped(_) => Ok(Told::HasOne),
            BeginCreate::Replay(record) => Ok(Told::Replayed(record)),
        }
    }

    async fn act(
        &self,
        world: &World,
        replica: &Replica,
        organization: Uuid,
        action: &Action,
        claim: Option<&KeyClaim>,
    ) -> StoreResult<Told> {
        let scope = TenantScope::One(self.tenant.clone());
        let account = {
            let tables = world.tables();
            let org = tables.organization(organization);
            org.and_then(|org| replica.engine.registry().get(org.provider.as_str()))
        };
        let Some(account) = account else { return Ok(Told::Nothing) };
        let budget = replica.engine.budget(account);
        let options = BeginOptions { lease: replica.engine.lease(), budget: &budget, key: claim };
        let seat = match action {
            Action::Seat(seat) => Some((**seat).clone()),
            Action::Lock
            | Action::Unlock
            | Action::Update(_)
            | Action::Note { .. }
            | Action::Invite(_) => None,
        };
        let plan = |org: &mut Organization| {
            if org.status == OrgStatus::Failed { Err(()) } else { Ok(plan_of(world, action, org)) }
        };
        let taken_at = Instant::now();
        match replica.journal.begin_operation(&scope, organization, plan, options).await? {
            BeginUpdate::Begun(begun, _) => {
                let told = Told::Begun(begun.id);
                replica.engine.start(*begun, taken_at, seat);
                Ok(told)
            }
            BeginUpdate::Replay(record) => Ok(Told::Replayed(record)),
            BeginUpdate::Done(_) | BeginUpdate::NotFound | BeginUpdate::Refused(_) => {
                Ok(Told::Nothing)
            }
        }
    }
}

fn intent(world: &World, kind: OperationKind, request: Value) -> NewOperation {
    let id = world.id();
    NewOperation {
        id,
        kind,
        request,
        actor: "caller".to_owned(),
        request_id: "request".to_owned(),
        traceparent: Some(trace_of(id)),
    }
}

fn plan_of(world: &World, action: &Action, org: &mut Organization) -> Plan {
    let send = |kind, request| Plan {
        operation: Some(intent(world, kind, request)),
        new_customer_id: None,
        must_send_now: false,
        local: None,
        settles: None,
    };
    let no_reason = json!(LockRequest { reason: None });
    match action {
        Action::Lock => send(OperationKind::Lock, no_reason),
        Action::Unlock => send(OperationKind::Unlock, no_reason),
        Action::Update(patch) => {
            let request = UpdateRequest { patch: (**patch).clone(), local: LocalEdit::default() };
            let new_customer_id = patch.customer_id.clone();
            Plan { new_customer_id, ..send(OperationKind::Update, json!(request)) }
        }
        Action::Note { customer_id, comment } => {
            let edit = LocalEdit {
                customer_id: customer_id.clone(),
                comment: Some(Change::Set(comment.clone())),
                ..LocalEdit::default()
            };
            edit.apply_to(org);
            let context = EventContext {
                actor: "caller".to_owned(),
                request_id: "request".to_owned(),
                provider_request_id: None,
                operation_id: None,
            };
            let local = Some((partner_gateway::store::EventType::OrganizationUpdated, context));
            let new_customer_id = customer_id.clone();
            Plan { operation: None, new_customer_id, must_send_now: false, local, settles: None }
        }
        Action::Invite(email) => {
            let members = vec![NewMember { email: email.clone(), role: None }];
            send(OperationKind::Invite, json!(InviteRequest { members }))
        }
        Action::Seat(seat) => {
            let request =
                SeatRequest { username: seat.username.clone(), email: seat.email.clone() };
            Plan { must_send_now: true, ..send(OperationKind::AdminRole, json!(request)) }
        }
    }
}

/// The first row of an organization.
pub(super) fn new_row(
    world: &World,
    tenant: &str,
    account: &ProviderName,
    new: &NewChildOrg,
) -> Organization {
    let now = world.now();
    Organization {
        id: world.id(),
        tenant: tenant.to_owned(),
        customer_id: new.customer_id.clone(),
        provider: account.clone(),
        provider_org_id: None,
        name: new.name.clone(),
        status: OrgStatus::Pending,
        locks: Vec::new(),
        owner: new.owner.clone().unwrap_or_default(),
        siren_number: None,
        domain: None,
        address: None,
        marketplace_offers: None,
        comment: new.comment.clone(),
        labels: std::collections::BTreeMap::new(),
        labra_subscription_id: None,
        provider_data: None,
        certainty: Certainty::Unknown,
        observed_at: None,
        route_rule: "rule".to_owned(),
        route_reason: "reason".to_owned(),
        create_fingerprint: Some(new.customer_id.as_bytes().to_vec()),
        last_event: 0,
        version: 1,
        created_at: now,
        updated_at: now,
    }
}

/// An address of this history.
pub(super) fn email(number: u64) -> Option<EmailAddress> {
    EmailAddress::new(format!("owner{number}@acme.test")).ok()
}

/// A customer of this history, with an address of its own.
pub(super) fn customer(number: u64) -> NewChildOrg {
    NewChildOrg {
        customer_id: format!("customer-{number}"),
        name: format!("Acme {number}"),
        owner: Some(Owner {
            email: email(number),
            first_name: Some("Olga".to_owned()),
            last_name: Some("Owner".to_owned()),
            phone_number: None,
        }),
        ..NewChildOrg::default()
    }
}

/// How long a caller waits for its answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
