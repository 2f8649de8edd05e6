//! What a tenant does with its webhooks.

use std::sync::Arc;

use chrono::TimeDelta;
use tracing::info;
use uuid::Uuid;

use super::secret::{SecretFault, WebhookSecret};
use crate::{
    app::{App, AppError, AppResult, WriteContext},
    operations::{FieldProblem, now},
    store::{
        DeliveryState, EventType, KeyClaim, Keyed, PageOf, PageRequest, StoreResult, TenantScope,
        Webhook, WebhookDelivery, WebhookEdit, WebhookState,
    },
};

/// The kind of event that a test is.
pub const WEBHOOK_TEST: &str = "webhook.test";
/// Webhooks that a tenant may have.
const MOST: i64 = 50;
/// For how long the secret before the present one signs along.
const OLD_SIGNS_FOR: TimeDelta = TimeDelta::hours(24);

/// A webhook that is to be made.
#[derive(Debug, Clone, Default)]
pub struct NewWebhook {
    /// Where events are posted.
    pub url: String,
    /// The types of events; an empty list selects every event of an organization.
    pub types: Vec<EventType>,
    /// The tenant's own words.
    pub description: Option<String>,
    /// What is wrong with the request by our own rules.
    pub faults: Vec<FieldProblem>,
}

/// A webhook with the secret that is shown to whoever made it.
#[derive(Debug, Clone)]
pub struct ShownSecret {
    /// The webhook.
    pub webhook: Webhook,
    /// Its secret.
    pub secret: WebhookSecret,
    /// It answers an earlier request again.
    pub replayed: bool,
}

/// What became of a write.
#[derive(Debug, Clone)]
pub struct Replayable<T> {
    /// What it made, as it now is.
    pub value: T,
    /// It answers an earlier request again.
    pub replayed: bool,
}

impl App {
    /// Makes a webhook, told of what happens from now on.
    ///
    /// # Errors
    /// Every fault at once; `TooManyWebhooks` where the tenant has as many as it may.
    pub async fn create_webhook(
        self: &Arc<Self>,
        context: WriteContext,
        mut new: NewWebhook,
    ) -> AppResult<ShownSecret> {
        let scope = TenantScope::One(context.tenant.clone());
        let claim = match self.claim_key(&context).await? {
            Ok(claim) => claim,
            Err(_taken) => return self.shown_again(&context, &scope).await,
        };
        new.faults.extend(self.url_fault(&new.url));
        if !new.faults.is_empty() {
            return Err(AppError::Invalid(new.faults));
        }
        let id = Uuid::now_v7();
        let secret = WebhookSecret::random().map_err(unsealed)?;
        let row = Webhook {
            id,
            tenant: context.tenant.clone(),
            url: new.url,
            types: new.types.iter().map(|named| named.as_str().to_owned()).collect(),
            description: new.description,
            state: WebhookState::Active,
            disabled_reason: None,
            secret: self.webhooks.sealer.seal(id, &secret).map_err(unsealed)?,
            old_secret: None,
            cursor: 0,
            failing_since: None,
            created_at: now(),
            updated_at: now(),
        };
        let (app, by) = (Arc::clone(self), context.event());
        let create = async move { app.store.create_webhook(&row, MOST, &by, claim.as_ref()).await };
        match self.detached(create).await?? {
            Keyed::Done(webhook) => {
                log_change(&context, id, "create");
                Ok(ShownSecret { webhook, secret, replayed: false })
            }
            Keyed::Taken => self.shown_again(&context, &scope).await,
            Keyed::Missing => Err(AppError::TooManyWebhooks(MOST)),
        }
    }

    /// One webhook of the caller's.
    ///
    /// # Errors
    /// `NotFound` where there is none for this caller.
    pub async fn webhook(&self, scope: &TenantScope, id: Uuid) -> AppResult<Webhook> {
        found(self.store.get_webhook(scope, id).await?)
    }

