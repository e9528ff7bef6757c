//! What a command says: lines and aligned tables for people, arrays of objects for programs. The one
//! place that writes to standard output and error.

use std::io::{self, IsTerminal, Write};

use clap::Args;
use indicatif::ProgressBar;
use serde::Serialize;
use serde_json::Value;

use super::{clock, error::CliError};
use crate::{domain::causes::Causes, domain::clock::Timestamp};

/// Something a listing shows.
pub(super) trait Row {
    /// Names of the columns.
    const COLUMNS: &'static [&'static str];

    /// The columns, for people.
    fn cells(&self, now: Timestamp) -> Vec<String>;

    /// The whole, for programs.
    fn answer(&self) -> impl Serialize;
}

/// Shows a listing.
pub(super) fn listing<T: Row>(rows: &[T], json: bool) -> Result<(), CliError> {
    let mut listing = Listing::new(json);
    listing.page(rows)?;
    listing.end::<T>()
}

/// A listing that is shown a page at a time, as it is read.
pub(super) struct Listing {
    json: bool,
    is_begun: bool,
}

impl Listing {
    pub(super) const fn new(json: bool) -> Self {
        Self { json, is_begun: false }
    }

    /// Shows what comes next.
    pub(super) fn page<T: Row>(&mut self, rows: &[T]) -> Result<(), CliError> {
        if rows.is_empty() {
            return Ok(());
        }
        let is_first = !std::mem::replace(&mut self.is_begun, true);
        if self.json {
            let objects: Vec<String> = rows.iter().map(|row| value(&row.answer()).to_string()).collect();
            return text(&format!("{}{}", if is_first { "[" } else { "," }, objects.join(",")));
        }
        table(rows, is_first)
    }

    /// That was all.
    pub(super) fn end<T: Row>(self) -> Result<(), CliError> {
        match (self.json, self.is_begun) {
            (true, true) => line("]"),
            (true, false) => line("[]"),
            (false, true) => Ok(()),
            (false, false) => table::<T>(&[], true),
        }
    }
}

fn table<T: Row>(rows: &[T], headed: bool) -> Result<(), CliError> {
    let now = clock().now();
    let heading = headed.then(|| T::COLUMNS.iter().map(|name| name.to_uppercase()).collect());
    let cells: Vec<Vec<String>> = heading.into_iter().chain(rows.iter().map(|row| row.cells(now))).collect();
    line(&aligned(&cells))
}

/// An object as a program reads it, on one line.
pub(super) fn object(answer: &impl Serialize) -> String {
    value(answer).to_string()
}

/// How a command that does one thing says what came of it.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct Format {
    /// Print an object
    #[arg(long)]
    json: bool,
}

impl Format {
    /// Says it: in a sentence for people, as an object for programs.
    pub(super) fn say(self, answer: &impl Serialize, sentence: &str) -> Result<(), CliError> {
        if self.json { line(&value(answer).to_string()) } else { line(sentence) }
    }

    /// Whether it is for a program.
    pub(super) const fn is_json(self) -> bool {
        self.json
    }

    /// Shows one thing: each of its members on a line of its own, or the object.
    pub(super) fn show(self, answer: &impl Serialize) -> Result<(), CliError> {
        let answer = value(answer);
        let members = answer.as_object().into_iter().flatten();
        let rows: Vec<Vec<String>> = members.map(|(name, value)| vec![name.clone(), shown(value)]).collect();
        self.say(&answer, &aligned(&rows))
    }
}

/// Its members are in the order of their names.
fn value(answer: &impl Serialize) -> Value {
    // Texts, numbers and lists always serialise.
    serde_json::to_value(answer).unwrap_or_default()
}

/// A value as people read it.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(shown).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

/// A text as it stands.
pub(super) fn text(text: &str) -> Result<(), CliError> {
    Ok(write!(io::stdout().lock(), "{text}")?)
}

/// One line.
pub(super) fn line(text: &str) -> Result<(), CliError> {
    Ok(tell(text)?)
}

/// The same, where it is no failure of the command if nobody reads it.
pub(super) fn tell(text: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{text}")
}

/// Why the command failed.
pub(super) fn error(error: &CliError) {
    if !error.is_closed_pipe() {
        note(&format!("keyward: {}", Causes(error)));
    }
}

/// A line on standard error, for people only.
pub(super) fn note(text: &str) {
    // Where even this cannot be written, nobody reads it.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// A bar on standard error for what may take long; nothing is drawn where nobody looks.
pub(super) fn progress() -> ProgressBar {
    ProgressBar::no_length()
}

/// Whether somebody can be asked.
pub(super) fn has_terminal() -> bool {
    io::stdin().is_terminal()
}

/// A moment as people read it: how long ago, or in how long.
pub(super) fn relative(moment: Timestamp, now: Timestamp) -> String {
    let (past, future) = (now.since(moment).as_secs(), moment.since(now).as_secs());
    let (amount, unit) = match past.max(future) {
        0..60 => return if future > 0 { "in a minute" } else { "just now" }.to_owned(),
        seconds @ 60..3570 => ((seconds + 30) / 60, "min"),
        seconds @ 3570..172_800 => ((seconds + 1800) / 3600, "h"),
        seconds => ((seconds + 43_200) / 86_400, "days"),
    };
    if future > 0 { format!("in {amount} {unit}") } else { format!("{amount} {unit} ago") }
}

fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_begin_below_each_other() {
        let rows = [["NAME", "ROLES"], ["Åse", "admin"], ["bo", ""]];
        let rows = rows.map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(aligned(&rows), "NAME  ROLES\nÅse   admin\nbo");
    }

    #[test]
    fn moments_are_told_from_now() {
        let at = Timestamp::from_secs;
        let told = |moment| relative(at(moment), at(1_000_000));
        assert_eq!(told(999_970), "just now");
        assert_eq!(told(1_000_030), "in a minute");
        assert_eq!(told(999_701), "5 min ago");
        assert_eq!(told(1_000_899), "in 15 min");
        assert_eq!(told(1_000_000 + 7 * 86_400), "in 7 days");
        assert_eq!(told(1_000_000 - 86_400), "24 h ago");
    }
}
