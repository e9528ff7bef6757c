//! Sign-in: who is it, and how is that proved.

pub mod answer;
pub(super) mod argon;
pub(super) mod argon2id;
pub mod attempt;
mod bad_hash;
pub(super) mod device;
mod foreign;
mod guesses;
pub mod hasher;
pub mod login;
pub(super) mod open;
pub mod passkey;
pub(super) mod password;
pub(super) mod queue;
pub(super) mod refusals;
pub(super) mod throttle;

pub(super) use self::argon::accept as accept_hash;
pub use self::bad_hash::BadHash;

use self::hasher::{HasherError, Overloaded};
use super::error::AuthError;

impl From<Overloaded> for AuthError {
    fn from(Overloaded: Overloaded) -> Self {
        Self::Overloaded
    }
}

impl From<HasherError> for AuthError {
    fn from(error: HasherError) -> Self {
        Self::Hasher(Box::new(error))
    }
}
