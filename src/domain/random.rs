//! Randomness, from one place: the operating system's generator, by way of a seeded CSPRNG.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// `N` unpredictable bytes.
#[must_use]
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    #[expect(clippy::disallowed_methods, reason = "the one place that draws randomness")]
    rand::fill(&mut bytes);
    bytes
}

/// A short text that no other call draws, so that what is sent twice can be told.
#[must_use]
pub fn mark() -> String {
    URL_SAFE_NO_PAD.encode(bytes::<9>())
}
