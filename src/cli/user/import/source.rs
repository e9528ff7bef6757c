//! The file that is read: how far it has been read, in which line, and never more of it at once than was allowed.

use std::{
    cell::Cell,
    fs::File,
    io::{self, BufRead, BufReader, Read, Seek},
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

/// The longest line, and the longest account in a document, in bytes.
pub(super) const ACCOUNT_MAX_BYTES: u64 = 64 * 1024;

/// Where a reader stands. Bytes beyond what is allowed are an error: so nothing that is read grows without end.
#[derive(Debug)]
pub(super) struct Place<'a> {
    line: Cell<u64>,
    allowed: Cell<u64>,
    /// Told to whoever shows a bar.
    read: &'a AtomicU64,
}

/// A line of a file of lines.
pub(super) enum Line {
    Whole(Vec<u8>),
    TooLong,
}

impl<'a> Place<'a> {
    pub(super) const fn beginning(read: &'a AtomicU64) -> Self {
        Self { line: Cell::new(1), allowed: Cell::new(u64::MAX), read }
    }

    pub(super) const fn line(&self) -> u64 {
        self.line.get()
    }

    /// From here on so many bytes may be read.
    pub(super) fn allow(&self, bytes: u64) {
        self.allowed.set(bytes);
    }

    pub(super) const fn is_spent(&self) -> bool {
        self.allowed.get() == 0
    }

    pub(super) fn pass(&self, bytes: &[u8]) {
        let lines: u64 = bytes.iter().map(|byte| u64::from(*byte == b'\n')).sum();
        self.line.set(self.line.get() + lines);
        self.read.fetch_add(bytes.len() as u64, Ordering::Relaxed);
    }
}

/// A file, without the mark that some programs begin UTF-8 with.
pub(super) fn open(path: &Path) -> io::Result<BufReader<File>> {
    let mut file = File::open(path)?;
    let mut mark = Vec::with_capacity(3);
    (&file).take(3).read_to_end(&mut mark)?;
    if mark != b"\xef\xbb\xbf" {
        file.rewind()?;
    }
    Ok(BufReader::with_capacity(64 * 1024, file))
}

/// A file for a parser that takes a byte at a time.
pub(super) struct Metered<'p, 'a> {
    file: BufReader<File>,
    place: &'p Place<'a>,
}

impl<'p, 'a> Metered<'p, 'a> {
    pub(super) const fn new(file: BufReader<File>, place: &'p Place<'a>) -> Self {
        Self { file, place }
    }
}

impl Read for Metered<'_, '_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let allowed = self.place.allowed.get();
        let room = match usize::try_from(allowed) {
            Ok(0) => return Err(io::Error::other("an account is longer than any")),
            Ok(allowed) if allowed < room.len() => &mut room[..allowed],
            _ => room,
        };
        let bytes = self.file.read(room)?;
        self.place.allowed.set(allowed - bytes as u64);
        self.place.pass(&room[..bytes]);
        Ok(bytes)
    }
}

/// The next line without its end; `None` = there is none. One that is too long is passed over.
pub(super) fn next_line(file: &mut BufReader<File>, place: &Place<'_>) -> io::Result<Option<Line>> {
    let mut line = Vec::new();
    let bytes = file.by_ref().take(ACCOUNT_MAX_BYTES).read_until(b'\n', &mut line)?;
    place.pass(&line);
    if bytes == 0 {
        return Ok(None);
    }
    if line.pop_if(|last| *last == b'\n').is_some() || bytes < usize::try_from(ACCOUNT_MAX_BYTES).unwrap_or(0)
    {
        line.pop_if(|last| *last == b'\r');
        return Ok(Some(Line::Whole(line)));
    }
    loop {
        let rest = file.fill_buf()?;
        let end = rest.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
        let passed = end.unwrap_or(rest.len());
        place.pass(&rest[..passed]);
        file.consume(passed);
        if end.is_some() || passed == 0 {
            return Ok(Some(Line::TooLong));
        }
    }
}
