//! Real servers for the tests, each in a folder of its own under the system's temporary one.

pub mod certificates;
pub mod envoy;
pub mod exim;
pub mod hung;
pub mod postgres;
pub mod redis;
pub mod redis_sets;
pub mod smtp;
