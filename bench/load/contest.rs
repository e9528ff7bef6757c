//! A row of the table: Keyward, the bare handler and the peer in turn, in the same run, so that what else
//! the machine does meets all three.

use super::{
    bare::Bare,
    express::Express,
    keyward::{self, Keyward},
    options::Options,
    table::{Line, median},
    wrk::{Drive, Request, Sample, Seen, Target, round},
};

const CONNECTIONS: u32 = 64;
/// Before it counts, everybody is warm.
const WARM_UP: u64 = 1;

/// Makes the requests of a round.
pub type Requests<'a> = Box<dyn FnMut() -> Vec<Request> + 'a>;

pub struct Contest<'a> {
    pub name: &'static str,
    pub goal: &'static str,
    pub keyward: &'a Keyward,
    pub express: &'a Express,
    /// For Keyward and the bare handler.
    pub ours: Requests<'a>,
    pub theirs: Requests<'a>,
    pub chained: bool,
    /// Are most answers to be refusals?
    pub refused: bool,
}

impl Contest<'_> {
    pub fn run(mut self, options: &Options) -> Line {
        let first = (self.ours)();
        let answer = keyward::ask(self.keyward.address, first.first().expect("a request"));
        let bare = Bare::start(&answer);
        let targets = [self.keyward.target(), bare.target(), self.express.target()];
        let mut samples = [const { Vec::new() }; 3];
        self.each(targets, WARM_UP, |_, _| {});
        for number in 1..=options.rounds {
            self.each(targets, options.seconds, |which, sample| samples[which].push(sample));
            let rates = samples.each_ref().map(|samples| samples[number - 1].per_second);
            eprintln!("{} {number}: {:.0} bare {:.0} Express {:.0}", self.name, rates[0], rates[1], rates[2]);
        }
        self.line(&samples)
    }

    fn each(&mut self, targets: [Target; 3], seconds: u64, mut note: impl FnMut(usize, Sample)) {
        let drive = Drive { seconds, connections: CONNECTIONS, chained: self.chained };
        let ours = (self.ours)();
        let theirs = (self.theirs)();
        for (which, (target, requests)) in targets.iter().zip([&ours, &ours, &theirs]).enumerate() {
            let (sample, seen) = round(target, requests, drive);
            self.judge(&seen);
            note(which, sample);
        }
    }

    /// A figure counts only for what was to be done.
    fn judge(&self, seen: &Seen) {
        let wanted = if self.refused { seen.refused } else { seen.requests - seen.refused };
        assert!(
            wanted * 100 >= seen.requests * 99,
            "{}: {} refused of {}",
            self.name,
            seen.refused,
            seen.requests
        );
    }

    fn line(&self, [ours, bare, express]: &[Vec<Sample>; 3]) -> Line {
        let ratio = |other: &[Sample]| {
            median(ours.iter().zip(other).map(|(ours, other)| ours.per_second / other.per_second))
        };
        Line {
            name: self.name,
            goal: self.goal,
            samples: [middle(ours), middle(bare), middle(express)],
            to_bare: ratio(bare),
            to_express: ratio(express),
        }
    }
}

/// The median of each figure.
fn middle(samples: &[Sample]) -> Sample {
    let of = |figure: fn(&Sample) -> f64| median(samples.iter().map(figure));
    Sample {
        per_second: of(|sample| sample.per_second),
        p50: of(|sample| sample.p50),
        p99: of(|sample| sample.p99),
        cpu: of(|sample| sample.cpu),
        redis_cpu: samples[0].redis_cpu.map(|_| of(|sample| sample.redis_cpu.unwrap_or_default())),
    }
}
