//! Bringing a partner account in: every organization that its provider lists is adopted, or told with
//! the reason why not.
//!
//! The account is listed twice. The first time nothing is kept but what it takes to know which customer
//! ids are met more than once; the second time each page is adopted as it comes, so that memory does not
//! grow with what an organization holds, and what is mapped is as fresh as its page. Stopped anywhere, it
//! is run again: each organization is a transaction of its own, and what is mapped is left alone.

mod judge;
mod listing;
mod map;
mod row;

use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasher, RandomState},
    sync::atomic::{AtomicBool, Ordering},
};

use futures::{StreamExt, stream};
use partner_core::{ChildOrg, OrgTraits};
use uuid::Uuid;

use self::{
    judge::{Known, Verdict},
    listing::Listing,
};
use super::adopt::found_at;
use crate::{
    actors::GatewayActor,
    operations::{now, observe},
    providers::Account,
    store::{
        BeginCreate, CreateKeys, EventContext, OrgStatus, Organization, Store, StoreError,
        StoreResult,
    },
};

pub use listing::Undiscoverable;
pub use map::CustomerMap;
pub use row::{ImportOutcome, ImportRow};

/// Adoptions that are under way at once: enough to keep the database busy, few beside a gateway's own.
const AT_ONCE: usize = 8;

/// How an account is to be brought in.
#[derive(Debug)]
pub struct ImportSettings {
    /// To whom the mappings belong, where the map does not say otherwise.
    pub tenant: String,
    /// Adopt; without it nothing is changed.
    pub apply: bool,
    /// Customers by hand.
    pub map: CustomerMap,
}

/// Why an import broke off. What was done until then stays done.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The account cannot be listed.
    #[error(transparent)]
    Undiscoverable(#[from] Undiscoverable),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What was found could not be written down.
    #[error("the report could not be written")]
    Report(#[source] std::io::Error),
}

/// Who follows an import.
pub trait ImportWatch: Send {
    /// So many organizations were counted, of so many where the provider tells.
    fn counted(&mut self, so_far: u64, of: Option<u64>);
    /// What became of one organization, or of one line of the map.
    ///
    /// # Errors
    /// When it cannot be written down; the import breaks off.
    fn row(&mut self, row: &ImportRow) -> std::io::Result<()>;
    /// A page is done: what was told of it may be made to last.
    ///
    /// # Errors
    /// When it cannot be written down; the import breaks off.
    fn page_done(&mut self) -> std::io::Result<()>;
    /// The provider is not asked for a while.
    fn pauses(&mut self, why: &str, wait: std::time::Duration);
}

/// The import of one account.
#[derive(Debug)]
pub struct Import<'a> {
    store: &'a Store,
    account: &'a Account,
    settings: ImportSettings,
    /// The request that all its events belong to.
    run: String,
    hasher: RandomState,
    /// How many unmapped organizations have a customer id, by tenant and id, both as one hash: a
    /// collision, once in billions of organizations, tells a customer as taken and does no harm.
    customers: HashMap<u64, u32>,
    requests: u64,
}

impl<'a> Import<'a> {
    /// An import that has not begun.
    #[must_use]
    pub fn new(store: &'a Store, account: &'a Account, settings: ImportSettings) -> Self {
        Self {
            store,
            account,
            settings,
            run: format!("import-{}", Uuid::now_v7()),
            hasher: RandomState::new(),
            customers: HashMap::new(),
            requests: 0,
        }
    }

    /// The request id under which its events are found.
    #[must_use]
    pub fn run_id(&self) -> &str {
        &self.run
    }

