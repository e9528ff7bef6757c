//! Whether memory grows: all a server does, all at once and as fast as it can, for as long as `--soak` says.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use crate::{
    keyward::{Kept, Keyward, NO_LIMIT},
    mint::Mint,
    options::Options,
    requests::Request,
    table::{Figure, ratio},
    wrk::{Drive, Order, round},
};

/// Then everything has been used, and all that is kept for ever is there.
const WARM_UP: Duration = Duration::from_mins(1);
/// No token may be over before the end.
const LONGEST: Duration = Duration::from_mins(14);
const CONNECTIONS: u32 = 16;
const TOKENS: usize = 10_000;
/// One for each connection and some for wrk.
const CHAINS: usize = 24;

/// Both homes at the same time. Nothing without `--soak`.
pub fn measure(options: &Options) -> Vec<Figure> {
    let Some(time) = options.soak else { return Vec::new() };
    thread::scope(|scope| {
        let homes = [("embedded", Kept::Embedded), ("Redis", Kept::InRedis)];
        let soaks = homes.map(|(name, kept)| scope.spawn(move || soak(name, kept, time)));
        soaks.into_iter().map(|soak| soak.join().expect("to the end")).collect()
    })
}

fn soak(name: &str, kept: Kept, time: Duration) -> Figure {
    assert!(time > WARM_UP && time <= LONGEST, "more than {WARM_UP:?}, at most {LONGEST:?}");
    let keyward = Keyward::start(kept, NO_LIMIT);
    let mint = Mint::of(&keyward);
    let checks = mint.access_tokens(TOKENS).iter().map(|token| Request::check(token)).collect();
    let refreshes = mint.sessions(CHAINS).iter().map(|token| Request::refresh(token.expose())).collect();
    let works = [(Order::Turns, checks), (Order::Refresh, refreshes), (Order::Visit, vec![Request::login()])];
    let resident = thread::scope(|scope| {
        for (order, requests) in works {
            let target = keyward.target();
            let drive = Drive { order, ..Drive::new(time.as_secs(), CONNECTIONS) };
            scope.spawn(move || {
                let (_, seen) = round(&target, &requests, drive);
                assert_eq!(seen.refused, 0, "nothing is refused");
            });
        }
        watch(keyward.target().server, time)
    });
    figure(name, time, &resident)
}

/// MiB resident, each second after the warm-up.
fn watch(process: u32, time: Duration) -> Vec<f64> {
    let begun = Instant::now();
    let mut resident = Vec::new();
    while begun.elapsed() < time {
        thread::sleep(Duration::from_secs(1));
        if begun.elapsed() >= WARM_UP {
            resident.push(resident_mib(process));
        }
    }
    resident
}

fn resident_mib(process: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    let kib = line.split_whitespace().next().and_then(|kib| kib.parse().ok()).expect("a number");
    ratio(kib, 1024)
}

fn figure(name: &str, time: Duration, resident: &[f64]) -> Figure {
    let [first, .., last] = resident else { panic!("a longer soak") };
    let most = resident.iter().copied().fold(0.0, f64::max);
    let what = format!("memory at full load, {name}: after 1 min → after {} min (most)", time.as_secs() / 60);
    Figure::new(what, format!("{first:.0} → {last:.0} MiB ({most:.0})"), "no growth")
}
