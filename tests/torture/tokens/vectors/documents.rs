//! Tokens that bring their own keys, and those whose header, claims, form or encoding is not as it should be.

use serde_json::{Value, json};

use super::{
    Forge, INVALID_REQUEST, List, NO_TOKEN, Signing, Site, Vector, other_alphabet, padded, part,
    raw_part, rs256,
};
use crate::real::Fault;

impl List<'_> {
    pub(super) fn keys_of_its_own(&mut self) -> Result<(), Fault> {
        let claims = self.forge.claims();
        let url = self.attacker_url;
        let published = self.attacker.published("idp-");
        let own = published.first().cloned().unwrap_or_default();
        let jku = json!(format!("{url}/keys"));
        let headers = [
            ("jwk", own),
            ("jku", jku.clone()),
            ("x5u", json!(format!("{url}/certificate"))),
            ("x5c", json!(["MIIBszCCAVmgAwIBAgIUY"])),
            ("jwks", json!({ "keys": published })),
            ("iss", jku),
        ];
        let other = Forge { keys: self.attacker, now: self.forge.now };
        for (name, value) in headers {
            for kid in [Some("idp-rsa"), Some("attacker-rsa"), None] {
                let mut header = json!({ "alg": "RS256", "kid": kid });
                header[name] = value.clone();
                if kid.is_none() {
                    header = json!({ "alg": "RS256", name: value });
                }
                let token = other.token(Signing::Rs256, &header, &claims)?;
                self.refused(Site::KeySet, format!("{name} of its own, kid {kid:?}"), &token);
            }
        }
        // An issuer is believed by its name, and never asked.
        let claims = self.forge.claims_with("iss", json!(url));
        let token = other.token(Signing::Rs256, &rs256(), &claims)?;
        self.refused(Site::KeySet, "an issuer of its own", &token);
        Ok(())
    }

    pub(super) fn headers(&mut self) -> Result<(), Fault> {
        let crit = [json!(["exp"]), json!(["b64"]), json!([]), json!("exp"), Value::Null];
        let typ = ["logout+jwt", "dpop+jwt", "secevent+jwt", "JWE", ""].map(|typ| json!(typ));
        let alg = [json!(["RS256"]), json!(256), Value::Null, json!({ "alg": "RS256" })];
        let crit = crit.into_iter().map(|value| ("crit", value));
        let typ = typ.into_iter().map(|value| ("typ", value));
        let alg = alg.into_iter().map(|value| ("alg", value));
        for (name, value) in crit.chain(typ).chain(alg) {
            let token = self.forge.with_header(name, value.clone())?;
            self.refused(Site::KeySet, format!("header {name} = {value}"), &token);
        }
        let claims = part(&self.forge.claims());
        for header in
            ["{}", "[]", "null", "\"RS256\"", "{\"alg\":", "{\"alg\":\"none\",\"alg\":\"RS256\"}"]
        {
            let token = self.forge.seal(Signing::Rs256, &raw_part(header), &claims)?;
            self.refused(Site::KeySet, format!("header {header}"), &token);
        }
        Ok(())
    }

    pub(super) fn claims(&mut self) -> Result<(), Fault> {
        let now = self.forge.now;
        let cases = [
            ("exp", Value::Null),
            ("exp", json!((now + 3600).to_string())),
            ("exp", json!(true)),
            ("exp", json!(-1)),
            ("exp", json!(-0.5)),
            ("exp", json!(1e300)),
            ("exp", json!(0)),
            ("exp", json!(now - 3600)),
            ("exp", json!([now + 3600])),
            ("nbf", json!(now + 3600)),
            ("nbf", json!("soon")),
            ("iat", json!("then")),
            ("iss", Value::Null),
            ("iss", json!("https://evil.acme.test")),
            ("iss", json!("https://id.acme.test/")),
            ("iss", json!("HTTPS://ID.ACME.TEST")),
            ("iss", json!(["https://id.acme.test"])),
            ("aud", Value::Null),
            ("aud", json!("other")),
            ("aud", json!("partner-gateway2")),
            ("aud", json!([])),
            ("aud", json!(["other", "another"])),
            ("aud", json!({ "partner-gateway": true })),
            ("sub", Value::Null),
            ("sub", json!("")),
            ("sub", json!(7)),
            ("sub", json!("a\nb")),
            ("sub", json!("s".repeat(256))),
            ("sub", json!("gateway:sweep")),
            ("sub", json!("Gateway:import")),
            ("tenant", Value::Null),
            ("tenant", json!("")),
            ("tenant", json!(["crm"])),
            ("tenant", json!("c rm")),
            ("tenant", json!("crm\0")),
            ("tenant", json!("t".repeat(129))),
            ("scope", json!(["organizations:read", 7])),
            ("scope", json!({ "organizations:read": true })),
            ("scope", json!(7)),
        ];
        for (name, value) in cases {
            let token = self.forge.with_claims(&self.forge.claims_with(name, value.clone()))?;
            self.refused(Site::KeySet, format!("{name} = {:.60}", value.to_string()), &token);
        }
        self.claims_documents()
    }

    /// Claims that are given twice, are no object, or are too many.
    fn claims_documents(&mut self) -> Result<(), Fault> {
        let now = self.forge.now;
        let good = self.forge.claims().to_string();
        for (name, twice) in [
            (
                "tenant",
                good.replace("\"tenant\":\"crm\"", "\"tenant\":\"shop\",\"tenant\":\"crm\""),
            ),
            ("exp", good.replace("\"exp\":", &format!("\"exp\":{},\"exp\":", now + 9))),
            ("scope", good.replace("\"scope\":", "\"scope\":\"admin\",\"scope\":")),
        ] {
            let token = self.forge.seal(Signing::Rs256, &part(&rs256()), &raw_part(&twice))?;
            self.refused(Site::KeySet, format!("{name} twice"), &token);
        }
        for claims in ["[]", "null", "7", "\"\"", "{\"iss\":", ""] {
            let token = self.forge.seal(Signing::Rs256, &part(&rs256()), &raw_part(claims))?;
            self.refused(Site::KeySet, format!("claims {claims:?}"), &token);
        }
        let long = self.forge.claims_with("extra", json!("x".repeat(8 * 1024)));
        let token = self.forge.with_claims(&long)?;
        self.refused(Site::KeySet, "over 8 KB", &token);
        Ok(())
    }

    pub(super) fn forms(&mut self) -> Result<(), Fault> {
        let good = self.forge.good()?;
        let (signed, signature) = good.rsplit_once('.').unwrap_or_default();
        let (header, claims) = signed.split_once('.').unwrap_or_default();
        let admin = part(&self.forge.claims_with("scope", json!("admin")));
        let jwe = json!({ "alg": "RSA-OAEP", "enc": "A256GCM", "kid": "idp-rsa" });
        let ed = self.forge.seal(Signing::EdDsa, header, claims)?;
        let ed = ed.rsplit('.').next().unwrap_or_default().to_owned();
        let general = json!({
            "payload": claims,
            "signatures": [{ "protected": header, "signature": signature }],
        });
        let flattened = json!({ "payload": claims, "protected": header, "signature": signature });
        for (name, token) in [
            ("JWE", format!("{}.AAAA.AAAA.AAAA.AAAA", part(&jwe))),
            ("JWE in three parts", format!("{}.AAAA.AAAA", part(&jwe))),
            ("two signatures", format!("{good}.{signature}")),
            ("two signatures, one of another kind", format!("{good}.{ed}")),
            ("general JSON", general.to_string()),
            ("flattened JSON", flattened.to_string()),
            ("claims changed after signing", format!("{header}.{admin}.{signature}")),
            ("no signature", format!("{signed}.")),
            ("half of a signature", format!("{signed}.{}", &signature[..signature.len() / 2])),
            ("a signature twice", format!("{signed}.{signature}{signature}")),
            ("no header", format!(".{claims}.{signature}")),
            ("no claims", format!("{header}..{signature}")),
            ("dots alone", "..".to_owned()),
            ("a word", "token".to_owned()),
            ("a token in a token", format!("{}.{claims}.{signature}", part(&json!(good)))),
        ] {
            self.refused(Site::KeySet, name, &token);
        }
        Ok(())
    }

    pub(super) fn encodings(&mut self) -> Result<(), Fault> {
        let header = rs256().to_string();
        let claims = self.forge.claims();
        let wide = self.forge.claims_with("note", json!("???>>>~~~ÿÿÿ")).to_string();
        for (name, token) in [
            ("header padded", self.forge.seal(Signing::Rs256, &padded(&header), &part(&claims))?),
            ("claims padded", {
                let claims = padded(&claims.to_string());
                self.forge.seal(Signing::Rs256, &raw_part(&header), &claims)?
            }),
            ("claims in the other alphabet", {
                self.forge.seal(Signing::Rs256, &raw_part(&header), &other_alphabet(&wide))?
            }),
        ] {
            self.refused(Site::KeySet, name, &token);
        }
        let good = self.forge.good()?;
        let cut = good.get(..good.len() - 1).unwrap_or_default().to_owned();
        for (name, token) in [
            ("signature padded", format!("{good}==")),
            ("signature cut by a letter", cut.clone()),
            ("signature with other spare bits", format!("{cut}{}", other_last(&good))),
            ("signature with a letter more", format!("{good}A")),
            ("a letter outside of base64", good.replacen('.', "!.", 1)),
        ] {
            self.refused(Site::KeySet, name, &token);
        }
        Ok(())
    }

    pub(super) fn authorizations(&mut self) -> Result<(), Fault> {
        let good = self.forge.good()?;
        let mut odd = |name: &str, authorization: Vec<String>, challenge: &'static str| {
            let (name, challenge, names_unknown_key) = (name.to_owned(), Some(challenge), false);
            let site = Site::KeySet;
            self.found.push(Vector { name, site, authorization, challenge, names_unknown_key });
        };
        odd("no Authorization", vec![], NO_TOKEN);
        for (name, value) in [
            ("an empty Authorization", String::new()),
            ("a scheme alone", "Bearer".to_owned()),
            ("another scheme", "Basic Y3JtOmNybQ==".to_owned()),
            ("another scheme with a token", format!("DPoP {good}")),
            ("no scheme", good.clone()),
            ("no blank", format!("Bearer{good}")),
            ("a tab", format!("Bearer\t{good}")),
            ("a colon", format!("Bearer: {good}")),
            ("white space within", format!("Bearer {}", good.replacen('.', " .", 1))),
            ("a tab within", format!("Bearer {}", good.replacen('.', ".\t", 1))),
            ("two tokens in a list", format!("Bearer {good}, Bearer {good}")),
        ] {
            odd(name, vec![value], INVALID_REQUEST);
        }
        let value = format!("Bearer {good}");
        odd("two headers", vec![value.clone(), value.clone()], INVALID_REQUEST);
        odd("two headers, one empty", vec![value, String::new()], INVALID_REQUEST);
        Ok(())
    }
}

/// Another last letter that stands for the same bytes: two of its six bits, or four, are spare.
fn other_last(text: &str) -> char {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = text.bytes().last().unwrap_or(b'A');
    let at = ALPHABET.iter().position(|letter| *letter == last).unwrap_or_default();
    ALPHABET.get(at + 1).or(ALPHABET.first()).map_or('A', |letter| char::from(*letter))
}
