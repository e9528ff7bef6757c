//! The admin API: what an operator does without a shell, with the verbs of the commands.

pub mod apps;
pub mod audit;
mod caller;
pub mod factors;
pub mod host;
pub mod keys;
mod page;
pub mod sessions;
pub mod stats;
pub mod users;
