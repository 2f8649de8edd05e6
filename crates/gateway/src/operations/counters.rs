//! What the engine counts.

use metrics::counter;

use crate::telemetry::metrics::{DUPLICATE_UPSTREAM, FENCED_WRITES, READBACKS};

/// A write came from somebody who had lost the operation.
pub(super) fn fenced_write(provider: &str) {
    counter!(FENCED_WRITES, "provider" => provider.to_owned()).increment(1);
}

/// A provider answered a create with an organization that is mapped already. Must stay 0.
pub(super) fn duplicate_upstream(provider: &str) {
    counter!(DUPLICATE_UPSTREAM, "provider" => provider.to_owned()).increment(1);
}

/// A provider was looked at for an open outcome.
pub(super) fn readback(provider: &str, result: &'static str) {
    counter!(READBACKS, "provider" => provider.to_owned(), "result" => result).increment(1);
}
