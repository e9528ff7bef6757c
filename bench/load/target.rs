//! A server under load: where it listens, and the processes whose CPU time counts.

use std::{net::SocketAddr, time::Duration};

use super::common::cpu;

#[derive(Clone, Copy)]
pub struct Target {
    pub address: SocketAddr,
    /// Its process.
    pub server: u32,
    pub redis: Option<u32>,
}

/// What the processes have used until now.
#[derive(Clone, Copy)]
pub struct CpuTime {
    pub server: Duration,
    pub redis: Option<Duration>,
}

impl Target {
    pub fn cpu_time(&self) -> CpuTime {
        CpuTime { server: cpu::used_by(self.server), redis: self.redis.map(cpu::used_by) }
    }
}
