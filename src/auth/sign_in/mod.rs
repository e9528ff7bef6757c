//! Sign-in: who is it, and how is that proved.

pub(super) mod argon;
pub(super) mod device;
pub mod hasher;
pub mod login;
pub(super) mod queue;
pub(super) mod refusals;
pub(super) mod throttle;

use self::hasher::{LaneError, Overloaded};
use super::error::AuthError;

impl From<Overloaded> for AuthError {
    fn from(Overloaded: Overloaded) -> Self {
        Self::Overloaded
    }
}

impl From<LaneError> for AuthError {
    fn from(error: LaneError) -> Self {
        Self::Lane(Box::new(error))
    }
}
