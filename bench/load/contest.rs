//! A row of the table: Keyward, the bare handler and the peer in turn, in the same run, so that what else
//! the machine does meets all three.

use crate::{
    bare::Bare,
    express::Express,
    keyward::{Kept, Keyward, NO_LIMIT},
    options::Options,
    table::{Line, median},
    work::{LIMIT, Scene, Work},
    wrk::{Drive, Order, Sample, Seen, Target, round},
};

/// Seconds before it counts, so that everybody is warm.
const WARM_UP: u64 = 1;

pub struct Contest {
    pub name: &'static str,
    pub goal: &'static str,
    pub kept: Kept,
    pub work: Work,
}

impl Contest {
    pub fn run(&self, options: &Options) -> Line {
        let limit = if self.work == Work::OverLimit { LIMIT } else { NO_LIMIT };
        let keyward = Keyward::start(self.kept, limit);
        let express = Express::start(&keyward.key(), limit);
        let scene = Scene::of(self.work, keyward, express);
        let [first, _] = self.work.requests(&scene, 0);
        let bare = Bare::start(&first.first().expect("a request").ask(scene.keyward.address()));
        let targets = [scene.keyward.target(), bare.target(), scene.express.target()];
        self.round(&scene, targets, WARM_UP);
        let seconds = options.seconds.min(self.work.longest_round());
        let mut samples = Vec::new();
        for number in 1..=options.rounds {
            let round = self.round(&scene, targets, seconds);
            let [ours, bare, express] = round.map(|sample| sample.per_second);
            eprintln!("{}, round {number}: {ours:.0}/s; bare {bare:.0}, Express {express:.0}", self.name);
            samples.push(round);
        }
        self.line(&samples)
    }

    fn round(&self, scene: &Scene, targets: [Target; 3], seconds: u64) -> [Sample; 3] {
        let order = if self.work == Work::Refresh { Order::Refresh } else { Order::Turns };
        let drive = Drive { order, ..Drive::new(seconds, self.work.connections()) };
        let [ours, theirs] = self.work.requests(scene, seconds);
        let [keyward, bare, express] = targets;
        [(keyward, &ours), (bare, &ours), (express, &theirs)].map(|(target, requests)| {
            let (sample, seen) = round(&target, requests, drive);
            self.judge(&seen, seconds);
            if target.address == keyward.address {
                let enough = self.work.runs_out_after().is_none_or(|count| seen.requests < count as u64);
                assert!(enough, "{}: all {} requests are used up", self.name, requests.len());
            }
            sample
        })
    }

    /// A figure counts only for what was to be done.
    fn judge(&self, seen: &Seen, seconds: u64) {
        let Seen { requests, refused, .. } = *seen;
        let others = if self.work == Work::OverLimit { requests - refused } else { refused };
        assert!(others <= self.work.tolerated(seconds), "{}: {refused} refused of {requests}", self.name);
    }

    fn line(&self, samples: &[[Sample; 3]]) -> Line {
        let ratio = |other: usize| {
            median(samples.iter().map(|sample| sample[0].per_second / sample[other].per_second))
        };
        let Self { name, goal, .. } = *self;
        let figures = [0, 1, 2].map(|which| {
            let of_one: Vec<_> = samples.iter().map(|samples| samples[which]).collect();
            middle(&of_one)
        });
        Line { name, goal, samples: figures, to_bare: ratio(1), to_express: ratio(2) }
    }
}

/// The median of each figure.
fn middle(samples: &[Sample]) -> Sample {
    let of = |figure: fn(&Sample) -> f64| median(samples.iter().map(figure));
    let with_redis = samples.iter().any(|sample| sample.redis_cpu.is_some());
    Sample {
        per_second: of(|sample| sample.per_second),
        p50: of(|sample| sample.p50),
        p99: of(|sample| sample.p99),
        cpu: of(|sample| sample.cpu),
        redis_cpu: with_redis.then(|| of(|sample| sample.redis_cpu.unwrap_or_default())),
    }
}
