//! Asks for a password: at a terminal, a new one twice, without showing it, or once on standard input.
//! Never as an argument, where every process on the machine could read it.

use std::io::{self, BufRead, Read};

use zeroize::Zeroizing;

use super::{error::CliError, output};
use crate::domain::secret::{PASSWORD_MAX_CHARS, Password};

/// The longest token that Keyward takes, and the end of the line.
const TOKEN_MAX_BYTES: u64 = 4096 + 2;
/// The longest line taken: 256 characters of 4 bytes, and the end of the line.
const LINE_MAX_BYTES: u64 = PASSWORD_MAX_CHARS as u64 * 4 + 2;

/// A password for `username`.
pub(super) fn ask(username: &str, from_stdin: bool) -> Result<Password, CliError> {
    let typed = if from_stdin {
        one_line(io::stdin().lock())?
    } else if output::has_terminal() {
        typed_twice(username)?
    } else {
        let why = "standard input is no terminal to ask for a password at: use --password-stdin";
        return Err(CliError::Refused(why.to_owned()));
    };
    Password::parse(&typed).map_err(|error| CliError::Refused(error.to_string()))
}

/// The password that `username` has.
pub(super) fn ask_for_known(username: &str, from_stdin: bool) -> Result<Password, CliError> {
    let typed =
        if from_stdin { one_line(io::stdin().lock())? } else { typed(format!("Password of {username}: "))? };
    Password::parse(&typed).map_err(|error| CliError::Refused(error.to_string()))
}

/// An access token, on standard input.
pub(super) fn token() -> Result<Zeroizing<String>, CliError> {
    let token = line_of(io::stdin().lock(), TOKEN_MAX_BYTES).ok().flatten();
    let is_token = |token: &Zeroizing<String>| token.chars().all(|c| c.is_ascii_graphic());
    token
        .filter(is_token)
        .ok_or_else(|| CliError::Refused("what is on standard input is no token".to_owned()))
}

fn typed(prompt: String) -> Result<Zeroizing<String>, CliError> {
    let typed = rpassword::prompt_password(prompt).map(Zeroizing::new);
    typed.map_err(|error| CliError::Refused(format!("the password cannot be read: {error}")))
}

fn typed_twice(username: &str) -> Result<Zeroizing<String>, CliError> {
    let first = typed(format!("New password for {username}: "))?;
    if typed("The same again: ".to_owned())? != first {
        return Err(CliError::Refused("the two passwords differ".to_owned()));
    }
    Ok(first)
}

/// The only line of `input`. A second one is refused: a password is never cut.
fn one_line(input: impl BufRead) -> Result<Zeroizing<String>, CliError> {
    let refused = |why: &str| CliError::Refused(format!("the password on standard input {why}"));
    let line =
        line_of(input, LINE_MAX_BYTES).map_err(|error| refused(&format!("cannot be read: {error}")))?;
    let line = line.ok_or_else(|| refused(&format!("has more than {PASSWORD_MAX_CHARS} characters")))?;
    if line.contains('\n') {
        return Err(refused("has more than one line"));
    }
    Ok(line)
}

/// What `input` holds, without the end of its last line; `None` for more than so many bytes.
fn line_of(input: impl BufRead, longest: u64) -> io::Result<Option<Zeroizing<String>>> {
    let mut text = Zeroizing::new(String::new());
    input.take(longest + 1).read_to_string(&mut text)?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    Ok((text.len() as u64 <= longest).then(|| Zeroizing::new(line.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_end_is_no_part_of_the_password() {
        for text in ["correct horse", "correct horse\n", "correct horse\r\n"] {
            assert_eq!(*one_line(text.as_bytes()).expect(text), "correct horse");
        }
        assert!(one_line("one\ntwo".as_bytes()).is_err());
        assert!(one_line("é".repeat(600).as_bytes()).is_err());
        assert!(one_line([0xff].as_slice()).is_err());
    }
}
