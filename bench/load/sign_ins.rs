//! Sign-ins beside raw argon2id hashes, and checks while sign-ins flood in.

use std::{thread, time::Duration};

use super::{
    argon::raw_hashes,
    common::{
        figure::Figure,
        goals::{Compared, Measured},
        statistics::median,
    },
    credentials::PASSWORD,
    keyward::{Backend, Keyward, NO_LIMIT},
    options::Options,
    request::Request,
    sample::Sample,
    seeder::Seeder,
    target::Target,
    wrk::{Load, round},
};

/// As many as a gateway's few connections: it is the wait that counts here.
const FEW: u32 = 8;
const FLOOD: u32 = 64;
/// The flood begins before the checks and ends after them.
const MARGIN: u64 = 1;

pub fn beside_raw_hashes(options: &Options) -> Vec<Figure> {
    let keyward = Keyward::start(Backend::Embedded, NO_LIMIT);
    let load = Load::new(options.seconds, FLOOD);
    let rounds: Vec<_> = (0..options.rounds)
        .map(|_| {
            let raw = raw_hashes(PASSWORD, Duration::from_secs(options.seconds));
            (all_pass(&keyward.target(), &Request::login(), load).per_second, raw)
        })
        .collect();
    let [sign_ins, raw, ratio] = [
        median(rounds.iter().map(|(sign_ins, _)| *sign_ins)),
        median(rounds.iter().map(|(_, raw)| *raw)),
        median(rounds.iter().map(|(sign_ins, raw)| sign_ins / raw)),
    ];
    let name = "sign-ins beside raw argon2id hashes on all cores";
    let text = format!("{sign_ins:.0}/s ÷ {raw:.0}/s = {ratio:.2}");
    vec![Figure::held(text, Measured::new(name, Compared::ToRawHashes, ratio))]
}

pub fn while_sign_ins_flood(options: &Options) -> Vec<Figure> {
    let keyward = Keyward::start(Backend::Embedded, NO_LIMIT);
    let token = Seeder::of(&keyward).access_tokens(1).concat();
    let target = keyward.target();
    let p99 = || all_pass(&target, &Request::check(&token), Load::new(options.seconds, FEW)).p99;
    let flood = || {
        let load = Load::new(options.seconds + 2 * MARGIN, FLOOD);
        all_pass(&target, &Request::login(), load);
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
    let name = "check while 64 connections sign in";
    let text = format!("p99 {flooded:.2} ms, {ratio:.1} times as long");
    let held = Measured::new(name, Compared::P99ToIdle, ratio);
    vec![Figure::new("check alone, 8 connections", format!("p99 {alone:.2} ms")), Figure::held(text, held)]
}

fn all_pass(target: &Target, request: &Request, load: Load) -> Sample {
    let (sample, answers) = round(target, std::slice::from_ref(request), load);
    assert_eq!(answers.refused, 0, "none is refused");
    sample
}
