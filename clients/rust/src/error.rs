//! What keeps a [`Keyward`](crate::Keyward) from being built. A request never sees these.

/// Why a [`Keyward`](crate::Keyward) could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An address that is none of `http:` or, with the feature `tls`, `https:`, or has more than a host, a port and a
    /// path.
    #[error(
        "{0:?} is no address of Keyward: http://HOST or, with the feature `tls`, https://HOST is expected, without a \
         user's name or a query"
    )]
    Address(String),
    /// An address of the check that does not end in `/v1/check`, where alone Keyward reads what a route asks for.
    #[error("{0:?} is no address of Keyward's check: it ends in /v1/check")]
    CheckAddress(String),
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
