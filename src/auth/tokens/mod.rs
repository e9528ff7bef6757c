//! Tokens: issued, refreshed, looked into, revoked.

pub(super) mod introspect;
pub mod issue;
pub mod refresh;
pub(super) mod revoke;
