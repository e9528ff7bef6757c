//! The pages and scripts of the repository are true.

mod docs;
pub mod examples;
mod packages;
mod readme;
