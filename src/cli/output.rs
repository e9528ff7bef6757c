//! What a command says: lines and aligned tables for people, arrays of objects for programs. The one
//! place that writes to standard output and error.

use std::io::{self, IsTerminal, Write};

use indicatif::ProgressBar;
use serde_json::Value;

use super::{clock, error::CliError};
use crate::domain::clock::Timestamp;

/// Something a listing shows.
pub(super) trait Row {
    /// Names of the columns.
    const COLUMNS: &'static [&'static str];

    /// The columns, for people.
    fn cells(&self, now: Timestamp) -> Vec<String>;

    /// The whole, with the API's names.
    fn object(&self) -> Value;
}

/// Shows a listing.
pub(super) fn listing<T: Row>(rows: &[T], json: bool) -> Result<(), CliError> {
    if json {
        return line(&Value::Array(rows.iter().map(Row::object).collect()).to_string());
    }
    let now = clock().now();
    let heading = T::COLUMNS.iter().map(|name| name.to_uppercase()).collect();
    let cells: Vec<Vec<String>> =
        std::iter::once(heading).chain(rows.iter().map(|row| row.cells(now))).collect();
    line(&aligned(&cells))
}

/// One line.
pub(super) fn line(text: &str) -> Result<(), CliError> {
    Ok(writeln!(io::stdout().lock(), "{text}")?)
}

/// Why the command failed.
pub(super) fn error(error: &CliError) {
    if !error.is_closed_pipe() {
        note(&format!("keyward: {}", error.in_one_line()));
    }
}

/// A line on standard error, for people only.
pub(super) fn note(text: &str) {
    // Where even this cannot be written, nobody reads it.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// A bar on standard error for what may take long; nothing is drawn where nobody looks.
pub(super) fn progress(steps: usize) -> ProgressBar {
    ProgressBar::new(u64::try_from(steps).unwrap_or(u64::MAX))
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
