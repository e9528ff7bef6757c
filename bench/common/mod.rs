//! What the benchmarks share.

pub mod cpu;
pub mod figure;
pub mod goals;
pub mod guard;
pub mod redis;
pub mod statistics;
