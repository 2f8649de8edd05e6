//! Reads organizations, refreshes them from the provider, locks and unlocks them.

use std::sync::Arc;

use partner_core::ProviderOrgId;
use serde_json::json;
use uuid::Uuid;

use super::{
    App,
    context::WriteContext,
    error::{AppError, AppResult},
    write::{Written, keep, must_not_have_failed, send},
};
use crate::{
    operations::{Failure, LockRequest, Personal, observe},
    providers::Account,
    store::{
        Certainty, EventType, OperationKind, Organization, OrganizationFilter, PageOf, PageRequest,
        TenantScope,
    },
};

impl App {
    /// One organization of the caller's.
    ///
    /// # Errors
    /// `NotFound` where there is none for this caller.
    pub async fn organization(&self, scope: &TenantScope, id: Uuid) -> AppResult<Organization> {
        self.store.get_organization(scope, id).await?.ok_or(AppError::NotFound("organization"))
    }

    /// One page of the caller's organizations.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn organizations(
        &self,
        scope: &TenantScope,
        filter: &OrganizationFilter,
        page: &PageRequest,
    ) -> AppResult<PageOf<Organization>> {
        Ok(self.store.list_organizations(scope, filter, page).await?)
    }

    /// One organization of the caller's, read through to its provider now.
    ///
    /// # Errors
    /// `Unsupported` where the provider cannot be read; `Provider` where the reading failed.
    pub async fn refresh_organization(
        self: &Arc<Self>,
        context: WriteContext,
        id: Uuid,
    ) -> AppResult<Organization> {
        let account = self.account_that_can(&context.scope, id, "be read", |can| can.get).await?;
        let org = self.organization(&context.scope, id).await?;
        let Some(provider_org_id) = &org.provider_org_id else {
            return Err(AppError::WrongStatus(org.status));
        };
        let child = read(account, provider_org_id, &org).await?;
        let seen_at = org.version;
        let event = context.event();
        let plan = move |org: &mut Organization| {
            // What changed since the reading began is newer than what was read.
            if org.version == seen_at {
                let is_open = org.certainty == Certainty::Unknown;
                observe(org, &child, true, crate::operations::now());
                if is_open {
                    org.certainty = Certainty::Unknown;
                }
            }
            let local = Some((EventType::OrganizationObserved, event));
            Ok(keep(local))
        };
        let context = WriteContext { key: None, if_match: None, ..context };
        Ok(self.write(context, id, None, plan).await?.organization)
    }

    /// Locks or unlocks an organization for the partner.
    ///
    /// # Errors
    /// `Unsupported` where the provider cannot lock; nothing is sent then.
    pub async fn set_lock(
        self: &Arc<Self>,
        context: WriteContext,
        id: Uuid,
        kind: OperationKind,
        reason: Option<String>,
    ) -> AppResult<Written> {
        self.account_that_can(&context.scope, id, "lock", |can| can.lock).await?;
        let operation = context.operation(kind, json!(LockRequest { reason }));
        let plan = move |org: &mut Organization| {
            must_not_have_failed(org)?;
            Ok(send(operation))
        };
        self.write(context, id, None, plan).await
    }
}

async fn read(
    account: &Account,
    id: &ProviderOrgId,
    org: &Organization,
) -> AppResult<partner_core::ChildOrg> {
    match account.provider.get_child_org(id).await {
        Ok(reply) => Ok(reply.value),
        Err(error) => Err(failed_read(account, &error, org)),
    }
}

/// The error of a failed read. It repeats no personal data of the organization.
pub(super) fn failed_read(
    account: &Account,
    error: &partner_core::Error,
    org: &Organization,
) -> AppError {
    let failure = Failure::of_call(account.name().as_str(), error);
    let failure = Personal::of(&serde_json::Value::Null, org).out_of(failure);
    AppError::Provider(Box::new(failure))
}
