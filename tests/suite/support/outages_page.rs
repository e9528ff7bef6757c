//! The tables of docs/outages.md: the drills hold the server to their cells, and a test of the pages holds each
//! row to a drill.

use std::{fs, path::Path};

/// What is asked in an outage; the columns of the first table, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    SignIn,
    Refresh,
    SignOut,
    /// The check of an access token that the node has let in before.
    Seen,
    /// The check of an access token of a refreshed session that no node has seen.
    FirstSight,
    /// The check of a session cookie.
    Cookie,
    AppSessions,
    Introspection,
    Ready,
    ReadyForCheck,
}

impl Column {
    pub const ALL: [Self; 10] = [
        Self::SignIn,
        Self::Refresh,
        Self::SignOut,
        Self::Seen,
        Self::FirstSight,
        Self::Cookie,
        Self::AppSessions,
        Self::Introspection,
        Self::Ready,
        Self::ReadyForCheck,
    ];
}

/// What a cell promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// It is answered as ever.
    On,
    /// 503 with `Retry-After`.
    Off,
    /// It goes on for `outage.check`, and is 503 from then on.
    ForAWhile,
    /// Some are 503; who comes again is served.
    Shed,
    /// What only reads goes on; the rest is 503.
    Reads,
}

impl Cell {
    fn parse(text: &str) -> Self {
        match text {
            "on" => Self::On,
            "503" => Self::Off,
            "on, then 503" => Self::ForAWhile,
            "some 503" => Self::Shed,
            "reads on" => Self::Reads,
            _ => panic!("{text:?} is no cell"),
        }
    }
}

/// A row of any table of the page: its cells as they stand there, the test in the last of them.
pub struct Row {
    pub cells: Vec<String>,
    pub test: String,
}

/// The rows of all tables that name tests.
pub fn rows() -> Vec<Row> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/outages.md");
    let page = fs::read_to_string(path).expect("the page");
    let lines = page.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let rows = lines.map(|line| line.split(" | ").map(str::to_owned).collect::<Vec<_>>());
    rows.filter_map(|cells| {
        let test = cells.last()?.strip_prefix('`')?.strip_suffix('`')?.to_owned();
        Some(Row { cells, test })
    })
    .collect()
}

/// What the first table promises in an outage, by the name of its drill.
pub fn promised(drill: &str) -> Vec<(Column, Cell)> {
    let rows = rows();
    let row = rows.iter().find(|row| row.test == drill && row.cells.len() == Column::ALL.len() + 2);
    let row = row.unwrap_or_else(|| panic!("docs/outages.md has no row of {drill}"));
    let cells = &row.cells[1..=Column::ALL.len()];
    Column::ALL.into_iter().zip(cells.iter().map(|cell| Cell::parse(cell))).collect()
}
