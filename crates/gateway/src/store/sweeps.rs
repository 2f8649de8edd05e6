//! Passes over the lists of the providers: one at a time an account over all replicas, held by a lease and an
//! epoch, and taken over where its replica dies.

use std::time::Duration;

use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    connect::Store,
    error::{StoreResult, store_error},
    findings::close_unseen,
    lane::{Tx, bounded},
    rows::interval,
    sweep_rows::{Sweep, SweepPhase, SweepRow, SweepState, Sweeps},
};
use crate::actors::GatewayActor;

impl Store {
    /// Plans the next pass of an account, where none is planned or it is planned for later than `every`
    /// allows.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn schedule_sweep(&self, provider: &str, every: Duration) -> StoreResult<()> {
        sqlx::query!(
            "insert into sweep_schedule (provider, next_at) values ($1, now() + $2)
             on conflict (provider) do update set next_at = excluded.next_at
             where sweep_schedule.next_at > excluded.next_at",
            provider,
            interval(every)
        )
        .execute(&self.pool)
        .await
        .map_err(store_error)?;
        Ok(())
    }

    /// Begins the pass of an account that is due, if one is and none is under way.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begin_due_sweep(&self, provider: &str, every: Duration) -> StoreResult<()> {
        let due = sqlx::query_scalar!(
            r#"select true as "due!" from sweep_schedule where provider = $1 and next_at <= now()"#,
            provider
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(store_error)?;
        if due.is_none() {
            return Ok(());
        }
        sqlx::query!(
            "with due as (
                 update sweep_schedule set next_at = now() + $2
                 where provider = $1 and next_at <= now() returning provider)
             insert into sweeps (id, provider, actor, request_id)
             select $3, provider, $4, $3::uuid::text from due
             on conflict (provider) where state = 'running' do nothing",
            provider,
            interval(every),
            Uuid::now_v7(),
            GatewayActor::Schedule.as_str()
        )
        .execute(&self.pool)
        .await
        .map_err(store_error)?;
        Ok(())
    }

    /// Begins a pass of an account now; where one is under way, answers that. With `lease` a new one is
    /// held by the caller at once.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn request_sweep(
        &self,
        provider: &str,
        every: Duration,
        by: (&str, &str),
        lease: Option<Duration>,
    ) -> StoreResult<(Sweep, bool)> {
        // One that ends between the two looks makes room for another.
        loop {
            let begun = sqlx::query_as!(
                SweepRow,
                "insert into sweeps (id, provider, actor, request_id, epoch, lease_until)
                 values ($1, $2, $3, $4, case when $5::interval is null then 0 else 1 end, now() + $5)
                 on conflict (provider) where state = 'running' do nothing
                 returning id, provider, state, epoch, actor, request_id, phase, place, requests, listed,
                           unmapped, missing, drifted, failures, error, begun_at, finished_at",
                Uuid::now_v7(),
                provider,
                by.0,
                by.1,
                lease.map(interval)
            )
            .fetch_optional(&self.pool)
            .await
            .map_err(store_error)?;
            if let Some(begun) = begun {
                self.put_off_schedule(provider, every).await?;
                return Ok((begun.try_into()?, true));
            }
            if let Some(running) = self.sweeps_of(provider).await?.running {
                return Ok((running, false));
            }
        }
    }

    async fn put_off_schedule(&self, provider: &str, every: Duration) -> StoreResult<()> {
        sqlx::query!(
            "insert into sweep_schedule (provider, next_at) values ($1, now() + $2)
             on conflict (provider) do update set next_at = excluded.next_at",
            provider,
            interval(every)
        )
        .execute(&self.pool)
        .await
        .map_err(store_error)?;
        Ok(())
    }

    /// Takes up the pass of an account that is under way and that nobody holds.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn claim_sweep(&self, provider: &str, lease: Duration) -> StoreResult<Option<Sweep>> {
        sqlx::query_as!(
            SweepRow,
            "update sweeps set epoch = epoch + 1, lease_until = now() + $2, updated_at = now()
             where id in (select id from sweeps
                          where provider = $1 and state = 'running' and resume_at <= now()
                            and coalesce(lease_until, '-infinity') < now()
                          for update skip locked)
             returning id, provider, state, epoch, actor, request_id, phase, place, requests, listed,
                       unmapped, missing, drifted, failures, error, begun_at, finished_at",
            provider,
            interval(lease)
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(store_error)?
        .map(Sweep::try_from)
        .transpose()
    }

    /// Lets go of a pass for a while: whoever is free then goes on with it. `failed`: because the provider
    /// did.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn rest_sweep(
        &self,
        sweep: &Sweep,
        pause: Duration,
        failed: bool,
    ) -> StoreResult<()> {
        sqlx::query!(
            "update sweeps
             set lease_until = null, resume_at = now() + $3, updated_at = now(),
                 failures = failures + case when $4 then 1 else 0 end,
                 requests = requests + case when $4 then 1 else 0 end
             where id = $1 and epoch = $2 and state = 'running'",
            sweep.id,
            sweep.epoch,
            interval(pause),
            failed
        )
        .execute(&self.pool)
        .await
        .map_err(store_error)?;
        Ok(())
    }

    /// Moves a pass on to a place, and holds it for longer. `None` where somebody else has it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn move_sweep(
        &self,
        sweep: &Sweep,
        phase: SweepPhase,
        place: Option<&str>,
        lease: Duration,
    ) -> StoreResult<Option<Sweep>> {
        sqlx::query_as!(
            SweepRow,
            "update sweeps set phase = $3, place = $4, lease_until = now() + $5, updated_at = now()
             where id = $1 and epoch = $2 and state = 'running'
             returning id, provider, state, epoch, actor, request_id, phase, place, requests, listed,
                       unmapped, missing, drifted, failures, error, begun_at, finished_at",
            sweep.id,
            sweep.epoch,
            phase.as_str(),
            place,
            interval(lease)
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(store_error)?
        .map(Sweep::try_from)
        .transpose()
    }

    /// Ends a pass: whole, which closes what it has not seen, or broken off by `error`, which proves nothing.
    /// `None` where somebody else has it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_sweep(
        &self,
        sweep: &Sweep,
        error: Option<&str>,
    ) -> StoreResult<Option<Sweep>> {
        bounded(end_in(self.pool.begin().await?, sweep, error)).await
    }

    /// The passes of an account.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sweeps_of(&self, provider: &str) -> StoreResult<Sweeps> {
        let rows = sqlx::query_as!(
            SweepRow,
            "select id, provider, state, epoch, actor, request_id, phase, place, requests, listed, unmapped,
                    missing, drifted, failures, error, begun_at, finished_at
             from sweeps
             where provider = $1 and (state = 'running' or id = (
                 select id from sweeps where provider = $1 and state <> 'running'
                 order by finished_at desc limit 1))",
            provider
        )
        .fetch_all(&self.pool)
        .await
        .map_err(store_error)?;
        let next_at =
            sqlx::query_scalar!("select next_at from sweep_schedule where provider = $1", provider)
                .fetch_optional(&self.pool)
                .await
                .map_err(store_error)?;
        let mut sweeps = Sweeps { next_at, ..Sweeps::default() };
        for row in rows {
            let sweep = Sweep::try_from(row)?;
            let place = match sweep.state {
                SweepState::Running => &mut sweeps.running,
                SweepState::Succeeded | SweepState::Failed => &mut sweeps.last,
            };
            *place = Some(sweep);
        }
        Ok(sweeps)
    }

    /// For how many seconds each account has not been swept whole; one that never was is left out.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sweep_ages(&self) -> StoreResult<Vec<(String, f64)>> {
        let rows = sqlx::query!(
            r#"select provider, extract(epoch from now() - max(finished_at))::float8 as "age!"
               from sweeps where state = 'succeeded' group by provider"#
        )
        .fetch_all(&self.pool)
        .await
        .map_err(store_error)?;
        Ok(rows.into_iter().map(|row| (row.provider, row.age)).collect())
    }

    /// One pass.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn get_sweep(&self, id: Uuid) -> StoreResult<Option<Sweep>> {
        sqlx::query_as!(
            SweepRow,
            "select id, provider, state, epoch, actor, request_id, phase, place, requests, listed, unmapped,
                    missing, drifted, failures, error, begun_at, finished_at
             from sweeps where id = $1",
            id
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(store_error)?
        .map(Sweep::try_from)
        .transpose()
    }
}

