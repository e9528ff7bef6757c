//! Whether memory grows: all a server does, all at once and as fast as it can, for as long as `--soak` says.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use super::{
    common::{
        figure::Figure,
        goals::{Compared, Measured},
        statistics::ratio,
    },
    keyward::{Backend, Keyward, NO_LIMIT},
    options::Options,
    request::Request,
    seeder::Seeder,
    wrk::{Load, Order, round},
};

/// Then everything has been used, and all that is kept for ever is there.
const WARM_UP: Duration = Duration::from_mins(1);
/// No token may be over before the end.
const LONGEST: Duration = Duration::from_mins(14);
const CONNECTIONS: u32 = 16;
const TOKENS: usize = 10_000;
/// One for each connection and some for wrk.
const CHAINS: usize = 24;

/// Both back ends at the same time. Nothing without `--soak`.
pub fn measure(options: &Options) -> Vec<Figure> {
    let Some(time) = options.soak else { return Vec::new() };
    thread::scope(|scope| {
        let soaks =
            [Backend::Embedded, Backend::Redis].map(|backend| scope.spawn(move || soak(backend, time)));
        soaks.into_iter().map(|soak| soak.join().expect("to the end")).collect()
    })
}

fn soak(backend: Backend, time: Duration) -> Figure {
    assert!(time > WARM_UP && time <= LONGEST, "more than {WARM_UP:?}, at most {LONGEST:?}");
    let keyward = Keyward::start(backend, NO_LIMIT);
    let seeder = Seeder::of(&keyward);
    let checks = seeder.access_tokens(TOKENS).iter().map(|token| Request::check(token)).collect();
    let refreshes = seeder.sessions(CHAINS).iter().map(|token| Request::refresh(token.expose())).collect();
    let loads =
        [(Order::Cycle, checks), (Order::Refresh, refreshes), (Order::SignInAndOut, vec![Request::login()])];
    let resident = thread::scope(|scope| {
        for (order, requests) in loads {
            let target = keyward.target();
            let load = Load { order, ..Load::new(time.as_secs(), CONNECTIONS) };
            scope.spawn(move || {
                let (_, answers) = round(&target, &requests, load);
                assert_eq!(answers.refused, 0, "nothing is refused");
            });
        }
        watch(keyward.target().server, time)
    });
    figure(backend, time, &resident)
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

fn figure(backend: Backend, time: Duration, resident: &[f64]) -> Figure {
    let [first, .., last] = resident else { panic!("a longer soak") };
    let most = resident.iter().copied().fold(0.0, f64::max);
    let minutes = time.as_secs() / 60;
    let text = format!("{first:.0} MiB after 1 min, {last:.0} after {minutes} (at most {most:.0})");
    let name = format!("memory at full load, {}", backend.name());
    Figure::held(text, Measured::new(name, Compared::ToStart, last / first))
}
