//! As whom mail is sent.

use super::user::Email;

/// The longest name, in Unicode scalar values.
const NAME_MAX_CHARS: usize = 128;

/// An address, and perhaps a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    pub name: Option<String>,
    pub address: Email,
}

impl Sender {
    /// Reads `ADDRESS` or `NAME <ADDRESS>`; `None` = it is neither.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let Some((name, rest)) = text.split_once('<') else {
            return Some(Self { name: None, address: Email::parse(text).ok()? });
        };
        let (name, address) = (name.trim(), Email::parse(rest.strip_suffix('>')?).ok()?);
        let fits = !name.is_empty()
            && name.chars().count() <= NAME_MAX_CHARS
            && !name.chars().any(|c| c.is_control() || "\"<>".contains(c));
        fits.then(|| Self { name: Some(name.to_owned()), address })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_is_an_address_with_or_without_a_name() {
        let plain = Sender::parse("no-reply@example.com").expect("an address");
        assert_eq!((plain.name, plain.address.as_str()), (None, "no-reply@example.com"));
        let named = Sender::parse("Example, Inc. <no-reply@example.com>").expect("a name too");
        assert_eq!(named.name.as_deref(), Some("Example, Inc."));
        for text in ["", "Example", "<a@b>", "Example <a@b", "A\r\nBcc: x@y <a@b>", "A <a@b>, B <c@d>"] {
            assert_eq!(Sender::parse(text), None, "{text:?}");
        }
    }
}
