//! Writing evidence. A row that the database refuses never takes the outcome of an operation with it: evidence is
//! written in a reduced form, or left out and logged.

use metrics::counter;
use serde_json::{Value, json};
use sqlx::PgConnection;
use tracing::error;
use uuid::Uuid;

use super::{
    connect::Store,
    error::{StoreError, StoreResult, store_error},
    lane::bounded,
    model::{Evidence, SendPhase},
    sequences::is_drawn_id_taken,
};
use crate::telemetry::metrics::EVIDENCE_REFUSED;

/// Marks evidence of which the database refused the whole form.
const REDUCED: &str = "reduced";

/// What to do about a refused row.
pub(super) enum Remedy {
    /// Write it again: the cause is removed.
    Retry,
    /// Write this evidence instead, or none.
    Instead(Option<Evidence>),
}

/// The tries to write one piece of evidence.
#[derive(Debug, Default)]
pub(super) struct Tries {
    has_advanced: bool,
}

impl Tries {
    /// Decides how to go on after the database refused `evidence`, and reports the refusal.
    ///
    /// # Errors
    /// The refusal itself, if it is not about a row.
    pub(super) async fn remedy(
        &mut self,
        store: &Store,
        operation_id: Uuid,
        evidence: Option<&Evidence>,
        refusal: StoreError,
    ) -> StoreResult<Remedy> {
        if is_drawn_id_taken(&refusal) && !self.has_advanced {
            let cause = "a sequence is behind its table; see `partner-gateway check`";
            error!(%operation_id, error = %refusal, cause, "the database refused a row");
            match store.advance_sequences().await {
                Ok(is_ahead) => {
                    self.has_advanced = is_ahead;
                    return Ok(Remedy::Retry);
                }
                Err(unavailable @ StoreError::Unavailable(_)) => return Err(unavailable),
                Err(failed) => {
                    self.has_advanced = true;
                    error!(%operation_id, error = %failed, "the sequences cannot be moved on");
                }
            }
        }
        match (evidence, &refusal) {
            (Some(evidence), StoreError::Constraint { .. } | StoreError::Other(_)) => {
                counter!(EVIDENCE_REFUSED).increment(1);
                let reduced = reduced(evidence);
                let source = std::error::Error::source(&refusal);
                let is_left_out = reduced.is_none();
                let kind = evidence.kind.as_str();
                error!(%operation_id, kind, is_left_out, error = %refusal, source, "the database refused evidence");
                Ok(Remedy::Instead(reduced))
            }
            (
                _,
                StoreError::Constraint { .. }
                | StoreError::Other(_)
                | StoreError::Unavailable(_)
                | StoreError::Corrupt(_)
                | StoreError::Migration(_)
                | StoreError::Unsuitable(_),
            ) => Err(refusal),
        }
    }
}

impl Store {
    /// Writes evidence of an operation, whatever the operation's epoch is. Evidence that the database refuses is
    /// written in a reduced form, or left out and logged.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn add_evidence(&self, operation_id: Uuid, evidence: &Evidence) -> StoreResult<()> {
        crash_point!("evidence.begin");
        let (mut tries, mut evidence) = (Tries::default(), evidence.clone());
        while let Err(refusal) = self.try_add_evidence(operation_id, &evidence).await {
            match tries.remedy(self, operation_id, Some(&evidence), refusal).await? {
                Remedy::Retry => {}
                Remedy::Instead(Some(reduced)) => evidence = reduced,
                Remedy::Instead(None) => break,
            }
        }
        crash_point!("evidence.committed");
        Ok(())
    }

    async fn try_add_evidence(&self, operation_id: Uuid, evidence: &Evidence) -> StoreResult<()> {
        bounded(async {
            let mut tx = self.outcomes.begin().await?;
            insert_evidence(tx.get()?, operation_id, evidence).await?;
            tx.commit().await.map_err(store_error)
        })
        .await
    }
}

/// Writes evidence within a transaction, which a refusal breaks.
pub(super) async fn insert_evidence(
    connection: &mut PgConnection,
    operation_id: Uuid,
    evidence: &Evidence,
) -> StoreResult<()> {
    sqlx::query!(
        "insert into evidence (operation_id, epoch, kind, send_phase, provider_request_id, detail)
         values ($1, $2, $3, $4, $5, $6)",
        operation_id,
        evidence.epoch,
        evidence.kind.as_str(),
        evidence.send_phase.map(SendPhase::as_str),
        evidence.provider_request_id,
        evidence.detail
    )
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// The next simpler form of evidence; `None` if there is none. First U+0000, which PostgreSQL cannot store, becomes
/// U+FFFD; then only the kind and the phase remain.
fn reduced(evidence: &Evidence) -> Option<Evidence> {
    if evidence.detail.get(REDUCED) == Some(&Value::Bool(true)) {
        return None;
    }
    let readable = Evidence {
        provider_request_id: evidence.provider_request_id.as_deref().map(without_nul),
        detail: value_without_nul(&evidence.detail),
        ..evidence.clone()
    };
    if readable != *evidence {
        return Some(readable);
    }
    Some(Evidence {
        provider_request_id: None,
        detail: json!({ REDUCED: true }),
        ..evidence.clone()
    })
}

fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{FFFD}")
}

fn value_without_nul(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(without_nul(text)),
        Value::Array(items) => items.iter().map(value_without_nul).collect(),
        Value::Object(members) => {
            let clean =
                |(name, value): (&String, &Value)| (without_nul(name), value_without_nul(value));
            Value::Object(members.iter().map(clean).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::EvidenceKind;

    #[test]
    fn evidence_is_reduced_step_by_step_to_nothing() {
        let evidence = Evidence {
            epoch: 3,
            kind: EvidenceKind::Failure,
            send_phase: Some(SendPhase::Sent),
            provider_request_id: Some("a\0b".to_owned()),
            detail: json!({ "message": "x\0y", "list": ["\0", 1, null] }),
        };
        let readable = reduced(&evidence).unwrap();
        assert_eq!(readable.provider_request_id.as_deref(), Some("a\u{FFFD}b"));
        assert_eq!(
            readable.detail,
            json!({ "message": "x\u{FFFD}y", "list": ["\u{FFFD}", 1, null] })
        );
        let least = reduced(&readable).unwrap();
        assert_eq!(
            (least.provider_request_id.as_ref(), &least.detail),
            (None, &json!({ "reduced": true }))
        );
        assert_eq!(
            (least.epoch, least.kind, least.send_phase),
            (3, evidence.kind, evidence.send_phase)
        );
        assert_eq!(reduced(&least), None);
    }
}
