//! The page of an app that a link in a mail leads to. An operator sets it: no part of it is ever taken from a request.

use super::user::InvalidName;

/// The longest, in bytes.
const LONGEST: usize = 1024;
/// Stands for the token.
const TOKEN: &str = "{token}";

/// `http(s)://host[:port]` and whatever follows, in visible ASCII.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageUrl(String);

impl PageUrl {
    /// Reads one.
    ///
    /// # Errors
    /// When it is not `http` or `https`, or holds what a mail would have to escape.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let invalid = InvalidName(
            "the URL of a page is http(s)://host with what follows, such as https://app.example.com/reset; {token} in \
             it stands for the link's token",
        );
        let bare = text.replacen(TOKEN, "", 1);
        let (scheme, rest) = bare.split_once("://").ok_or_else(|| invalid.clone())?;
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let is_host = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.:[]".contains(c);
        let fits = |c: char| c.is_ascii_graphic() && !"\"<>\\^`{|}".contains(c);
        let is_page = matches!(scheme, "http" | "https") && !host.is_empty() && host.chars().all(is_host);
        // The token belongs behind the host.
        let is_behind = text.find(TOKEN).is_none_or(|at| at > scheme.len() + "://".len() + host.len());
        if text.len() > LONGEST || !is_page || !is_behind || !bare.chars().all(fits) {
            return Err(invalid);
        }
        Ok(Self(text.to_owned()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The link that carries a token, which is of base64url: where the page says, else as the parameter `token`.
    #[must_use]
    pub fn with(&self, token: &str) -> String {
        if self.0.contains(TOKEN) {
            return self.0.replacen(TOKEN, token, 1);
        }
        let (page, fragment) =
            self.0.split_once('#').map_or((self.0.as_str(), None), |(page, rest)| (page, Some(rest)));
        let mark = if page.contains('?') { '&' } else { '?' };
        let fragment = fragment.map_or_else(String::new, |fragment| format!("#{fragment}"));
        format!("{page}{mark}token={token}{fragment}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_where_the_page_says() {
        for (page, link) in [
            ("https://app.example.com/reset", "https://app.example.com/reset?token=t-_"),
            ("https://app.example.com/reset?a=1", "https://app.example.com/reset?a=1&token=t-_"),
            ("https://app.example.com/#/reset", "https://app.example.com/?token=t-_#/reset"),
            ("https://app.example.com/#/reset/{token}", "https://app.example.com/#/reset/t-_"),
            ("http://localhost:3000", "http://localhost:3000?token=t-_"),
        ] {
            assert_eq!(PageUrl::parse(page).expect(page).with("t-_"), link);
        }
    }

    #[test]
    fn what_is_no_page_is_refused() {
        for text in [
            "",
            "app.example.com",
            "javascript:alert(1)",
            "javascript://app.example.com/%0aalert(1)",
            "https://{token}.example.com/",
            "https://app.example.com{token}",
            "https://user:pw@app.example.com/",
            "https://app.example.com/\"onclick",
            "https://app.example.com/a b",
            "https://app.example.com/{token}/{token}",
            "https://app.example.com/{user}",
            &format!("https://app.example.com/{}", "a".repeat(1024)),
        ] {
            assert!(PageUrl::parse(text).is_err(), "{text}");
        }
    }
}
