//! What became of a file: each row that was refused, as it is found out, and the sum. The rows are in no list here, of
//! which a wrong file would make a long one.

use indicatif::ProgressBar;
use serde::Serialize;

use super::row::Refusal;
use crate::cli::{error::CliError, output};

pub(super) struct Report {
    json: bool,
    bar: ProgressBar,
    pub(super) made: u64,
    pub(super) there: u64,
    refused: u64,
}

#[derive(Serialize)]
struct RefusedRow<'a> {
    line: u64,
    why: &'a str,
}

impl Report {
    pub(super) fn begin(json: bool, bar: ProgressBar) -> Result<Self, CliError> {
        if json {
            output::text("{\"refused\":[")?;
        }
        Ok(Self { json, bar, made: 0, there: 0, refused: 0 })
    }

    pub(super) fn refuse(&mut self, line: u64, Refusal(why): &Refusal) -> Result<(), CliError> {
        let comma = if self.refused == 0 { "" } else { "," };
        self.refused += 1;
        self.bar.suspend(|| {
            if self.json {
                output::text(&format!("{comma}{}", output::object(&RefusedRow { line, why })))
            } else {
                output::line(&format!("line {line}: {why}"))
            }
        })
    }

    /// That was all of it.
    pub(super) fn end(self) -> Result<(), CliError> {
        self.bar.finish_and_clear();
        let Self { made, there, refused, .. } = self;
        if self.json {
            output::line(&format!("],\"made\":{made},\"there\":{there}}}"))?;
        } else {
            output::line(&format!(
                "{made} accounts are made, {there} were there already, {refused} rows are refused."
            ))?;
        }
        if refused == 0 { Ok(()) } else { Err(CliError::RowsRefused) }
    }

    /// It was cut short.
    pub(super) fn cut_short(self) {
        self.bar.finish_and_clear();
        if self.json {
            // Whoever reads it has gone, or hears of the failure.
            let _ = output::line("]}");
        }
        output::note(&format!("{} accounts were made before this; run it again to go on", self.made));
    }
}
