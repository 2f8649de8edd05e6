//! What a person on call is shown first: how much there is of everything, and what waits.

use std::collections::HashMap;

use super::{App, error::AppResult};
use crate::store::{
    Operation, OperationFilter, OperationState, OrgStatus, OrganizationName, PageOf, PageRequest,
    TenantScope,
};

/// How much there is of everything that the caller may see.
#[derive(Debug, Clone)]
pub struct Overview {
    /// Organizations by status: every status, in the order in which they are known.
    pub organizations: Vec<(OrgStatus, i64)>,
    /// Operations by state: every state, in the order in which they are known.
    pub operations: Vec<(OperationState, i64)>,
    /// The operation whose outcome is open for longest.
    pub oldest_unknown: Option<Operation>,
}

/// An operation with whom it is for.
#[derive(Debug, Clone)]
pub struct QueuedOperation {
    /// The operation.
    pub operation: Operation,
    /// Its organization.
    pub organization: Option<OrganizationName>,
}

impl App {
    /// How much there is of everything that the caller may see.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn overview(&self, scope: &TenantScope) -> AppResult<Overview> {
        let organizations = self.store.count_organizations(scope).await?;
        let operations = self.store.count_operations(scope).await?;
        Ok(Overview {
            organizations: every(OrgStatus::ALL, &organizations),
            operations: every(OperationState::ALL, &operations),
            oldest_unknown: self.store.oldest_unknown(scope).await?,
        })
    }

    /// One page of the caller's operations, each with whom it is for.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn queue(
        &self,
        scope: &TenantScope,
        filter: &OperationFilter,
        page: &PageRequest,
    ) -> AppResult<PageOf<QueuedOperation>> {
        let found = self.store.list_operations(scope, filter, page).await?;
        let ids: Vec<_> = found.items.iter().map(|operation| operation.organization_id).collect();
        let names = self.store.name_organizations(&ids).await?;
        let names: HashMap<_, _> = names.into_iter().map(|name| (name.id, name)).collect();
        let queued = |operation: Operation| {
            let organization = names.get(&operation.organization_id).cloned();
            QueuedOperation { operation, organization }
        };
        let items = found.items.into_iter().map(queued).collect();
        Ok(PageOf { items, next: found.next, total_count: found.total_count })
    }
}

/// Every word with its count, 0 where there is none.
fn every<T: Copy + PartialEq>(words: &[T], counted: &[(T, i64)]) -> Vec<(T, i64)> {
    let count = |word: T| counted.iter().find(|(of, _)| *of == word).map_or(0, |(_, n)| *n);
    words.iter().map(|word| (*word, count(*word))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_there_is_none_of_counts_as_0() {
        let counted = [(OrgStatus::Active, 7)];
        let all = every(OrgStatus::ALL, &counted);
        assert_eq!(all.len(), OrgStatus::ALL.len());
        assert!(all.contains(&(OrgStatus::Active, 7)) && all.contains(&(OrgStatus::Closed, 0)));
    }
}
