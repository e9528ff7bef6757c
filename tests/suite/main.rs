//! The integration tests, in one binary so that they are linked once: the contracts of the stores,
//! run on every back end, what holds for one of them alone, the server seen from outside, its outages, and what
//! installs it elsewhere.

mod api;
mod backends;
mod clients;
mod commands;
mod contracts;
mod deploy;
mod drills;
mod exploration;
mod fuzz_twins;
mod gateways;
mod keys;
mod pages;
mod recorded;
mod simulation;
mod support;
mod verbs;
