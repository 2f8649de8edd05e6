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
            "select email, role, invited_at from members where organization_id = $1
             order by invited_at, lower(email)",
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

/// Adds who was invited; an address that is there already takes the newer role.
pub(super) async fn add_members(
    connection: &mut PgConnection,
    organization_id: Uuid,
    members: &[Member],
) -> StoreResult<()> {
    for member in members {
        sqlx::query!(
            "insert into members (organization_id, email, role) values ($1, $2, $3)
             on conflict (organization_id, lower(email))
             do update set role = coalesce(excluded.role, members.role)",
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
