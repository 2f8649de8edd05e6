//! Published keys as six large identity providers shape them, and keys with faults.

use aws_lc_rs::encoding::Pkcs8V1Der;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
};
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde_json::json;

use super::*;

fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

type Sign = Box<dyn Fn(&[u8]) -> Vec<u8>>;

/// A key pair with its public half as published.
struct Pair {
    published: Value,
    sign: Sign,
}

fn rsa_of(size: rsa::KeySize) -> Pair {
    let pair = rsa::KeyPair::generate(size).unwrap();
    let public = KeyPair::public_key(&pair).clone();
    let published = json!({
        "kty": "RSA",
        "n": text(public.modulus().big_endian_without_leading_zero()),
        "e": text(public.exponent().big_endian_without_leading_zero()),
    });
    let sign = move |message: &[u8]| {
        let pkcs8: Pkcs8V1Der<'_> = pair.as_der().unwrap();
        let signer = aws_lc_rs::signature::RsaKeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
        let mut signature = vec![0; signer.public_modulus_len()];
        let random = aws_lc_rs::rand::SystemRandom::new();
        signer.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
        signature
    };
    Pair { published, sign: Box::new(sign) }
}

fn rsa() -> Pair {
    rsa_of(rsa::KeySize::Rsa2048)
}

fn ec() -> Pair {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let point = pair.public_key().as_ref();
    let published =
        json!({ "kty": "EC", "crv": "P-256", "x": text(&point[1..33]), "y": text(&point[33..]) });
    let sign = move |message: &[u8]| {
        let random = aws_lc_rs::rand::SystemRandom::new();
        pair.sign(&random, message).unwrap().as_ref().to_vec()
    };
    Pair { published, sign: Box::new(sign) }
}

fn ed() -> Pair {
    let pair = Ed25519KeyPair::generate().unwrap();
    let x = text(pair.public_key().as_ref());
    let published = json!({ "kty": "OKP", "crv": "Ed25519", "x": x });
    Pair { published, sign: Box::new(move |message| pair.sign(message).as_ref().to_vec()) }
}

impl Pair {
    /// The published half with these members set; null removes one.
    fn with(&self, members: &Value) -> Value {
        let mut key = self.published.as_object().unwrap().clone();
        for (name, value) in members.as_object().unwrap() {
            key.insert(name.clone(), value.clone());
        }
        key.retain(|_, value| !value.is_null());
        Value::Object(key)
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(self.published[name].as_str().unwrap()).unwrap()
    }

    /// Whether a signature of this pair is verified by `published`.
    #[track_caller]
    fn is_verified_by(&self, published: &Value) {
        let (algorithm, key) = match read(published, &SigningAlgorithm::ASYMMETRIC) {
            Ok(read) => read,
            Err(skipped) => panic!("{published}: {skipped:?}"),
        };
        let signature = text(&(self.sign)(b"message"));
        let algorithm = super::super::keys::wire_algorithm(algorithm);
        let verified = jsonwebtoken::crypto::verify(&signature, b"message", &key, algorithm);
        assert!(verified.unwrap(), "{published}");
    }
}

fn fault(published: &Value) -> &'static str {
    match read(published, &SigningAlgorithm::ASYMMETRIC) {
        Ok((algorithm, _)) => panic!("{published} is a key for {algorithm}"),
        Err(skipped) => skipped.reason(),
    }
}

#[test]
fn departures_without_ambiguity_are_read() {
    let rsa = rsa();
    let (n, e) = (rsa.bytes("n"), rsa.bytes("e"));
    for members in [
        json!({ "n": text(&[&[0], n.as_slice()].concat()) }),
        json!({ "n": text(&[&[0, 0, 0], n.as_slice()].concat()), "e": text(&[&[0], e.as_slice()].concat()) }),
        json!({ "n": URL_SAFE.encode(&n), "e": format!("{}=", text(&e)) }),
        json!({ "n": URL_SAFE.encode([&[0], n.as_slice()].concat()) }),
        json!({ "kty": "rsa", "use": "SIG", "alg": "rs256" }),
        json!({ "use": "sig", "key_ops": ["verify"], "ext": true }),
        json!({ "use": null, "alg": null, "key_ops": null }),
        json!({ "key_ops": [], "x5c": ["not a certificate"], "x5t": 7 }),
    ] {
        rsa.is_verified_by(&rsa.with(&members));
    }
    let ec = ec();
    for members in [
        json!({ "kty": "ec", "crv": "p-256" }),
        json!({ "x": URL_SAFE.encode(ec.bytes("x")), "alg": "ES256" }),
        json!({ "y": text(&[&[0], ec.bytes("y").as_slice()].concat()) }),
    ] {
        ec.is_verified_by(&ec.with(&members));
    }
    let ed = ed();
    for alg in [json!("EdDSA"), json!("Ed25519"), Value::Null] {
        ed.is_verified_by(&ed.with(&json!({ "alg": alg, "crv": "ed25519" })));
    }
}

