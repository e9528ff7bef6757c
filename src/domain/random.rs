//! Randomness, from one place: the operating system's generator, by way of a seeded CSPRNG.

/// `N` unpredictable bytes.
#[must_use]
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    #[expect(clippy::disallowed_methods, reason = "the one place that draws randomness")]
    rand::fill(&mut bytes);
    bytes
}