    /// One page of the caller's webhooks.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_webhooks(
        &self,
        scope: &TenantScope,
        page: &PageRequest,
    ) -> AppResult<PageOf<Webhook>> {
        Ok(self.store.list_webhooks(scope, page).await?)
    }

    /// Changes a webhook of the caller's.
    ///
    /// # Errors
    /// Every fault at once; `NotFound` where there is none for this caller.
    pub async fn edit_webhook(
        self: &Arc<Self>,
        context: WriteContext,
        id: Uuid,
        edit: WebhookEdit,
        mut faults: Vec<FieldProblem>,
    ) -> AppResult<Replayable<Webhook>> {
        faults.extend(edit.url.as_deref().and_then(|url| self.url_fault(url)));
        if !faults.is_empty() {
            return Err(AppError::Invalid(faults));
        }
        let scope = context.scope.clone();
        let by = context.event();
        self.change(&context, id, "update", move |app, claim| async move {
            app.store.edit_webhook(&scope, id, &edit, &by, claim.as_ref()).await
        })
        .await
    }

    /// Deletes a webhook of the caller's.
    ///
    /// # Errors
    /// `NotFound` where there is none for this caller.
    pub async fn delete_webhook(
        self: &Arc<Self>,
        context: WriteContext,
        id: Uuid,
    ) -> AppResult<()> {
        let (app, by, scope) = (Arc::clone(self), context.event(), context.scope.clone());
        let delete = async move { app.store.delete_webhook(&scope, id, &by).await };
        if !self.detached(delete).await?? {
            return Err(AppError::NotFound("webhook"));
        }
        log_change(&context, id, "delete");
        Ok(())
    }

    /// Gives a webhook of the caller's another secret. The old one signs along for a day.
    ///
    /// # Errors
    /// `NotFound` where there is none for this caller.
    pub async fn rotate_webhook_secret(
        self: &Arc<Self>,
        context: WriteContext,
        id: Uuid,
    ) -> AppResult<ShownSecret> {
        let secret = WebhookSecret::random().map_err(unsealed)?;
        let sealed = self.webhooks.sealer.seal(id, &secret).map_err(unsealed)?;
        let (scope, by, until) = (context.scope.clone(), context.event(), now() + OLD_SIGNS_FOR);
        let rotate = move |app: Arc<Self>, claim: Option<KeyClaim>| async move {
            let claim = claim.as_ref();
            app.store.rotate_webhook_secret(&scope, id, &sealed, until, &by, claim).await
        };
        let changed = self.change(&context, id, "rotate_secret", rotate).await?;
        if changed.replayed {
            return self.shown_again(&context, &context.scope).await;
        }
        Ok(ShownSecret { webhook: changed.value, secret, replayed: false })
    }

    /// Has a webhook of the caller's told again of what came after this number of the feed.
    ///
    /// # Errors
    /// `NotFound` where there is none for this caller.
    pub async fn replay_webhook(
        self: &Arc<Self>,
        context: WriteContext,
        id: Uuid,
        after: i64,
    ) -> AppResult<Replayable<Webhook>> {
        let (scope, by) = (context.scope.clone(), context.event());
        self.change(&context, id, "replay", move |app, claim| async move {
            app.store.replay_webhook(&scope, id, after, &by, claim.as_ref()).await
        })
        .await
    }

    /// Has a webhook of the caller's told of a test, behind nothing else.
    ///
    /// # Errors
    /// `NotFound` where there is none for this caller; `WebhookNotActive` where it is told of nothing.
    pub async fn test_webhook(
        self: &Arc<Self>,
        context: WriteContext,
        id: Uuid,
    ) -> AppResult<Replayable<WebhookDelivery>> {
        let claim = match self.claim_key(&context).await? {
            Ok(claim) => claim,
            Err(_taken) => return self.tested_again(&context).await,
        };
        let webhook = self.webhook(&context.scope, id).await?;
        match webhook.state {
            WebhookState::Active => {}
            WebhookState::Paused | WebhookState::Disabled => {
                return Err(AppError::WebhookNotActive(webhook.state));
            }
        }
        let (app, by) = (Arc::clone(self), context.event());
        let test = async move {
            app.store.test_webhook(id, WEBHOOK_TEST, now(), &by, claim.as_ref()).await
        };
        match self.detached(test).await?? {
            Keyed::Done(delivery) => {
                log_change(&context, id, "test");
                self.webhook_news.notify_one();
                let value = found(self.store.get_delivery(&context.scope, delivery).await?)?;
                Ok(Replayable { value, replayed: false })
            }
            Keyed::Taken => self.tested_again(&context).await,
            Keyed::Missing => Err(AppError::NotFound("webhook")),
        }
    }

    /// A write that changes a webhook, done once under its key.
    async fn change<F>(
        self: &Arc<Self>,
        context: &WriteContext,
        id: Uuid,
        action: &'static str,
        write: impl FnOnce(Arc<Self>, Option<KeyClaim>) -> F,
    ) -> AppResult<Replayable<Webhook>>
    where
        F: Future<Output = StoreResult<Keyed<Webhook>>> + Send + 'static,
    {
        let again = async || {
            // Whoever has the key may look, and only at what is still there.
            let value = self.webhook(&context.scope, id).await?;
            Ok(Replayable { value, replayed: true })
        };
        let claim = match self.claim_key(context).await? {
            Ok(claim) => claim,
            Err(_taken) => return again().await,
        };
        match self.detached(write(Arc::clone(self), claim)).await?? {
            Keyed::Done(value) => {
                log_change(context, id, action);
                self.webhook_news.notify_one();
                Ok(Replayable { value, replayed: false })
            }
            Keyed::Missing => Err(AppError::NotFound("webhook")),
            Keyed::Taken => match self.claim_key(context).await? {
                Err(_taken) => again().await,
                Ok(_) => Err(AppError::Internal("an idempotency key vanished")),
            },
        }
    }

    /// What the first request with this key made or changed, with its secret: it may not have arrived.
    async fn shown_again(
        &self,
        context: &WriteContext,
        scope: &TenantScope,
    ) -> AppResult<ShownSecret> {
        let id = self.first_subject(context).await?;
        let webhook = self.webhook(scope, id).await?;
        let secret = self.webhooks.sealer.open(id, &webhook.secret).map_err(unsealed)?;
        Ok(ShownSecret { webhook, secret, replayed: true })
    }

    async fn tested_again(&self, context: &WriteContext) -> AppResult<Replayable<WebhookDelivery>> {
        let id = self.first_subject(context).await?;
        let value = found(self.store.get_delivery(&context.scope, id).await?)?;
        Ok(Replayable { value, replayed: true })
    }

    async fn first_subject(&self, context: &WriteContext) -> AppResult<Uuid> {
        // It may have been taken by another request only now.
        if self.claim_key(context).await?.is_ok() {
            return Err(AppError::Internal("an idempotency key vanished"));
        }
        let key = context.key.as_ref().map_or("", |key| key.key.as_str());
        found(self.store.subject_of_key(&context.tenant, key).await?)
    }

    /// One page of the deliveries of a webhook of the caller's.
    ///
    /// # Errors
    /// `NotFound` where there is none for this caller.
    pub async fn webhook_deliveries(
        &self,
        scope: &TenantScope,
        id: Uuid,
        state: Option<DeliveryState>,
        page: &PageRequest,
    ) -> AppResult<PageOf<WebhookDelivery>> {
        self.webhook(scope, id).await?;
        Ok(self.store.list_deliveries(scope, id, state, page).await?)
    }

    fn url_fault(&self, url: &str) -> Option<FieldProblem> {
        let message = self.webhooks.courier.fault_of(url).filter(|_| !url.is_empty())?;
        Some(FieldProblem { pointer: "/url".to_owned(), code: "invalid".to_owned(), message })
    }
}

/// Logs who changed a webhook. The URL and the secret stay out of the log: either can let a reader send events.
fn log_change(context: &WriteContext, id: Uuid, action: &'static str) {
    info!(actor = context.actor, webhook_id = %id, action, "changed a webhook");
}

fn found<T>(row: Option<T>) -> AppResult<T> {
    row.ok_or(AppError::NotFound("webhook"))
}

fn unsealed(fault: SecretFault) -> AppError {
    tracing::error!(error = %fault, "a webhook's secret could not be kept");
    AppError::Internal("a webhook's secret could not be kept")
}
