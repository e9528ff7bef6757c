//! What every back end promises alike: one function a promise, named after it, run on each of them.

mod accounts;
mod addresses;
mod app_session_model;
mod app_session_races;
pub mod app_sessions;
mod apps;
mod bound;
mod counters;
mod endings;
mod events;
mod factors;
mod imports;
mod installation;
mod leases;
mod model;
mod once;
mod outbox;
mod policies;
mod renewal;
mod revocations;
mod rotation;
mod session_races;
mod sessions;
mod step_ups;
mod user_lists;
