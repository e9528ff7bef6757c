//! What goes wrong below: one error for every back end, which keeps its source. It holds no
//! secret, but its text is for the log, never for a client.

use std::sync::Arc;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// A store that could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached, or not written just now: the client is told 503 and may try again.
    #[error("{store} is away")]
    Away {
        /// Which one: `sqlite`, `postgres`, `redis`; `keys folder` is read like one.
        store: &'static str,
        /// What its client library said.
        source: Source,
    },
    /// It answered that the request itself is wrong: a defect here, or a schema that is not ours.
    #[error("{store} refused")]
    Refused {
        store: &'static str,
        /// What its client library said.
        source: Source,
    },
    /// It holds what this server never writes.
    #[error("{store}: {place} of {id} is not readable")]
    Corrupt {
        store: &'static str,
        /// Table and column, or key family and field.
        place: &'static str,
        /// The row or key, never a secret.
        id: String,
    },
}

impl StoreError {
    /// It did not answer a moment ago, so it was not asked again.
    #[must_use]
    pub fn silent() -> Self {
        Self::Away { store: "store", source: "it did not answer a moment ago".into() }
    }

    /// The same for one of many that asked together.
    #[must_use]
    pub fn shared(error: Arc<Self>) -> Self {
        let store = match *error {
            Self::Away { store, .. } | Self::Refused { store, .. } | Self::Corrupt { store, .. } => store,
        };
        if error.is_away() {
            Self::Away { store, source: Box::new(error) }
        } else {
            Self::Refused { store, source: Box::new(error) }
        }
    }

    /// Whether trying again later can help.
    #[must_use]
    pub const fn is_away(&self) -> bool {
        matches!(self, Self::Away { .. })
    }
}
