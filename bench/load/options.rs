//! What was asked for on the command line.

const USAGE: &str = "bench/run [WORD]… [--seconds N] [--rounds N]: the rows whose name has one of the words";

pub struct Options {
    words: Vec<String>,
    /// Of each round.
    pub seconds: u64,
    pub rounds: usize,
}

impl Options {
    pub fn read(words: impl Iterator<Item = String>) -> Self {
        let mut options = Self { words: Vec::new(), seconds: 5, rounds: 5 };
        let mut words = words;
        while let Some(word) = words.next() {
            match word.as_str() {
                // Cargo's own.
                "--bench" => {}
                "--seconds" => options.seconds = number(words.next()),
                "--rounds" => options.rounds = number(words.next()),
                option if option.starts_with('-') => panic!("{USAGE}"),
                _ => options.words.push(word),
            }
        }
        options
    }

    /// Is this row asked for?
    pub fn want(&self, row: &str) -> bool {
        self.words.is_empty() || self.words.iter().any(|word| row.contains(word.as_str()))
    }
}

fn number<T: std::str::FromStr>(word: Option<String>) -> T {
    word.and_then(|word| word.parse().ok()).unwrap_or_else(|| panic!("{USAGE}"))
}
