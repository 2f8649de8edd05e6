//! What a create would do, without doing any of it.

use partner_core::{Field, NewChildOrg, OrgQuery};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    App,
    context::WriteContext,
    create::CreateInput,
    error::{AppError, AppResult},
};
use crate::{operations::FieldProblem, providers::Account, store::TenantScope};

/// What a create would do.
#[derive(Debug, Clone)]
pub struct CreatePlan {
    /// The account it would go to.
    pub provider: String,
    /// The rule that chose it.
    pub rule: String,
    /// Why.
    pub reason: String,
    /// What would be sent, in the API's own words.
    pub would_send: Value,
    /// The fields that the provider cannot hold, which would be kept here.
    pub held_locally: Vec<&'static str>,
    /// What the provider would miss or refuse.
    pub missing_fields: Vec<FieldProblem>,
    /// What stands in its way already.
    pub collisions: Vec<Collision>,
    /// What cannot be undone about it.
    pub cannot_be_undone: Vec<String>,
}

/// Something that stands in a create's way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Collision {
    /// The customer has an organization at this provider.
    CustomerAlreadyMapped {
        /// Ours.
        organization_id: Uuid,
        /// The same request made it, so it would be answered again.
        same_content: bool,
    },
    /// The owner's e-mail address belongs to an organization at the provider.
    EmailTakenAtProvider {
        /// The mapping of that organization: its id and the provider's id. `None` where the caller may not read it.
        mapping: Option<(Uuid, String)>,
    },
    /// The provider could not be asked.
    NotChecked {
        /// Why.
        reason: String,
    },
}

impl App {
    /// Plans a create and does nothing.
    ///
    /// # Errors
    /// When the request has faults of its own, or no route.
    pub async fn plan_create(
        &self,
        context: &WriteContext,
        mut input: CreateInput,
    ) -> AppResult<CreatePlan> {
        let tenant = context.tenant.as_str();
        if !input.faults.is_empty() {
            let faults = match self.check_create(tenant, &input) {
                Ok(checked) => checked.faults,
                Err(AppError::Invalid(faults)) => faults,
                Err(_) => std::mem::take(&mut input.faults),
            };
            return Err(AppError::Invalid(faults));
        }
        let checked = self.check_create(tenant, &input)?;
        let account = self.account(&checked.route.provider)?;
        let collisions = self.collisions(context, account, &input).await?;
        Ok(CreatePlan {
            provider: checked.route.provider,
            rule: checked.route.rule,
            reason: checked.route.reason,
            would_send: would_send(account, &input.new),
            held_locally: held_locally(account, &input.new.fields()),
            missing_fields: checked.faults,
            collisions,
            cannot_be_undone: cannot_be_undone(account),
        })
    }

    async fn collisions(
        &self,
        context: &WriteContext,
        account: &Account,
        input: &CreateInput,
    ) -> AppResult<Vec<Collision>> {
        let fingerprint = self.create_fingerprint(input);
        let scope = TenantScope::One(context.tenant.clone());
        let mapped = self.store.organizations_of_customer(&scope, &input.new.customer_id).await?;
        let mut collisions: Vec<Collision> = mapped
            .iter()
            .filter(|org| &org.provider == account.name())
            .map(|org| Collision::CustomerAlreadyMapped {
                organization_id: org.id,
                same_content: org.create_fingerprint.as_ref() == Some(&fingerprint),
            })
            .collect();
        let email = input.new.owner.as_ref().and_then(|owner| owner.email.clone());
        if account.capabilities().finds_by(Field::OwnerEmail) && email.is_some() {
            let query = OrgQuery { email, page_size: Some(1), ..OrgQuery::default() };
            match account.provider.find_child_orgs(&query, None).await {
                Ok(page) => {
                    let ids: Vec<String> =
                        page.items.iter().map(|org| org.id.as_str().to_owned()).collect();
                    for id in ids {
                        let mapping = self.visible_mapping(&context.scope, account, id).await?;
                        collisions.push(Collision::EmailTakenAtProvider { mapping });
                    }
                }
                Err(error) => {
                    collisions.push(Collision::NotChecked { reason: error.message().to_owned() });
                }
            }
        }
        Ok(collisions)
    }
}

impl App {
    /// The mapping of an organization at the provider, if the caller may read it.
    async fn visible_mapping(
        &self,
        scope: &TenantScope,
        account: &Account,
        id: String,
    ) -> AppResult<Option<(Uuid, String)>> {
        let known =
            self.store.known_mappings(account.name().as_str(), std::slice::from_ref(&id)).await?;
        let visible = known
            .into_iter()
            .find(|mapping| scope.tenant().is_none_or(|own| own == mapping.tenant));
        Ok(visible.map(|mapping| (mapping.organization_id, id)))
    }
}

/// The top-level names of those of `fields` that the account cannot hold.
pub fn held_locally(account: &Account, fields: &[Field]) -> Vec<&'static str> {
    let mut names = Vec::new();
    for field in fields {
        let is_key = *field == Field::CustomerId;
        if !is_key && !account.holds(*field) && !names.contains(&field.top_level()) {
            names.push(field.top_level());
        }
    }
    names
}

/// What of a create the account would be sent, in the API's own words.
fn would_send(account: &Account, new: &NewChildOrg) -> Value {
    let document = json!({
        "customer_id": new.customer_id,
        "name": new.name,
        "owner": new.owner,
        "siren_number": new.siren_number,
        "domain": new.domain,
        "address": new.address,
        "marketplace_offers": new.marketplace_offers,
        "members": new.members,
        "comment": new.comment,
        "provider_options": { "labra_subscription_id": new.labra_subscription_id },
    });
    let mut sent = Map::new();
    for field in new.fields() {
        let (Some(_), Some(value)) =
            (account.capabilities().create_rule(field), document.pointer(field.pointer()))
        else {
            continue;
        };
        match field.as_str().split_once('.') {
            None => {
                sent.insert(field.as_str().to_owned(), value.clone());
            }
            Some((outer, inner)) => {
                let object = sent.entry(outer).or_insert_with(|| Value::Object(Map::new()));
                object[inner] = value.clone();
            }
        }
    }
    Value::Object(sent)
}

fn cannot_be_undone(account: &Account) -> Vec<String> {
    let capabilities = account.capabilities();
    let mut facts = vec![format!("no organization at `{}` can be deleted", account.name())];
    if capabilities.finds_by(Field::OwnerEmail) {
        facts.push("the owner's e-mail address is used up by it".to_owned());
    }
    if !capabilities.get {
        facts.push("it cannot be read back: a lost answer needs a person".to_owned());
    }
    if !capabilities.lock {
        facts.push("it cannot be locked".to_owned());
    }
    facts
}
