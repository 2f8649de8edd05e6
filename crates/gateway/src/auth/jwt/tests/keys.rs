//! Public keys: which signatures they verify, and which of them are refused.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair,
};
use base64::engine::general_purpose::STANDARD;

use super::*;

/// A pair of keys: one to sign with and the other in PEM.
struct Pair {
    algorithm: Algorithm,
    private: EncodingKey,
    public_pem: String,
}

fn public_pem(key: &impl AsDer<PublicKeyX509Der<'static>>) -> String {
    let body = STANDARD.encode(key.as_der().unwrap().as_ref());
    format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n")
}

fn rsa_pair() -> Pair {
    let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
    let pkcs8: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    let private_pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----",
        STANDARD.encode(pkcs8.as_ref())
    );
    Pair {
        algorithm: Algorithm::RS256,
        private: EncodingKey::from_rsa_pem(private_pem.as_bytes()).unwrap(),
        public_pem: public_pem(pair.public_key()),
    }
}

fn ec_pair() -> Pair {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    Pair {
        algorithm: Algorithm::ES256,
        private: EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref()),
        public_pem: public_pem(pair.public_key()),
    }
}

fn ed_pair() -> Pair {
    let pair = Ed25519KeyPair::generate().unwrap();
    Pair {
        algorithm: Algorithm::EdDSA,
        private: EncodingKey::from_ed_der(pair.to_pkcs8().unwrap().as_ref()),
        public_pem: public_pem(pair.public_key()),
    }
}

fn name_of(algorithm: Algorithm) -> String {
    format!("{algorithm:?}")
}

#[tokio::test]
async fn each_kind_of_public_key_verifies_its_own_signatures_alone() {
    let pairs = [rsa_pair(), ec_pair(), ed_pair()];
    for pair in &pairs {
        let verifier = verifier(&config(Some(&pair.public_pem)));
        for signer in &pairs {
            let header = json!({ "alg": name_of(signer.algorithm) });
            let token = signed(&header, &good_claims(), &signer.private, signer.algorithm);
            let outcome = verifier.verify_at(&token, now()).await;
            if signer.algorithm == pair.algorithm {
                assert!(outcome.is_ok(), "{:?}", signer.algorithm);
            } else {
                assert_eq!(outcome, Err(AuthError::Algorithm));
            }
        }
        let stranger = ed_pair();
        let header = json!({ "alg": name_of(pair.algorithm) });
        let token = signed(&header, &good_claims(), &stranger.private, stranger.algorithm);
        assert_eq!(verifier.verify_at(&token, now()).await, Err(AuthError::Signature));
    }
}

#[tokio::test]
async fn a_public_key_is_never_a_shared_secret() {
    for pair in [rsa_pair(), ec_pair(), ed_pair()] {
        let verifier = verifier(&config(Some(&pair.public_pem)));
        let trimmed = pair.public_pem.trim_end();
        for secret in [pair.public_pem.as_str(), trimmed] {
            let key = EncodingKey::from_secret(secret.as_bytes());
            let token = signed(&hs256(), &good_claims(), &key, Algorithm::HS256);
            assert_eq!(verifier.verify_at(&token, now()).await, Err(AuthError::Algorithm));
            let header = json!({ "alg": name_of(pair.algorithm) });
            let token = signed(&header, &good_claims(), &key, Algorithm::HS256);
            assert_eq!(verifier.verify_at(&token, now()).await, Err(AuthError::Signature));
        }
    }
}

#[tokio::test]
async fn a_token_does_not_bring_its_own_key() {
    let own = Ed25519KeyPair::generate().unwrap();
    let x = URL_SAFE_NO_PAD.encode(own.public_key().as_ref());
    let own = EncodingKey::from_ed_der(own.to_pkcs8().unwrap().as_ref());
    let trusted = ed_pair();
    let verifier = verifier(&config(Some(&trusted.public_pem)));
    for (name, value) in [
        ("jwk", json!({ "kty": "OKP", "crv": "Ed25519", "x": x })),
        ("jku", json!("https://evil.acme.test/keys")),
        ("x5u", json!("https://evil.acme.test/cert")),
        ("x5c", json!(["AAAA"])),
        ("kid", json!("../../../dev/null")),
        ("kid", json!("' or 1=1 --")),
    ] {
        let mut header = json!({ "alg": "EdDSA" });
        header[name] = value;
        let token = signed(&header, &good_claims(), &own, Algorithm::EdDSA);
        assert_eq!(verifier.verify_at(&token, now()).await, Err(AuthError::Signature), "{name}");
        let token = signed(&header, &good_claims(), &trusted.private, trusted.algorithm);
        assert!(verifier.verify_at(&token, now()).await.is_ok(), "{name}");
    }
}

#[test]
fn only_a_shared_secret_makes_tokens() {
    let request = MintRequest {
        subject: "ops".to_owned(),
        tenant: Tenant::new("crm").unwrap(),
        scopes: ScopeSet::default(),
        ttl: std::time::Duration::from_secs(600),
    };
    let error = mint(&config(Some(&ed_pair().public_pem)), &request, now()).unwrap_err();
    assert!(error.to_string().contains("auth.hmac_secret"), "{error}");
}

#[test]
fn keys_that_cannot_be_trusted_are_refused_by_the_configuration() {
    let load = |key: &str, algorithms: &str| {
        let base = format!(
            "[auth]\nissuer = \"https://id.example.test\"\npublic_key = {{ env = \"KEY\" }}\n\
             {algorithms}"
        );
        let environment: Environment = [("KEY", key)].into_iter().collect();
        let sources = Sources { base, environment, ..Sources::default() };
        AuthConfig::from_sources(&sources).map(|_| ()).map_err(|error| error.to_string())
    };
    let p384 = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
    let p384 = public_pem(p384.public_key());
    let private = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----";
    let ed = ed_pair().public_pem;
    assert_eq!(load(&ed, "algorithms = [\"EdDSA\"]"), Ok(()));
    for (key, algorithms, message) in [
        (p384.as_str(), "", "is not on the curve P-256"),
        (private, "", "is a private key"),
        ("nonsense", "", "is not a public key in PEM"),
        (&ed, "algorithms = [\"RS256\"]", "is a key for EdDSA, which auth.algorithms leaves out"),
    ] {
        let error = load(key, algorithms).unwrap_err();
        assert!(error.starts_with(&format!("auth.public_key: {message}")), "{error}");
    }
}
