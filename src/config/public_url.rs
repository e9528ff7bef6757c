//! The address clients know the server by. It is `iss`, so its text is kept to the letter.

use std::net::{IpAddr, SocketAddr};

use crate::domain::app::Origin;

/// `http(s)://host[:port][/path]`, without a slash at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl(String);

impl PublicUrl {
    /// Reads one; `None` = it has not that form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let authority = text.find("://")? + 3;
        let path = text[authority..].find('/').map_or(text.len(), |at| authority + at);
        Origin::parse(&text[..path]).ok()?;
        let fits = |c: char| c.is_ascii_alphanumeric() || "/-._~".contains(c);
        (text[path..].chars().all(fits) && !text.ends_with('/')).then(|| Self(text.to_owned()))
    }

    /// The one a listener has when none is set: `http://` and its address.
    #[must_use]
    pub fn of_listener(listen: SocketAddr) -> Self {
        // A browser leaves the default port out of an origin.
        match listen.to_string().strip_suffix(":80") {
            Some(host) if listen.port() == 80 => Self(format!("http://{host}")),
            _ => Self(format!("http://{listen}")),
        }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The origin a browser has there: without the path.
    #[must_use]
    pub fn origin(&self) -> &str {
        let authority = self.0.find("://").map_or(0, |scheme| scheme + 3);
        let end = self.0[authority..].find('/').map_or(self.0.len(), |path| authority + path);
        &self.0[..end]
    }

    /// The host alone; an IPv6 address in its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        let authority = self.origin().split_once("://").map_or("", |(_, authority)| authority);
        let has_port = !authority.ends_with(']');
        authority.rsplit_once(':').filter(|_| has_port).map_or(authority, |(host, _)| host)
    }

    /// Whether nobody on the way can listen: it is encrypted, or does not leave the machine.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.0.strip_prefix("http://").is_none_or(|rest| stays_here(rest.split('/').next().unwrap_or(rest)))
    }
}

/// Whether a host, with its port if it has one, is this machine.
pub(super) fn stays_here(authority: &str) -> bool {
    let has_port = !authority.ends_with(']');
    let host = authority.rsplit_once(':').filter(|_| has_port).map_or(authority, |(host, _)| host);
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host == "localhost" || host.ends_with(".localhost") || address.is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_one_form() {
        for good in ["https://auth.example.com", "http://127.0.0.1:8080", "https://example.com/auth"] {
            assert_eq!(PublicUrl::parse(good).expect(good).as_str(), good);
        }
        for bad in [
            "auth.example.com",
            "ftp://example.com",
            "https://example.com/",
            "https://Example.com",
            "https://u:p@example.com",
            "https://example.com?x",
            "https://example.com/a#b",
            "https://",
        ] {
            assert_eq!(PublicUrl::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_default_port_is_left_out() {
        let of = |listen: &str| PublicUrl::of_listener(listen.parse().expect(listen)).0;
        assert_eq!(of("127.0.0.1:80"), "http://127.0.0.1");
        assert_eq!(of("[::1]:8080"), "http://[::1]:8080");
    }

    #[test]
    fn it_is_private_where_it_is_encrypted_or_stays_here() {
        let is_private = |text: &str| PublicUrl::parse(text).expect(text).is_private();
        for text in ["https://example.com", "http://localhost:8080", "http://127.0.0.1", "http://[::1]:8080"]
        {
            assert!(is_private(text), "{text}");
        }
        for text in ["http://example.com", "http://10.0.0.1:8080", "http://[2001:db8::1]"] {
            assert!(!is_private(text), "{text}");
        }
    }
}
