//! The way to Redis: one server, one that sentinels watch over, or the masters of a Cluster.

pub(super) mod cluster;
pub(super) mod error;
pub(super) mod layout;
pub(super) mod link;
pub(super) mod masters;
pub(super) mod node;
pub(super) mod sentinel;
pub(super) mod slots;
pub mod target;
