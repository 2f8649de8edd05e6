//! Keys that follow one another, certificates, and what is read again.

use secrecy::SecretString;

use super::*;

const NEXT: &str = "next_secret_key = { env = \"NEXT_KEY\" }";

fn account(lines: &str, more: &[(&str, &str)]) -> ProviderConfig {
    let config = Config::from_sources(&sources(&with_scaleway(lines), more)).unwrap();
    config.providers.into_iter().next().unwrap()
}

fn shown(secrets: &[SecretString]) -> Vec<&str> {
    secrets.iter().map(ExposeSecret::expose_secret).collect()
}

/// A certificate for `localhost` and its key, both in PEM.
fn pair() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

fn with_tls(certificate: &str, key: &str) -> Sources {
    let text = "[server.tls]\ncertificate = { env = \"TLS_CHAIN\" }\nkey = { env = \"TLS_KEY\" }\n";
    sources(&format!("{text}{LEAST}"), &[("TLS_CHAIN", certificate), ("TLS_KEY", key)])
}

fn tls_faults(certificate: &str, key: &str) -> Vec<String> {
    let error = Config::from_sources(&with_tls(certificate, key)).unwrap_err();
    error.faults().iter().map(ToString::to_string).collect()
}

#[test]
fn there_may_be_a_next_key_and_it_may_be_empty() {
    assert!(account("", &[]).keys.next.is_none());
    assert!(account(NEXT, &[("NEXT_KEY", "")]).keys.next.is_none());
    let keys = account(NEXT, &[("NEXT_KEY", "scw-next")]).keys;
    assert_eq!(keys.next.as_ref().unwrap().expose_secret(), "scw-next");
    assert_eq!(keys.next_alone().unwrap().present.expose_secret(), "scw-next");
    assert!(keys.present_alone().next.is_none());
    assert!(keys.files().is_empty(), "the environment does not change");
}

#[test]
fn a_next_key_must_be_where_it_is_said_to_be() {
    let missing = faults(&with_scaleway(NEXT), &[]);
    assert_eq!(missing, ["providers[0].next_secret_key: environment variable NEXT_KEY is not set"]);
    let blank = faults(&with_scaleway(NEXT), &[("NEXT_KEY", "with space")]);
    assert!(blank[0].contains("a header cannot carry"), "{blank:?}");
    let other = one_fault(&with_scaleway("next_api_key = { env = \"SCW_SECRET_KEY\" }"));
    assert!(
        other.starts_with("providers[0].next_api_key: belongs to kind = \"archera\""),
        "{other}"
    );
}

#[test]
fn keys_of_files_are_read_again_and_those_of_the_environment_stay() {
    let next = file("");
    let lines = format!("next_secret_key = {{ file = {:?} }}", next.path());
    let keys = account(&lines, &[]).keys;
    assert_eq!(keys.files(), [next.path()]);
    assert_eq!(shown(&keys.contents()), [""]);
    let read = keys.with_contents(vec!["scw-next".into()]).unwrap();
    assert_eq!(read.present.expose_secret(), "scw-canary");
    assert_eq!(read.next.as_ref().unwrap().expose_secret(), "scw-next");
    assert_eq!(shown(&read.contents()), ["scw-next"]);
    assert!(read.with_contents(vec!["".into()]).unwrap().next.is_none());
    assert!(keys.with_contents(vec!["canary with space".into()]).is_err());
}

#[test]
fn a_present_key_that_is_empty_or_no_header_is_refused_when_it_is_read_again() {
    let (present, next) = (file("one\n"), file("two\n"));
    let text = with_scaleway(&format!("next_secret_key = {{ file = {:?} }}", next.path()));
    let text = text.replace("env = \"SCW_SECRET_KEY\"", &format!("file = {:?}", present.path()));
    let keys = load(&text).providers[0].keys.clone();
    assert_eq!(keys.files(), [present.path(), next.path()]);
    assert_eq!(shown(&keys.contents()), ["one", "two"]);
    for bad in ["", "canary\u{7f}", "canary é"] {
        let refused = keys.with_contents(vec![bad.into(), "two".into()]).unwrap_err();
        assert!(!refused.contains("canary"), "{refused}");
    }
    let read = keys.with_contents(vec!["two".into(), "".into()]).unwrap();
    assert_eq!((read.present.expose_secret(), read.next.is_none()), ("two", true));
}

#[test]
fn the_key_of_tokens_is_judged_again_when_it_is_read_again() {
    let secret = file("0123456789abcdef0123456789abcdef\n");
    let named = with_auth(&format!("hmac_secret = {{ file = {:?} }}", secret.path()));
    let of_file = load(&named).auth.key_file.unwrap();
    assert_eq!((of_file.setting(), of_file.path.as_path()), ("auth.hmac_secret", secret.path()));
    let short = of_file.key_in("canary".into()).unwrap_err();
    assert_eq!(short, "must be at least 32 bytes long");
    let other = of_file.key_in("another-secret-of-32-bytes-or-more".into()).unwrap();
    assert!(matches!(other, AuthKey::Hmac(_)));
    assert!(load(LEAST).auth.key_file.is_none());
}

