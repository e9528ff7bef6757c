//! What the doctor says of a part, and how it is put.

/// How a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartHealth {
    /// As it should be.
    Good,
    /// Good, with something to know.
    Note,
    Wrong,
}

impl PartHealth {
    /// The word for it in listings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Note => "note",
            Self::Wrong => "wrong",
        }
    }
}

/// What was found out about a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// `settings`, `clock`, `machine`, `listen`, `data`, `keys`, `database` or `redis`.
    pub part: &'static str,
    pub health: PartHealth,
    /// What was found, and what to do about it.
    pub text: String,
}

impl Finding {
    pub(super) fn good(part: &'static str, text: impl Into<String>) -> Self {
        Self { part, health: PartHealth::Good, text: text.into() }
    }

    pub(super) fn note(part: &'static str, text: impl Into<String>) -> Self {
        Self { part, health: PartHealth::Note, text: text.into() }
    }

    /// Something to be mended.
    #[must_use]
    pub fn wrong(part: &'static str, text: impl Into<String>) -> Self {
        Self { part, health: PartHealth::Wrong, text: text.into() }
    }
}
