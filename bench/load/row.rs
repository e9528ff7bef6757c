//! A row of the table: the rounds of Keyward, the bare server and the peer, and the ratios between them.

use super::{
    common::{
        goals::{Compared, Measured},
        statistics::median,
    },
    keyward::Backend,
    options::Options,
    sample::Sample,
};

/// Seconds of load that do not count, so that everything is warm.
const WARM_UP: u64 = 1;

/// Each server once, in turn.
pub struct Round {
    pub keyward: Sample,
    pub bare: Sample,
    pub express: Option<Sample>,
}

pub struct Row {
    pub operation: &'static str,
    pub backend: Backend,
    rounds: Vec<Round>,
}

impl Row {
    /// A round of `seconds` for each that is asked for. What else the machine does meets all servers alike.
    pub fn measure(
        operation: &'static str,
        backend: Backend,
        options: &Options,
        seconds: u64,
        round: impl Fn(u64) -> Round,
    ) -> Self {
        round(WARM_UP);
        let mut row = Self { operation, backend, rounds: Vec::new() };
        for number in 1..=options.rounds {
            let measured = round(seconds);
            let Round { keyward, bare, express } = &measured;
            let express =
                express.map_or(String::new(), |express| format!(", Express {:.0}", express.per_second));
            let (name, keyward, bare) = (row.name(), keyward.per_second, bare.per_second);
            eprintln!("{name}, round {number}: {keyward:.0}/s; bare {bare:.0}{express}");
            row.rounds.push(measured);
        }
        row
    }

    pub fn name(&self) -> String {
        format!("{}, {}", self.operation, self.backend.name())
    }

    pub fn keyward(&self) -> Sample {
        self.median(|round| Some(round.keyward)).expect("in each round")
    }

    pub fn bare(&self) -> Sample {
        self.median(|round| Some(round.bare)).expect("in each round")
    }

    pub fn express(&self) -> Option<Sample> {
        self.median(|round| round.express)
    }

    fn median(&self, of: impl Fn(&Round) -> Option<Sample>) -> Option<Sample> {
        let samples: Option<Vec<_>> = self.rounds.iter().map(of).collect();
        samples.map(|samples| Sample::median(&samples))
    }

    pub fn to_bare(&self) -> f64 {
        median(self.rounds.iter().map(|round| round.keyward.per_second / round.bare.per_second))
    }

    pub fn to_express(&self) -> Option<f64> {
        let ratio = |round: &Round| Some(round.keyward.per_second / round.express?.per_second);
        let ratios: Option<Vec<_>> = self.rounds.iter().map(ratio).collect();
        ratios.map(median)
    }

    /// All that a goal may be about.
    pub fn measured(&self) -> Vec<Measured> {
        let cpu = |of: fn(&Sample) -> f64| {
            median(self.rounds.iter().map(|round| of(&round.keyward) / of(&round.bare)))
        };
        let mut measured = vec![
            Measured::new(self.name(), Compared::ToBare, self.to_bare()),
            Measured::new(self.name(), Compared::ServerCpuToBare, cpu(|sample| sample.cpu)),
            Measured::new(self.name(), Compared::CpuToBare, cpu(Sample::cpu_with_redis)),
        ];
        measured
            .extend(self.to_express().map(|ratio| Measured::new(self.name(), Compared::ToExpress, ratio)));
        measured
    }
}
