//! What Keyward does a second, beside a bare axum handler and the usual recipe in Node: `bench/run`.
//!
//! Each server is driven by wrk in turn, in the same run, and the median of the rounds is printed.
//! Everything is started on free ports of the loopback and ends with this process.
#![expect(clippy::print_stdout, reason = "its output is a table")]

mod bare;
#[path = "../common/mod.rs"]
mod common;
mod contest;
mod express;
mod keyward;
mod options;
mod rows;
mod table;
mod wrk;

fn main() {
    let mut words = std::env::args().skip(1).peekable();
    if words.next_if(|word| word == bare::WORD).is_some() {
        return bare::serve(words.collect());
    }
    let options = options::Options::read(words);
    table::print(&rows::run(&options));
}
