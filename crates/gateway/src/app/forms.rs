//! Telling forms of ours from others': each carries a token that only we can make, and only for the one
//! session that it was shown to.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

use super::App;

/// What the tokens are made for, so that no other fingerprint can be one.
const PURPOSE: &str = "a form of the console";

impl App {
    /// The token that a form of this session carries. Every replica makes the same.
    #[must_use]
    pub fn form_token(&self, session: &str) -> String {
        URL_SAFE_NO_PAD.encode(self.fingerprints.of(&[PURPOSE, session], &Value::Null))
    }

    /// Whether a form of this session carries the token that was given.
    #[must_use]
    pub fn is_form_token(&self, session: &str, given: &str) -> bool {
        let expected = self.form_token(session);
        aws_lc_rs::constant_time::verify_slices_are_equal(expected.as_bytes(), given.as_bytes())
            .is_ok()
    }
}
