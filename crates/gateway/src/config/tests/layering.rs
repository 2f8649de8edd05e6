//! Which layer wins.

use super::*;

#[test]
fn later_files_win_and_the_environment_wins_over_them() {
    let first = file("[server]\nlisten = \"127.0.0.1:1\"\nmax_in_flight = 1\n[limits]\nburst=1");
    let second = file("[server]\nmax_in_flight = 2\n[limits]\nburst = 2");
    let mut sources = sources(LEAST, &[("GATEWAY_LIMITS__BURST", "3")]);
    sources.files = vec![first.path().into(), second.path().into()];
    let config = Config::from_sources(&sources).unwrap();
    assert_eq!(config.server.listen.port(), 1);
    assert_eq!(config.server.max_in_flight, 2);
    assert_eq!(config.limits.burst, 3);
}

#[test]
fn every_kind_of_value_can_come_from_the_environment() {
    let variables = [
        ("GATEWAY_SERVER__LISTEN", "0.0.0.0:9"),
        ("GATEWAY_SERVER__REQUEST_TIMEOUT", "7s"),
        ("GATEWAY_DATABASE__MIGRATE_ON_START", "true"),
        ("GATEWAY_DATABASE__URL", "embedded"),
        ("GATEWAY_AUTH__HMAC_SECRET", ""),
        ("GATEWAY_AUTH__JWKS_URL", "https://id.example.test/keys"),
        ("GATEWAY_AUTH__ALGORITHMS", "ES256, EdDSA"),
        ("GATEWAY_AUTH__TENANT_CLAIM", "42"),
    ];
    let config = Config::from_sources(&sources(LEAST, &variables)).unwrap();
    assert_eq!(config.server.listen.to_string(), "0.0.0.0:9");
    assert_eq!(config.server.request_timeout, Duration::from_secs(7));
    assert!(config.database.migrate_on_start);
    assert!(matches!(config.database.url, DatabaseUrl::Embedded));
    assert_eq!(config.auth.tenant_claim, "42");
    let AuthKey::Jwks { algorithms, .. } = config.auth.key else { panic!("not a key set") };
    assert_eq!(algorithms, [SigningAlgorithm::Es256, SigningAlgorithm::EdDsa]);
}

#[test]
fn names_of_others_are_left_alone() {
    let foreign = [
        ("GATEWAY_SERVICE_HOST", "10.0.0.1"),
        ("GATEWAY_SERVICE__HOST", "10.0.0.1"),
        ("GATEWAY_SERVER_LISTEN", "nonsense"),
        ("GATEWAY_PORT", "tcp://10.0.0.1:80"),
        ("XGATEWAY_SERVER__LISTEN", "nonsense"),
    ];
    let config = Config::from_sources(&sources(LEAST, &foreign)).unwrap();
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
}

#[test]
fn a_variable_of_ours_that_is_not_utf_8_is_refused_by_its_name() {
    use std::{ffi::OsString, os::unix::ffi::OsStringExt};
    let refused = |pairs: &[(&[u8], &[u8])]| -> Vec<String> {
        let os = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
        let mut environment =
            Environment::of_os(pairs.iter().map(|(name, value)| (os(name), os(value))));
        for (name, value) in VARIABLES {
            environment.set(name, value);
        }
        let sources = Sources { environment, ..sources(LEAST, &[]) };
        match Config::from_sources(&sources) {
            Ok(_) => Vec::new(),
            Err(error) => error.faults().iter().map(ToString::to_string).collect(),
        }
    };
    assert_eq!(
        refused(&[
            (b"GATEWAY_SERVER__LISTEN", b"\xe9-canary"),
            (b"GATEWAY_PROVIDERS__0__NAME", b"\xff"),
            (b"GATEWAY_SER\xffVER__LISTEN", b"127.0.0.1:1"),
        ]),
        [
            "GATEWAY_PROVIDERS__0__NAME: the value must be UTF-8; correct or unset it",
            "GATEWAY_SERVER__LISTEN: the value must be UTF-8; correct or unset it",
            "GATEWAY_SER\u{fffd}VER__LISTEN: the name must be UTF-8; correct or unset it",
        ]
    );
    // Variables of other programs are left alone.
    let foreign: [(&[u8], &[u8]); 5] = [
        (b"GATEWAY_SERVICE__HOST", b"\xff"),
        (b"GATEWAY_SERVICE__\xff", b"x"),
        (b"GATEWAY_SERVER_LISTEN", b"\xff"),
        (b"GATEWAY_\xff", b"x"),
        (b"\xffGATEWAY_SERVER__LISTEN", b"x"),
    ];
    assert_eq!(refused(&foreign), [""; 0]);
}

#[test]
fn a_misspelt_variable_is_refused_by_its_key() {
    let all = faults(LEAST, &[("GATEWAY_SERVER__LISTN", "0.0.0.0:9")]);
    assert!(all[0].starts_with("server.listn: unknown key; known here: "), "{all:?}");
}

#[test]
fn lists_of_tables_are_refused_in_the_environment() {
    let all = faults(LEAST, &[("GATEWAY_PROVIDERS__0__NAME", "x")]);
    assert!(all[0].contains("[[providers]] is set in files"), "{all:?}");
}

#[test]
fn a_reference_in_a_later_layer_replaces_the_earlier_one_whole() {
    let secret = file("another-secret-of-32-bytes-or-more\n");
    let text = format!("[auth]\nhmac_secret = {{ file = {:?} }}", secret.path());
    let later = file(&text);
    let mut from_file = sources(LEAST, &[]);
    from_file.files = vec![later.path().into()];
    let path = secret.path().display().to_string();
    let from_variable = sources(LEAST, &[("GATEWAY_AUTH__HMAC_SECRET__FILE", &path)]);
    for sources in [from_file, from_variable] {
        let config = Config::from_sources(&sources).unwrap();
        let AuthKey::Hmac(secret) = config.auth.key else { panic!("not a shared secret") };
        assert_eq!(secret.expose_secret(), "another-secret-of-32-bytes-or-more");
    }
}

#[test]
fn the_log_filter_of_the_process_wins() {
    let config = Config::from_sources(&sources(LEAST, &[("RUST_LOG", "warn")])).unwrap();
    assert_eq!(config.telemetry.log_filter, "warn");
    let all = faults(LEAST, &[("RUST_LOG", "loud")]);
    assert!(all[0].starts_with("RUST_LOG: `loud` is not "), "{all:?}");
}

#[test]
fn one_section_can_be_read_without_the_others() {
    let text = format!("{LEAST}\n[server]\nlisten = \"nonsense\"");
    assert!(AuthConfig::from_sources(&sources(&text, &[])).is_ok());
    assert!(DatabaseConfig::from_sources(&sources(&text, &[])).is_ok());
    assert!(TelemetryConfig::from_sources(&sources(&text, &[])).is_ok());
}
