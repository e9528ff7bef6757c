//! Why a gateway could not be tested at all. What is wrong with the gateway itself is a result.

use std::io;

/// What stood in the way.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    #[error("{0:?} is no address: http:// or https://, a host, perhaps a port and a path")]
    Url(String),
    #[error("{0} does not answer")]
    Away(String, #[source] io::Error),
    /// No authority to trust is known here.
    #[error("TLS cannot be spoken")]
    Tls(#[source] io::Error),
    /// Keyward refused what was given.
    #[error("{0}")]
    Refused(String),
    /// An address cannot be listened on.
    #[error("{0} cannot be listened on")]
    Listen(std::net::SocketAddr, #[source] io::Error),
}
