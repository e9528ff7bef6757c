//! What holds for one back end alone.

pub mod postgres;
pub mod redis;
mod sqlite;
