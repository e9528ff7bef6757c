//! The CPU time of processes: what a rate does not tell where several of them share the cores.

use std::{fs, time::Duration};

/// As `/proc` counts on Linux, whatever the kernel's own clock is.
const TICKS_A_SECOND: f64 = 100.0;

/// What a process has used until now.
pub fn used_by(process: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("it runs");
    // The name of the program, in brackets, may hold anything; user and system time are fields 14 and 15.
    let fields = stat.rsplit_once(')').expect("a name").1.split_whitespace();
    let ticks = fields.skip(11).take(2).map(|field| field.parse::<u32>().expect("a number"));
    Duration::from_secs_f64(f64::from(ticks.sum::<u32>()) / TICKS_A_SECOND)
}
