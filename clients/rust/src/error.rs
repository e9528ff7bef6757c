//! What keeps a [`Keyward`](crate::Keyward) from being built. A request never sees these.

/// Why a [`Keyward`](crate::Keyward) could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An address that is none of `http:` or, with the feature `tls`, `https:`.
    #[error("{0:?} is no address of Keyward: http://… or, with the feature `tls`, https://… is expected")]
    Address(String),
    /// The app's name or secret has bytes that no header can carry.
    #[error("the app's name or secret cannot be sent")]
    Secret,
    /// The authorities or the algorithms of TLS could not be set up.
    #[error("TLS: {0}")]
    Tls(String),
    /// It was not built inside a Tokio runtime, which follows the stream and fetches keys.
    #[error("a Tokio runtime is needed")]
    NoRuntime,
}
