//! What the benchmarks that start servers share.

pub mod cpu;
pub mod guard;
pub mod redis;
