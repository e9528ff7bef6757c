//! The table, in Markdown, and the arithmetic of its figures.

use crate::wrk::Sample;

/// A row.
pub struct Line {
    pub name: &'static str,
    pub goal: &'static str,
    /// Keyward, the bare handler, Express.
    pub samples: [Sample; 3],
    pub to_bare: f64,
    pub to_express: f64,
}

/// What is no row: a line of its own.
pub struct Figure {
    what: String,
    measured: String,
    goal: &'static str,
}

impl Figure {
    pub fn new(what: impl Into<String>, measured: String, goal: &'static str) -> Self {
        Self { what: what.into(), measured, goal }
    }
}

pub fn print(lines: &[Line], measured: &[Figure]) {
    if !lines.is_empty() {
        print_lines(lines);
    }
    if !measured.is_empty() {
        println!("\n| | measured | goal |\n|---|---:|---|");
    }
    for Figure { what, measured, goal } in measured {
        println!("| {what} | {measured} | {goal} |");
    }
}

fn print_lines(lines: &[Line]) {
    println!("| operation | req/s | p50 ms | p99 ms | CPU µs | ÷ bare | ÷ Express | goal |");
    println!("|---|---:|---:|---:|---:|---:|---:|---|");
    for Line { name, goal, samples, to_bare, to_express } in lines {
        println!("| {name} | {} | {to_bare:.2} | {to_express:.1} | {goal} |", figures(&samples[0]));
    }
    println!("\nThe same of the bare handler and of Express:\n");
    println!("| operation | | req/s | p50 ms | p99 ms | CPU µs |");
    println!("|---|---|---:|---:|---:|---:|");
    for Line { name, samples: [_, bare, express], .. } in lines {
        println!("| {name} | bare | {} |", figures(bare));
        println!("| | Express | {} |", figures(express));
    }
}

fn figures(sample: &Sample) -> String {
    let Sample { per_second, p50, p99, cpu, redis_cpu } = sample;
    let redis = redis_cpu.map_or(String::new(), |cpu| format!(" + {cpu:.1}"));
    format!("{per_second:.0} | {p50:.2} | {p99:.2} | {cpu:.1}{redis}")
}

pub fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

#[expect(clippy::cast_precision_loss, reason = "a figure to read")]
pub fn ratio(count: u64, of: u64) -> f64 {
    count as f64 / of as f64
}
