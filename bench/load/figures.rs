//! What is not a matter of requests a second: sign-ins beside raw hashes, checks while sign-ins flood, how
//! soon a sign-out is heard of, and memory.

use std::{thread, time::Duration};

use crate::{
    argon::raw_hashes,
    keyward::{Kept, Keyward, NO_LIMIT, PASSWORD},
    mint::Mint,
    options::Options,
    requests::Request,
    soak, spread,
    table::{Figure, median},
    wrk::{Drive, Sample, Target, round},
};

/// What is measured, by its name.
type Measure = (&'static str, fn(&Options) -> Vec<Figure>);

pub const FIGURES: [Measure; 4] = [
    ("login beside raw hashes", beside_raw_hashes),
    ("check while logins flood", while_logins_flood),
    ("sign-out on three nodes", spread::measure),
    ("memory", soak::measure),
];

/// As many as a gateway's few connections: it is the wait that counts here.
const FEW: u32 = 8;
const FLOOD: u32 = 64;
/// The flood begins before the checks and ends after them.
const MARGIN: u64 = 1;

fn beside_raw_hashes(options: &Options) -> Vec<Figure> {
    let keyward = Keyward::start(Kept::Embedded, NO_LIMIT);
    let drive = Drive::new(options.seconds, FLOOD);
    let ratios = (0..options.rounds).map(|_| {
        let raw = raw_hashes(PASSWORD, Duration::from_secs(options.seconds));
        all_pass(&keyward.target(), &Request::login(), drive).per_second / raw
    });
    let ratio = median(ratios);
    vec![Figure::new("sign-ins/s ÷ raw argon2id hashes/s on all cores", format!("{ratio:.2}"), "0.95")]
}

fn while_logins_flood(options: &Options) -> Vec<Figure> {
    let keyward = Keyward::start(Kept::Embedded, NO_LIMIT);
    let token = Mint::of(&keyward).access_tokens(1).concat();
    let target = keyward.target();
    let p99 = || all_pass(&target, &Request::check(&token), Drive::new(options.seconds, FEW)).p99;
    let flood = || {
        let drive = Drive::new(options.seconds + 2 * MARGIN, FLOOD);
        all_pass(&target, &Request::login(), drive);
    };
    let flooded_p99 = || {
        thread::scope(|scope| {
            scope.spawn(flood);
            thread::sleep(Duration::from_secs(MARGIN));
            p99()
        })
    };
    let rounds: Vec<_> = (0..options.rounds).map(|_| (p99(), flooded_p99())).collect();
    let [alone, flooded, ratio] = [
        median(rounds.iter().map(|(alone, _)| *alone)),
        median(rounds.iter().map(|(_, flooded)| *flooded)),
        median(rounds.iter().map(|(alone, flooded)| flooded / alone)),
    ];
    vec![
        Figure::new("check, 8 connections, p99", format!("{alone:.2} ms"), ""),
        Figure::new("the same while 64 connections sign in", format!("{flooded:.2} ms"), ""),
        Figure::new("the one ÷ the other", format!("{ratio:.1}"), "2"),
    ]
}

fn all_pass(target: &Target, request: &Request, drive: Drive) -> Sample {
    let (sample, seen) = round(target, std::slice::from_ref(request), drive);
    assert_eq!(seen.refused, 0, "none is refused");
    sample
}