#[test]
fn a_coordinate_without_its_leading_zeros_is_read() {
    // One key of 128 has a coordinate that begins with a zero octet.
    let pair = std::iter::repeat_with(ec).find(|pair| pair.bytes("x")[0] == 0).unwrap();
    let short = text(&pair.bytes("x")[1..]);
    pair.is_verified_by(&pair.with(&json!({ "x": short })));
}

#[test]
fn every_fault_has_its_reason() {
    let (rsa, ec, ed) = (rsa(), ec(), ed());
    let n = rsa.bytes("n");
    let even = [&n[..n.len() - 1], &[n[n.len() - 1] & 0xfe]].concat();
    for (key, reason) in [
        (json!("text"), "not a JSON object"),
        (rsa.with(&json!({ "kty": null })), "`kty` is missing"),
        (rsa.with(&json!({ "kty": 7 })), "must be a string"),
        (rsa.with(&json!({ "kty": "quantum" })), "`kty` must be RSA, EC or OKP"),
        (json!({ "kty": "oct", "k": "c2VjcmV0" }), "is not secret"),
        (rsa.with(&json!({ "use": "enc" })), "`use` is not `sig`"),
        (rsa.with(&json!({ "key_ops": ["sign"] })), "lacks `verify`"),
        (rsa.with(&json!({ "key_ops": "verify" })), "is not a list"),
        (rsa.with(&json!({ "alg": "RSA-OAEP" })), "`alg` is not an algorithm"),
        (rsa.with(&json!({ "alg": "RS512" })), "`alg` is not an algorithm"),
        (ec.with(&json!({ "alg": "RS256" })), "`alg` is not an algorithm"),
        (rsa.with(&json!({ "n": null, "e": null, "x5c": ["MIIB"] })), "(`x5c` alone is not read)"),
        (rsa.with(&json!({ "n": "!" })), "not base64url"),
        (rsa.with(&json!({ "n": STANDARD.encode([0xff; 256]) })), "not base64url"),
        (rsa.with(&json!({ "n": "" })), "2048 to 8192 bits"),
        (rsa.with(&json!({ "n": text(&[0; 300]) })), "2048 to 8192 bits"),
        (rsa.with(&json!({ "n": text(&n[..128]) })), "2048 to 8192 bits"),
        (rsa.with(&json!({ "n": text(&[1; 1025]) })), "2048 to 8192 bits"),
        (rsa.with(&json!({ "n": text(&even) })), "not an RSA public key"),
        (rsa.with(&json!({ "e": "AAAA" })), "not an RSA public key"),
        (rsa.with(&json!({ "e": "Ag" })), "not an RSA public key"),
        (ec.with(&json!({ "crv": "P-384" })), "must be P-256"),
        (ec.with(&json!({ "y": null })), "`x` or `y` is missing"),
        (ec.with(&json!({ "x": text(&[1; 33]) })), "not a point on P-256"),
        (ec.with(&json!({ "y": text(&[1; 32]) })), "not a point on P-256"),
        (ed.with(&json!({ "crv": "X25519" })), "must be Ed25519"),
        (ed.with(&json!({ "x": text(&[1; 31]) })), "32 bytes"),
    ] {
        let found = fault(&key);
        assert!(found.contains(reason), "{key}: {found}");
    }
    let rs256_alone = read(&ed.published, &[SigningAlgorithm::Rs256]);
    assert!(rs256_alone.is_err_and(|skipped| skipped.reason().contains("auth.algorithms")));
}
