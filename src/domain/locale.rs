//! The language that somebody is written to in.

/// The longest language tag (RFC 5646 section 4.4.1).
const LOCALE_MAX_CHARS: usize = 35;

/// Text that is no language tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a locale is a language tag such as de or pt-BR")]
pub struct InvalidLocale;

/// A language tag (BCP 47), as far as its form goes: which languages there are is not known here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locale(String);

impl Locale {
    /// Reads a tag; one with underscores, as programs write it, is one with hyphens.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self, InvalidLocale> {
        let tag = text.replace('_', "-");
        let is_part =
            |part: &str| matches!(part.len(), 1..=8) && part.chars().all(|c| c.is_ascii_alphanumeric());
        let is_language =
            |part: &str| matches!(part.len(), 2..=8) && part.chars().all(|c| c.is_ascii_alphabetic());
        let mut parts = tag.split('-');
        let is_tag = parts.next().is_some_and(is_language) && parts.all(is_part);
        if is_tag && tag.len() <= LOCALE_MAX_CHARS { Ok(Self(tag)) } else { Err(InvalidLocale) }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_is_a_language_tag() {
        for (text, tag) in [
            ("de", "de"),
            ("pt_BR", "pt-BR"),
            ("zh-Hant-TW", "zh-Hant-TW"),
            ("sl-rozaj-biske-1994", "sl-rozaj-biske-1994"),
        ] {
            assert_eq!(Locale::parse(text).expect(text).as_str(), tag);
        }
        for text in ["", "d", "de-", "-de", "de--AT", "de AT", "1-de", "déu", "de\0", &"de-".repeat(20)] {
            assert!(Locale::parse(text).is_err(), "{text:?}");
        }
    }
}