async fn end_in(mut tx: Tx, sweep: &Sweep, error: Option<&str>) -> StoreResult<Option<Sweep>> {
    let state = if error.is_some() { SweepState::Failed } else { SweepState::Succeeded };
    let ended = sqlx::query_as!(
        SweepRow,
        "update sweeps
         set state = $3, error = $4, finished_at = now(), lease_until = null, updated_at = now()
         where id = $1 and epoch = $2 and state = 'running'
         returning id, provider, state, epoch, actor, request_id, phase, place, requests, listed, unmapped,
                   missing, drifted, failures, error, begun_at, finished_at",
        sweep.id,
        sweep.epoch,
        state.as_str(),
        error
    )
    .fetch_optional(tx.get()?)
    .await
    .map_err(store_error)?;
    let Some(ended) = ended else {
        tx.rollback().await?;
        return Ok(None);
    };
    if error.is_none() {
        close_unseen(tx.get()?, &sweep.provider, sweep.begun_at).await?;
    }
    forget_old(tx.get()?, &sweep.provider).await?;
    tx.commit().await.map_err(store_error)?;
    ended.try_into().map(Some)
}

/// Passes are kept for a month, and the last that was whole for good.
async fn forget_old(connection: &mut PgConnection, provider: &str) -> StoreResult<()> {
    sqlx::query!(
        "delete from sweeps
         where provider = $1 and finished_at < now() - interval '31 days'
           and id <> (select id from sweeps where provider = $1 and state = 'succeeded'
                      order by finished_at desc limit 1)",
        provider
    )
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}
