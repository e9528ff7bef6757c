//! The integration tests, in one binary so that they are linked once: the contracts of the stores,
//! run on every back end, what holds for one of them alone, and the server seen from outside.

mod api;
mod backends;
mod commands;
mod contracts;
mod fuzz_twins;
mod gateways;
mod keys;
mod pages;
mod support;
mod verbs;
