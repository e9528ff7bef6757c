//! Envoy's `CheckRequest`, as bytes and as what a client may write into one.

use std::collections::HashMap;

use axum::{
    body::Body,
    extract::Request,
    http::{Method, StatusCode, Version, header},
};
use envoy_types::pb::envoy::{
    config::core::v3::{HeaderMap, HeaderValue},
    service::auth::v3::{
        AttributeContext, CheckRequest, CheckResponse,
        attribute_context::{HttpRequest, Request as ClientRequest},
        check_response::HttpResponse,
    },
};
use prost::Message;

use super::{bytes, expand, served};

const PATH: &str = "/envoy.service.auth.v3.Authorization/Check";
const COOKIE: &str = "__Host-keyward-session=";

/// What a gateway asks.
#[derive(Default)]
struct Question {
    method: String,
    headers: HashMap<String, String>,
    lines: Vec<(String, Vec<u8>)>,
    extensions: HashMap<String, String>,
}

/// An even first byte: the rest is a message, as bytes. An odd one: the rest is lines, `M` and the method, `H`, `L` or
/// `E` and a header, a header in the list of lines, or an entry of the gateway's settings, as `name=value`. `$A` is a
/// good access token, `$K` a good session token. Whoever is let in has shown one, and is who they are.
pub fn check_request(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else { return };
    if kind % 2 == 0 {
        let is_preflight = [&b"preflight"[..], b"allow", b"OPTIONS"].iter().all(|word| holds(rest, word));
        assert!(ask(rest).is_none() || is_preflight, "somebody was let in with nothing");
        return;
    }
    let (access, cookie) = served::with(|served| (served.shop.access.clone(), served.cookie.clone()));
    let question = Question::read(&expand(rest, &[(b'A', &*access), (b'K', &*cookie)]));
    let Some(identity) = ask(&question.message().encode_to_vec()) else { return };
    if identity["x-auth-user"].is_empty() {
        assert!(question.is_open_preflight(), "nobody was let in");
        return;
    }
    let user = served::with(|served| served.user.id.to_string());
    assert_eq!((&*identity["x-auth-user"], &*identity["x-auth-roles"]), (&*user, "editor"));
    assert!(question.shows(&access, &cookie), "a credential for nothing");
    assert!(question.asks_for_no_more(), "more was asked for");
}

fn holds(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|part| part == word)
}

/// Asks; the identity headers, where the answer is yes. Whatever else it is, it is nothing that Envoy takes for a yes.
fn ask(message: &[u8]) -> Option<HashMap<String, String>> {
    let length = u32::try_from(message.len()).expect("a short message").to_be_bytes();
    let frame = [&[0], &length[..], message].concat();
    let request = Request::builder()
        .method(Method::POST)
        .uri(PATH)
        .version(Version::HTTP_2)
        .header(header::CONTENT_TYPE, "application/grpc")
        .header(header::TE, "trailers")
        .body(Body::from(frame));
    let answer = served::with(|served| served.ask_as_gateway(request.expect("a request")));
    assert_eq!(answer.status, StatusCode::OK);
    let code = answer.headers["grpc-status"].to_str().expect("a code");
    let Some(told) = answer.body.get(5..) else {
        assert_ne!(code, "0", "no answer is no refusal");
        return None;
    };
    let told = CheckResponse::decode(told).expect("Envoy's own message");
    let code = told.status.expect("a status, or Envoy takes it for a yes").code;
    match told.http_response.expect("what to do") {
        HttpResponse::OkResponse(ok) => {
            assert_eq!(code, 0);
            let headers = ok.headers.into_iter().filter_map(|option| option.header);
            Some(headers.map(|header| (header.key, header.value)).collect())
        }
        HttpResponse::DeniedResponse(denied) => {
            let status = denied.status.expect("a status").code;
            assert!([(401, 16), (403, 7), (429, 8), (503, 14)].contains(&(status, code)), "{status} {code}");
            assert!(
                !denied
                    .headers
                    .iter()
                    .any(|it| it.header.as_ref().is_some_and(|it| it.key.starts_with("x-auth-user")))
            );
            // Nothing is away here, and nothing fails.
            assert_ne!(status, 503);
            None
        }
        HttpResponse::ErrorResponse(_) => panic!("older Envoys do not know it"),
    }
}

