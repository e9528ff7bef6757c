//! Sign-in: who is it, and how is that proved.

pub(super) mod argon;
pub(super) mod argon2id;
pub(super) mod device;
pub mod hasher;
pub mod login;
pub(super) mod password;
pub(super) mod queue;
pub(super) mod refusals;
pub(super) mod throttle;
