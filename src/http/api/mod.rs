//! The API that clients, apps and probes call: one file a concern.

pub(super) mod account;
pub(super) mod activity;
pub mod bodies;
pub(super) mod email;
pub(super) mod factors;
pub(super) mod health;
pub(super) mod keys;
pub(super) mod logout;
pub(super) mod passkeys;
pub(super) mod reset;
pub(super) mod revocations;
pub(super) mod second_factor;
pub(super) mod sessions;
pub(super) mod step_up;
pub(super) mod tokens;
