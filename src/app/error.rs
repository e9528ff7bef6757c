//! Why a start failed: one line that says what and where.

use std::{io, net::SocketAddr};

use crate::{auth::error::AuthError, keys::error::KeyError, store::error::StoreError};

/// A start that failed.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The keys cannot be used.
    #[error(transparent)]
    Keys(KeyError),
    /// A store cannot be used.
    #[error("{setting} {place}: {source}")]
    Store {
        /// The setting that leads there.
        setting: &'static str,
        /// Where that is, passwords masked.
        place: String,
        /// What is wrong.
        source: StoreError,
    },
    /// A home that is not built in.
    #[error("storage.database_url and storage.redis_url: {0}")]
    NoSuchHome(&'static str),
    /// The verbs cannot be set up.
    #[error(transparent)]
    Verbs(AuthError),
    /// A listener's address cannot be used.
    #[error("{setting} {address}: {source}")]
    Listen {
        /// The setting.
        setting: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A listener failed later.
    #[error("a listener failed: {0}")]
    Serve(io::Error),
}
