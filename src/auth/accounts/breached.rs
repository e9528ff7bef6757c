//! Passwords that are known from breaches: a file of the first 64 bits of their SHA-1, sorted, in which one is looked
//! up where it lies. `keyward breach build` makes it of a list; nothing of it is in memory, and no service is asked.

use std::{
    cmp::Ordering,
    fs::File,
    io::{self, BufRead, Write},
    os::unix::fs::FileExt,
    path::Path,
};

use aws_lc_rs::digest;

use crate::domain::secret::Password;

/// What such a file begins with.
const MARK: [u8; 16] = *b"keyward breach 1";
/// Of one password, in bytes.
const ENTRY: u64 = 8;
const HEAD: u64 = 16;
const HEX_OF_SHA1: usize = 40;

/// A file of passwords that are refused.
#[derive(Debug)]
pub struct BreachList {
    file: File,
    count: u64,
}

impl BreachList {
    /// Opens one. It is read where it lies from then on: another is put in its place by renaming. Blocks.
    ///
    /// # Errors
    /// When it cannot be read, or is something else.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let mut mark = [0; MARK.len()];
        let entries = file.metadata()?.len().checked_sub(HEAD).filter(|length| length.is_multiple_of(ENTRY));
        let is_marked = file.read_exact_at(&mut mark, 0).is_ok() && mark == MARK;
        let Some(entries) = entries.filter(|_| is_marked) else {
            let what = "it is not what `keyward breach build` makes";
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        };
        Ok(Self { file, count: entries / ENTRY })
    }

    /// Whether a password is on it. Blocks, for some reads.
    pub(super) fn has(&self, password: &Password) -> io::Result<bool> {
        let wanted = key_of(password.expose().as_bytes());
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.entry(middle)?.cmp(&wanted) {
                Ordering::Less => low = middle + 1,
                Ordering::Equal => return Ok(true),
                Ordering::Greater => high = middle,
            }
        }
        Ok(false)
    }

    fn entry(&self, place: u64) -> io::Result<u64> {
        let mut entry = [0; 8];
        self.file.read_exact_at(&mut entry, HEAD + place * ENTRY)?;
        Ok(u64::from_be_bytes(entry))
    }
}

/// Makes such a file of a list, and returns how many are in it. A line is a password, or the SHA-1 of one in hex with
/// or without a colon and what follows. Takes 8 bytes of memory a line.
///
/// # Errors
/// When the one cannot be read or the other not be written.
pub fn build(mut list: impl BufRead, to: &mut impl Write) -> io::Result<usize> {
    let (mut keys, mut line) = (Vec::new(), Vec::new());
    loop {
        line.clear();
        if list.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if !line.is_empty() {
            keys.push(key_of_sha1(line).unwrap_or_else(|| key_of(line)));
        }
    }
    keys.sort_unstable();
    keys.dedup();
    to.write_all(&MARK)?;
    for key in &keys {
        to.write_all(&key.to_be_bytes())?;
    }
    Ok(keys.len())
}

fn key_of(password: &[u8]) -> u64 {
    let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, password);
    digest.as_ref().iter().take(8).fold(0, |key, byte| (key << 8) | u64::from(*byte))
}

/// The same of a line that is a hash already.
fn key_of_sha1(line: &[u8]) -> Option<u64> {
    let (hash, rest) = line.split_at_checked(HEX_OF_SHA1)?;
    let is_hash = hash.iter().all(u8::is_ascii_hexdigit) && (rest.is_empty() || rest[0] == b':');
    let text = std::str::from_utf8(&hash[..16]).ok().filter(|_| is_hash)?;
    u64::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn list_of(text: &str) -> (tempfile::TempDir, BreachList) {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("list");
        let mut bytes = Vec::new();
        build(text.as_bytes(), &mut bytes).expect("built");
        fs::write(&file, bytes).expect("written");
        let list = BreachList::open(&file).expect("opened");
        (folder, list)
    }

    fn has(list: &BreachList, text: &str) -> bool {
        list.has(&Password::parse(text).expect("a password")).expect("read")
    }

    #[test]
    fn what_is_on_the_list_is_found_however_it_was_written() {
        // The second is "correct horse", as `sha1sum` has it.
        let (_folder, list) =
            list_of("hunter22\r\n2f9e53523b62abc141a2b4d6019d23cba835dbd0:37\n\nhunter22\nZoë: x");
        assert_eq!(list.count, 3, "each once, and no empty line");
        for known in ["hunter22", "Zoë: x"] {
            assert!(has(&list, known), "{known}");
        }
        for unknown in ["hunter2", "hunter22 ", "HUNTER22", "2f9e53523b62abc141a2b4d6019d23cba835dbd0"] {
            assert!(!has(&list, unknown), "{unknown}");
        }
        assert!(!has(&list_of("").1, "hunter22"));
    }

    #[test]
    fn each_of_many_is_found_and_none_beside_them() {
        let lines: Vec<String> = (0..1_000).map(|number| format!("password{number}")).collect();
        let (_folder, list) = list_of(&lines.join("\n"));
        assert!((0..1_000).all(|number| has(&list, &format!("password{number}"))));
        assert!(!(1_000..2_000).any(|number| has(&list, &format!("password{number}"))));
    }

    #[test]
    fn anything_else_is_no_list() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("list");
        for bytes in [&b""[..], b"password", b"keyward breach 2", b"keyward breach 1123"] {
            fs::write(&file, bytes).expect("written");
            assert!(BreachList::open(&file).is_err(), "{bytes:?}");
        }
        let (folder, list) = list_of("hunter22\nhunter23");
        File::options()
            .write(true)
            .open(folder.path().join("list"))
            .expect("opened")
            .set_len(16)
            .expect("cut");
        assert!(list.has(&Password::parse("hunter22").expect("a password")).is_err(), "it was cut since");
    }
}
