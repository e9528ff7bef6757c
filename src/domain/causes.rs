//! An error with what caused it, in one line, for logs, findings and the last word of a command. Errors that are
//! handed to `tracing` as such lose their causes in JSON.

use std::{error::Error, fmt};

/// Shows an error and its causes. What an error has already said of its cause is not said again.
#[derive(Debug, Clone, Copy)]
pub struct Causes<'a>(pub &'a dyn Error);

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = in_one_line(self.0);
        f.write_str(&said)?;
        for cause in std::iter::successors(self.0.source(), |&cause| cause.source()) {
            let cause = in_one_line(cause);
            if !said.ends_with(&cause) {
                write!(f, ": {cause}")?;
                said = cause;
            }
        }
        Ok(())
    }
}

fn in_one_line(error: &dyn Error) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Layer {
        text: &'static str,
        source: Option<Box<Layer>>,
    }

    fn chain(texts: &[&'static str]) -> Layer {
        let (text, below) = texts.split_first().expect("a text");
        Layer { text, source: (!below.is_empty()).then(|| Box::new(chain(below))) }
    }

    #[test]
    fn each_cause_is_said_once_and_on_one_line() {
        let said = |texts: &[&'static str]| Causes(&chain(texts)).to_string();
        assert_eq!(said(&["redis is away"]), "redis is away");
        assert_eq!(
            said(&["redis is away", "no answer", "os error 111"]),
            "redis is away: no answer: os error 111"
        );
        assert_eq!(said(&["away: no answer", "no answer", "os error 111"]), "away: no answer: os error 111");
        assert_eq!(said(&["refused", "refused", "bad\n  syntax"]), "refused: bad syntax");
    }
}
