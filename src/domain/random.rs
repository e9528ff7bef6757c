//! Randomness, from one place: the operating system's generator, by way of a seeded CSPRNG.

/// `N` unpredictable bytes.
#[must_use]
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    #[expect(clippy::disallowed_methods, reason = "the one place that draws randomness")]
    rand::fill(&mut bytes);
    bytes
}

/// A generated password: 24 characters of base64url, 144 bits.
#[must_use]
pub fn password() -> super::secret::Password {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    super::secret::Password::generated(URL_SAFE_NO_PAD.encode(bytes::<18>()))
}
