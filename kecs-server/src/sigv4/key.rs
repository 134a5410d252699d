//! SHA-256, HMAC and the signing key.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::identify::CredentialScope;
use crate::percent::hex_digit;

/// The key of one day, region and service.
pub(super) struct SigningKey(Zeroizing<[u8; 32]>);

impl SigningKey {
    pub(super) fn derive(secret: &str, scope: &CredentialScope<'_>) -> Self {
        let seed = Zeroizing::new(format!("AWS4{secret}"));
        let mut key = Zeroizing::new(mac(seed.as_bytes(), scope.date.as_bytes()));
        for part in [scope.region.as_bytes(), scope.service.as_bytes(), b"aws4_request"] {
            *key = mac(&*key, part);
        }
        Self(key)
    }

    /// Whether `signature` (hex) is the one of `text`. The comparison takes the same time wherever the first difference is.
    pub(super) fn verifies(&self, text: &[u8], signature: &str) -> bool {
        let Some(signature) = unhex(signature) else {
            return false;
        };
        keyed(&*self.0).chain_update(text).verify_slice(&signature).is_ok()
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

fn mac(key: &[u8], text: &[u8]) -> [u8; 32] {
    keyed(key).chain_update(text).finalize().into_bytes().into()
}

pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]).map(char::from).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(hex_digit(*high)? << 4 | hex_digit(*low)?)).collect()
}

/// Hashes a body while it streams past.
#[derive(Default)]
pub(crate) struct PayloadHasher(Sha256);

impl PayloadHasher {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Whether what passed is what `declared` (hex) promised.
    pub(crate) fn matches(&self, declared: &str) -> bool {
        hex(&self.0.clone().finalize()) == declared
    }
}
