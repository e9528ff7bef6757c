//! The integration tests, in one binary so that they are linked once: the contracts of the stores,
//! run on every back end, what holds for one of them alone, and the server seen from outside.

mod accounts;
mod actor;
mod app_sessions;
mod backends;
mod blackbox;
mod by_hand;
mod cli;
mod config;
mod contracts;
mod docs;
mod faults;
mod floods;
mod fuzz_twins;
mod gateways;
mod guessing;
mod keys;
mod keyspace;
mod model;
mod outage;
mod packages;
mod postgres;
mod readme;
mod redis;
mod servers;
mod sqlite;
mod verbs;
mod watching;
