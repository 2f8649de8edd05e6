//! The plan of a create, as callers see it.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    app::{Collision, CreatePlan},
    operations::FieldProblem,
};

/// What a create would do.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CreatePlan)]
pub(crate) struct PlanOut {
    /// Always true: nothing was done.
    dry_run: bool,
    /// The account it would go to.
    provider: String,
    /// The rule that chose it; `requested` where the request names the provider.
    rule: String,
    /// Why.
    reason: String,
    /// What would be sent, in the API's words.
    would_send: Value,
    /// Fields that the provider cannot hold, which would be kept here.
    held_locally: Vec<String>,
    /// What the provider would miss or refuse.
    missing_fields: Vec<FieldProblem>,
    /// What stands in its way already.
    collisions: Vec<CollisionOut>,
    /// What cannot be undone about it.
    cannot_be_undone: Vec<String>,
}

/// Something that stands in a create's way.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Collision)]
pub(crate) struct CollisionOut {
    /// `customer_already_mapped`, `email_taken_at_provider` or `not_checked`.
    code: &'static str,
    /// The organization, where the caller may read it.
    organization_id: Option<Uuid>,
    /// Its id at the provider, where the caller may read it.
    provider_org_id: Option<String>,
    /// In words.
    detail: String,
}

impl PlanOut {
    pub(crate) fn new(plan: CreatePlan) -> Self {
        Self {
            dry_run: true,
            provider: plan.provider,
            rule: plan.rule,
            reason: plan.reason,
            would_send: plan.would_send,
            held_locally: plan.held_locally.into_iter().map(str::to_owned).collect(),
            missing_fields: plan.missing_fields,
            collisions: plan.collisions.into_iter().map(CollisionOut::new).collect(),
            cannot_be_undone: plan.cannot_be_undone,
        }
    }
}

impl CollisionOut {
    fn new(collision: Collision) -> Self {
        match collision {
            Collision::CustomerAlreadyMapped { organization_id, same_content } => Self {
                code: "customer_already_mapped",
                organization_id: Some(organization_id),
                provider_org_id: None,
                detail: if same_content {
                    "the same request made it; it would be answered again".to_owned()
                } else {
                    "the customer has another organization at this provider".to_owned()
                },
            },
            Collision::EmailTakenAtProvider { mapping } => {
                let (organization_id, provider_org_id) = mapping.unzip();
                Self {
                    code: "email_taken_at_provider",
                    organization_id,
                    provider_org_id,
                    detail: "`owner.email` belongs to an organization at the provider; use another address"
                        .to_owned(),
                }
            }
            Collision::NotChecked { reason } => Self {
                code: "not_checked",
                organization_id: None,
                provider_org_id: None,
                detail: format!("the provider could not be asked: {reason}"),
            },
        }
    }
}
