//! What is kept where others may read it: sealed by AES-256-GCM, each time under a nonce of its own.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

/// Seals and opens. What is sealed is the nonce, the ciphertext and its tag, in this order.
pub(super) struct Key(LessSafeKey);

impl Key {
    /// `None` where the key has not 32 bytes.
    pub(super) fn new(key: &[u8]) -> Option<Self> {
        UnboundKey::new(&AES_256_GCM, key).ok().map(LessSafeKey::new).map(Self)
    }

    /// Seals a content for what `of` names, and nothing else. `None` where the machine has no randomness.
    pub(super) fn seal(&self, of: &[u8], content: &[u8]) -> Option<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        aws_lc_rs::rand::fill(&mut nonce).ok()?;
        let mut sealed = content.to_vec();
        let unique = Nonce::assume_unique_for_key(nonce);
        self.0.seal_in_place_append_tag(unique, Aad::from(of), &mut sealed).ok()?;
        Some([&nonce[..], &sealed].concat())
    }

    /// The content; `None` of what was sealed by another key, for something else, or was changed.
    pub(super) fn open(&self, of: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut content = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = self.0.open_in_place(nonce, Aad::from(of), &mut content).ok()?.len();
        content.truncate(length);
        Some(content)
    }
}
