//! How it is kept: the promises, as traits, and below them one folder a back end.
//!
//! A method is one atomic business verb with its outcomes as an enum; calling it again after a lost
//! answer is safe. Expiry is decided when reading, against the `now` handed in: cleaners only free
//! space. A back end never uses a sibling; `tests/suite/contracts/` holds all of them to one text.

pub mod accounts;
pub mod addresses;
pub mod app_sessions;
pub mod apps;
pub mod counters;
pub mod error;
pub mod events;
pub mod factors;
pub mod installation;
pub mod leases;
pub mod measured;
pub mod memory;
pub mod once;
pub mod outbox;
pub mod postgres;
pub mod redis;
pub mod revocations;
pub mod revoked;
pub mod schema;
pub mod sessions;
pub mod sqlite;
