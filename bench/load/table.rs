//! The table, in Markdown, and the arithmetic of its figures.

use super::wrk::Sample;

/// A row.
pub struct Line {
    pub name: &'static str,
    pub goal: &'static str,
    /// Keyward, the bare handler, Express.
    pub samples: [Sample; 3],
    pub to_bare: f64,
    pub to_express: f64,
}

pub fn print(lines: &[Line]) {
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
