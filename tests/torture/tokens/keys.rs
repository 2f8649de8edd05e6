//! Keys of every kind, made anew for each run: none lies in a file.

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der},
    rand::SystemRandom,
    rsa,
    signature::{
        ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING,
        ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
        RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RsaEncoding,
    },
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};

use crate::real::Fault;

/// How something is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signing {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Es256,
    /// With P-256 too, but in the form that certificates use.
    Es256Der,
    /// With P-384.
    Es384,
    EdDsa,
}

/// One key of each kind.
pub(super) struct Keys {
    rsa: rsa::KeyPair,
    p256: EcdsaKeyPair,
    p256_der: EcdsaKeyPair,
    p384: EcdsaKeyPair,
    ed25519: Ed25519KeyPair,
}

impl Keys {
    /// New ones.
    ///
    /// # Errors
    /// They cannot be made.
    pub(super) fn new() -> Result<Self, Fault> {
        let p256 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING);
        let p256 = p256.map_err(Fault::of("a P-256 key"))?;
        let pkcs8 = p256.to_pkcs8v1().map_err(Fault::of("a P-256 key"))?;
        let p256_der = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref());
        let p384 = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING);
        Ok(Self {
            rsa: rsa::KeyPair::generate(rsa::KeySize::Rsa2048).map_err(Fault::of("an RSA key"))?,
            p256,
            p256_der: p256_der.map_err(Fault::of("a P-256 key"))?,
            p384: p384.map_err(Fault::of("a P-384 key"))?,
            ed25519: Ed25519KeyPair::generate().map_err(Fault::of("an Ed25519 key"))?,
        })
    }

    /// A signature over a message.
    pub(super) fn sign(&self, signing: Signing, message: &str) -> Result<Vec<u8>, Fault> {
        let message = message.as_bytes();
        let rsa = |padding: &'static dyn RsaEncoding| {
            let mut signature = vec![0; self.rsa.public_modulus_len()];
            let signer = aws_lc_rs::signature::RsaKeyPair::from_pkcs8(&self.rsa_pkcs8()?);
            let signer = signer.map_err(Fault::of("an RSA key"))?;
            signer
                .sign(padding, &SystemRandom::new(), message, &mut signature)
                .map_err(Fault::of("an RSA signature"))?;
            Ok(signature)
        };
        let ec = |key: &EcdsaKeyPair| {
            let signature = key.sign(&SystemRandom::new(), message);
            signature.map(|it| it.as_ref().to_vec()).map_err(Fault::of("an EC signature"))
        };
        match signing {
            Signing::Rs256 => rsa(&RSA_PKCS1_SHA256),
            Signing::Rs384 => rsa(&RSA_PKCS1_SHA384),
            Signing::Rs512 => rsa(&RSA_PKCS1_SHA512),
            Signing::Ps256 => rsa(&RSA_PSS_SHA256),
            Signing::Es256 => ec(&self.p256),
            Signing::Es256Der => ec(&self.p256_der),
            Signing::Es384 => ec(&self.p384),
            Signing::EdDsa => Ok(self.ed25519.sign(message).as_ref().to_vec()),
        }
    }

    fn rsa_pkcs8(&self) -> Result<Vec<u8>, Fault> {
        let der: Pkcs8V1Der<'_> = self.rsa.as_der().map_err(Fault::of("an RSA key"))?;
        Ok(der.as_ref().to_vec())
    }

    /// The RSA key's public half, as it is written into files.
    pub(super) fn rsa_pem(&self) -> Result<String, Fault> {
        let body = STANDARD.encode(self.rsa_der()?);
        Ok(format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n"))
    }

    /// The RSA key's public half, in DER.
    pub(super) fn rsa_der(&self) -> Result<Vec<u8>, Fault> {
        let public = KeyPair::public_key(&self.rsa);
        let der: PublicKeyX509Der<'_> = public.as_der().map_err(Fault::of("an RSA key"))?;
        Ok(der.as_ref().to_vec())
    }

    /// The public halves as a key set has them, each with an id that begins so.
    pub(super) fn published(&self, prefix: &str) -> Vec<Value> {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let public = KeyPair::public_key(&self.rsa);
        let rsa = json!({
            "kty": "RSA", "kid": format!("{prefix}rsa"), "use": "sig", "alg": "RS256",
            "n": text(public.modulus().big_endian_without_leading_zero()),
            "e": text(public.exponent().big_endian_without_leading_zero()),
        });
        let ec = |key: &EcdsaKeyPair, curve: &str, kid: &str| {
            let point = key.public_key().as_ref();
            let (x, y) = point[1..].split_at((point.len() - 1) / 2);
            json!({
                "kty": "EC", "kid": format!("{prefix}{kid}"), "use": "sig", "crv": curve,
                "x": text(x), "y": text(y),
            })
        };
        let ed25519 = json!({
            "kty": "OKP", "crv": "Ed25519", "kid": format!("{prefix}ed"), "use": "sig",
            "alg": "EdDSA", "x": text(self.ed25519.public_key().as_ref()),
        });
        vec![rsa, ec(&self.p256, "P-256", "ec"), ec(&self.p384, "P-384", "ec384"), ed25519]
    }
}
