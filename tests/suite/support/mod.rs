//! What tests stand on: real servers, back ends with a clock that stands still, actors that sign in.

pub mod accounts;
pub mod actor;
pub mod app_sessions;
pub mod authenticator;
pub mod backends;
pub mod client_key;
pub mod database;
pub mod faults;
pub mod keyspace;
pub mod outages_page;
pub mod outside;
pub mod proxy;
pub mod servers;
pub mod simulation;
