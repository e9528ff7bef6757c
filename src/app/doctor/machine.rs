//! What the machine lets a process have: descriptors and memory.

use std::fs;

use rustix::process::{Resource, getrlimit};

use super::finding::Finding;
use crate::{app::descriptors::Shares, config::Settings};

/// Of one hash, in bytes.
const HASH: u64 = 19 << 20;

pub(super) fn examine(settings: &Settings) -> Vec<Finding> {
    let server = &settings.server;
    let gateways =
        usize::from(server.check_listen.is_some()) + usize::from(server.ext_authz_listen.is_some());
    // The server raises the soft limit by itself.
    let descriptors = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
    let found = [of_descriptors(descriptors, 1 + gateways), of_memory(settings.login.concurrency, memory())];
    let findings: Vec<_> = found.into_iter().flatten().collect();
    if findings.is_empty() {
        vec![Finding::good("machine", "has memory and file descriptors")]
    } else {
        findings
    }
}

fn of_descriptors(descriptors: u64, listeners: usize) -> Option<Finding> {
    let shares = Shares::of(descriptors, listeners);
    shares.are_few().then(|| {
        let text = format!(
            "the hard limit of open files is {descriptors}, so each listener takes {} connections: raise it, with \
             LimitNOFILE=65536 in systemd",
            shares.others
        );
        Finding::wrong("machine", text)
    })
}

fn of_memory(hashes: usize, memory: Option<u64>) -> Option<Finding> {
    let (memory, needed) = (memory?, HASH.saturating_mul(u64::try_from(hashes).unwrap_or(u64::MAX)));
    (needed > memory / 2).then(|| {
        let text = format!(
            "login.concurrency is {hashes}: that many hashes take {} MiB, and there are {} MiB: lower it, or give \
             more memory",
            needed >> 20,
            memory >> 20
        );
        Finding::wrong("machine", text)
    })
}

/// What the machine has, or the container, where that is less.
fn memory() -> Option<u64> {
    let container =
        fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|text| text.trim().parse().ok());
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? << 10)
    });
    [container, machine].into_iter().flatten().min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_hashes_for_the_memory_are_found() {
        let is_found = |hashes, mib: u64| of_memory(hashes, Some(mib << 20)).is_some();
        assert!(is_found(4, 128) && is_found(1024, 32_768));
        assert!(!is_found(2, 128) && !is_found(4, 512) && !is_found(64, 4_096));
        let finding = of_memory(1024, Some(1 << 30)).expect("a finding");
        assert!(finding.text.starts_with("login.concurrency is 1024"), "{finding:?}");
        assert!(of_memory(1024, None).is_none(), "where it is not known, nothing is said");
    }

    #[test]
    fn few_descriptors_are_found() {
        assert!(of_descriptors(300, 1).is_some() && of_descriptors(512, 2).is_some());
        assert!(of_descriptors(1024, 1).is_none() && of_descriptors(1024, 3).is_none());
    }
}
