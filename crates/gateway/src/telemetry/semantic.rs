//! What metrics are called for collectors: by the semantic conventions of OpenTelemetry, where there is a
//! convention that says the same; else as they are for Prometheus. Nothing is recorded here.

use ::metrics::Key;
use opentelemetry::KeyValue;

use super::metrics::{DB_CONNECTIONS, DB_MAX_CONNECTIONS, HTTP_REQUEST_DURATION, HTTP_REQUESTS};

/// A metric in the conventions' words.
struct Convention {
    name: &'static str,
    unit: &'static str,
    /// Our labels and the conventions' attributes.
    attributes: &'static [(&'static str, &'static str)],
}

const HTTP: &[(&str, &str)] = &[
    ("method", "http.request.method"),
    ("route", "http.route"),
    ("status", "http.response.status_code"),
];
const POOL: &[(&str, &str)] =
    &[("pool", "db.client.connection.pool.name"), ("state", "db.client.connection.state")];

fn convention(name: &str) -> Option<Convention> {
    let convention = |name, unit, attributes| Some(Convention { name, unit, attributes });
    match name {
        HTTP_REQUEST_DURATION => convention("http.server.request.duration", "s", HTTP),
        HTTP_REQUESTS => convention(HTTP_REQUESTS, "{request}", HTTP),
        DB_CONNECTIONS => convention("db.client.connection.count", "{connection}", POOL),
        DB_MAX_CONNECTIONS => convention("db.client.connection.max", "{connection}", POOL),
        _ => None,
    }
}

/// A metric's name and unit.
pub(super) fn name_and_unit(name: &str) -> (String, &'static str) {
    match convention(name) {
        Some(convention) => (convention.name.to_owned(), convention.unit),
        None if name.ends_with("_seconds") => (name.to_owned(), "s"),
        None => (name.to_owned(), ""),
    }
}

/// A metric's labels as attributes.
pub(super) fn attributes(key: &Key) -> Vec<KeyValue> {
    let names = convention(key.name()).map_or(&[][..], |convention| convention.attributes);
    key.labels()
        .map(|label| {
            let known = names.iter().find(|(ours, _)| *ours == label.key());
            let name = known.map_or_else(|| label.key().to_owned(), |(_, name)| (*name).to_owned());
            // The conventions have the status as a number.
            match label.value().parse::<i64>() {
                Ok(number) if name == "http.response.status_code" => KeyValue::new(name, number),
                Ok(_) | Err(_) => KeyValue::new(name, label.value().to_owned()),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_there_is_a_convention_for_is_called_by_it() {
        let labels = [("method", "GET"), ("route", "/v1/providers"), ("status", "200")];
        let key = Key::from_parts(HTTP_REQUEST_DURATION, &labels);
        assert_eq!(name_and_unit(key.name()), ("http.server.request.duration".to_owned(), "s"));
        let expected = [
            KeyValue::new("http.request.method", "GET"),
            KeyValue::new("http.route", "/v1/providers"),
            KeyValue::new("http.response.status_code", 200),
        ];
        assert_eq!(attributes(&key), expected);
    }

    #[test]
    fn what_there_is_none_for_keeps_its_name() {
        let key = Key::from_parts("gateway_sweep_duration_seconds", &[("state", "succeeded")]);
        assert_eq!(name_and_unit(key.name()), (key.name().to_owned(), "s"));
        assert_eq!(attributes(&key), [KeyValue::new("state", "succeeded")]);
    }
}
