//! CSV (RFC 4180) with a header: Keyward's own columns, or those of Supabase's `auth.users`. Cells are taken as they
//! are; what a spreadsheet would take for a formula is a text here.

use std::{
    fs::File,
    io::{BufRead, BufReader},
};

use csv_core::{ReadRecordResult, Reader};

use super::{
    Read,
    row::{Refusal, Row},
    source::{ACCOUNT_MAX_BYTES, Place},
};
use crate::cli::error::CliError;

/// More columns than any table has that is read here.
const COLUMNS_MAX: usize = 256;

/// One record after another.
pub(super) struct Records<'p, 'a> {
    file: BufReader<File>,
    place: &'p Place<'a>,
    parser: Reader,
    text: Vec<u8>,
    ends: Vec<usize>,
}

/// The cells of a record.
pub(super) type Cells = Vec<String>;

/// A record with the line in which it begins.
pub(super) type Record = (u64, Result<Cells, Refusal>);

impl<'p, 'a> Records<'p, 'a> {
    pub(super) fn of(file: BufReader<File>, place: &'p Place<'a>) -> Self {
        let room = usize::try_from(ACCOUNT_MAX_BYTES).unwrap_or(usize::MAX);
        Self { file, place, parser: Reader::new(), text: vec![0; room], ends: vec![0; COLUMNS_MAX] }
    }

    /// The next record; `None` = there is none.
    pub(super) fn next(&mut self) -> Result<Option<Record>, CliError> {
        let (mut text, mut ends, mut is_too_long) = (0, 0, false);
        let line = self.parser.line();
        loop {
            let input = self.file.fill_buf()?;
            let room = (&mut self.text[text..], &mut self.ends[ends..]);
            let (result, taken, written, ended) = self.parser.read_record(input, room.0, room.1);
            self.place.pass(&input[..taken]);
            self.file.consume(taken);
            (text, ends) = (text + written, ends + ended);
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    // What does not fit is passed over, to where the record ends.
                    (text, ends, is_too_long) = (0, 0, true);
                }
                ReadRecordResult::Record if is_too_long => {
                    let why =
                        "it is longer than 64 KiB, or has more than 256 columns: is a quote not closed?";
                    return Ok(Some((line, Err(Refusal(why.to_owned())))));
                }
                ReadRecordResult::Record => return Ok(Some((line, self.cells(ends)))),
                ReadRecordResult::End => return Ok(None),
            }
        }
    }

    fn cells(&self, count: usize) -> Result<Cells, Refusal> {
        let mut start = 0;
        let cells = self.ends[..count].iter().map(|end| {
            let cell = std::str::from_utf8(&self.text[start..*end]).map(str::to_owned);
            start = *end;
            cell.map_err(|_| Refusal("it is not UTF-8".to_owned()))
        });
        cells.collect()
    }
}

/// Where a table has the columns of a format.
#[derive(Debug)]
pub(super) struct Header(Vec<String>);

impl Header {
    /// The header of Keyward's own format: a column that is not known is a mistake, and would be lost.
    pub(super) fn own(cells: Cells) -> Result<Self, CliError> {
        for (number, cell) in (1..).zip(&cells) {
            // Not named: where there is no header, this is somebody's line.
            let refused = |why: &str| {
                Err(CliError::Refused(format!(
                    "the header: column {number} {why}: it takes {}",
                    OWN.join(", ")
                )))
            };
            if !OWN.contains(&cell.as_str()) {
                return refused("is not known");
            }
            if cells.iter().filter(|other| *other == cell).count() > 1 {
                return refused("is there twice");
            }
        }
        Ok(Self(cells))
    }

    pub(super) const fn foreign(cells: Cells) -> Self {
        Self(cells)
    }

    /// A record by its columns' names.
    pub(super) fn named(&self, cells: Cells) -> Result<Vec<(&str, String)>, Refusal> {
        if cells.len() != self.0.len() {
            let why = format!("it has {} columns, the header {}", cells.len(), self.0.len());
            return Err(Refusal(why));
        }
        Ok(self.0.iter().map(String::as_str).zip(cells).collect())
    }
}

const OWN: [&str; 9] =
    ["username", "email", "email_verified", "password_hash", "roles", "status", "locale", "created_at", "id"];

/// Reads Keyward's own columns.
pub(super) fn read(file: BufReader<File>, read: &Read<'_>) -> Result<(), CliError> {
    let place = read.place();
    let mut records = Records::of(file, &place);
    let header = match records.next()? {
        Some((_, Ok(cells))) => Header::own(cells)?,
        Some((_, Err(refusal))) => return Err(CliError::Refused(format!("the header: {}", refusal.0))),
        None => return Ok(()),
    };
    while let Some((line, cells)) = records.next()? {
        read.row(line, cells.and_then(|cells| header.named(cells)).and_then(row))?;
    }
    Ok(())
}

fn row(cells: Vec<(&str, String)>) -> Result<Row, Refusal> {
    let mut row = Row::default();
    for (column, cell) in cells.into_iter().filter(|(_, cell)| !cell.is_empty()) {
        match column {
            "username" => row.username = Some(cell),
            "email" => row.email = Some(cell),
            "email_verified" => row.email_verified = Some(is_true(&cell)?),
            "password_hash" => row.password_hash = Some(cell),
            "roles" => row.roles = Some(words(&cell)),
            "status" => row.status = Some(cell),
            "locale" => row.locale = Some(cell),
            "created_at" => row.created_at = Some(cell),
            _ => row.id = Some(cell),
        }
    }
    Ok(row)
}

/// Roles in a cell: they hold neither spaces nor commas.
fn words(cell: &str) -> Vec<String> {
    cell.split([' ', ',']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn is_true(cell: &str) -> Result<bool, Refusal> {
    match cell.to_ascii_lowercase().as_str() {
        "true" | "t" | "1" => Ok(true),
        "false" | "f" | "0" => Ok(false),
        _ => Err(Refusal::of("email_verified", "it is true or false")),
    }
}
