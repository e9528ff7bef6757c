//! One key as text: PKCS#8 in PEM, with its dates in the explanatory lines that RFC 7468 section 2
//! allows before the encapsulation boundary, so that every other tool still reads the file.

use pem::{EncodeConfig, LineEnding, Pem};
use zeroize::Zeroizing;

use super::{schedule::Life, signing_key::SigningKey};
use crate::domain::clock::Timestamp;

const BOUNDARY: &str = "-----BEGIN ";
const TAG: &str = "PRIVATE KEY";

/// A key with its dates, as it lies in the folder.
#[derive(Debug)]
pub struct KeyFile {
    /// The key.
    pub key: SigningKey,
    /// When it was made and taken out of service.
    pub life: Life,
}

impl KeyFile {
    /// Reads the text of a key file; `modified` is its birth if it names none.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(text: &str, modified: Timestamp) -> Result<Self, &'static str> {
        let notes = text.split(BOUNDARY).next().unwrap_or_default();
        let born = date(notes, "born:")?.unwrap_or(modified);
        let life = Life { born, retired: date(notes, "retired:")? };
        let key = SigningKey::from_pkcs8(&pkcs8(text)?)?;
        Ok(Self { key, life })
    }
}

/// The text of a file for a key in PKCS#8 DER.
#[must_use]
pub fn render(pkcs8: &[u8], life: &Life) -> Zeroizing<String> {
    let body = Pem::new(TAG, pkcs8);
    let body = Zeroizing::new(pem::encode_config(&body, EncodeConfig::new().set_line_ending(LineEnding::LF)));
    let retired = life.retired.map_or_else(String::new, |moment| format!("retired: {moment}\n"));
    Zeroizing::new(format!("born: {}\n{retired}{}", life.born, *body))
}

/// The PKCS#8 DER in the text of a key file.
///
/// # Errors
/// Says what is wrong with it.
pub fn pkcs8(text: &str) -> Result<Zeroizing<Vec<u8>>, &'static str> {
    let mut blocks = pem::parse_many(text).map_err(|_| "not a PEM file")?.into_iter();
    let (Some(block), None) = (blocks.next(), blocks.next()) else {
        return Err("not a PEM file with one key");
    };
    match block.tag() {
        TAG => Ok(Zeroizing::new(block.into_contents())),
        "EC PRIVATE KEY" | "RSA PRIVATE KEY" => {
            Err("not PKCS#8: convert it with openssl pkcs8 -topk8 -nocrypt")
        }
        "ENCRYPTED PRIVATE KEY" => Err("an encrypted key: only its file mode protects a signing key"),
        _ => Err("not a private key"),
    }
}

fn date(notes: &str, name: &str) -> Result<Option<Timestamp>, &'static str> {
    let Some(value) = notes.lines().find_map(|line| line.strip_prefix(name)) else {
        return Ok(None);
    };
    Timestamp::parse_rfc3339(value.trim()).map(Some).ok_or("a date before its key is not RFC 3339")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::algorithm::Algorithm;

    #[test]
    fn dates_are_read_back_and_missing_ones_fall_back() {
        let der = SigningKey::generate(Algorithm::EdDsa).expect("a key");
        let life = Life { born: Timestamp::from_millis(1_500), retired: Some(Timestamp::from_secs(9)) };
        let text = render(&der, &life);
        let modified = Timestamp::from_secs(77);
        assert_eq!(KeyFile::parse(&text, modified).expect("a key file").life, life);
        let bare = &text[text.find(BOUNDARY).expect("a boundary")..];
        let life = Life { born: modified, retired: None };
        assert_eq!(KeyFile::parse(bare, modified).expect("a key file").life, life);
    }
}
