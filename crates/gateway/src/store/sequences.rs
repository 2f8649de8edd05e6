//! The sequences of identity columns. They fall behind their tables if rows are copied without them, as logical
//! replication does; each insert then draws an id that another row has.

use super::{
    connect::Store,
    error::{StoreError, StoreResult, store_error},
};

/// The primary keys that draw their ids from a sequence.
const DRAWN_KEYS: [&str; 2] = ["evidence_pkey", "events_pkey"];

/// Whether an insert failed because its id was drawn from a sequence that is behind.
pub(super) fn is_drawn_id_taken(error: &StoreError) -> bool {
    error.constraint().is_some_and(|constraint| DRAWN_KEYS.contains(&constraint))
}

impl Store {
    /// Checks that no sequence is behind its table. Returns a warning if the role may not read the sequences.
    ///
    /// # Errors
    /// [`StoreError::Unsuitable`] with the statements that repair the sequences, or when the database fails.
    pub async fn check_sequences(&self) -> StoreResult<Option<String>> {
        let readable = sqlx::query!(
            r#"select has_sequence_privilege('public.evidence_id_seq', 'select')
                      and has_sequence_privilege('public.events_id_seq', 'select') as "is_readable!",
                      quote_ident(current_user) as "role!""#
        )
        .fetch_one(&self.pool)
        .await
        .map_err(store_error)?;
        if !readable.is_readable {
            return Ok(Some(format!(
                "the role {role} may not read the sequences, so nobody checks that they are ahead of their tables: run \
                 `grant usage, select on all sequences in schema public to {role}`",
                role = readable.role
            )));
        }
        // A sequence is read when the statement runs, and the tables as of before: a row that is written meanwhile
        // does not look like one ahead of its sequence.
        let behind = sqlx::query!(
            r#"select s."table" as "table!", s.next_id as "next_id!", s.last_id as "last_id!"
               from (select 'evidence', (select max(id) from public.evidence),
                            (select case when is_called then last_value + 1 else last_value end
                             from public.evidence_id_seq)
                     union all
                     select 'events', (select max(id) from public.events),
                            (select case when is_called then last_value + 1 else last_value end
                             from public.events_id_seq)) as s ("table", last_id, next_id)
               where s.next_id <= s.last_id"#
        )
        .fetch_all(&self.pool)
        .await
        .map_err(store_error)?;
        if behind.is_empty() {
            return Ok(None);
        }
        let faults: Vec<String> = behind
            .iter()
            .map(|row| {
                let (table, next, last) = (&row.table, row.next_id, row.last_id);
                format!(
                    "the sequence public.{table}_id_seq gives out {next} next, but public.{table} has ids up to {last}: \
                     run `select setval('public.{table}_id_seq', (select max(id) from public.{table}))`"
                )
            })
            .collect();
        let cause = "rows were copied without their sequences";
        Err(StoreError::Unsuitable(format!("{cause}: {}", faults.join("; "))))
    }

    /// Moves the sequences on until they are ahead of their tables, a bounded number of ids at a time. The ids in
    /// between stay unused. Returns `false` if a sequence is still behind.
    ///
    /// # Errors
    /// When the database fails, or the role may not use the sequences.
    pub(super) async fn advance_sequences(&self) -> StoreResult<bool> {
        // A nextval() is kept whatever becomes of the statement, and none can move a sequence back.
        sqlx::query_scalar!(
            r#"with evidence as (
                   select count(nextval('public.evidence_id_seq')) as moved
                   from generate_series(1, least(200000, (select coalesce(max(id), 0) from public.evidence)
                                                         - (select last_value - (not is_called)::int from public.evidence_id_seq)))
               ), events as (
                   select count(nextval('public.events_id_seq')) as moved
                   from generate_series(1, least(200000, (select coalesce(max(id), 0) from public.events)
                                                         - (select last_value - (not is_called)::int from public.events_id_seq)))
               )
               select evidence.moved < 200000 and events.moved < 200000 as "is_ahead!" from evidence, events"#
        )
        .fetch_one(&self.outcomes)
        .await
        .map_err(store_error)
    }
}
