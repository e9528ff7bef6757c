//! From Envoy's question to what the check looks at: the few headers that count, the client's method,
//! and what the gateway's own settings ask for.

use std::borrow::Cow;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use super::messages::{EnvoyHeader, HttpRequest};
use crate::http::{
    check::verdict::{Asked, Effect, Wanted},
    wire::problem::Problem,
};

/// More than any gateway lets in.
const MAX_HEADERS: usize = 1024;
/// All that the check reads; others are not even looked at.
const READ: [HeaderName; 5] = [
    header::AUTHORIZATION,
    header::COOKIE,
    header::ORIGIN,
    HeaderName::from_static("sec-fetch-site"),
    header::ACCESS_CONTROL_REQUEST_METHOD,
];

/// The headers that count. A header that came twice is here twice, whichever way it came.
///
/// # Errors
/// When there are too many, or one that counts is none that HTTP allows.
pub fn headers(client: &HttpRequest) -> Result<HeaderMap, Problem> {
    let lines = client.header_map.as_ref().map_or(&[][..], |map| &map.headers);
    if client.headers.len() + lines.len() > MAX_HEADERS {
        return Err(Problem::invalid_request("a request has at most 1024 headers"));
    }
    let mut found = HeaderMap::with_capacity(READ.len());
    for line in client.headers.iter().chain(lines) {
        let mut read = READ.into_iter();
        let Some(name) = read.find(|name| line.key.eq_ignore_ascii_case(name.as_str().as_bytes())) else {
            continue;
        };
        let value = if line.raw_value.is_empty() { &line.value } else { &line.raw_value };
        let value = HeaderValue::from_maybe_shared(value.clone());
        found.append(name, value.map_err(|_| Problem::malformed_credential())?);
    }
    Ok(found)
}

/// The client's request. A method that cannot be read may change anything.
pub fn asked<'a>(client: &HttpRequest, headers: &'a HeaderMap) -> Asked<'a> {
    Asked { headers, effect: Effect::read(&client.method) }
}

/// The gateway's parameters; other entries are not for us.
pub fn wanted(extensions: &[EnvoyHeader]) -> Wanted<'_> {
    let mut wanted = Wanted::default();
    for entry in extensions {
        match (&entry.key[..], &entry.value[..]) {
            (b"role", roles) => {
                wanted.roles.extend(roles.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).map(text));
            }
            (b"acr", value) => wanted.sign_in.add("acr", &text(value)),
            (b"max_age", value) => wanted.sign_in.add("max_age", &text(value)),
            (b"deny", b"403") => wanted.deny_with_403 = true,
            (b"preflight", b"allow") => wanted.allow_preflight = true,
            _ => {}
        }
    }
    wanted
}

fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

#[cfg(test)]
mod tests {
    use prost::bytes::Bytes;

    use super::*;
    use crate::{domain::auth_context::WantedSignIn, http::check::ext_authz::messages::HeaderLines};

    fn lines(given: &[(&'static str, &'static str)]) -> Vec<EnvoyHeader> {
        let line = |(key, value): &(&'static str, &'static str)| EnvoyHeader {
            key: Bytes::from_static(key.as_bytes()),
            value: Bytes::from_static(value.as_bytes()),
            raw_value: Bytes::new(),
        };
        given.iter().map(line).collect()
    }

    #[test]
    fn only_the_gateways_parameters_are_read() {
        let roles = vec!["ops".into(), "a:b".into()];
        let given = [("role", "ops, a:b"), ("deny", "403"), ("preflight", "allow"), ("x", "role")];
        let all = Wanted { roles, deny_with_403: true, allow_preflight: true, ..Wanted::default() };
        assert_eq!(wanted(&lines(&given)), all);
        let others = [("roles", "ops"), ("deny", "404"), ("preflight", "1"), ("Role", "ops")];
        assert_eq!(wanted(&lines(&others)), Wanted::default());
        assert_eq!(wanted(&lines(&[("role", "")])).roles, [""], "a role that nobody has");
        assert_eq!(wanted(&lines(&[("acr", "1")])), Wanted::default());
        for (parameter, value) in [("acr", "2"), ("acr", ""), ("max_age", "60"), ("max_age", "")] {
            let mut asked = WantedSignIn::default();
            asked.add(parameter, value);
            assert_eq!(wanted(&lines(&[(parameter, value)])).sign_in, asked, "{parameter}={value}");
        }
    }

    #[test]
    fn a_header_counts_whichever_way_it_comes() {
        let header_map = Some(HeaderLines { headers: lines(&[("authorization", "b"), ("cookie", "c")]) });
        let given = [("Authorization", "a"), (":path", "/?authorization=x"), ("x-auth-user", "forged")];
        let client = HttpRequest { headers: lines(&given), header_map, ..HttpRequest::default() };
        let found = headers(&client).expect("headers");
        assert_eq!(found.get_all("authorization").iter().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!((found.len(), found.keys_len()), (3, 2));
    }

    #[test]
    fn too_many_headers_and_unreadable_ones_are_refused() {
        let client = |headers| HttpRequest { headers, ..HttpRequest::default() };
        let many: Vec<_> = lines(&[("x", "y")]).into_iter().cycle().take(MAX_HEADERS + 1).collect();
        assert!(headers(&client(many[1..].to_vec())).is_ok_and(|found| found.is_empty()));
        assert!(headers(&client(many)).is_err());
        assert!(headers(&client(lines(&[("cookie", "a\nb")]))).is_err());
        assert!(headers(&client(lines(&[("x-other", "a\nb")]))).is_ok());
    }

    #[test]
    fn a_method_that_cannot_be_read_may_change_anything() {
        let none = HeaderMap::new();
        for (methods, effect) in [
            (&["OPTIONS"][..], Effect::Options),
            (&["GET", "HEAD", "TRACE"], Effect::ChangesNothing),
            (&["POST", "DELETE", "", "G T", "get", "options", "OPTIONS,GET"], Effect::ChangesState),
        ] {
            for method in methods {
                let method = Bytes::from_static(method.as_bytes());
                let client = HttpRequest { method, ..HttpRequest::default() };
                assert_eq!(asked(&client, &none).effect, effect, "{client:?}");
            }
        }
    }
}