impl Question {
    fn read(text: &[u8]) -> Self {
        let mut question = Self::default();
        for line in text.split(|byte| *byte == b'\n').take(64) {
            let Some((what, rest)) = line.split_first() else { continue };
            let at = rest.iter().position(|byte| *byte == b'=').unwrap_or(rest.len());
            let (name, value) = (lossy(&rest[..at]), rest.get(at + 1..).unwrap_or_default());
            match what {
                b'M' => question.method = lossy(rest),
                b'H' => drop(question.headers.insert(name, lossy(value))),
                b'L' => question.lines.push((name, value.to_vec())),
                b'E' => drop(question.extensions.insert(name, lossy(value))),
                _ => {}
            }
        }
        question
    }

    fn message(&self) -> CheckRequest {
        let line = |(key, raw_value): &(String, Vec<u8>)| HeaderValue {
            key: key.clone(),
            raw_value: raw_value.clone(),
            ..HeaderValue::default()
        };
        let http = HttpRequest {
            method: self.method.clone(),
            path: "/a?role=nobody&preflight=allow".to_owned(),
            headers: self.headers.clone(),
            header_map: Some(HeaderMap { headers: self.lines.iter().map(line).collect() }),
            ..HttpRequest::default()
        };
        let attributes = AttributeContext {
            request: Some(ClientRequest { http: Some(http), ..ClientRequest::default() }),
            context_extensions: self.extensions.clone(),
            ..AttributeContext::default()
        };
        CheckRequest { attributes: Some(attributes) }
    }

    /// All values of a header, whichever way it came.
    fn values(&self, wanted: &str) -> Vec<Vec<u8>> {
        let lines = self.lines.iter().map(|(name, value)| (name, value.clone()));
        let headers = self.headers.iter().map(|(name, value)| (name, value.clone().into_bytes()));
        let named = headers.chain(lines).filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
        named.map(|(_, value)| value).collect()
    }

    fn is_open_preflight(&self) -> bool {
        self.extensions.get("preflight").is_some_and(|value| value == "allow")
            && self.method == "OPTIONS"
            && ["origin", "access-control-request-method"].iter().all(|name| !self.values(name).is_empty())
    }

    /// One access token and no second `Authorization`, or the cookie once: to read with, or from an own page.
    fn shows(&self, access: &str, cookie: &str) -> bool {
        let authorizations = self.values("authorization");
        let is_bearer = |value: &Vec<u8>| {
            value.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer "))
                && &value[7..] == access.as_bytes()
        };
        if authorizations.iter().any(is_bearer) {
            return authorizations.len() == 1;
        }
        let cookies = self.values("cookie").concat();
        let is_read = ["GET", "HEAD", "OPTIONS", "TRACE"].contains(&&*self.method);
        let is_own = self.values("origin").iter().any(|origin| origin == b"https://auth.example.com")
            || self.values("sec-fetch-site").iter().any(|site| site == b"same-origin");
        holds(&cookies, [COOKIE, cookie].concat().as_bytes()) && (is_read || is_own)
    }

    /// Roles that the user has, and a sign-in that every session can show: the clock stands still since.
    fn asks_for_no_more(&self) -> bool {
        let is_number =
            |text: &String| text.bytes().all(|c| c.is_ascii_digit()) && text.parse::<u32>().is_ok();
        let role = self.extensions.get("role");
        role.is_none_or(|roles| roles.split(',').all(|role| role.trim_ascii() == "editor"))
            && self.extensions.get("acr").is_none_or(|acr| acr == "1")
            && self.extensions.get("max_age").is_none_or(is_number)
    }
}

fn lossy(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

/// Genuine inputs of [`check_request`].
#[must_use]
pub fn check_request_seeds() -> Vec<Vec<u8>> {
    let written = bytes([
        "1MGET\nHauthorization=Bearer $A\nErole=editor\nEacr=1",
        "1MPOST\nLAuthorization=bearer $A\nEdeny=403\nErole=editor, admin",
        "1MGET\nHcookie=a=b; __Host-keyward-session=$K",
        "1MPOST\nHcookie=__Host-keyward-session=$K\nHorigin=https://auth.example.com",
        "1MDELETE\nLcookie=__Host-keyward-session=$K\nHsec-fetch-site=same-origin\nEmax_age=60",
        "1MOPTIONS\nHorigin=https://a\nHaccess-control-request-method=PUT\nEpreflight=allow",
        "1MGET\nHauthorization=Bearer $A\nLauthorization=Bearer $A",
    ]);
    let messages = written.iter().map(|text| {
        let message = Question::read(&text[1..]).message().encode_to_vec();
        [&b"0"[..], &message].concat()
    });
    messages.chain(written.clone()).collect()
}
