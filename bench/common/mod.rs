//! What the benchmarks that start servers share.

pub mod connection;
pub mod guard;
pub mod redis;
