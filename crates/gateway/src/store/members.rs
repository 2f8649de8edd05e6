//! People who were invited.

use partner_core::Member;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    connect::Store,
    error::{StoreResult, store_error},
    model::InvitedMember,
    rows::{email, role},
};

impl Store {
    /// Everybody who was invited into an organization, in the order of their invitation.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn members_of(&self, organization_id: Uuid) -> StoreResult<Vec<InvitedMember>> {
        sqlx::query!(
            r#"select email, role, invited_at from members where organization_id = $1
               order by invited_at, lower(email collate "C")"#,
            organization_id
        )
        .fetch_all(&self.pool)
        .await
        .map_err(store_error)?
        .into_iter()
        .map(|row| {
            let member = Member { email: email(row.email)?, role: role(row.role)? };
            Ok(InvitedMember { member, invited_at: row.invited_at })
        })
        .collect()
    }
}

/// Adds the people who were invited; an address that is there already takes the newer role. The caller has locked the
/// organization, so nobody else adds members to it meanwhile.
pub(super) async fn add_members(
    connection: &mut PgConnection,
    organization_id: Uuid,
    members: &[Member],
) -> StoreResult<()> {
    for member in members {
        sqlx::query!(
            r#"with known as (
                   update members set role = coalesce($3, role)
                   where organization_id = $1 and lower(email collate "C") = lower($2 collate "C")
                   returning email
               )
               insert into members (organization_id, email, role)
               select $1, $2, $3 where not exists (select from known)
               on conflict do nothing"#,
            organization_id,
            member.email.as_str(),
            member.role.map(partner_core::Role::as_str)
        )
        .execute(&mut *connection)
        .await
        .map_err(store_error)?;
    }
    Ok(())
}
