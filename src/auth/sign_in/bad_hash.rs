//! A password hash that nothing can be compared with, and why.

/// A hash that is of no kind that is known here, not whole, or dearer than what is computed here.
#[derive(Debug, thiserror::Error)]
#[error("a password hash is not usable: {0}")]
pub struct BadHash(String);

impl BadHash {
    pub(super) fn because(why: impl Into<String>) -> Self {
        Self(why.into())
    }

    /// Why, alone; it holds no more of the hash than its costs.
    #[must_use]
    pub fn why(&self) -> &str {
        &self.0
    }
}
