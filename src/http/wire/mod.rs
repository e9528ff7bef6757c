//! What every route stands on: bodies, cookies, origins, who calls, problems.

pub(super) mod app_caller;
pub mod body;
pub(super) mod caller;
pub(super) mod cause;
pub mod challenge;
pub(super) mod cookies;
pub mod forwarded;
pub(super) mod key_proof;
pub(super) mod layers;
pub(super) mod occasion;
pub(super) mod origin;
pub(super) mod own_cookies;
pub(super) mod prepared;
pub mod problem;
pub(super) mod proxies;
pub(super) mod query;
pub(super) mod rate;
pub(super) mod span;
