//! What every route stands on: connections and their limits, bodies, cookies, origins, who calls, problems.

pub(super) mod app_caller;
pub mod bodies;
pub mod body;
pub(super) mod caller;
pub(super) mod connection;
pub(super) mod cookies;
pub mod forwarded;
pub(super) mod layers;
pub(super) mod origin;
pub(super) mod own_cookies;
pub mod problem;
pub(super) mod rate;
pub(super) mod seats;
pub mod server;
pub(super) mod socket;