    /// How often the provider was asked.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.requests
    }

    /// Brings the account in.
    ///
    /// # Errors
    /// The account cannot be listed, the database fails, or the watcher cannot write.
    pub async fn run(&mut self, watch: &mut dyn ImportWatch) -> Result<(), ImportError> {
        self.count_customers(watch).await?;
        let mut listing = Listing::of(self.account);
        let mut met = HashSet::new();
        while let Some(page) = listing.next_page(watch, &mut self.requests).await? {
            let children = self.unmet(page.items, &mut met);
            let (rows, failed) = self.bring_in(children).await?;
            for row in &rows {
                watch.row(row).map_err(ImportError::Report)?;
            }
            watch.page_done().map_err(ImportError::Report)?;
            if let Some(error) = failed {
                return Err(error.into());
            }
        }
        for row in self.settings.map.left_over() {
            watch.row(&row).map_err(ImportError::Report)?;
        }
        watch.page_done().map_err(ImportError::Report)
    }

    /// The first listing: which customer ids are met how often.
    async fn count_customers(&mut self, watch: &mut dyn ImportWatch) -> Result<(), ImportError> {
        let mut listing = Listing::of(self.account);
        let mut met = HashSet::new();
        while let Some(page) = listing.next_page(watch, &mut self.requests).await? {
            let children = self.unmet(page.items, &mut met);
            let mapped = self.store.known_mappings(self.provider(), &ids(&children)).await?;
            for child in children {
                if mapped.iter().any(|known| known.provider_org_id == child.id.as_str()) {
                    continue;
                }
                if let Some((tenant, customer_id)) = self.customer_of(&child) {
                    let key = self.hasher.hash_one((&tenant, &customer_id));
                    *self.customers.entry(key).or_default() += 1;
                }
            }
            watch.counted(met.len() as u64, page.total_count);
        }
        Ok(())
    }

    /// What was not on an earlier page: a listing may shift while it is read.
    fn unmet(&self, children: Vec<ChildOrg>, met: &mut HashSet<u64>) -> Vec<ChildOrg> {
        let mut children = children;
        children.retain(|child| met.insert(self.hasher.hash_one(child.id.as_str())));
        children
    }

    fn provider(&self) -> &str {
        self.account.name().as_str()
    }

    /// For whom an organization would be mapped, where that is said at all.
    fn customer_of(&self, child: &ChildOrg) -> Option<(String, String)> {
        match self.settings.map.given(&child.id) {
            Some(Ok(given)) => {
                let tenant = given.tenant.as_ref().unwrap_or(&self.settings.tenant);
                Some((tenant.clone(), given.customer_id.clone()))
            }
            Some(Err(_)) => None,
            None => child.customer_id.clone().map(|id| (self.settings.tenant.clone(), id)),
        }
    }

    fn is_met_often(&self, tenant: &str, customer_id: &str) -> u32 {
        let key = self.hasher.hash_one((tenant, customer_id));
        self.customers.get(&key).copied().unwrap_or_default()
    }

    /// Adopts what can be adopted of a page, and tells of all of it, in the page's order. With the
    /// database's failure, where it failed on the way.
    async fn bring_in(
        &mut self,
        children: Vec<ChildOrg>,
    ) -> StoreResult<(Vec<ImportRow>, Option<StoreError>)> {
        let known = self.look_up(&children).await?;
        let verdicts: Vec<Verdict> =
            children.into_iter().map(|child| self.judge(child, &known)).collect();
        let broken = AtomicBool::new(false);
        let done: Vec<StoreResult<Option<ImportRow>>> = stream::iter(verdicts)
            .map(|verdict| self.carry_out(verdict, &broken))
            .buffered(AT_ONCE)
            .collect()
            .await;
        let (mut rows, mut failed) = (Vec::new(), None);
        for result in done {
            match result {
                Ok(row) => rows.extend(row),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        for row in &rows {
            self.settings.map.note_listed(row);
        }
        Ok((rows, failed))
    }

    async fn look_up(&self, children: &[ChildOrg]) -> StoreResult<Known> {
        let provider = self.provider();
        let (tenants, customer_ids): (Vec<String>, Vec<String>) =
            children.iter().filter_map(|child| self.customer_of(child)).unzip();
        let mut keys = CreateKeys::of(children.iter().map(OrgTraits::from));
        keys.customer_ids.extend_from_slice(&customer_ids);
        let customers = self.store.known_customers(provider, &tenants, &customer_ids).await?;
        let creates = self.store.open_creates_like(provider, &keys).await?;
        // The mappings last: whoever maps one of these now commits its customer with it, and a customer
        // that was seen to be taken by the organization itself must be seen with its mapping.
        let mappings = self.store.known_mappings(provider, &ids(children)).await?;
        Ok(Known { mappings, customers, creates })
    }

    /// Does what was judged. `None` where the database had failed before.
    async fn carry_out(
        &self,
        verdict: Verdict,
        broken: &AtomicBool,
    ) -> StoreResult<Option<ImportRow>> {
        let (child, mut row) = match verdict {
            Verdict::Leave(row) => return Ok(Some(row)),
            Verdict::Adopt(_, row) if !self.settings.apply => return Ok(Some(row)),
            Verdict::Adopt(child, row) => (child, row),
        };
        if broken.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let org = self.mapping(&child, &row);
        let context = EventContext {
            actor: GatewayActor::Import.as_str().to_owned(),
            request_id: self.run.clone(),
            provider_request_id: None,
            operation_id: None,
        };
        match self.store.adopt(&org, &context, None).await {
            Ok(begun) => tell(&mut row, &org, begun),
            Err(StoreError::Constraint { constraint, .. })
                if constraint == "organizations_provider_org_id_key" =>
            {
                row.become_already("mapped while the import ran");
            }
            Err(error @ StoreError::Constraint { .. }) => {
                row.outcome = ImportOutcome::Failed;
                row.detail = error.to_string();
            }
            Err(error) => {
                broken.store(true, Ordering::Relaxed);
                return Err(error);
            }
        }
        Ok(Some(row))
    }

    /// The mapping of an organization as the listing shows it.
    fn mapping(&self, child: &ChildOrg, row: &ImportRow) -> Organization {
        let tenant = row.tenant.as_deref().unwrap_or(&self.settings.tenant);
        let customer_id = row.customer_id.as_deref().unwrap_or_default();
        let mut org = found_at(self.account, child.id.clone(), tenant, customer_id);
        observe(&mut org, child, true, now());
        org
    }
}

fn ids(children: &[ChildOrg]) -> Vec<String> {
    children.iter().map(|child| child.id.as_str().to_owned()).collect()
}

/// What the store made of an adoption.
fn tell(row: &mut ImportRow, org: &Organization, begun: BeginCreate) {
    match begun {
        BeginCreate::AlreadyMapped(found) if found.id == org.id => {
            row.organization_id = Some(found.id);
        }
        BeginCreate::AlreadyMapped(found) if found.provider_org_id == org.provider_org_id => {
            row.become_already("mapped while the import ran");
            row.organization_id = Some(found.id);
        }
        BeginCreate::AlreadyMapped(found) => {
            row.outcome = match found.status {
                OrgStatus::Pending => ImportOutcome::OpenCreate,
                OrgStatus::Active | OrgStatus::Locked | OrgStatus::Closed | OrgStatus::Failed => {
                    ImportOutcome::CustomerTaken
                }
            };
            row.organization_id = Some(found.id);
            row.detail = "the customer id was taken while the import ran".to_owned();
        }
        BeginCreate::Begun(_) | BeginCreate::Replay(_) => {
            row.outcome = ImportOutcome::Failed;
            row.detail = "an adoption sent something".to_owned();
        }
    }
}
