//! Reading: one, all, and some.

use std::collections::HashSet;

use super::{Check, Subject, check, done, refuse::narrowed, refused};
use crate::{ChildOrg, Field, NewChildOrg, OrgOrder, OrgQuery, PageToken, ProviderOrgId};

/// The most pages that a listing may have before it is taken to have no end.
const MOST_PAGES: usize = 10_000;

impl Subject<'_> {
    /// What was created is read by its id.
    pub(super) async fn reads_created(&self) -> Check {
        if !self.provider.capabilities().get {
            return Ok(());
        }
        let Some((_, made)) = self.made().await? else {
            return Ok(());
        };
        let read = done("a read", self.provider.get_child_org(&made.id).await)?;
        check(read.id == made.id && read.name == made.name, || {
            "another organization is answered".to_owned()
        })
    }

    /// A listing over several pages has everything once, in either order.
    pub(super) async fn lists_all(&self) -> Check {
        if !self.provider.capabilities().list {
            return Ok(());
        }
        let mut made: HashSet<ProviderOrgId> = HashSet::new();
        for _ in 0..3 {
            made.extend(self.made().await?.map(|(_, org)| org.id));
        }
        for order in [OrgOrder::CreatedAtAsc, OrgOrder::CreatedAtDesc] {
            let query = OrgQuery { order, page_size: Some(2), ..OrgQuery::default() };
            let listed = self.all(&query).await?;
            let ids: HashSet<_> = listed.iter().map(|org| org.id.clone()).collect();
            check(ids.len() == listed.len(), || "one is listed twice".to_owned())?;
            check(made.is_subset(&ids), || "one is not listed".to_owned())?;
            check(is_in_order(&listed, order), || "they are out of order".to_owned())?;
        }
        Ok(())
    }

    /// A page token that is not the provider's own is refused.
    pub(super) async fn refuses_foreign_token(&self) -> Check {
        if !self.provider.capabilities().list {
            return Ok(());
        }
        let token = PageToken("no token of anybody's".to_owned());
        let all = OrgQuery::default();
        let found = self.provider.find_child_orgs(&all, Some(&token)).await;
        refused("a listing", found)
    }

    /// A listing narrowed by a claimed field has the one that matches, and none that does not.
    pub(super) async fn finds(&self) -> Check {
        let claims = self.provider.capabilities();
        let Some((new, made)) = self.made().await? else {
            return Ok(());
        };
        self.made().await?;
        for field in [Field::OwnerEmail, Field::CustomerId, Field::Name] {
            if !claims.finds_by(field) {
                continue;
            }
            let found = self.all(&narrowed(field, key_of(&new, field))).await?;
            check(found.iter().any(|org| org.id == made.id), || {
                format!("it is not found by {field}")
            })?;
            check(found.len() == 1, || format!("{} are found by {field}", found.len()))?;
            let none = self.all(&narrowed(field, "nobody@acme.test")).await?;
            check(none.is_empty(), || format!("something is found by a {field} that nobody has"))?;
        }
        Ok(())
    }

    /// Everything that a query lists, all pages.
    async fn all(&self, query: &OrgQuery) -> Result<Vec<ChildOrg>, String> {
        let (mut items, mut next) = (Vec::new(), None);
        for _ in 0..MOST_PAGES {
            let page = self.provider.find_child_orgs(query, next.as_ref()).await;
            let page = done("a listing", page)?.value;
            page.items.iter().try_for_each(|org| self.has_canonical_id(org))?;
            check(page.mismatch.is_none(), || format!("{:?}", page.mismatch))?;
            items.extend(page.items);
            next = page.next;
            if next.is_none() {
                return Ok(items);
            }
        }
        Err("the listing has no end".to_owned())
    }
}

fn key_of(new: &NewChildOrg, field: Field) -> &str {
    new.texts(field).first().copied().unwrap_or_default()
}

fn is_in_order(listed: &[ChildOrg], order: OrgOrder) -> bool {
    let times: Vec<_> = listed.iter().filter_map(|org| org.created_at).collect();
    match order {
        OrgOrder::CreatedAtAsc => times.is_sorted(),
        OrgOrder::CreatedAtDesc => times.is_sorted_by(|a, b| a >= b),
    }
}
