//! What the system says of this process, for the metrics that every process has (`process_…`).

use std::fs;

use rustix::{
    param::{clock_ticks_per_second, page_size},
    process::{Resource, getrlimit},
};

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Process {
    pub(super) cpu_seconds: u64,
    pub(super) resident_bytes: u64,
    pub(super) virtual_bytes: u64,
    pub(super) open_fds: u64,
    pub(super) max_fds: u64,
    /// In seconds since 1970.
    pub(super) started: f64,
    pub(super) threads: u64,
}

/// `None` where the system has no `/proc`.
pub(super) fn read() -> Option<Process> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let booted = fs::read_to_string("/proc/stat").ok()?;
    let open_fds = fs::read_dir("/proc/self/fd").ok()?.count() as u64;
    let max_fds = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let of_system = OfSystem { ticks: clock_ticks_per_second(), page: page_size() as u64 };
    of_system.process(&stat, &booted).map(|process| Process { open_fds, max_fds, ..process })
}

/// What the numbers are counted in.
struct OfSystem {
    /// A second.
    ticks: u64,
    /// In bytes.
    page: u64,
}

impl OfSystem {
    /// By proc(5): after the name, which may hold anything, comes the third field.
    fn process(&self, stat: &str, booted: &str) -> Option<Process> {
        let (_, fields) = stat.rsplit_once(") ")?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        let booted = booted.lines().find_map(|line| line.strip_prefix("btime "))?.parse::<u32>().ok()?;
        let started = u32::try_from(field(22)? / self.ticks).ok()?;
        Some(Process {
            cpu_seconds: (field(14)? + field(15)?) / self.ticks,
            threads: field(20)?,
            virtual_bytes: field(23)?,
            resident_bytes: field(24)? * self.page,
            started: f64::from(booted) + f64::from(started),
            open_fds: 0,
            max_fds: 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_file_is_read_by_its_fields() {
        let stat = "7 (a ) name) S 1 7 7 0 -1 4194560 900 0 0 0 250 150 0 0 20 0 6 0 30000 4096000 500 18446744073709551615";
        let read = OfSystem { ticks: 100, page: 4096 }.process(stat, "cpu 1\nbtime 1700000000\n");
        let wanted = Process {
            cpu_seconds: 4,
            resident_bytes: 500 * 4096,
            virtual_bytes: 4_096_000,
            open_fds: 0,
            max_fds: 0,
            started: 1_700_000_300.0,
            threads: 6,
        };
        assert_eq!(read, Some(wanted));
        assert!(super::read().is_some_and(|process| process.threads > 0 && process.open_fds > 2));
    }
}
