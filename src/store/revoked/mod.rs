//! What is revoked, as each node holds it in memory.

pub mod heartbeat;
pub mod log;
pub mod outdated;
pub mod pulse;
pub mod set;
