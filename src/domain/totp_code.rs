//! A code of an authenticator app, as somebody typed it.

use std::fmt;

use zeroize::Zeroizing;

const DIGITS: usize = 6;

/// Six digits.
#[derive(Clone)]
pub struct TotpCode(Zeroizing<String>);

/// Something that no app shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("takes a code of six digits")]
pub struct NoTotpCode;

impl TotpCode {
    /// Reads a code, with or without the space that apps show in it.
    ///
    /// # Errors
    /// When it is not six digits.
    pub fn parse(typed: &str) -> Result<Self, NoTotpCode> {
        let mut code = Zeroizing::new(String::with_capacity(DIGITS));
        for c in typed.chars().filter(|c| *c != ' ') {
            if code.len() == DIGITS || !c.is_ascii_digit() {
                return Err(NoTotpCode);
            }
            code.push(c);
        }
        if code.len() == DIGITS { Ok(Self(code)) } else { Err(NoTotpCode) }
    }

    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TotpCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpCode(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_six_digits_and_prints_none_of_them() {
        for typed in ["012345", "012 345", " 012345 "] {
            let code = TotpCode::parse(typed).expect("a code");
            assert_eq!(code.expose(), "012345");
            assert!(!format!("{code:?}").contains('1'));
        }
        for typed in ["", "01234", "0123456", "+12345", "01234a", "٠١٢٣٤٥", "012-345"] {
            assert_eq!(TotpCode::parse(typed).err(), Some(NoTotpCode), "{typed}");
        }
    }
}
