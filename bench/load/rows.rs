//! The rows of the table.

use super::{
    common::redis::Redis,
    contest::{Contest, Requests},
    express::Express,
    keyward::{self, Keyward, NO_LIMIT},
    options::Options,
    table::Line,
    wrk::Request,
};

/// A row's name, and what measures it.
type Row = (&'static str, fn(&'static str, &Options) -> Line);

const ROWS: [Row; 2] = [
    ("check, embedded", |name, options| check(name, ">= 0.90 of bare", None, options)),
    ("check, Redis", |name, options| check(name, ">= 0.75 of bare", Some(Redis::start()), options)),
];

pub fn run(options: &Options) -> Vec<Line> {
    let wanted = ROWS.iter().filter(|(name, _)| options.want(name));
    wanted.map(|(name, row)| row(name, options)).collect()
}

/// The limit and the revocations are on; the limit is never reached.
fn check(name: &'static str, goal: &'static str, redis: Option<Redis>, options: &Options) -> Line {
    let keyward = Keyward::start(redis, NO_LIMIT);
    let express = Express::start(&keyward.key(), NO_LIMIT);
    let ours = keyward::check(&keyward::access_token(keyward.address));
    let theirs = keyward::check(&keyward::access_token(express.address));
    let contest = Contest {
        name,
        goal,
        ours: always(ours),
        theirs: always(theirs),
        keyward: &keyward,
        express: &express,
        chained: false,
        refused: false,
    };
    contest.run(options)
}

fn always<'a>(request: Request) -> Requests<'a> {
    Box::new(move || vec![request.clone()])
}