#[test]
fn the_certificate_and_its_key_must_belong_together() {
    let ((chain, key), (other_chain, other_key)) = (pair(), pair());
    let tls = Config::from_sources(&with_tls(&chain, &key)).unwrap().server.tls.unwrap();
    assert_eq!(tls.certified.cert.len(), 1);
    assert!(tls.files().is_empty());
    let both = Config::from_sources(&with_tls(&format!("{chain}{other_chain}"), &key)).unwrap();
    assert_eq!(both.server.tls.unwrap().certified.cert.len(), 2);
    let cut = format!("{}\n-----END CERTIFICATE-----\n", &chain[..200]);
    for (chain, key, fault) in [
        (chain.as_str(), other_key.as_str(), "server.tls.key: does not belong to the certificate"),
        (&key, &key, "server.tls.certificate: holds no certificate in PEM"),
        (&chain, &chain, "server.tls.key: is not a private key in PEM"),
        ("canary", &key, "server.tls.certificate: holds no certificate in PEM"),
        (&cut, &key, "server.tls.certificate: is not"),
    ] {
        let told = tls_faults(chain, key);
        assert!(told.len() == 1 && told[0].starts_with(fault), "{fault}\n{told:?}");
    }
    let missing =
        one_fault(&format!("[server.tls]\ncertificate = {{ env = \"TOKEN_SECRET\" }}\n{LEAST}"));
    assert!(missing.starts_with("server.tls.key: is needed"), "{missing}");
}

#[test]
fn a_pair_of_a_later_layer_replaces_the_earlier_one_whole() {
    let (chain, key) = pair();
    let (chain, key) = (file(&chain), file(&key));
    let paths = [&chain, &key].map(|file| file.path().display().to_string());
    let both = [
        ("GATEWAY_SERVER__TLS__CERTIFICATE__FILE", paths[0].as_str()),
        ("GATEWAY_SERVER__TLS__KEY__FILE", paths[1].as_str()),
    ];
    let below =
        format!("[server.tls]\ncertificate = {{ env = \"A\" }}\nkey = {{ env = \"B\" }}\n{LEAST}");
    let tls = Config::from_sources(&sources(&below, &both)).unwrap().server.tls.unwrap();
    assert_eq!(tls.files(), [chain.path(), key.path()]);
    let off = sources(&below, &[("GATEWAY_SERVER__TLS", "")]);
    assert!(Config::from_sources(&off).unwrap().server.tls.is_none());
}

#[test]
fn a_pair_is_read_again_as_one() {
    let ((chain, key), (new_chain, new_key)) = (pair(), pair());
    let files = [file(&chain), file(&key)];
    let text = format!(
        "[server.tls]\ncertificate = {{ file = {:?} }}\nkey = {{ file = {:?} }}\n{LEAST}",
        files[0].path(),
        files[1].path()
    );
    let tls = load(&text).server.tls.unwrap();
    assert_eq!(tls.contents().len(), 2);
    let new: Vec<SecretString> = vec![new_chain.as_str().into(), new_key.as_str().into()];
    let read = tls.with_contents(new.clone()).unwrap();
    assert_ne!(read.certified.cert, tls.certified.cert);
    let half = tls.with_contents(vec![new[0].clone(), key.as_str().into()]).unwrap_err();
    assert_eq!(half, "key: does not belong to the certificate");
    let shown = format!("{tls:?}");
    assert!(!shown.contains("PRIVATE") && shown.contains("TlsConfig"), "{shown}");
}

#[test]
fn other_authorities_are_believed_where_a_file_names_them() {
    let (certificate, key) = pair();
    let (bundle, no_bundle) = (file(&certificate), file(&key));
    let named = |path: &std::path::Path| format!("ca_file = {path:?}");
    let account = account(&named(bundle.path()), &[]);
    assert_eq!(account.ca.unwrap().pem(), certificate.as_bytes());
    let fault = one_fault(&with_scaleway(&named(no_bundle.path())));
    assert!(fault.contains("holds no certificate in PEM") && !fault.contains("PRIVATE"), "{fault}");
    let fault = one_fault(&with_scaleway("ca_file = \"/nonexistent/ca.pem\""));
    assert!(fault.starts_with("providers[0].ca_file: cannot read /nonexistent"), "{fault}");
    let plain = format!("base_url = \"http://127.0.0.1:1\"\n{}", named(bundle.path()));
    let fault = one_fault(&with_scaleway(&plain));
    assert!(fault.starts_with("providers[0].ca_file: is of no use"), "{fault}");
    let jwks =
        format!("jwks_url = \"https://id.example.test/keys\"\njwks_ca_file = {:?}", bundle.path());
    assert!(matches!(load(&with_auth(&jwks)).auth.key, AuthKey::Jwks { ca: Some(_), .. }));
    let oidc = format!(
        "{LEAST}\n[console.oidc]\nissuer = \"https://id.example.test\"\nclient_id = \"console\"\n\
         ca_file = {:?}",
        bundle.path()
    );
    assert!(load(&oidc).console.oidc.unwrap().ca.is_some());
    let alone = format!("{LEAST}\njwks_ca_file = {:?}", bundle.path());
    assert_eq!(one_fault(&alone), "auth.jwks_ca_file: is for jwks_url alone");
}
