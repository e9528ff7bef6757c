//! What was asked for on the command line.

use std::{path::PathBuf, time::Duration};

const USAGE: &str = "bench/run [WORD]… [--seconds N] [--rounds N] [--soak Nm] [--chart FILE]: the rows whose \
                     name has one of the words";

pub struct Options {
    words: Vec<String>,
    /// Of each round.
    pub seconds: u64,
    pub rounds: usize,
    /// How long memory is watched.
    pub soak: Option<Duration>,
    /// Where the chart of what was measured goes, as SVG.
    pub chart: Option<PathBuf>,
}

impl Options {
    pub fn read(words: impl Iterator<Item = String>) -> Self {
        let mut options = Self { words: Vec::new(), seconds: 5, rounds: 5, soak: None, chart: None };
        let mut words = words;
        while let Some(word) = words.next() {
            match word.as_str() {
                // Cargo's own.
                "--bench" => {}
                "--seconds" => options.seconds = number(words.next()),
                "--rounds" => options.rounds = number(words.next()),
                "--soak" => {
                    let minutes = words.next().and_then(|word| Some(word.strip_suffix('m')?.to_owned()));
                    options.soak = Some(Duration::from_mins(number(minutes)));
                }
                "--chart" => options.chart = Some(words.next().unwrap_or_else(|| panic!("{USAGE}")).into()),
                option if option.starts_with('-') => panic!("{USAGE}"),
                _ => options.words.push(word),
            }
        }
        options
    }

    /// Whether every row is asked for.
    pub fn is_whole(&self) -> bool {
        self.words.is_empty()
    }

    /// Is this row asked for?
    pub fn want(&self, row: &str) -> bool {
        self.is_whole() || self.words.iter().any(|word| row.contains(word.as_str()))
    }
}

fn number<T: std::str::FromStr>(word: Option<String>) -> T {
    word.and_then(|word| word.parse().ok()).unwrap_or_else(|| panic!("{USAGE}"))
}
