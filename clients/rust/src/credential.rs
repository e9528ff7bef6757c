//! What a request shows: one bearer token (RFC 6750 section 2.1), or Keyward's session cookie.

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// Over https, and over plain http on a loopback address.
const SESSION_COOKIES: [&str; 2] = ["__Host-keyward-session", "keyward-session"];

/// What the `Authorization` header holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Credential<'a> {
    None,
    Bearer(&'a str),
    /// Two, or one that is not well-formed: which one counts must not be a guess.
    Malformed,
}

impl<'a> Credential<'a> {
    pub(crate) fn of(headers: &'a HeaderMap) -> Self {
        let mut lines = headers.get_all(header::AUTHORIZATION).iter();
        let Some(line) = lines.next() else { return Self::None };
        let (Ok(line), None) = (line.to_str(), lines.next()) else { return Self::Malformed };
        let (scheme, token) = line.split_once(' ').unwrap_or((line, ""));
        if !scheme.eq_ignore_ascii_case("bearer") {
            return if line.contains(',') { Self::Malformed } else { Self::None };
        }
        if token.is_empty() || !token.bytes().all(is_of_token) {
            return Self::Malformed;
        }
        Self::Bearer(token)
    }
}

const fn is_of_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
}

/// Keyward's session cookies of all that a browser sent, each as it stands: the app's own are not Keyward's business.
pub(crate) fn session_cookies(headers: &HeaderMap) -> Option<HeaderValue> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).map(str::trim);
    let ours =
        pairs.filter(|pair| pair.split_once('=').is_some_and(|(name, _)| SESSION_COOKIES.contains(&name)));
    let ours: Vec<&str> = ours.collect();
    let mut value = HeaderValue::try_from(ours.join("; ")).ok().filter(|_| !ours.is_empty())?;
    value.set_sensitive(true);
    Some(value)
}

/// Whether a session cookie is all that a request shows.
pub(crate) fn is_cookie_alone(headers: &HeaderMap) -> bool {
    Credential::of(headers) == Credential::None && session_cookies(headers).is_some()
}

/// Whether a WebSocket is asked for (RFC 6455 section 4.1).
pub(crate) fn asks_for_socket(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::UPGRADE).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|protocol| protocol.trim().eq_ignore_ascii_case("websocket"))
}

/// Takes out of a request what only a gateway may say, however it is spelled: some servers take `_` for `-`.
pub(crate) fn strip_identity(headers: &mut HeaderMap) {
    let is_identity = |name: &HeaderName| {
        let name = name.as_str().as_bytes();
        let is_at = |at: usize, wanted: &u8| {
            name.get(at).is_some_and(|byte| byte == wanted || (*wanted == b'-' && *byte == b'_'))
        };
        b"x-auth-".iter().enumerate().all(|(at, wanted)| is_at(at, wanted))
    };
    let forged: Vec<HeaderName> = headers.keys().filter(|name| is_identity(name)).cloned().collect();
    for name in forged {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let line = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), HeaderValue::try_from(*value).expect("a value"))
        };
        lines.iter().map(line).collect()
    }

    #[test]
    fn exactly_one_bearer_token_is_a_credential() {
        let of = |lines: &[&str]| {
            let lines: Vec<_> = lines.iter().map(|line| ("authorization", *line)).collect();
            format!("{:?}", Credential::of(&headers(&lines)))
        };
        assert_eq!(of(&[]), "None");
        assert_eq!(of(&["Basic YTpi"]), "None");
        for one in ["Bearer a.b.c", "bearer a.b.c", "BEARER a.b.c"] {
            assert_eq!(of(&[one]), r#"Bearer("a.b.c")"#);
        }
        let two = ["Bearer a", "Bearer b"];
        for wrong in [
            &two[..],
            &["Bearer a, Bearer b"],
            &["Bearer "],
            &["Bearer"],
            &["Bearer a b"],
            &["Basic a, Bearer b"],
        ] {
            assert_eq!(of(wrong), "Malformed", "{wrong:?}");
        }
    }

    #[test]
    fn only_the_session_cookie_is_handed_on() {
        let handed = |lines: &[&str]| {
            let lines: Vec<_> = lines.iter().map(|line| ("cookie", *line)).collect();
            session_cookies(&headers(&lines)).map(|value| value.to_str().expect("text").to_owned())
        };
        assert_eq!(handed(&[]), None);
        assert_eq!(handed(&["theme=dark; __Host-keyward-refresh=r; keyward-device=d"]), None);
        let one = handed(&["theme=dark; keyward-session=s; a=b"]);
        assert_eq!(one.as_deref(), Some("keyward-session=s"));
        let both = handed(&["__Host-keyward-session=s", "__Host-keyward-session=t"]);
        assert_eq!(both.as_deref(), Some("__Host-keyward-session=s; __Host-keyward-session=t"));
    }

    #[test]
    fn identity_headers_from_outside_are_taken_out_however_they_are_spelled() {
        let mut given = headers(&[
            ("x-auth-user", "root"),
            ("x_auth_user", "root"),
            ("x-auth_roles", "admin"),
            ("x-auth-anything", "at all"),
            ("x-author", "anna"),
            ("authorization", "Bearer a"),
        ]);
        strip_identity(&mut given);
        let mut left: Vec<&str> = given.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["authorization", "x-author"]);
    }
}
