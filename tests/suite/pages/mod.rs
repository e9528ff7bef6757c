//! The pages and scripts of the repository are true.

mod docs;
mod endpoints;
pub mod examples;
mod metrics;
mod outages;
mod packages;
mod readme;
mod security;
