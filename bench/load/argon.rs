//! What the machine itself can do of argon2id, with the parameters of a sign-in.

use std::{
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use argon2_rust::{Algorithm, Argon2, Params, Version};

/// Hashes a second, on all cores.
pub fn raw_hashes(password: &str, time: Duration) -> f64 {
    let done = AtomicU32::new(0);
    let stop = AtomicBool::new(false);
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let begun = Instant::now();
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                let mut hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::default()).hasher();
                let mut out = [0; 32];
                while !stop.load(Ordering::Relaxed) {
                    hasher.hash_into(password.as_bytes(), &[7; 16], &mut out).expect("hashes");
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        thread::sleep(time);
        stop.store(true, Ordering::Relaxed);
    });
    f64::from(done.into_inner()) / begun.elapsed().as_secs_f64()
}
