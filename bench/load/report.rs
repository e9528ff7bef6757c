//! The tables, in Markdown.

use super::{common::goals::Measured, row::Row, sample::Sample};

pub fn print(rows: &[Row]) {
    if rows.is_empty() {
        return;
    }
    println!("| operation | req/s | p50 ms | p99 ms | CPU µs | ÷ bare | ÷ Express | goal |");
    println!("|---|---:|---:|---:|---:|---:|---:|---|");
    for row in rows {
        let to_express = row.to_express().map_or(String::new(), |ratio| format!("{ratio:.1}"));
        let measured = row.measured();
        let verdicts = measured.iter().map(Measured::verdict).filter(|verdict| !verdict.is_empty());
        let verdicts = verdicts.collect::<Vec<_>>().join("; ");
        let (name, figures, to_bare) = (row.name(), figures(&row.keyward()), row.to_bare());
        println!("| {name} | {figures} | {to_bare:.2} | {to_express} | {verdicts} |");
    }
    println!("\nThe same of the bare handler and of Express:\n");
    println!("| operation | | req/s | p50 ms | p99 ms | CPU µs |");
    println!("|---|---|---:|---:|---:|---:|");
    for row in rows {
        println!("| {} | bare | {} |", row.name(), figures(&row.bare()));
        if let Some(express) = row.express() {
            println!("| | Express | {} |", figures(&express));
        }
    }
}

fn figures(sample: &Sample) -> String {
    let Sample { per_second, p50, p99, cpu, redis_cpu } = sample;
    let redis = redis_cpu.map_or(String::new(), |cpu| format!(" + {cpu:.1}"));
    format!("{per_second:.0} | {p50:.2} | {p99:.2} | {cpu:.1}{redis}")
}
