//! What the Redis client's errors mean here: is it away, did it refuse, or is it the connection that
//! is of no use any more?

use std::{error::Error, io, sync::Arc};

use redis::{ErrorKind, ParsingError, RedisError, RedisResult, ServerErrorKind};

use crate::{domain::ids::SessionId, store::error::StoreError};

const STORE: &str = "redis";

/// Error codes the client has no name for, and that pass: out of memory, too few replicas, a disk it
/// cannot save to, a script that runs too long, a password that is being changed.
const PASSING: [&str; 6] = ["OOM", "NOREPLICAS", "MISCONF", "BUSY", "NOAUTH", "WRONGPASS"];

/// Turns a client's error into the store's.
pub fn from_redis(error: RedisError) -> StoreError {
    if is_away(&error) {
        StoreError::Away { store: STORE, source: Box::new(error) }
    } else {
        StoreError::Refused { store: STORE, source: Box::new(error) }
    }
}

/// Redis cannot be reached, or not in the way that was asked for.
pub fn away(why: &'static str) -> StoreError {
    StoreError::Away { store: STORE, source: why.into() }
}

/// The connection could not be made; whatever the reason, trying again later can help.
pub fn unreachable(error: RedisError) -> StoreError {
    StoreError::Away { store: STORE, source: Box::new(error) }
}

/// Whether a connection that could not be made may come about by itself: not with a wrong password or
/// certificate.
pub fn may_pass(error: &RedisError) -> bool {
    // The client keeps its sources behind a pointer, which is what `source` shows.
    let source = error.source().and_then(|source| source.downcast_ref::<Arc<dyn Error + Send + Sync>>());
    let source = source.and_then(|source| source.downcast_ref::<io::Error>());
    let is_untrusted = source.is_some_and(|source| source.kind() == io::ErrorKind::InvalidData);
    let is_refused = matches!(
        error.kind(),
        ErrorKind::AuthenticationFailed | ErrorKind::InvalidClientConfig | ErrorKind::Client
    ) || error.code().is_some_and(|code| ["NOAUTH", "WRONGPASS", "NOPERM"].contains(&code));
    !is_untrusted && !is_refused
}

/// An answer of a shape that no script of ours gives.
pub fn unexpected(error: ParsingError) -> StoreError {
    from_redis(error.into())
}

/// A value that this server never writes.
pub fn corrupt(place: &'static str, id: SessionId) -> StoreError {
    StoreError::Corrupt { store: STORE, place, id: id.to_string() }
}

fn is_away(error: &RedisError) -> bool {
    use ServerErrorKind::{Ask, BusyLoading, ClusterDown, MasterDown, Moved, ReadOnly, TryAgain};
    match error.kind() {
        ErrorKind::Io
        | ErrorKind::AuthenticationFailed
        | ErrorKind::ClusterConnectionNotFound
        | ErrorKind::MasterNameNotFoundBySentinel
        | ErrorKind::Server(Ask | BusyLoading | ClusterDown | MasterDown | Moved | ReadOnly | TryAgain) => {
            true
        }
        _ => error.code().is_some_and(|code| PASSING.contains(&code)),
    }
}

/// Whether the connection is broken or leads to a server that was demoted. The command may have been
/// carried out or not; a timeout is not meant, for to wait twice helps nobody.
pub fn is_connection_lost(error: &RedisError) -> bool {
    error.is_connection_dropped() || error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly)
}

/// A server that cannot save to its disk refuses even `PING`, and yet it has answered.
pub fn answered(ping: RedisResult<()>) -> RedisResult<()> {
    match ping {
        Err(error) if error.code() == Some("MISCONF") => Ok(()),
        answer => answer,
    }
}

/// Whether the server has forgotten a script (`SCRIPT FLUSH`, or a restart).
pub fn is_unknown_script(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}
