//! The pages and scripts of the repository are true.

mod docs;
mod doctor;
mod endpoints;
pub mod examples;
mod metrics;
mod openapi;
mod outages;
mod packages;
mod readme;
mod runbook;
mod security;
