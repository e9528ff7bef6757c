//! Keyward, the bare handler and the peer over HTTP, in turn, in the same run.

use super::{
    bare::Bare,
    express::Express,
    keyward::{Backend, Keyward, NO_LIMIT},
    options::Options,
    row::{Round, Row},
    sample::Answers,
    target::Target,
    workload::{LIMIT, Servers, Workload},
    wrk::{Load, Order, round},
};

pub fn compare(operation: &'static str, backend: Backend, workload: Workload, options: &Options) -> Row {
    let limit = if workload == Workload::OverLimit { LIMIT } else { NO_LIMIT };
    let keyward = Keyward::start(backend, limit);
    let express = Express::start(&keyward.key(), limit);
    let servers = Servers::of(workload, keyward, express);
    let [first, _] = workload.requests(&servers, 0);
    let bare = Bare::start(&first.first().expect("a request").ask(servers.keyward.address()));
    let comparison = Comparison { workload, servers, bare };
    let seconds = options.seconds.min(workload.longest_round());
    Row::measure(operation, backend, options, seconds, |seconds| comparison.round(seconds))
}

struct Comparison {
    workload: Workload,
    servers: Servers,
    bare: Bare,
}

impl Comparison {
    fn round(&self, seconds: u64) -> Round {
        let [ours, theirs] = self.workload.requests(&self.servers, seconds);
        let sample = |target: Target, requests| {
            let (sample, answers) = round(&target, requests, self.load(seconds));
            self.verify(&answers, seconds);
            (sample, answers)
        };
        let (keyward, answers) = sample(self.servers.keyward.target(), &ours);
        let enough = self.workload.runs_out_after().is_none_or(|count| answers.requests < count as u64);
        assert!(enough, "all {} requests are used up", ours.len());
        let [(bare, _), (express, _)] =
            [sample(self.bare.target(), &ours), sample(self.servers.express.target(), &theirs)];
        Round { keyward, bare, express: Some(express) }
    }

    fn load(&self, seconds: u64) -> Load {
        let order = if self.workload == Workload::Refresh { Order::Refresh } else { Order::Cycle };
        Load { order, ..Load::new(seconds, self.workload.connections()) }
    }

    /// A figure counts only where the answers are those that the row is about.
    fn verify(&self, answers: &Answers, seconds: u64) {
        let Answers { requests, refused, .. } = *answers;
        let others = if self.workload == Workload::OverLimit { requests - refused } else { refused };
        assert!(others <= self.workload.tolerated(seconds), "{refused} refused of {requests}");
    }
}
