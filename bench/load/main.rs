//! What Keyward does a second, beside a bare axum handler and the usual recipe in Node: `bench/run`.
//!
//! Each server is driven by wrk in turn, in the same run, and the median of the rounds is printed.
//! Everything is started on free ports of the loopback and ends with this process.
#![expect(clippy::print_stdout, reason = "its output is a table")]

#[path = "../common/argon.rs"]
mod argon;
mod bare;
#[path = "../common/mod.rs"]
mod common;
mod connection;
mod contest;
mod express;
mod figures;
mod keyward;
mod mint;
mod options;
mod requests;
mod rows;
mod soak;
mod spread;
mod table;
mod work;
mod wrk;

fn main() {
    let mut words = std::env::args().skip(1).peekable();
    if words.next_if(|word| word == bare::WORD).is_some() {
        return bare::serve(words.collect());
    }
    let options = options::Options::read(words);
    let rows = rows::CONTESTS.iter().filter(|row| options.want(row.name));
    let lines: Vec<_> = rows.map(|row| row.run(&options)).collect();
    let figures = figures::FIGURES.iter().filter(|(name, _)| options.want(name));
    let figures: Vec<_> = figures.flat_map(|(_, measure)| measure(&options)).collect();
    table::print(&lines, &figures);
}
