//! What holds for one back end alone.

pub mod postgres;
mod redis;
mod sqlite;
