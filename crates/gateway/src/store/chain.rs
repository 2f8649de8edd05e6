//! The chain of hashes over the feed: each covers the one before it, the event's number and all of the event.
//!
//! What is hashed is the row as PostgreSQL shows it, so nothing that is stored can change unseen. The
//! form is fixed: a chain that was begun goes on.

use aws_lc_rs::digest::{Context, SHA256};
use uuid::Uuid;

use super::error::StoreError;

/// Says what is hashed; another form of it would have another name.
const FORM: &[u8] = b"partner-gateway event 1";

/// A link of the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainHash([u8; 32]);

impl ChainHash {
    /// What the first event's hash follows.
    pub const START: Self = Self([0; 32]);

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn of_column(bytes: &[u8]) -> Result<Self, StoreError> {
        let bytes = bytes.try_into().map_err(|_other_length| {
            StoreError::Corrupt(format!("a hash of {} bytes", bytes.len()))
        })?;
        Ok(Self(bytes))
    }
}

/// In hexadecimal.
impl std::fmt::Display for ChainHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::str::FromStr for ChainHash {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "a hash is 64 hexadecimal digits";
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(WRONG);
        }
        let mut bytes = [0; 32];
        for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).map_err(|_no_number| WRONG)?;
        }
        Ok(Self(bytes))
    }
}

/// An event as it is hashed: each column as PostgreSQL has it, documents and the time as text.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(super) struct EventText {
    pub(super) id: i64,
    pub(super) event_type: String,
    pub(super) tenant: String,
    pub(super) organization_id: Option<Uuid>,
    pub(super) organization_sequence: Option<i64>,
    pub(super) operation_id: Option<Uuid>,
    pub(super) actor: String,
    pub(super) request_id: String,
    pub(super) provider_request_id: Option<String>,
    pub(super) before: Option<String>,
    pub(super) after: Option<String>,
    /// Seconds since 1970 with six places.
    pub(super) at: String,
}

impl EventText {
    /// The hash of this event as number `sequence`, after `previous`.
    ///
    /// # Behavior
    /// Each part is told with its length, and what is absent differs from what is empty: no two events
    /// give the same bytes.
    pub(super) fn hash(&self, previous: &ChainHash, sequence: i64) -> ChainHash {
        let mut parts = Parts(Context::new(&SHA256));
        parts.add(Some(previous.as_bytes()));
        parts.add(Some(FORM));
        parts.add(Some(&sequence.to_be_bytes()));
        parts.add(Some(&self.id.to_be_bytes()));
        parts.add(Some(self.event_type.as_bytes()));
        parts.add(Some(self.tenant.as_bytes()));
        parts.add(self.organization_id.as_ref().map(|id| id.as_bytes().as_slice()));
        let number = self.organization_sequence.map(i64::to_be_bytes);
        parts.add(number.as_ref().map(<[u8; 8]>::as_slice));
        parts.add(self.operation_id.as_ref().map(|id| id.as_bytes().as_slice()));
        parts.add(Some(self.actor.as_bytes()));
        parts.add(Some(self.request_id.as_bytes()));
        for text in [&self.provider_request_id, &self.before, &self.after] {
            parts.add(text.as_ref().map(String::as_bytes));
        }
        parts.add(Some(self.at.as_bytes()));
        parts.finish()
    }
}

struct Parts(Context);

impl Parts {
    fn add(&mut self, part: Option<&[u8]>) {
        let Some(part) = part else { return self.0.update(&[0]) };
        self.0.update(&[1]);
        self.0.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        self.0.update(part);
    }

    fn finish(self) -> ChainHash {
        let mut hash = [0; 32];
        hash.copy_from_slice(self.0.finish().as_ref());
        ChainHash(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> EventText {
        EventText {
            id: 7,
            event_type: "organization.updated".to_owned(),
            tenant: "crm".to_owned(),
            organization_id: Some(Uuid::from_u128(1)),
            organization_sequence: Some(2),
            operation_id: None,
            actor: "crm-service".to_owned(),
            request_id: "r".to_owned(),
            provider_request_id: None,
            before: Some(r#"{"name": "a"}"#.to_owned()),
            after: Some(r#"{"name": "b"}"#.to_owned()),
            at: "1700000000.000001".to_owned(),
        }
    }

    #[test]
    fn the_form_is_fixed() {
        let expected = "7da7129e3643529c17d0a71c73483add8a796dd3d7baaf779c8ff2e44420c29d";
        assert_eq!(event().hash(&ChainHash::START, 1).to_string(), expected);
    }

    #[test]
    fn every_part_counts() {
        let changes: [fn(&mut EventText); 15] = [
            |event| event.id = 8,
            |event| event.event_type = "organization.locked".to_owned(),
            |event| event.tenant = "shop".to_owned(),
            |event| event.organization_id = Some(Uuid::from_u128(2)),
            |event| event.organization_id = None,
            |event| event.organization_sequence = Some(3),
            |event| event.organization_sequence = None,
            |event| event.operation_id = Some(Uuid::from_u128(0)),
            |event| event.actor = "crm".to_owned(),
            |event| event.request_id = String::new(),
            |event| event.provider_request_id = Some(String::new()),
            |event| event.before = None,
            |event| event.after = Some(r#"{"name": "c"}"#.to_owned()),
            |event| event.at = "1700000000.000002".to_owned(),
            |event| (event.actor, event.request_id) = ("crm-service".to_owned() + "r", "".into()),
        ];
        let hash = |event: &EventText| event.hash(&ChainHash::START, 1);
        let mut hashes = vec![hash(&event()), event().hash(&ChainHash::START, 2)];
        hashes.push(event().hash(&hashes[0], 1));
        for change in changes {
            let mut changed = event();
            change(&mut changed);
            hashes.push(hash(&changed));
        }
        for (at, one) in hashes.iter().enumerate() {
            assert!(!hashes[..at].contains(one), "number {at} is the same as another");
        }
    }

    #[test]
    fn a_hash_is_read_as_it_is_shown() {
        let hash = event().hash(&ChainHash::START, 1);
        assert_eq!(hash.to_string().parse(), Ok(hash));
        assert_eq!(hash.to_string().to_uppercase().parse(), Ok(hash));
        for wrong in ["", "00", &"g".repeat(64), &"é".repeat(32), &"+1".repeat(32)] {
            assert!(wrong.parse::<ChainHash>().is_err(), "{wrong}");
        }
    }
}
