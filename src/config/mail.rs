//! `[mail]`: how mail goes out.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;
use secrecy::SecretString;

use super::{error::ConfigError, layers::Layers, public_url::stays_here};
use crate::domain::sender::Sender;

/// `[mail]`
#[derive(Debug, Clone)]
pub struct Mailing {
    /// The server that takes it; `None` = it is written into a folder.
    pub smtp: Option<Smtp>,
    /// As whom it is sent.
    pub from: Option<Sender>,
    /// A folder with texts that are used in the place of the built-in ones.
    pub templates: Option<PathBuf>,
}

/// A server that takes mail.
#[derive(Debug, Clone)]
pub struct Smtp {
    pub host: String,
    pub port: u16,
    pub security: SmtpSecurity,
    /// Name and password.
    pub login: Option<(String, SecretString)>,
    /// A PEM file of authorities; `None` = the system's.
    pub tls_ca: Option<PathBuf>,
}

impl Smtp {
    /// Where it is.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{}:{}", self.authority(), self.port)
    }

    /// Whether it is on this machine.
    #[must_use]
    pub fn stays_here(&self) -> bool {
        stays_here(&self.authority())
    }

    fn authority(&self) -> String {
        if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() }
    }
}

/// How a connection to a mail server is kept from being overheard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpSecurity {
    /// TLS from the first byte (RFC 8314 section 3.3).
    Implicit,
    /// STARTTLS, and nothing where that is not offered.
    StartTls,
    /// Not at all: the server is on this machine.
    Plain,
}

const URL: &str = "smtp://[USER:PASSWORD@]HOST[:PORT] or smtps://…";

pub(super) fn read(layers: &Layers) -> Result<Mailing, ConfigError> {
    let allow_plain = layers.entry("mail.allow_plain")?.value.as_bool().unwrap_or_default();
    let tls_ca = layers.path("mail.smtp_tls_ca")?;
    let smtp = layers.optional("mail.smtp_url", URL, |text| smtp(text, allow_plain))?;
    Ok(Mailing {
        smtp: smtp.map(|smtp| Smtp { tls_ca, ..smtp }),
        from: layers.optional("mail.from", "ADDRESS or NAME <ADDRESS>", Sender::parse)?,
        templates: layers.path("mail.templates")?,
    })
}

fn smtp(url: &str, allow_plain: bool) -> Option<Smtp> {
    let (scheme, rest) = url.split_once("://")?;
    let (security, usual_port) = match scheme {
        "smtps" => (SmtpSecurity::Implicit, 465),
        "smtp" if allow_plain => (SmtpSecurity::Plain, 587),
        "smtp" => (SmtpSecurity::StartTls, 587),
        _ => return None,
    };
    let (login, place) = rest.rsplit_once('@').map_or((None, rest), |(login, place)| (Some(login), place));
    let place = place.strip_suffix('/').unwrap_or(place);
    let has_port = !place.ends_with(']');
    let (host, port) = match place.rsplit_once(':').filter(|_| has_port) {
        Some((host, port)) => (host, port.parse().ok()?),
        None => (place, usual_port),
    };
    let host = host.trim_matches(['[', ']']);
    let fits = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
    if host.is_empty() || port == 0 || !host.chars().all(fits) {
        return None;
    }
    let login = match login.map(|login| login.split_once(':')) {
        None => None,
        Some(None) => return None,
        Some(Some((user, password))) => Some((decoded(user)?, SecretString::from(decoded(password)?))),
    };
    Some(Smtp { host: host.to_owned(), port, security, login, tls_ca: None })
}

fn decoded(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_server_is_read_from_its_url() {
        let read = |url: &str| smtp(url, false).map(|smtp| (smtp.place(), smtp.security));
        let (start, implicit) = (SmtpSecurity::StartTls, SmtpSecurity::Implicit);
        assert_eq!(read("smtp://mail.example.com"), Some(("mail.example.com:587".to_owned(), start)));
        assert_eq!(read("smtps://mail.example.com/"), Some(("mail.example.com:465".to_owned(), implicit)));
        assert_eq!(read("smtp://[::1]:25"), Some(("[::1]:25".to_owned(), start)));
        assert_eq!(smtp("smtp://localhost", true).expect("one").security, SmtpSecurity::Plain);
        let (user, password) =
            smtp("smtps://a%40b:s%2f%3A@c@mail", false).expect("one").login.expect("a login");
        assert_eq!((user.as_str(), password.expose_secret()), ("a@b", "s/:@c"));
        for bad in
            ["mail.example.com", "http://mail", "smtp://", "smtp://user@mail", "smtp://mail:0", "smtp://a b"]
        {
            assert!(smtp(bad, false).is_none(), "{bad}");
        }
    }
}
