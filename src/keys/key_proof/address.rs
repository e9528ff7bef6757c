//! What a proof was made for (`htu`), compared in normal form: RFC 9449 section 4.3, RFC 3986 sections 6.2.2 and 6.2.3.

use url::Url;

/// Whether `shown` is that address, whatever its query and fragment say.
pub(super) fn is(shown: &str, address: &str) -> bool {
    let (Some(shown), Some(address)) = (normal(shown), normal(address)) else { return false };
    shown.scheme() == address.scheme()
        && shown.host() == address.host()
        && shown.port_or_known_default() == address.port_or_known_default()
        && shown.path() == address.path()
}

/// The parser is that of browsers, which forgives what is no URI: spaces, backslashes, slashes that are missing or
/// too many. A proof has none of these, and names nobody.
fn normal(text: &str) -> Option<Url> {
    let (scheme, rest) = text.split_once("://")?;
    let is_uri = scheme.bytes().all(|byte| byte.is_ascii_alphabetic())
        && !rest.starts_with('/')
        && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let url = Url::parse(&decoded(text)).ok().filter(|_| is_uri)?;
    (url.username().is_empty() && url.password().is_none()).then_some(url)
}

/// The text, with what needs no percent sign written without one, and what does in upper case.
fn decoded(text: &str) -> String {
    let mut normal = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        normal.push_str(before);
        let digits = after.get(..2).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let Some(digits) = digits else {
            normal.push('%');
            rest = after;
            continue;
        };
        match u8::from_str_radix(digits, 16).map(char::from) {
            Ok(plain) if plain.is_ascii_alphanumeric() || "-._~".contains(plain) => normal.push(plain),
            _ => {
                normal.push('%');
                normal.push_str(&digits.to_ascii_uppercase());
            }
        }
        rest = &after[2..];
    }
    normal + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "https://auth.example.com/keyward/v1/refresh";

    #[test]
    fn what_says_the_same_is_the_same() {
        for same in [
            OURS,
            "HTTPS://Auth.Example.COM/keyward/v1/refresh",
            "https://auth.example.com:443/keyward/v1/refresh",
            "https://auth.example.com/keyward/v1/refresh?a=b#c",
            "https://auth.example.com/keyward/v1/refresh#",
            "https://auth.example.com/keyward/%761/r%65fresh",
            "https://auth.example.com/x/../keyward/./v1/refresh",
            "https://auth.example.com/%6b%65yward/x/%2E%2e/v1/refresh",
        ] {
            assert!(is(same, OURS), "{same}");
        }
        assert!(is("http://127.0.0.1:80/v1/login", "http://127.0.0.1/v1/login"));
        assert!(is("http://[::1]:8080/v1/login", "http://[::1]:8080/v1/login"));
    }

    #[test]
    fn what_says_something_else_is_not() {
        for other in [
            "",
            "/keyward/v1/refresh",
            "http://auth.example.com/keyward/v1/refresh",
            "https://auth.example.com:8443/keyward/v1/refresh",
            "https://auth.example.org/keyward/v1/refresh",
            "https://auth.example.com/v1/refresh",
            "https://auth.example.com/keyward/v1/login",
            "https://auth.example.com/keyward/v1/refresh/",
            "https://auth.example.com/keyward//v1/refresh",
            "https://auth.example.com/KEYWARD/v1/refresh",
            "https://auth.example.com/keyward/v1%2Frefresh",
            "https://auth.example.com/keyward/%25761/refresh",
            "https://u@auth.example.com/keyward/v1/refresh",
            "https://evil.example@auth.example.com/keyward/v1/refresh",
            "https:auth.example.com/keyward/v1/refresh",
            "https:auth.example.com/keyward/v1/refresh?://",
            "https:/auth.example.com/keyward/v1/refresh",
            "https:///auth.example.com/keyward/v1/refresh",
            "https:\\\\auth.example.com\\keyward\\v1\\refresh",
            "https://auth.example.com\\keyward/v1/refresh",
            " https://auth.example.com/keyward/v1/refresh",
            "https://auth.exam\tple.com/keyward/v1/refresh",
            "https://auth.example.com/keyward/v1/r\u{435}fresh",
        ] {
            assert!(!is(other, OURS), "{other}");
        }
    }
}
