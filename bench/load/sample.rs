//! What a round of load measured, and the median of many rounds.

use serde::Deserialize;

use super::{
    common::statistics::{median, ratio},
    target::{CpuTime, Target},
};

/// What a load generator saw; times in microseconds.
#[derive(Deserialize)]
pub struct Answers {
    pub requests: u64,
    pub micros: u64,
    pub p50: u64,
    pub p99: u64,
    /// Answers with another status than 2xx and 3xx.
    pub refused: u64,
    pub broken: u64,
}

#[derive(Clone, Copy)]
pub struct Sample {
    pub per_second: f64,
    /// In milliseconds.
    pub p50: f64,
    /// In milliseconds.
    pub p99: f64,
    /// CPU time of the server's process per request, in microseconds.
    pub cpu: f64,
    /// The same of its Redis.
    pub redis_cpu: Option<f64>,
}

/// Has a generator load the server, and counts the CPU time meanwhile.
pub fn sample(target: &Target, generate: impl FnOnce() -> Answers) -> (Sample, Answers) {
    let before = target.cpu_time();
    let answers = generate();
    let after = target.cpu_time();
    assert_eq!(answers.broken, 0, "connections broke");
    assert_ne!(answers.requests, 0, "nothing was answered in time");
    (Sample::new(&answers, before, after), answers)
}

impl Sample {
    fn new(answers: &Answers, before: CpuTime, after: CpuTime) -> Self {
        let each = |used: std::time::Duration| used.as_secs_f64() * 1e6 / ratio(answers.requests, 1);
        let redis = after.redis.zip(before.redis).map(|(after, before)| after.saturating_sub(before));
        Self {
            per_second: ratio(answers.requests, answers.micros) * 1e6,
            p50: ratio(answers.p50, 1000),
            p99: ratio(answers.p99, 1000),
            cpu: each(after.server.saturating_sub(before.server)),
            redis_cpu: redis.map(each),
        }
    }

    /// The median of each figure.
    pub fn median(samples: &[Self]) -> Self {
        let of = |figure: fn(&Self) -> f64| median(samples.iter().map(figure));
        let with_redis = samples.iter().any(|sample| sample.redis_cpu.is_some());
        Self {
            per_second: of(|sample| sample.per_second),
            p50: of(|sample| sample.p50),
            p99: of(|sample| sample.p99),
            cpu: of(|sample| sample.cpu),
            redis_cpu: with_redis.then(|| of(|sample| sample.redis_cpu.unwrap_or_default())),
        }
    }

    pub fn cpu_with_redis(&self) -> f64 {
        self.cpu + self.redis_cpu.unwrap_or_default()
    }
}
